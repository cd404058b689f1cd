//! The deployed program, evaluated with plausible outputs instead of those of AWS.

#![expect(clippy::expect_used, clippy::panic, reason = "the helpers of a test may fail it")]

mod configuration;
mod resource_policies;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use dmm_pulumi::{Error, Evaluation, Program, Resource, Settings};
use serde_json::{Map, Value, json};

const API_KEY: &str = "dmm_live_test";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../pulumi")
}

fn begin(config: &[(&str, &str)]) -> Result<Evaluation, Error> {
    let given = [("apiKey", API_KEY)].iter().chain(config);
    let config = given.map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    Program::load(&folder())?.evaluate(Settings {
        stack: "production".to_owned(),
        organization: "acme".to_owned(),
        config,
    })
}

fn invoke(token: &str, _: &Value) -> Result<Value, String> {
    match token {
        "aws:getCallerIdentity" => Ok(json!({
            "accountId": "123456789012", "id": "123456789012", "userId": "AROAEXAMPLE:session",
        })),
        "aws:getPartition" => Ok(json!({"partition": "aws", "id": "aws"})),
        "aws:getRegion" => Ok(json!({"region": "eu-central-1", "id": "eu-central-1"})),
        other => Err(format!("nobody answers {other}")),
    }
}

/// Returns the outputs that AWS would return, as far as references need them and they are not properties.
fn made(resource: &Resource) -> Map<String, Value> {
    let properties = resource.properties_json();
    let name = ["name", "bucket"].iter().find_map(|property| properties.get(property)?.as_str());
    let name = name.unwrap_or(resource.name());
    let arn = |service: &str, rest: String| json!(format!("arn:aws:{service}:{rest}"));
    let regional = |kind: &str| format!("eu-central-1:123456789012:{kind}{name}");
    let outputs = match resource.token() {
        "aws:cloudwatch:EventArchive" => json!({"id": name, "arn": arn("events", regional("archive/"))}),
        "aws:cloudwatch:EventBus" => json!({"id": name, "arn": arn("events", regional("event-bus/"))}),
        "aws:cloudwatch:EventRule" => json!({"id": name, "arn": arn("events", regional("rule/"))}),
        "aws:cloudwatch:LogGroup" => json!({"id": name, "arn": arn("logs", regional("log-group:"))}),
        "aws:iam:Role" => json!({"id": name, "arn": arn("iam", format!(":123456789012:role/{name}"))}),
        "aws:lambda:Function" => json!({"id": name, "arn": arn("lambda", regional("function:"))}),
        "aws:s3:Bucket" => json!({"id": name, "arn": arn("s3", format!("::{name}"))}),
        "aws:secretsmanager:Secret" => {
            let arn = arn("secretsmanager", format!("{}-AbCdEf", regional("secret:")));
            json!({"id": arn, "arn": arn})
        }
        "aws:sqs:Queue" => {
            let url = format!("https://sqs.eu-central-1.amazonaws.com/123456789012/{name}");
            json!({"id": url, "url": url, "arn": arn("sqs", regional(""))})
        }
        "pulumi:index:Stash" => json!({"id": name, "output": properties.get("input")}),
        // The stack's own outputs, before its first deployment.
        "pulumi:pulumi:StackReference" => json!({"id": name, "outputs": {}}),
        // The ids of other types are not used in names, so any value works.
        _ => json!({"id": name, "arn": arn("any", regional(""))}),
    };
    match outputs {
        Value::Object(outputs) => outputs,
        other => panic!("{other} is not an object of outputs"),
    }
}

/// The evaluated program: its resources, in the order of their creation, and its outputs.
fn deploy(config: &[(&str, &str)]) -> (Vec<Resource>, Map<String, Value>) {
    let mut evaluation = begin(config).expect("a program");
    let mut resources = Vec::new();
    for name in evaluation.order().expect("an order") {
        let resource = evaluation.resolve(&name, &invoke).expect("properties");
        evaluation.set_outputs(&name, made(&resource)).expect("outputs");
        resources.push(resource);
    }
    (resources, evaluation.outputs(&invoke).expect("outputs"))
}

fn of_type<'a>(resources: &'a [Resource], token: &'a str) -> impl Iterator<Item = &'a Resource> {
    resources.iter().filter(move |resource| resource.token() == token)
}

