//! Compares the schemas with their examples, the vendor's description, the Rust types and the stack's rules.
#![expect(clippy::unwrap_used, reason = "test helpers: a panic fails the test")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use aws_lambda_events::event::eventbridge::EventBridgeEvent;
use dmm_access::home::Home;
use dmm_access::port::PortKind;
use dmm_mesh::{CloudEvent, OutputPort};
use dmm_schemas::{
    CUSTOM_FIELDS, DOCUMENT, DocumentationError, EVENTS, EventType, Generation, PORTS, UNKNOWN,
    documentation, example, schema,
};
use jsonschema::{Draft, Validator};
use serde_json::{Value, json};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn validator(schema: &Value) -> Validator {
    jsonschema::options().with_draft(Draft::Draft4).build(schema).unwrap()
}

fn all() -> impl Iterator<Item = &'static EventType> {
    EVENTS.iter().chain([&UNKNOWN])
}

fn custom_fields(name: &str) -> Validator {
    validator(&(CUSTOM_FIELDS.iter().find(|fields| fields.name == name).unwrap().schema)())
}

#[test]
fn the_files_are_those_of_the_catalogue() {
    let files = dmm_schemas::files();
    for file in &files {
        let found = std::fs::read_to_string(root().join(&file.path)).unwrap_or_default();
        assert!(found == file.content, "{} is out of date: run `cargo run -p dmm-schemas`", file.path);
    }
    let known: BTreeSet<PathBuf> = files.iter().map(|file| root().join(&file.path)).collect();
    for folder in ["schemas/events", "schemas/custom-fields"] {
        for entry in std::fs::read_dir(root().join(folder)).unwrap() {
            let path = entry.unwrap().path();
            assert!(
                known.contains(&path),
                "{} does not belong to an event type: run `cargo run -p dmm-schemas`",
                path.display()
            );
        }
    }
}

#[test]
fn the_documentation_of_the_ports_is_that_of_the_catalogue() {
    let text = std::fs::read_to_string(root().join(DOCUMENT)).unwrap();
    assert!(
        documentation(&text).unwrap() == text,
        "{DOCUMENT} is out of date: run `cargo run -p dmm-schemas`"
    );
    assert!(matches!(documentation("no comments"), Err(DocumentationError::Markers)));
}

#[test]
fn every_kind_of_port_is_in_the_catalogue_and_every_example_of_a_field_is_accepted() {
    let known: Vec<&str> = PortKind::ALL.iter().map(|kind| kind.as_str()).collect();
    assert_eq!(PORTS.iter().map(|port| port.kind).collect::<Vec<_>>(), known);
    let provider = custom_fields("provider");
    for port in PORTS {
        for field in port.fields {
            let mut fields = port.example();
            // These need another field, or exclude one.
            let more: &[(&str, &str)] = match field.name {
                "aws-athena-results-key-arn" | "aws-athena-results-arn" => &[
                    (
                        "aws-athena-workgroup-arn",
                        "arn:aws:athena:eu-central-1:123456789012:workgroup/analysts",
                    ),
                    ("aws-athena-results-arn", "arn:aws:s3:::query-results/analysts"),
                ],
                "aws-redshift-db-group" => &[("aws-redshift-db-user", "reader")],
                _ => &[],
            };
            for (name, value) in more.iter().chain(&[(field.name, field.example)]) {
                fields[name] = json!(value);
            }
            assert!(provider.is_valid(&fields), "{fields}");
            let custom: BTreeMap<String, String> = serde_json::from_value(fields.clone()).unwrap();
            let port_with = OutputPort { custom: custom.into_iter().collect(), ..OutputPort::default() };
            let read = dmm_access::port::read(&port_with, None, &Home::default());
            assert_eq!(read.map(|access| access.kind.as_str()), Ok(port.kind), "{fields}");
        }
    }
}

#[test]
fn every_schema_is_one_of_draft_4() {
    for schema in all().map(schema).chain(CUSTOM_FIELDS.iter().map(|fields| (fields.schema)())) {
        jsonschema::draft4::meta::validate(&schema).unwrap();
        // The limit of EventBridge's schema registry.
        assert!(schema.to_string().len() <= 100_000);
    }
}

#[test]
fn every_example_is_valid_for_its_schema_and_for_that_of_any_event() {
    let any = validator(&schema(&UNKNOWN));
    for event in all() {
        let example = example(event);
        let verdict = validator(&schema(event)).validate(&example).map_err(|error| error.to_string());
        assert_eq!(verdict, Ok(()), "{}", event.detail_type);
        assert!(any.is_valid(&example), "{}", event.detail_type);
    }
    for fields in CUSTOM_FIELDS {
        for (what, example) in (fields.examples)() {
            let verdict = validator(&(fields.schema)()).validate(&example).map_err(|error| error.to_string());
            assert_eq!(verdict, Ok(()), "{} {what}", fields.name);
        }
    }
}

