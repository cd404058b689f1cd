//! The program's config keys: what is rejected before anything is created, and what reaches AWS as text.

use dmm_pulumi::Resource;
use serde_json::{Value, json};

use super::{begin, deploy, folder, invoke, named, of_type};

/// The error of the first deployment of the stack `production`, before the first resource in AWS.
fn rejection(config: &[(&str, &str)]) -> String {
    rejection_after(&json!({}), config).expect("a rejection")
}

/// The error of a deployment of the stack `production`, before the first resource in AWS, if there is one. `outputs` are those of the
/// last one.
fn rejection_after(outputs: &Value, config: &[(&str, &str)]) -> Option<String> {
    let mut evaluation = match begin(config) {
        Ok(evaluation) => evaluation,
        Err(error) => return Some(error.to_string()),
    };
    begin_with(&mut evaluation, outputs);
    evaluation.resolve("queueClaim", &invoke).err().map(|error| error.to_string())
}

/// Resolves what comes before the first resource in AWS.
fn begin_with(evaluation: &mut dmm_pulumi::Evaluation, outputs: &Value) {
    let order = evaluation.order().expect("an order");
    assert_eq!(order.get(..3).expect("resources"), ["begun", "lastUpdate", "queueClaim"]);
    let given = [("outputs", outputs.clone())];
    for (name, given) in [("begun", &[][..]), ("lastUpdate", &given)] {
        let mut outputs = super::made(&evaluation.resolve(name, &invoke).expect("properties"));
        outputs.extend(given.iter().map(|(key, value)| ((*key).to_owned(), value.clone())));
        evaluation.set_outputs(name, outputs).expect("outputs");
    }
}

#[test]
fn while_the_state_is_protected_another_name_of_the_stack_or_the_queue_is_rejected_with_the_old_one() {
    let last =
        |stack: &str, queue: &str| json!({"a": "\"stackName\":\"x", "queueName": queue, "stackName": stack});
    let same = last("production", "dmm_events.fifo");
    assert_eq!(rejection_after(&same, &[]), None);
    assert_eq!(rejection_after(&json!({"busName": "dmm"}), &[]), None, "the outputs of an earlier version");
    let renamed = last("prod", "dmm_events.fifo");
    let error = rejection_after(&renamed, &[]).expect("a rejection");
    assert!(
        error.contains("called production now") && error.contains("pulumi stack rename prod."),
        "{error}"
    );
    let queue = [("queueName", "other.fifo")];
    let error = rejection_after(&same, &queue).expect("a rejection");
    assert!(error.contains("queueName is other.fifo"), "{error}");
    assert!(error.contains("pulumi config set queueName dmm_events.fifo,"), "{error}");
    let unprotected = [("queueName", "other.fifo"), ("protectState", "false")];
    assert_eq!(rejection_after(&renamed, &unprotected), None);
}

