use std::cell::Cell;
use std::path::Path;

use serde_json::json;

use super::*;

/// Rejects every call of a provider function.
fn nothing(token: &str, _: &Json) -> Result<Json, String> {
    Err(format!("{token} was asked"))
}

fn evaluation(text: &str, config: &[(&str, &str)]) -> Result<Evaluation, Error> {
    let text = format!("name: shop\nruntime: yaml\n{text}");
    let config = config.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    let settings = Settings { stack: "dev".to_owned(), organization: "acme".to_owned(), config };
    Program::parse(&text, Path::new("shop/Pulumi.yaml"))?.evaluate(settings)
}

/// Returns the outputs of a program without resources.
fn outputs(text: &str) -> Result<Json, String> {
    let mut evaluation = evaluation(text, &[]).map_err(|error| error.to_string())?;
    evaluation.outputs(&nothing).map(Json::Object).map_err(|error| error.to_string())
}

fn object(json: Json) -> JsonMap<String, Json> {
    match json {
        Json::Object(members) => members,
        other => panic!("{other} is not an object"),
    }
}

#[test]
fn a_reference_alone_keeps_the_type_and_inside_text_becomes_text() {
    let text = r#"
variables:
  retries: 5
  on: true
  rule: {ids: [7, 8], ab: {c: d}}
outputs:
  number: ${retries}
  text: "${retries} times, ${on}"
  object: ${rule}
  element: ${rule.ids[1]}
  member: ${rule.ab.c}
  escaped: $${retries}
"#;
    let expected = json!({
        "number": 5, "text": "5 times, true", "object": {"ids": [7, 8], "ab": {"c": "d"}},
        "element": 8, "member": "d", "escaped": "${retries}",
    });
    assert_eq!(outputs(text), Ok(expected));
}

#[test]
fn pulumis_own_variables_are_known() {
    let found = outputs(
        "outputs: {a: '${pulumi.project}-${pulumi.stack}@${pulumi.organization}', b: '${pulumi.cwd}'}",
    );
    let found = found.expect("outputs");
    assert_eq!(found["a"], "shop-dev@acme");
    let folder = Path::new(found["b"].as_str().expect("a path"));
    assert!(folder.is_absolute() && folder.ends_with("shop"), "{folder:?}");
}

#[test]
fn what_cannot_stand_inside_a_text_is_refused() {
    for value in ["[1]", "{a: 1}", "null"] {
        let error =
            outputs(&format!("variables: {{v: {value}}}\noutputs: {{a: 'x${{v}}'}}")).expect_err(value);
        assert!(error.starts_with("shop/Pulumi.yaml: outputs.a is "), "{error}");
    }
}

#[test]
fn a_missing_member_is_rejected_by_name() {
    for path in ["v.b", "v.a[0]", "v.a.b", "v[0]"] {
        let error =
            outputs(&format!("variables: {{v: {{a: 1}}}}\noutputs: {{o: '${{{path}}}'}}")).expect_err(path);
        assert!(
            error.contains(&format!("outputs.o: ${{{path}}} refers to a member that does not exist")),
            "{error}"
        );
    }
}

#[test]
fn config_is_given_with_or_without_the_projects_name() {
    let text = "config: {days: {type: integer, default: 30}, key: {type: string}}\noutputs: {d: '${days}', k: '${key}'}";
    let mut found = evaluation(text, &[("shop:days", "7"), ("key", "k")]).expect("an evaluation");
    assert_eq!(Json::Object(found.outputs(&nothing).expect("outputs")), json!({"d": 7, "k": "k"}));
}

#[test]
fn config_that_is_missing_unknown_or_given_twice_is_rejected() {
    let text = "config: {key: {type: string}}";
    let error = |config: &[(&str, &str)]| evaluation(text, config).expect_err("wrong config").to_string();
    assert_eq!(error(&[]), "shop/Pulumi.yaml: config.key has no default: give it a value");
    assert_eq!(error(&[("kee", "k")]), "the program has no config key kee (declared keys: key)");
    assert_eq!(error(&[("aws:key", "k")]), "the program has no config key aws:key (declared keys: key)");
    assert!(error(&[("key", "k"), ("shop:key", "k")]).contains("key is given twice"));
}