#[test]
fn an_event_of_another_type_or_without_a_required_member_is_not_valid() {
    for (index, event) in EVENTS.iter().enumerate() {
        let validator = validator(&schema(event));
        let other = &EVENTS[(index + 1) % EVENTS.len()];
        assert!(!validator.is_valid(&example(other)), "{} accepts {}", event.detail_type, other.detail_type);
        let required = ["id", "timestamp"].into_iter();
        for name in required.chain(event.members.iter().filter(|m| m.required).map(|member| member.name)) {
            let mut without = example(event);
            without["detail"]["data"].as_object_mut().unwrap().shift_remove(name);
            assert!(!validator.is_valid(&without), "{} without {name}", event.detail_type);
        }
    }
}

#[test]
fn more_members_and_null_where_the_vendor_has_it_are_valid() {
    for event in all() {
        let mut more = example(event);
        more["detail"]["extension"] = json!([1]);
        more["detail"]["subject"] = Value::Null;
        more["detail"]["data"]["more"] = json!({});
        assert!(validator(&schema(event)).is_valid(&more), "{}", event.detail_type);
    }
}

/// The fixture is generated by `cargo run -p dmm-schemas -- vendor openapi.yaml` from <https://app.entropy-data.com/openapi.yaml>.
#[test]
fn the_types_of_today_and_their_required_members_are_the_vendor_s() {
    let vendor: BTreeMap<String, BTreeSet<String>> =
        serde_json::from_str(include_str!("fixtures/vendor.json")).unwrap();
    let ours: BTreeMap<String, BTreeSet<String>> = EVENTS
        .iter()
        .filter(|event| event.generation == Generation::Today)
        .map(|event| {
            let required = schema(event)["definitions"]["Data"]["required"].clone();
            (event.detail_type.to_owned(), serde_json::from_value(required).unwrap())
        })
        .collect();
    assert_eq!(ours, vendor);
}

#[test]
fn a_description_without_the_types_is_refused() {
    assert!(
        dmm_schemas::vendor("openapi: 3.0.0").unwrap_err().to_string().contains("its structure has changed")
    );
    let yaml = "
paths:
  /api/events:
    get:
      responses:
        200:
          content:
            application/cloudevents-batch+json:
              schema: {items: {properties: {type: {x-extensible-enum: [a.b.OneEvent]}}}}
components:
  schemas:
    OneEvent: {required: [id, extra]}
";
    assert_eq!(dmm_schemas::vendor(yaml).unwrap()["OneEvent"], ["id", "extra"]);
}

#[test]
fn the_lambdas_read_every_example() {
    for event in all() {
        let example = example(event);
        let envelope: EventBridgeEvent<Value> = serde_json::from_value(example.clone()).unwrap();
        assert_eq!(Some(envelope.source.as_str()), example["source"].as_str());
        let detail = CloudEvent::from_value(envelope.detail).unwrap();
        assert_eq!(Some(detail.type_name()), example["detail-type"].as_str());
        assert_eq!(detail.subject(), detail.data_id());
        assert!(detail.time().is_some());
    }
}

#[test]
fn what_the_lambdas_need_of_an_event_is_required() {
    let any = validator(&schema(&UNKNOWN));
    for name in ["id", "type"] {
        for wrong in [None, Some(json!("")), Some(json!(7)), Some(Value::Null)] {
            let mut event = example(&UNKNOWN);
            match wrong {
                Some(value) => event["detail"][name] = value,
                None => drop(event["detail"].as_object_mut().unwrap().shift_remove(name)),
            }
            assert!(CloudEvent::from_value(event["detail"].clone()).is_err(), "{event}");
            assert!(!any.is_valid(&event), "{event}");
        }
    }
}

#[test]
fn every_change_of_an_agreement_that_the_lambdas_act_on_has_a_schema() {
    let acted_on: BTreeSet<&str> = EVENTS
        .iter()
        .filter(|event| {
            CloudEvent::from_value(example(event)["detail"].clone()).unwrap().agreement().is_some()
        })
        .map(|event| event.detail_type)
        .collect();
    let named = types_in_rules();
    assert_eq!(acted_on, named.iter().map(String::as_str).collect());
    assert_eq!(named.len(), 9);
}