#[test]
fn a_value_out_of_range_is_rejected_before_anything_is_created_with_the_key_the_value_and_the_remedy() {
    for (key, value, remedy) in [
        ("queueName", "events", "pulumi config set queueName dmm_events.fifo"),
        ("baseUrl", "api.example.com", "pulumi config set baseUrl https://api.entropy-data.com"),
        ("architecture", "arm", "pulumi config set architecture arm64"),
        ("resourceOwnership", "yes", "pulumi config set resourceOwnership require"),
        ("roleOwnership", "re", "pulumi config set roleOwnership require"),
        ("mode", "dry-run", "pulumi config set mode enforce"),
        ("schedule", "1 minute", "pulumi config set schedule 'rate(1 minute)'"),
        ("schedule", "rate(1 minute", "pulumi config set schedule 'rate(1 minute)'"),
        ("reconcileSchedule", "hourly", "pulumi config set reconcileSchedule 'rate(1 hour)'"),
        ("revocationLimit", "-1", "pulumi config set revocationLimit 10"),
        ("revocationLimitPercent", "101", "pulumi config set revocationLimitPercent 5"),
        ("reservedConcurrency", "6", "pulumi config set reservedConcurrency 2"),
        ("logRetentionDays", "31", "pulumi config set logRetentionDays 30"),
        ("archiveRetentionDays", "0", "pulumi config set archiveRetentionDays 30"),
        ("archiveRetentionDays", "-1", "pulumi config set archiveRetentionDays 30"),
        ("evidenceRetentionDays", "0", "pulumi config set evidenceRetentionDays 365"),
        ("evidenceRetentionDays", "-1", "pulumi config set evidenceRetentionDays 365"),
        ("evidenceRetentionDays", "100000", "pulumi config set evidenceRetentionDays 365"),
        ("evidenceLock", "worm", "pulumi config set evidenceLock none"),
        ("tracesSampleRate", "1.5", "pulumi config set tracesSampleRate 0.5"),
        ("tracesSampleRate", "10.5", "pulumi config set tracesSampleRate 0.5"),
        ("tracesSampleRate", "half", "pulumi config set tracesSampleRate 0.5"),
        ("optInPath", "consumers/", "pulumi config set optInPath /dmm-consumers/"),
        ("optInPath", "/consumers", "pulumi config set optInPath /dmm-consumers/"),
        ("connectorId", "aws/1", "pulumi config set connectorId aws-production"),
        ("connectorId", "aws/", "pulumi config set connectorId aws-production"),
        ("connectorId", "my connector", "pulumi config set connectorId aws-production"),
    ] {
        let error = rejection(&[(key, value)]);
        for part in [key, value, remedy] {
            assert!(error.contains(part), "{key}={value}: {error}");
        }
        assert_eq!(error.matches(key).count(), 2, "one sentence, and the command: {error}");
    }
    for lock in ["governance", "compliance"] {
        for days in ["36500", "10000"] {
            let error = rejection(&[("evidenceLock", lock), ("evidenceRetentionDays", days)]);
            assert!(error.contains(&format!("evidenceRetentionDays is {days}")), "{error}");
            assert!(error.contains("at most 9999 with a lock"), "{error}");
        }
    }
    let error = rejection(&[("architecture", "arm"), ("mode", "off")]);
    assert!(error.contains("architecture is arm") && error.contains("mode is off"), "{error}");
}

#[test]
fn values_in_range_are_accepted() {
    for (key, value) in [
        ("schedule", "cron(0/5 * * * ? *)"),
        ("revocationLimit", "0"),
        ("revocationLimitPercent", "0"),
        ("revocationLimitPercent", "100"),
        ("logRetentionDays", "3653"),
        ("archiveRetentionDays", "1"),
        ("evidenceRetentionDays", "1"),
        ("evidenceRetentionDays", "99999"),
        ("tracesSampleRate", "0"),
        ("tracesSampleRate", "0.25"),
        ("tracesSampleRate", "1.0"),
        ("resourceOwnership", "off"),
        ("optInPath", "/a/b/"),
        ("connectorId", "urn:acme:connector:aws"),
        ("connectorId", "1234567"),
    ] {
        let (resources, _) = deploy(&[(key, value)]);
        assert!(!resources.is_empty(), "{key}={value}");
    }
}

#[test]
fn every_other_resource_waits_for_the_claim_of_the_queue_for_the_bus_and_for_the_queue() {
    let (resources, _) = deploy(&[]);
    let needs = |name: &str, needed: &str| {
        let mut names = vec![name.to_owned()];
        let mut seen = Vec::new();
        while let Some(name) = names.pop() {
            if !seen.contains(&name) {
                names.extend(named(&resources, &name).dependencies().iter().cloned());
                seen.push(name);
            }
        }
        seen.iter().any(|name| name == needed)
    };
    let created_first = ["begun", "lastUpdate", "queueClaim", "bus", "deadLetters", "events"];
    for resource in resources.iter().map(dmm_pulumi::Resource::name) {
        assert!(created_first[..2].contains(&resource) || needs(resource, "queueClaim"), "{resource}");
        assert!(created_first[..3].contains(&resource) || needs(resource, "bus"), "{resource}");
        let about_the_first = ["deadLettersPolicy", "deadLettersAlarm"].contains(&resource);
        assert!(
            created_first.contains(&resource) || about_the_first || needs(resource, "events"),
            "{resource}"
        );
    }
}