fn named<'a>(resources: &'a [Resource], name: &str) -> &'a Resource {
    resources.iter().find(|resource| resource.name() == name).expect("a resource of this name")
}

/// Parses a property that contains a JSON document as text.
fn document(resource: &Resource, property: &str) -> Value {
    let properties = resource.properties_json();
    serde_json::from_str(properties.get(property).and_then(Value::as_str).expect("a text")).expect("JSON")
}

fn list(value: &Value) -> Vec<&str> {
    match value {
        Value::Array(items) => items.iter().filter_map(Value::as_str).collect(),
        one => one.as_str().into_iter().collect(),
    }
}

#[test]
fn every_expression_of_the_program_has_a_value() {
    let (resources, outputs) = deploy(&[]);
    assert!(resources.len() > 40, "{} resources", resources.len());
    assert_eq!(outputs["feedFunction"], "datamesh-manager-aws-production-feed");
    assert_eq!(
        outputs["eventsQueueUrl"],
        "https://sqs.eu-central-1.amazonaws.com/123456789012/dmm_events.fifo"
    );
    for resource in &resources {
        let text = resource.properties_json().to_string();
        // Policy variables, which IAM replaces, contain a colon.
        let unresolved = text.replace("${aws:", "").contains("${");
        assert!(!unresolved, "{} has an unresolved reference: {text}", resource.name());
    }
}

#[test]
fn the_program_does_not_begin_without_an_api_key() {
    let error = Program::load(&folder()).and_then(|program| program.evaluate(Settings::default()));
    let error = error.expect_err("no key").to_string();
    assert!(error.ends_with("Pulumi.yaml: config.apiKey has no default: give it a value"), "{error}");
}

#[test]
fn the_api_key_is_nowhere_but_in_its_secret() {
    let (resources, outputs) = deploy(&[]);
    let holders: Vec<&str> = resources
        .iter()
        .filter(|resource| resource.properties_json().to_string().contains(API_KEY))
        .map(Resource::name)
        .collect();
    assert_eq!(holders, ["apiKeyValue"]);
    assert!(!format!("{resources:?}").contains(API_KEY));
    assert!(!Value::Object(outputs).to_string().contains(API_KEY));
}

#[test]
fn every_config_key_and_variable_is_used() {
    let text = std::fs::read_to_string(folder().join("Pulumi.yaml")).expect("the program");
    let mut section = "";
    let mut unused = Vec::new();
    for line in text.lines() {
        if let Some(name) = line.strip_suffix(':').filter(|name| !name.starts_with([' ', '#'])) {
            section = name;
        }
        let name = line.strip_prefix("  ").and_then(|rest| rest.split_once(':')).map_or("", |(name, _)| name);
        let declares = ["config", "variables"].contains(&section) && name.starts_with(char::is_alphabetic);
        let is_used = ["}", "."].iter().any(|end| text.contains(&format!("${{{name}{end}")));
        if declares && !is_used {
            unused.push(name);
        }
    }
    assert_eq!(unused, Vec::<&str>::new());
}