/// Returns the values of `detail-type` in the rules of the deployed stack.
fn types_in_rules() -> BTreeSet<String> {
    let program = std::fs::read_to_string(root().join("pulumi/Pulumi.yaml")).unwrap();
    let program: Value = serde_saphyr::from_str(&program).unwrap();
    let patterns = program
        .get("resources")
        .and_then(Value::as_object)
        .unwrap()
        .values()
        .filter(|resource| resource["type"] == "aws:cloudwatch:EventRule")
        .filter_map(|rule| rule.pointer("/properties/eventPattern/fn::toJSON/detail-type"));
    let types = patterns.filter_map(Value::as_array).flatten();
    types.filter_map(Value::as_str).map(str::to_owned).collect()
}

#[test]
fn the_schemas_and_the_lambdas_agree_on_roles() {
    let (consumer, team) = (custom_fields("consumer"), custom_fields("team"));
    let longest = "r".repeat(64);
    for good in [
        "promotions-pipeline",
        "consumer_role+a=b,c.d@e-f",
        "arn:aws:iam::123456789012:role/consumer",
        "arn:aws-cn:iam::123456789012:role/data/x/consumer",
        longest.as_str(),
    ] {
        assert!(good.parse::<dmm_access::role::RoleReference>().is_ok(), "{good}");
        let fields = json!({"aws-role-name": good});
        assert!(consumer.is_valid(&fields) && team.is_valid(&fields), "{good}");
    }
    let too_long = "r".repeat(65);
    for bad in [
        "a role",
        "data/consumer",
        "consumer-*",
        "arn:aws:iam::123456789012:role/*",
        "arn:aws:iam::123456789012:user/consumer",
        "arn:aws:iam:::role/consumer",
        "arn:aws:iam::123456789012:role/data/",
        too_long.as_str(),
    ] {
        assert!(bad.parse::<dmm_access::role::RoleReference>().is_err(), "{bad}");
        let fields = json!({"aws-role-name": bad});
        assert!(!consumer.is_valid(&fields) && !team.is_valid(&fields), "{bad}");
    }
    assert!(consumer.is_valid(&json!({})) && !team.is_valid(&json!({})));
}

#[test]
fn the_schema_and_the_lambdas_agree_on_ports() {
    let provider = custom_fields("provider");
    let lambdas = |fields: &Value| {
        let custom: BTreeMap<String, String> = serde_json::from_value(fields.clone()).unwrap();
        let port = OutputPort { custom: custom.into_iter().collect(), ..OutputPort::default() };
        dmm_access::port::read(&port, None, &Home::default()).is_ok()
    };
    let bucket = |arn: &str| json!({"output-port-type": "s3_bucket", "aws-s3-bucket-arn": arn});
    let good = [
        bucket("arn:aws:s3:::orders-data"),
        bucket("arn:aws-us-gov:s3:::orders-data/daily/"),
        json!({"output-port-type": "s3_bucket", "awsarn": "arn:aws:s3:::orders-data", "bucket-arn": "anything"}),
    ];
    let bad = [
        json!({}),
        json!({"aws-s3-bucket-arn": "arn:aws:s3:::orders-data"}),
        json!({"output-port-type": "s3_bucket"}),
        json!({"output-port-type": "kafka_topic", "aws-s3-bucket-arn": "arn:aws:s3:::orders-data"}),
        json!({"output-port-type": "glue_table", "aws-glue-table-arn": "arn:aws:glue:eu-central-1:123456789012:table/a/b"}),
        bucket("orders-data"),
        bucket("*"),
        bucket("arn:aws:s3:::*"),
        bucket("arn:aws:s3:::orders-data/${aws:username}"),
        bucket("arn:aws:glue:eu-central-1:123456789012:table/orders/daily"),
        json!({"output-port-type": "redshift", "aws-cluster-arn": "arn:aws:redshift:eu-central-1:123456789012:cluster:a"}),
        json!({"output-port-type": "redshift", "aws-redshift-database": "sales"}),
        json!({"output-port-type": "dynamodb_table", "aws-dynamodb-leading-keys": "*",
               "aws-table-arn": "arn:aws:dynamodb:eu-central-1:123456789012:table/a"}),
    ];
    let examples = CUSTOM_FIELDS.iter().find(|fields| fields.name == "provider").unwrap().examples;
    for fields in good.into_iter().chain(examples().into_iter().map(|(_, example)| example)) {
        assert!(provider.is_valid(&fields) && lambdas(&fields), "{fields}");
    }
    for fields in bad {
        assert!(!provider.is_valid(&fields) && !lambdas(&fields), "{fields}");
    }
}