#[test]
fn whatever_holds_records_or_undelivered_events_is_protected() {
    let protected = |config: &[(&str, &str)]| {
        let (resources, _) = deploy(config);
        let names = resources.iter().filter(|resource| resource.is_protected()).map(|r| r.name().to_owned());
        let mut names: Vec<String> = names.collect();
        names.sort_unstable();
        names
    };
    assert_eq!(protected(&[]), ["deadLetters", "events", "failures", "state", "undelivered"]);
    assert_eq!(protected(&[("protectState", "false")]), Vec::<String>::new());
    let (resources, _) = deploy(&[("protectState", "false")]);
    assert_eq!(named(&resources, "state").properties_json()["forceDestroy"], false);
}

#[test]
fn concurrency_is_reserved_only_on_request() {
    let reserved = |config: &[(&str, &str)]| -> Vec<Value> {
        let (resources, _) = deploy(config);
        ["feed", "router", "iamGrant", "iamRevoke", "iamReconcile"]
            .map(|name| named(&resources, name).properties_json()["reservedConcurrentExecutions"].clone())
            .into()
    };
    assert_eq!(reserved(&[]), vec![Value::Null; 5]);
    assert_eq!(
        reserved(&[("reservedConcurrency", "2")]),
        [json!(1), Value::Null, json!(2), json!(2), json!(1)]
    );
}

#[test]
fn every_environment_variable_is_text_and_no_condition_contains_an_empty_one() {
    for config in [
        vec![],
        vec![
            ("organization", "1234567"),
            ("connectorId", "7654321"),
            ("telemetryDisabled", "true"),
            ("tracesSampleRate", "0.5"),
        ],
    ] {
        let (resources, _) = deploy(&config);
        for function in of_type(&resources, "aws:lambda:Function") {
            let properties = function.properties_json();
            for (name, value) in properties["environment"]["variables"].as_object().expect("variables") {
                assert!(value.is_string(), "{}: {name} is {value}", function.name());
            }
            let mode = if config.is_empty() { "Active" } else { "PassThrough" };
            assert_eq!(properties["tracingConfig"]["mode"], mode, "{}", function.name());
        }
        for resource in &resources {
            let properties = resource.properties_json();
            if let Some(policy) = properties["policy"].as_str() {
                assert!(!policy.contains("\"\""), "{}: {policy}", resource.name());
            }
        }
        if !config.is_empty() {
            let grant = named(&resources, "iamGrant").properties_json();
            assert_eq!(grant["environment"]["variables"]["ORGANIZATION"], "1234567");
            let feed = named(&resources, "feed").properties_json();
            assert_eq!(feed["environment"]["variables"]["CONNECTOR_ID"], "7654321");
        }
    }
}

/// The domains: <https://docs.aws.amazon.com/general/latest/gr/mgmt-console.html>,
/// <https://docs.amazonaws.cn/en_us/aws/latest/userguide/endpoints-Beijing.html>,
/// <https://docs.aws.amazon.com/govcloud-us/latest/UserGuide/using-govcloud-endpoints.html> and
/// <https://docs.aws.eu/general/latest/gr/endpoints.html>.
#[test]
fn addresses_in_the_console_are_those_of_the_partition() {
    for (partition, domain) in [
        ("aws", "eu-central-1.console.aws.amazon.com"),
        ("aws-cn", "eu-central-1.console.amazonaws.cn"),
        ("aws-us-gov", "eu-central-1.console.amazonaws-us-gov.com"),
        ("aws-eusc", "eu-central-1.console.amazonaws-eusc.eu"),
    ] {
        let invoke = |token: &str, arguments: &Value| match token {
            "aws:getPartition" => Ok(json!({"partition": partition, "id": partition})),
            _ => invoke(token, arguments),
        };
        let mut evaluation = begin(&[]).expect("a program");
        for name in evaluation.order().expect("an order") {
            let resource = evaluation.resolve(&name, &invoke).expect("properties");
            evaluation.set_outputs(&name, super::made(&resource)).expect("outputs");
        }
        let outputs = evaluation.outputs(&invoke).expect("outputs");
        for output in ["dashboardUrl", "tracesUrl"] {
            let url = outputs[output].as_str().expect("a text");
            assert!(url.starts_with(&format!("https://{domain}/cloudwatch/")), "{partition}: {url}");
        }
    }
}

