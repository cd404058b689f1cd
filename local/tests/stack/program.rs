//! The deployed stack, checked without AWS: every resource of `pulumi/Pulumi.yaml` is evaluated and deployed into the
//! emulator, and has what a security team asks for.

use std::collections::BTreeMap;
use std::process::Command;

use dmm_emulator::Emulator;
use dmm_local::lambdas::workspace;
use dmm_local::preview::{PreviewedResource, StackPreview, preview};
use dmm_local::progress::ProgressDisplay;
use serde_json::{Value, json};

const SECRET: &str = "dmm_live_hunter2";
const KEY: &str = "arn:aws:kms:eu-central-1:123456789012:key/k";

async fn program(config: &[(&str, &str)]) -> StackPreview {
    let mut config: BTreeMap<String, String> =
        config.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    config.insert("apiKey".to_owned(), SECRET.to_owned());
    preview("test", config, ProgressDisplay::Silent).await.unwrap()
}

fn of<'a>(report: &'a StackPreview, token: &str) -> Vec<&'a PreviewedResource> {
    let found: Vec<&PreviewedResource> =
        report.resources.iter().filter(|resource| resource.token == token).collect();
    assert!(!found.is_empty(), "there is no {token}");
    found
}

/// A property that is a text of JSON.
fn document(resource: &PreviewedResource, property: &str) -> Value {
    serde_json::from_str(resource.properties[property].as_str().unwrap()).unwrap()
}

fn statements(resource: &PreviewedResource) -> Vec<Value> {
    document(resource, "policy")["Statement"].as_array().unwrap().clone()
}