#[test]
fn a_value_that_is_computed_from_a_secret_is_masked_unless_revealed() {
    let text = r"
config: {key: {type: string, secret: true}}
variables: {header: {Authorization: 'Bearer ${key}'}}
resources:
  r: {type: 't:m:T', properties: {plain: a, headers: {fn::toJSON: '${header}'}, tags: {'${key}': 1}}}
outputs: {o: '${header.Authorization}', p: '${r.headers}', q: '${r.digest}', s: '${r.plain}'}
";
    let mut evaluation = evaluation(text, &[("key", "hunter2")]).expect("an evaluation");
    assert!(!format!("{evaluation:?}").contains("hunter2"));
    let resource = evaluation.resolve("r", &nothing).expect("a resource");
    assert!(!format!("{resource:?}").contains("hunter2"), "{resource:?}");
    assert_eq!(resource.properties_json()["headers"], r#"{"Authorization":"Bearer hunter2"}"#);
    let made = json!({"id": "1", "headers": "hunter2 again", "digest": "d", "plain": "a"});
    evaluation.set_outputs("r", object(made)).expect("outputs");
    let shown = evaluation.output_values(&nothing).expect("outputs");
    assert_eq!(
        shown.iter().map(|(_, value)| value.is_secret()).collect::<Vec<_>>(),
        [true, true, false, false]
    );
    assert!(!format!("{shown:?}").contains("hunter2"));
    assert_eq!(evaluation.outputs(&nothing).expect("outputs")["o"], "Bearer hunter2");
}

#[test]
fn a_secret_is_never_part_of_an_error() {
    let text = "config: {key: {type: string, secret: true}}\noutputs: {o: {fn::fromBase64: '${key}'}}";
    let error = evaluation(text, &[("key", "hunter2")])
        .expect("an evaluation")
        .outputs(&nothing)
        .expect_err("no Base64");
    assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
    let settings = Settings {
        config: BTreeMap::from([("key".to_owned(), "hunter2".to_owned())]),
        ..Settings::default()
    };
    assert_eq!(format!("{settings:?}"), r#"Settings { stack: "", organization: "", config: ["key"] }"#);
}

const TWO: &str = r"
resources:
  subscription:
    type: aws:sns/topicSubscription:TopicSubscription
    properties: {endpoint: '${queue.arn}', protocol: sqs}
  queue:
    type: aws:sqs:Queue
    name: orders
    properties: {name: '${pulumi.stack}-orders', tags: {a: b}}
    options: {additionalSecretOutputs: [policy]}
outputs: {arn: '${queue.arn}', urn: '${queue.urn}', tag: '${queue.tags.a}', policy: '${queue.policy}'}
";

#[test]
fn resources_are_resolved_from_the_outputs_of_those_before() {
    let mut evaluation = evaluation(TWO, &[]).expect("an evaluation");
    assert_eq!(evaluation.order().expect("an order"), ["queue", "subscription"]);
    let queue = evaluation.resolve("queue", &nothing).expect("a queue");
    assert_eq!(queue.properties_json(), json!({"name": "dev-orders", "tags": {"a": "b"}}));
    assert_eq!(queue.urn(), "urn:pulumi:dev::shop::aws:sqs/queue:Queue::orders");
    evaluation
        .set_outputs("queue", object(json!({"id": "i", "arn": "arn:q", "policy": "{}"})))
        .expect("outputs");
    let subscription = evaluation.resolve("subscription", &nothing).expect("a subscription");
    assert_eq!(subscription.token(), "aws:sns:TopicSubscription");
    assert_eq!(subscription.dependencies(), ["queue"]);
    assert_eq!(subscription.properties_json(), json!({"endpoint": "arn:q", "protocol": "sqs"}));

    let outputs = evaluation.output_values(&nothing).expect("outputs");
    let shown = Value::Map(outputs).to_json(Secrets::Masked);
    assert_eq!(shown, json!({"arn": "arn:q", "urn": queue.urn(), "tag": "b", "policy": "[secret]"}));
}

#[test]
fn a_missing_output_of_a_resource_is_rejected_by_name() {
    let mut evaluation = evaluation(TWO, &[]).expect("an evaluation");
    evaluation.resolve("queue", &nothing).expect("a queue");
    evaluation.set_outputs("queue", object(json!({"id": "i"}))).expect("outputs");
    let error = evaluation.resolve("subscription", &nothing).expect_err("no arn").to_string();
    let location = "shop/Pulumi.yaml: resources.subscription.properties.endpoint";
    let problem = "${queue.arn} refers to an output that aws:sqs:Queue does not have; its outputs are name, tags, urn, id";
    assert_eq!(error, format!("{location}: {problem}"));
}

#[test]
fn steps_in_the_wrong_order_are_refused() {
    let mut evaluation = evaluation(TWO, &[]).expect("an evaluation");
    let error = evaluation.resolve("subscription", &nothing).expect_err("no queue yet").to_string();
    assert!(error.contains("the outputs of queue are not known yet"), "{error}");
    assert!(matches!(evaluation.outputs(&nothing), Err(Error::NotDeployed { .. })));
    assert!(matches!(evaluation.resolve("topic", &nothing), Err(Error::UnknownResource { .. })));
    assert!(matches!(evaluation.set_outputs("topic", JsonMap::new()), Err(Error::UnknownResource { .. })));
    assert!(matches!(evaluation.set_outputs("queue", JsonMap::new()), Err(Error::NotResolved { .. })));
    evaluation.resolve("queue", &nothing).expect("a queue");
    assert!(matches!(evaluation.set_outputs("queue", JsonMap::new()), Err(Error::NoId { .. })));
}

#[test]
fn a_provider_is_asked_once_per_variable_and_with_evaluated_arguments() {
    let text = r"
variables:
  zone: {fn::invoke: {function: 'aws:route53:getZone', arguments: {name: '${pulumi.stack}.example.com'}, return: zoneId}}
  region: {fn::aws:getRegion: {}}
outputs: {a: '${zone}', b: '${zone}', c: '${region.name}'}
";
    let asked = Cell::new(0);
    let invoke = |token: &str, arguments: &Json| {
        asked.set(asked.get() + 1);
        match token {
            "aws:route53:getZone" => Ok(json!({"zoneId": format!("Z-{}", arguments["name"])})),
            _ => Ok(json!({"name": "eu-central-1"})),
        }
    };
    let mut evaluation = evaluation(text, &[]).expect("an evaluation");
    let found = Json::Object(evaluation.outputs(&invoke).expect("outputs"));
    let zone = "Z-\"dev.example.com\"";
    assert_eq!(found, json!({"a": zone, "b": zone, "c": "eu-central-1"}));
    assert_eq!(asked.get(), 2);
}

#[test]
fn an_answer_to_a_secret_question_is_a_secret() {
    let text = "
config: {key: {type: string, secret: true}}
outputs: {a: {fn::invoke: {function: 'x:y', arguments: {key: '${key}'}, return: b}}}
";
    let mut evaluation = evaluation(text, &[("key", "hunter2")]).expect("an evaluation");
    let invoke = |_: &str, arguments: &Json| Ok(json!({"b": arguments["key"]}));
    let found = evaluation.output_values(&invoke).expect("outputs");
    assert_eq!(found.get("a"), Some(&Value::String("hunter2".to_owned()).secret()));
}

#[test]
fn a_provider_that_fails_or_returns_something_else_is_an_error() {
    let text = "variables: {v: {fn::invoke: {function: 'x:y', return: b}}}\noutputs: {a: '${v}'}";
    let mut evaluation = evaluation(text, &[]).expect("an evaluation");
    let error = evaluation.outputs(&nothing).expect_err("no answer").to_string();
    assert_eq!(error, "shop/Pulumi.yaml: variables.v.fn::invoke: x:y: x:y was asked");
    let error = evaluation.outputs(&|_, _| Ok(json!({"c": 1}))).expect_err("another answer").to_string();
    assert_eq!(
        error,
        "shop/Pulumi.yaml: variables.v.fn::invoke: the result of x:y has no member b (members: c)"
    );
    let error = evaluation.outputs(&|_, _| Ok(json!([]))).expect_err("a list").to_string();
    assert!(error.contains("has no member b"), "{error}");
}

#[test]
fn a_variable_that_needs_itself_is_refused_instead_of_evaluated_for_ever() {
    let error = outputs("variables: {v: ['${w}'], w: '${v[0]}'}\noutputs: {a: '${v}'}").expect_err("a cycle");
    assert!(error.starts_with("v depends on itself"), "{error}");
}

#[test]
fn the_archive_of_a_property_is_the_path_as_the_program_has_it() {
    let text = "resources: {f: {type: 'aws:lambda:Function', properties: {code: {fn::fileArchive: ../x/feed}, name: n}}}";
    let function = evaluation(text, &[]).expect("an evaluation").resolve("f", &nothing).expect("a function");
    assert_eq!(function.archive("code"), Some(Path::new("../x/feed")));
    assert_eq!(function.archive("name"), None);
    assert_eq!(
        function.properties().get("code").map(ToString::to_string).as_deref(),
        Some(r#"{"fn::fileArchive":"../x/feed"}"#)
    );
}

#[test]
fn the_outputs_of_another_stack_are_those_of_the_resource_that_refers_to_it() {
    let text = "
resources:
  mesh:
    type: pulumi:pulumi:StackReference
    properties: {name: '${pulumi.organization}/mesh/${pulumi.stack}'}
  queue:
    type: aws:sqs:Queue
    properties: {name: '${mesh.outputs.busName}-copies'}
outputs: {bus: '${mesh.outputs[\"busName\"]}'}
";
    let mut evaluation = evaluation(text, &[]).expect("a program");
    assert_eq!(evaluation.stack_name(), "acme/shop/dev");
    assert_eq!(evaluation.order().expect("an order"), ["mesh", "queue"]);
    let mesh = evaluation.resolve("mesh", &nothing).expect("properties");
    assert_eq!(mesh.properties_json()["name"], "acme/mesh/dev");
    evaluation
        .set_outputs("mesh", object(json!({"id": "acme/mesh/dev", "outputs": {"busName": "dmm"}})))
        .expect("outputs");
    let queue = evaluation.resolve("queue", &nothing).expect("properties");
    assert_eq!(queue.properties_json()["name"], "dmm-copies");
    evaluation.set_outputs("queue", object(json!({"id": "q"}))).expect("outputs");
    assert_eq!(evaluation.outputs(&nothing).expect("outputs")["bus"], "dmm");
}

#[test]
fn a_program_says_which_config_keys_it_declares() {
    let text = "name: shop\nruntime: yaml\nconfig: {queue: {type: string}}\n";
    let program = Program::parse(text, Path::new("shop/Pulumi.yaml")).expect("a program");
    for (key, declared) in [("queue", true), ("shop:queue", true), ("other:queue", false), ("bus", false)] {
        assert_eq!(program.has_config(key), declared, "{key}");
    }
}

#[test]
fn whether_a_resource_is_protected_can_be_a_setting() {
    let text = "
config: { keep: { type: boolean, default: true }, other: { type: integer, default: 1 } }
resources:
  a: { type: 'aws:sqs:Queue', options: { protect: '${keep}' } }
  b: { type: 'aws:sqs:Queue' }
  c: { type: 'aws:sqs:Queue', options: { protect: '${other}' } }
";
    let mut kept = evaluation(text, &[]).expect("an evaluation");
    assert!(kept.resolve("a", &nothing).expect("a resource").is_protected());
    assert!(!kept.resolve("b", &nothing).expect("a resource").is_protected());
    let error = kept.resolve("c", &nothing).expect_err("a number").to_string();
    assert!(error.contains("resources.c.options.protect is a number"), "{error}");
    let mut let_go = evaluation(text, &[("keep", "false")]).expect("an evaluation");
    assert!(!let_go.resolve("a", &nothing).expect("a resource").is_protected());
    let typo = text.replace("${keep}", "${kept}");
    assert!(evaluation(&typo, &[]).is_err());
}

#[test]
fn a_setting_has_the_comment_above_its_key_as_description() {
    let text = "
config:
  # Name of the bus.
  bus: { type: string, default: dmm }
  key: { type: string, secret: true }
";
    let settings = evaluation(text, &[("key", "hunter2")]).expect("an evaluation").settings();
    let shown: Vec<String> = settings.iter().map(|setting| format!("{setting:?}")).collect();
    assert_eq!(
        shown,
        [
            r#"Setting { name: "bus", value: "dmm", description: Some("Name of the bus.") }"#,
            r#"Setting { name: "key", value: "[secret]", description: None }"#,
        ]
    );
}