/// The statements of all roles that have only this action.
fn statements_about(resources: &[Resource], action: &str) -> Vec<Value> {
    of_type(resources, "aws:iam:RolePolicy")
        .filter_map(|policy| super::document(policy, "policy").get("Statement")?.as_array().cloned())
        .flatten()
        .filter(|statement| statement.get("Action").is_some_and(|found| found == action))
        .collect()
}

#[test]
fn the_functions_may_simulate_policies_only_if_the_operator_permits_it() {
    for (config, effect) in [(&[][..], "Deny"), (&[("simulateAccess", "true")], "Allow")] {
        let (resources, _) = deploy(config);
        let statements = statements_about(&resources, "iam:SimulatePrincipalPolicy");
        assert_eq!(statements.len(), 3, "iam-grant, iam-revoke and iam-reconcile");
        for statement in statements {
            assert_eq!(statement["Effect"], effect, "{config:?}");
            assert_eq!(statement["Resource"], "arn:aws:iam::123456789012:role/*");
        }
    }
}

#[test]
fn the_evidence_is_kept_for_its_days_and_locked_only_on_request() {
    for (config, lock, days, effect) in [
        (&[][..], "none", 36_500, "Deny"),
        (&[("evidenceRetentionDays", "400")][..], "none", 400, "Deny"),
        (&[("evidenceLock", "governance"), ("evidenceRetentionDays", "9999")], "governance", 9_999, "Allow"),
        (&[("evidenceLock", "compliance"), ("evidenceRetentionDays", "1")], "compliance", 1, "Allow"),
    ] {
        let (resources, _) = deploy(config);
        let rules = named(&resources, "stateLifecycle").properties_json()["rules"].clone();
        let of_evidence = |rule: &&Value| rule["filter"]["prefix"] == "evidence/";
        let rule = rules.as_array().unwrap().iter().find(of_evidence).expect("a rule");
        assert_eq!((&rule["status"], &rule["expiration"]), (&json!("Enabled"), &json!({ "days": days })));
        // A retention by default would lock the cursor and the records.
        let enabled = named(&resources, "stateObjectLock").properties_json();
        assert_eq!(enabled["rule"], Value::Null);
        for function in ["iamGrant", "iamRevoke", "iamReconcile"] {
            let function = named(&resources, function);
            let variables = function.properties_json()["environment"]["variables"].clone();
            assert_eq!(variables["EVIDENCE_LOCK"], lock);
            assert_eq!(variables["EVIDENCE_RETENTION_DAYS"], days.to_string());
            assert!(function.dependencies().contains(&"stateObjectLock".to_owned()), "{}", function.name());
        }
        let statements = statements_about(&resources, "s3:PutObjectRetention");
        assert_eq!(statements.len(), 3, "iam-grant, iam-revoke and iam-reconcile");
        for statement in statements {
            assert_eq!(statement["Effect"], effect, "{config:?}");
            assert!(statement["Resource"].as_str().unwrap().ends_with("/evidence/*"), "{statement}");
        }
    }
}

#[test]
fn without_a_key_awss_own_keys_are_named_so_that_an_earlier_key_is_not_kept() {
    let (resources, _) = deploy(&[]);
    let key = |name: &str| named(&resources, name).properties_json();
    let default = &key("stateEncryption")["rules"][0]["applyServerSideEncryptionByDefault"];
    assert_eq!(default["kmsMasterKeyId"], "alias/aws/s3");
    assert_eq!(key("apiKeySecret")["kmsKeyId"], "alias/aws/secretsmanager");
    assert_eq!(key("feedLogs")["kmsKeyId"], Value::Null);
}