fn is_tls_only(statements: &[Value], action: &str) -> bool {
    statements.iter().any(|statement| {
        statement["Effect"] == "Deny"
            && (&statement["Principal"], &statement["Action"]) == (&json!("*"), &json!(action))
            && statement["Condition"] == json!({ "Bool": { "aws:SecureTransport": "false" } })
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn every_resource_is_understood_and_deployed_and_no_secret_is_shown() {
    let report = program(&[]).await;
    println!("{} resources", report.resources.len());
    let declared =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../pulumi/Pulumi.yaml")).unwrap();
    let is_type = |line: &&str| line.starts_with("    type: aws:") || line.starts_with("    type: pulumi:");
    let declared = declared.lines().filter(is_type).count();
    assert_eq!(report.resources.len(), declared, "each resource of the file is there");
    let shown = dmm_local::preview::tree(&report).to_string();
    assert!(!shown.contains(SECRET) && !serde_json::to_string(&report).unwrap().contains(SECRET));
    assert!(shown.contains("aws:secretsmanager:SecretVersion apiKeyValue"), "{shown}");
    assert!(shown.contains("secretString: [secret]"), "{shown}");
    // This one is IAM's.
    assert!(!shown.replace("${aws:PrincipalAccount}", "").contains("${"), "a reference is left:\n{shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn queues_and_buckets_are_encrypted_and_accept_only_tls() {
    let report = program(&[]).await;
    let policies = of(&report, "aws:sqs:QueuePolicy");
    for queue in of(&report, "aws:sqs:Queue") {
        assert_eq!(queue.properties["sqsManagedSseEnabled"], true, "{}", queue.name);
        let policy = policies.iter().find(|policy| policy.depends_on.contains(&queue.name)).unwrap();
        let statements = statements(policy);
        assert!(is_tls_only(&statements, "sqs:*"), "{}", queue.name);
        for statement in statements.iter().filter(|statement| statement["Effect"] == "Allow") {
            assert_eq!(statement["Principal"], json!({ "Service": "events.amazonaws.com" }));
            assert!(statement["Condition"]["ArnEquals"]["aws:SourceArn"].is_array(), "{statement}");
        }
    }
    for bucket in of(&report, "aws:s3:Bucket") {
        for token in [
            "aws:s3:BucketPublicAccessBlock",
            "aws:s3:BucketServerSideEncryptionConfiguration",
            "aws:s3:BucketVersioning",
            "aws:s3:BucketObjectLockConfiguration",
            "aws:s3:BucketLifecycleConfiguration",
        ] {
            assert!(
                of(&report, token).iter().any(|about| about.depends_on.contains(&bucket.name)),
                "{token}"
            );
        }
        let policy = of(&report, "aws:s3:BucketPolicy").into_iter().next().unwrap();
        assert!(is_tls_only(&statements(policy), "s3:*"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_queue_accepts_messages_only_from_its_function_or_rule_and_from_operators() {
    let on_call = "arn:aws:iam::123456789012:role/on-call";
    let report = program(&[("operators", &json!([on_call]).to_string())]).await;
    let role = |name: &str| format!("arn:aws:iam::123456789012:role/datamesh-manager-aws-test-{name}");
    let senders = BTreeMap::from([
        ("eventsPolicy", vec![role("feed")]),
        ("deadLettersPolicy", vec![role("router")]),
        ("failuresPolicy", vec![role("iam-grant"), role("iam-revoke")]),
        // Rules are a service.
        ("undeliveredPolicy", vec!["nobody".to_owned()]),
    ]);
    let policies = of(&report, "aws:sqs:QueuePolicy");
    assert_eq!(policies.len(), senders.len());
    for policy in policies {
        let mut expected = senders[policy.name.as_str()].clone();
        expected.push(on_call.to_owned());
        let statements = statements(policy);
        let deny = statements.iter().find(|statement| statement["Sid"] == "NobodyElseSends").unwrap();
        assert_eq!((&deny["Effect"], &deny["Action"]), (&json!("Deny"), &json!("sqs:SendMessage")));
        let condition = json!({
            "StringNotLike": { "aws:PrincipalArn": expected },
            "Bool": { "aws:PrincipalIsAWSService": "false" },
        });
        assert_eq!(deny["Condition"], condition, "{}", policy.name);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alarm_watches_every_place_where_an_event_can_end_up() {
    let topic = "arn:aws:sns:eu-central-1:123456789012:on-call";
    let report = program(&[("alarmTargets", &json!([topic]).to_string())]).await;
    let alarms = of(&report, "aws:cloudwatch:MetricAlarm");
    for alarm in &alarms {
        assert_eq!(alarm.properties["alarmActions"], json!([topic]), "{}", alarm.name);
        assert_eq!(alarm.properties["okActions"], json!([topic]), "{}", alarm.name);
    }
    for queue in of(&report, "aws:sqs:Queue") {
        assert!(alarms.iter().any(|alarm| alarm.depends_on.contains(&queue.name)), "{}", queue.name);
    }
    let names: Vec<&str> = alarms.iter().filter_map(|alarm| alarm.properties["name"].as_str()).collect();
    for what in [
        "feed-errors",
        "feed-lag",
        "events-age",
        "feed-silent",
        "lost-failures",
        "quarantine",
        "refusals",
        "roles-full",
    ] {
        assert!(names.iter().any(|name| name.ends_with(what)), "{what}: {names:?}");
    }
    let dashboard = of(&report, "aws:cloudwatch:Dashboard").into_iter().next().unwrap();
    let body = document(dashboard, "dashboardBody");
    let shown: Vec<&Value> = body["widgets"].as_array().unwrap().iter().map(|w| &w["properties"]).collect();
    let listed = shown.iter().find_map(|widget| widget["alarms"].as_array()).unwrap();
    assert_eq!(listed.len(), alarms.len(), "the dashboard shows every alarm");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_watched_metric_is_written_by_its_function() {
    let report = program(&[]).await;
    // The table of docs/telemetry.md: name, unit, dimensions, writers, meaning.
    let table =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/telemetry.md")).unwrap();
    let written: BTreeMap<&str, &str> = table
        .lines()
        .filter_map(|line| {
            let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
            let [name, _, _, writers, _] = cells[..] else { return None };
            Some((name.trim_matches('`'), writers))
        })
        .collect();
    let mut watched = Vec::new();
    for alarm in of(&report, "aws:cloudwatch:MetricAlarm") {
        let alone = Value::Object(alarm.properties.clone());
        let metrics: Vec<&Value> = match alone["metricQueries"].as_array() {
            Some(queries) => queries.iter().map(|query| &query["metric"]).collect(),
            None => vec![&alone],
        };
        for metric in metrics {
            if metric["namespace"] == "DataMeshManager" {
                watched.push((metric["metricName"].clone(), metric["dimensions"]["service"].clone()));
            }
        }
    }
    let dashboard = of(&report, "aws:cloudwatch:Dashboard").into_iter().next().unwrap();
    for widget in document(dashboard, "dashboardBody")["widgets"].as_array().unwrap() {
        for metric in widget["properties"]["metrics"].as_array().into_iter().flatten() {
            if metric[0] == "DataMeshManager" {
                watched.push((metric[1].clone(), metric[3].clone()));
            }
        }
    }
    assert!(watched.len() > 10, "{watched:?}");
    for (metric, service) in watched {
        let (metric, service) = (metric.as_str().unwrap(), service.as_str().unwrap());
        let writers = written.get(metric).unwrap_or_else(|| panic!("{metric} is not in docs/telemetry.md"));
        let function = service.strip_prefix("datamesh-manager-aws-test-").unwrap();
        assert!(
            writers.split(", ").any(|writer| [function, "all"].contains(&writer)),
            "{metric} of {function}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_role_has_a_wildcard_action_or_a_wildcard_resource_except_to_list_roles() {
    let report = program(&[]).await;
    let mut stars = Vec::new();
    for policy in of(&report, "aws:iam:RolePolicy") {
        for statement in statements(policy).into_iter().filter(|statement| statement["Effect"] == "Allow") {
            assert!(!statement["Action"].to_string().contains('*'), "{}: {statement}", policy.name);
            if statement["Resource"] == "*" {
                stars.push(format!("{}: {}", policy.name, statement["Action"]));
            }
        }
    }
    // Daemons, quotas, Lake Formation and the tags of all services have no resources either.
    let without = ["xray:", "servicequotas:", "lakeformation:ListPermissions", "tag:GetResources"];
    stars.retain(|star| !without.iter().any(|action| star.contains(action)));
    assert_eq!(
        stars,
        ["iamReconcileOwnPolicy: \"iam:ListRoles\"", "iamReconcileOwnPolicy: \"iam:ListPolicies\""]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_narrow_whose_policies_are_written_and_whose_keys_are_used() {
    let report = program(&[
        ("optInPath", "/consumers/"),
        ("requiredPermissionsBoundary", "consumer-boundary"),
        ("subscriberAccounts", r#"["111122223333","444455556666"]"#),
        ("kmsKeys", &json!([KEY]).to_string()),
    ])
    .await;
    let policy = report.resources.iter().find(|resource| resource.name == "iamGrantAccessPolicy").unwrap();
    let statements = statements(policy);
    let by_sid = |sid: &str| statements.iter().find(|statement| statement["Sid"] == sid).unwrap();
    for sid in ["WritePoliciesOfRolesBelowTheOptInPath", "AttachPoliciesOfThisStackToRolesBelowTheOptInPath"]
    {
        assert_eq!(by_sid(sid)["Resource"], "arn:aws:iam::123456789012:role/consumers/*");
    }
    let condition = &by_sid("OnlyBelowTheBoundaryWhereOneIsRequired")["Condition"];
    let boundary = "arn:aws:iam::123456789012:policy/consumer-boundary";
    assert_eq!(condition["ArnNotEquals"]["iam:PermissionsBoundary"], boundary);
    assert_ne!(condition["StringNotEquals"]["aws:PrincipalAccount"], "123456789012");
    let bus = of(&report, "aws:cloudwatch:EventBusPolicy").into_iter().next().unwrap();
    let subscribers = &document(bus, "policy")["Statement"][0]["Principal"];
    let roots = ["arn:aws:iam::111122223333:root", "arn:aws:iam::444455556666:root"];
    assert_eq!(*subscribers, json!({ "AWS": roots }));
    for resource in [of(&report, "aws:secretsmanager:Secret"), of(&report, "aws:cloudwatch:LogGroup")]
        .into_iter()
        .flatten()
    {
        assert_eq!(resource.properties["kmsKeyId"], KEY, "{}", resource.name);
    }
    let encryption =
        of(&report, "aws:s3:BucketServerSideEncryptionConfiguration").into_iter().next().unwrap();
    let default = &encryption.properties["rules"][0]["applyServerSideEncryptionByDefault"];
    assert_eq!(*default, json!({ "sseAlgorithm": "aws:kms", "kmsMasterKeyId": KEY }));
}

/// Pulumi itself previews the program, where it is installed: the state in a file, AWS emulated.
#[tokio::test(flavor = "multi_thread")]
async fn pulumi_accepts_the_program_if_it_is_installed() {
    let Ok(version) = Command::new("pulumi").arg("version").output() else {
        println!("skipped: there is no pulumi on the PATH");
        return;
    };
    println!("pulumi {}", String::from_utf8_lossy(&version.stdout).trim());
    let folder = tempfile::tempdir().unwrap();
    let project = folder.path().join("pulumi");
    let copied = Command::new("cp")
        .args(["-R", concat!(env!("CARGO_MANIFEST_DIR"), "/../pulumi")])
        .arg(&project)
        .status()
        .unwrap();
    assert!(copied.success());
    let (state, zips) = (folder.path().join("state"), folder.path().join("target/lambda/arm64"));
    std::fs::create_dir(&state).unwrap();
    std::fs::create_dir_all(&zips).unwrap();
    for function in ["feed", "router", "iam-grant", "iam-revoke", "iam-reconcile"] {
        // What is in them plays no part in a preview.
        std::fs::write(zips.join(format!("{function}.zip")), b"").unwrap();
    }
    let emulator = Emulator::start(dmm_emulator::Options {
        workspace_target: workspace().join("target"),
        port: None,
        state: None,
        on_progress: Box::new(|_| {}),
    })
    .await
    .unwrap();
    let pulumi = |arguments: &[&str]| {
        let output = Command::new("pulumi")
            .args(arguments)
            .args(["--non-interactive", "--cwd"])
            .arg(&project)
            .env("PULUMI_BACKEND_URL", format!("file://{}", state.display()))
            .env("PULUMI_CONFIG_PASSPHRASE", "test")
            .env("AWS_ENDPOINT_URL", emulator.url())
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .env("PULUMI_SKIP_UPDATE_CHECK", "true")
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert!(output.status.success(), "pulumi {arguments:?}:\n{text}");
    };
    pulumi(&["stack", "init", "test"]);
    pulumi(&["config", "set", "aws:region", "eu-central-1"]);
    pulumi(&["config", "set", "--secret", "apiKey", SECRET]);
    pulumi(&["preview", "--stack", "test"]);
}