/// The functions refuse to give access to whatever is in this list.
#[test]
fn everything_of_the_stack_is_one_of_its_own_resources() {
    let key = "arn:aws:kms:eu-central-1:123456789012:key/state";
    let (resources, _) = deploy(&[("kmsKeys", &format!(r#"["{key}"]"#))]);
    let own = named(&resources, "iamGrant").properties_json()["environment"]["variables"]["OWN_RESOURCES"]
        .as_str()
        .expect("a text")
        .to_owned();
    let is_own = |arn: &str| {
        own.split(',').any(|own| match own.strip_suffix('*') {
            Some(beginning) => arn.starts_with(beginning),
            None => arn == own,
        })
    };
    assert!(is_own(key), "{own}");
    assert!(is_own("arn:aws:iam::123456789012:policy/datamesh-manager-aws-production/p"), "{own}");
    for token in [
        "aws:cloudwatch:EventArchive",
        "aws:cloudwatch:EventBus",
        "aws:cloudwatch:EventRule",
        "aws:cloudwatch:LogGroup",
        "aws:iam:Role",
        "aws:lambda:Function",
        "aws:s3:Bucket",
        "aws:secretsmanager:Secret",
        "aws:sqs:Queue",
    ] {
        assert!(of_type(&resources, token).count() > 0, "{token}");
        for resource in of_type(&resources, token) {
            let outputs = made(resource);
            let arn = outputs["arn"].as_str().expect("a text");
            assert!(is_own(arn), "{arn} is not in {own}");
        }
    }
}

#[test]
fn config_reaches_what_it_is_about() {
    let config = [
        ("queueName", "other.fifo"),
        ("busName", "mesh"),
        ("architecture", "x86_64"),
        ("schedule", "rate(5 minutes)"),
        ("reconcileSchedule", "rate(6 hours)"),
        ("scanRoles", "true"),
        ("logRetentionDays", "7"),
        ("allowedRoles", r#"["data-*", "/analytics/*"]"#),
        ("allowedResourceAccounts", r#"["111122223333"]"#),
        ("servedAccounts", r#"["123456789012", "111122223333"]"#),
        ("resourceOwnership", "report"),
        ("roleOwnership", "off"),
        ("resourceOwners", r#"{"team:sales":["arn:aws:s3:::sales"]}"#),
        ("mode", "observe"),
        ("organization", "acme"),
        ("connectorId", "aws-1"),
        ("revocationLimit", "7"),
        ("revocationLimitPercent", "3"),
        ("legacyGenerations", "false"),
        ("simulateAccess", "true"),
        ("evidenceLock", "compliance"),
        ("evidenceRetentionDays", "400"),
        ("baseUrl", "https://dmm.example.com"),
    ];
    let (resources, _) = deploy(&config);
    let property = |name: &str, property: &str| named(&resources, name).properties_json()[property].clone();
    assert_eq!(property("events", "name"), "other.fifo");
    assert_eq!(property("bus", "name"), "mesh");
    assert_eq!(property("polling", "scheduleExpression"), "rate(5 minutes)");
    assert_eq!(property("reconciling", "scheduleExpression"), "rate(6 hours)");
    assert_eq!(property("iamReconcile", "environment")["variables"]["SCAN_ROLES"], "true");
    for function in of_type(&resources, "aws:lambda:Function") {
        assert_eq!(function.properties_json()["architectures"], json!(["x86_64"]));
    }
    for group in of_type(&resources, "aws:cloudwatch:LogGroup") {
        assert_eq!(group.properties_json()["retentionInDays"], 7);
    }
    assert_eq!(property("feed", "environment")["variables"]["CONNECTOR_ID"], "aws-1");
    for function in ["iamGrant", "iamRevoke", "iamReconcile"] {
        let variables = property(function, "environment")["variables"].clone();
        assert_eq!(variables["ALLOWED_ROLES"], "data-*,/analytics/*");
        for (variable, value) in [
            ("ALLOWED_RESOURCE_ACCOUNTS", "111122223333"),
            ("SERVED_ACCOUNTS", "123456789012,111122223333"),
            ("RESOURCE_OWNERSHIP", "report"),
            ("ROLE_OWNERSHIP", "off"),
            ("RESOURCE_OWNERS", r#"{"team:sales":["arn:aws:s3:::sales"]}"#),
            ("MODE", "observe"),
            ("ORGANIZATION", "acme"),
            ("REVOCATION_LIMIT", "7"),
            ("REVOCATION_LIMIT_PERCENT", "3"),
            ("LEGACY_GENERATIONS", "false"),
            ("SIMULATE_ACCESS", "true"),
            ("EVIDENCE_LOCK", "compliance"),
            ("EVIDENCE_RETENTION_DAYS", "400"),
        ] {
            assert_eq!(variables[variable], value, "{function}: {variable}");
        }
        assert_eq!(variables["PROTECTED_ROLES"], "datamesh-manager-aws-production-*");
        assert_eq!(variables["DMM_BASE_URL"], "https://dmm.example.com");
    }
}

#[test]
fn every_function_runs_its_own_binary_in_its_own_role() {
    let (resources, _) = deploy(&[]);
    let functions: Vec<&Resource> = of_type(&resources, "aws:lambda:Function").collect();
    let archives: BTreeSet<&Path> =
        functions.iter().filter_map(|function| function.archive("code")).collect();
    let binaries: Vec<_> = ["feed", "router", "iam-grant", "iam-revoke", "iam-reconcile"]
        .map(|function| format!("../target/lambda/arm64/{function}.zip"))
        .into();
    assert_eq!(archives, binaries.iter().map(Path::new).collect::<BTreeSet<_>>());
    assert_eq!(archives.len(), functions.len());
    let roles: BTreeSet<String> = functions.iter().map(|f| f.properties_json()["role"].to_string()).collect();
    assert_eq!(roles.len(), functions.len());
}

#[test]
fn policies_allow_named_actions_on_named_resources_only() {
    let (resources, _) = deploy(&[]);
    for policy in of_type(&resources, "aws:iam:RolePolicy") {
        let document = document(policy, "policy");
        for statement in document["Statement"].as_array().expect("statements") {
            for action in list(&statement["Action"]) {
                assert!(!action.contains('*'), "{}: {statement}", policy.name());
            }
            // Actions that cannot be restricted to a resource.
            let whole = [
                json!("iam:ListPolicies"),
                json!("iam:ListRoles"),
                json!("lakeformation:ListPermissions"),
                json!("servicequotas:GetServiceQuota"),
                json!("tag:GetResources"),
                json!([
                    "xray:PutSpans",
                    "xray:PutSpansForIndexing",
                    "xray:PutTraceSegments",
                    "xray:PutTelemetryRecords",
                ]),
            ];
            if whole.contains(&statement["Action"]) && statement["Resource"] == "*" {
                continue;
            }
            for resource in list(&statement["Resource"]) {
                assert!(resource.starts_with("arn:aws:"), "{}: {statement}", policy.name());
            }
        }
    }
}

#[test]
fn policies_of_roles_are_written_only_where_the_role_opted_in_and_never_on_roles_of_the_stack() {
    let (resources, _) = deploy(&[]);
    let mut writers = Vec::new();
    for policy in of_type(&resources, "aws:iam:RolePolicy") {
        let document = document(policy, "policy");
        let statements = document["Statement"].as_array().expect("statements");
        let that = |effect: &str, action: &str| -> Vec<&Value> {
            let is = |s: &&Value| s["Effect"] == effect && list(&s["Action"]).contains(&action);
            statements.iter().filter(is).collect()
        };
        // By tag and by path.
        let [inline, inline_below] = that("Allow", "iam:PutRolePolicy")[..] else { continue };
        let [attached, attached_below] = that("Allow", "iam:AttachRolePolicy")[..] else {
            panic!("two that attach")
        };
        let denied = that("Deny", "iam:PutRolePolicy");
        let [deny, boundary] = denied[..] else { panic!("one for the stack's roles, one for a boundary") };
        let opted_in = json!({"aws:ResourceTag/dmm-integration": "enabled"});
        assert_eq!(inline["Condition"], json!({"StringEquals": opted_in}));
        let ours = "arn:aws:iam::123456789012:policy/datamesh-manager-aws-production/*";
        assert_eq!(
            attached["Condition"],
            json!({"StringEquals": opted_in, "ArnLike": {"iam:PolicyARN": ours}})
        );
        let below = "arn:aws:iam::123456789012:role/dmm-consumers/*";
        assert_eq!((&inline_below["Resource"], &attached_below["Resource"]), (&json!(below), &json!(below)));
        assert_eq!(attached_below["Condition"], json!({"ArnLike": {"iam:PolicyARN": ours}}));
        let [written] = that("Allow", "iam:CreatePolicyVersion")[..] else { panic!("one that writes") };
        assert_eq!(written["Resource"], ours);
        assert_eq!(boundary["Resource"], "arn:aws:iam::123456789012:role/*");
        assert!(boundary["Condition"]["ArnNotEquals"]["iam:PermissionsBoundary"].is_string());
        assert_eq!(deny["Condition"], Value::Null);
        assert_eq!(deny["Resource"], "arn:aws:iam::123456789012:role/datamesh-manager-aws-production-*");
        assert_eq!(list(&deny["Action"]), [list(&inline["Action"]), list(&attached["Action"])].concat());
        writers.push(policy.properties_json()["role"].clone());
    }
    let functions = ["iam-grant", "iam-revoke", "iam-reconcile"];
    assert_eq!(writers, functions.map(|name| format!("datamesh-manager-aws-production-{name}")));
    for role in of_type(&resources, "aws:iam:Role") {
        let name = role.properties_json()["name"].clone();
        assert!(
            name.as_str().is_some_and(|name| name.starts_with("datamesh-manager-aws-production-")),
            "{name}"
        );
    }
}

#[test]
fn names_are_as_long_as_aws_takes_them() {
    let (resources, _) = deploy(&[]);
    // From the API reference of each service.
    let limits = BTreeMap::from([
        ("aws:cloudwatch:EventBus", ("name", 256)),
        ("aws:cloudwatch:EventRule", ("name", 64)),
        ("aws:iam:Role", ("name", 64)),
        ("aws:lambda:Function", ("name", 64)),
        ("aws:s3:Bucket", ("bucket", 63)),
        ("aws:secretsmanager:Secret", ("name", 512)),
        ("aws:sqs:Queue", ("name", 80)),
    ]);
    for resource in &resources {
        let Some((property, limit)) = limits.get(resource.token()) else { continue };
        let properties = resource.properties_json();
        let name = properties[property].as_str().expect("a name");
        assert!(name.len() <= *limit, "{name} has {} characters", name.len());
    }
}

#[test]
fn queues_keep_their_promises_to_the_functions() {
    let (resources, _) = deploy(&[]);
    let events = named(&resources, "events").properties_json();
    let timeout = named(&resources, "router").properties_json()["timeout"].as_u64().expect("a time limit");
    assert!(events["visibilityTimeoutSeconds"].as_u64().is_some_and(|visible| visible >= 6 * timeout));
    assert_eq!(events["deduplicationScope"], "messageGroup");
    assert_eq!(events["fifoThroughputLimit"], "perMessageGroupId");
    let redrive = document(named(&resources, "events"), "redrivePolicy");
    assert!(redrive["maxReceiveCount"].as_u64().is_some_and(|count| count >= 5));
    assert_eq!(redrive["deadLetterTargetArn"], made(named(&resources, "deadLetters"))["arn"]);
    for queue in of_type(&resources, "aws:sqs:Queue") {
        assert_eq!(queue.properties_json()["sqsManagedSseEnabled"], true, "{}", queue.name());
        let fifo = queue.properties_json()["fifoQueue"] == true;
        let name = queue.properties_json()["name"].clone();
        assert_eq!(name.as_str().and_then(|name| name.strip_suffix(".fifo")).is_some(), fifo, "{name}");
    }
}

#[test]
fn the_rules_know_all_three_generations_of_agreements() {
    let (resources, _) = deploy(&[]);
    let types = |rule: &str| {
        let pattern = document(named(&resources, rule), "eventPattern");
        assert_eq!(pattern["source"], json!(["com.datamesh-manager"]));
        list(&pattern["detail-type"]).into_iter().map(str::to_owned).collect::<BTreeSet<_>>()
    };
    let events = |ends: &[&str]| {
        let kinds = ["DataContract", "DataUsageAgreement", "Access"];
        kinds
            .iter()
            .flat_map(|kind| ends.iter().map(move |end| format!("{kind}{end}Event")))
            .collect::<BTreeSet<_>>()
    };
    assert_eq!(types("agreementsActivated"), events(&["Activated"]));
    assert_eq!(types("agreementsEnded"), events(&["Deactivated", "Deleted"]));
}

#[test]
fn nothing_is_published_before_the_rules_have_their_targets_and_these_their_dead_letter_queue() {
    let (resources, _) = deploy(&[]);
    let mapping = named(&resources, "eventsToRouter");
    for target in ["agreementsActivatedToIamGrant", "agreementsEndedToIamRevoke"] {
        assert!(mapping.dependencies().iter().any(|name| name == target), "{:?}", mapping.dependencies());
        let target = named(&resources, target);
        assert!(target.dependencies().iter().any(|name| name == "undeliveredPolicy"));
        assert_eq!(
            target.properties_json()["deadLetterConfig"]["arn"],
            made(named(&resources, "undelivered"))["arn"]
        );
    }
    let policy = document(named(&resources, "undeliveredPolicy"), "policy");
    let sources = list(&policy["Statement"][0]["Condition"]["ArnEquals"]["aws:SourceArn"]).len();
    assert_eq!(sources, 2, "one for each rule with a target that has this dead-letter queue");
}