/// AWS's limits: 63 characters for a bucket; 64 for a rule, a role and a function; 48 for an archive; 80 for a queue; 32 for a
/// group of X-Ray.
#[test]
fn all_names_are_within_awss_limits_for_stack_names_up_to_30_characters() {
    for (length, accepted) in [(1, true), (22, true), (23, true), (30, true), (31, false)] {
        let mut evaluation = dmm_pulumi::Program::load(&folder())
            .and_then(|program| {
                program.evaluate(dmm_pulumi::Settings {
                    stack: "s".repeat(length),
                    organization: "acme".to_owned(),
                    config: [("apiKey".to_owned(), "k".to_owned())].into(),
                })
            })
            .expect("a program");
        if !accepted {
            begin_with(&mut evaluation, &json!({}));
            let error = evaluation.resolve("queueClaim", &invoke).expect_err("too long").to_string();
            assert!(error.contains("30 characters") && error.contains("pulumi stack rename"), "{error}");
            continue;
        }
        for name in evaluation.order().expect("an order") {
            let resource = evaluation.resolve(&name, &invoke).expect("properties");
            let properties = resource.properties_json();
            let limits = [
                ("aws:s3:Bucket", "bucket", 63),
                ("aws:cloudwatch:EventRule", "name", 64),
                ("aws:iam:Role", "name", 64),
                ("aws:lambda:Function", "name", 64),
                ("aws:cloudwatch:EventArchive", "name", 48),
                ("aws:sqs:Queue", "name", 80),
                ("aws:xray:Group", "groupName", 32),
            ];
            for (_, property, limit) in limits.iter().filter(|(token, ..)| *token == resource.token()) {
                let name = properties[property].as_str().expect("a name");
                assert!(name.len() <= *limit, "{name} has {} characters", name.len());
            }
            evaluation.set_outputs(&name, super::made(&resource)).expect("outputs");
        }
    }
}

/// The names of the references in a text.
fn references(text: &str) -> Vec<&str> {
    let starts = text.replace("$${", "  {");
    let starts = starts.match_indices("${").map(|(start, _)| start + 2);
    starts.filter_map(|start| text.get(start..)?.split(['}', '.', '[']).next()).collect()
}

fn texts<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
    match value {
        Value::String(text) => found.push(text),
        Value::Array(items) => items.iter().for_each(|item| texts(item, found)),
        Value::Object(members) => members.values().for_each(|value| texts(value, found)),
        _ => {}
    }
}

/// Pulumi's YAML host evaluates what follows an output in a text concurrently with the rest of the program, and can crash then
/// (`concurrent map read and map write`). The outputs of the program are evaluated last, when nothing else is.
#[test]
fn in_a_text_no_reference_follows_one_that_is_known_only_during_the_deployment() {
    for program in ["Pulumi.yaml", "extension/Pulumi.yaml"] {
        let text = std::fs::read_to_string(folder().join(program)).expect("a program");
        let program: Value = serde_saphyr::from_str(&text).expect("YAML");
        let resources = program["resources"].as_object().expect("resources");
        let variables = program["variables"].as_object().expect("variables");
        let mut late: Vec<&str> = resources.keys().map(String::as_str).collect();
        loop {
            let before = late.len();
            for (name, value) in variables {
                let mut found = Vec::new();
                texts(value, &mut found);
                let refers = found.iter().any(|text| references(text).iter().any(|root| late.contains(root)));
                if !late.contains(&name.as_str()) && (refers || value.get("fn::invoke").is_some()) {
                    late.push(name);
                }
            }
            if late.len() == before {
                break;
            }
        }
        let mut found = Vec::new();
        resources.values().chain(variables.values()).for_each(|value| texts(value, &mut found));
        for text in found {
            let names = references(text);
            let all_but_the_last = names.split_last().map(|(_, others)| others).unwrap_or_default();
            assert!(!all_but_the_last.iter().any(|name| late.contains(name)), "use fn::join: {text}");
        }
    }
}
