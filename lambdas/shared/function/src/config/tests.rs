use dmm_access::arn::Partition;
use dmm_access::guardrails::{GuardrailSettings, Guardrails};
use dmm_access::ownership::Ownership;
use dmm_aws::LockMode;
use dmm_converge::{Brake, Mode};

use super::*;
use crate::environment::tests::with;

/// What Lambda and `pulumi/Pulumi.yaml` set for all functions together.
const COMPLETE: [(&str, &str); 30] = [
    ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
    ("AWS_ENDPOINT_URL", "http://127.0.0.1:1"),
    ("AWS_REGION", "eu-central-1"),
    ("AWS_SECRET_ACCESS_KEY", "s3cret"),
    ("AWS_SESSION_TOKEN", "t0ken"),
    ("ALLOWED_RESOURCE_ACCOUNTS", "123456789012"),
    ("ALLOWED_ROLES", "consumer-*,/data/*"),
    ("CONNECTOR_ID", "aws-1"),
    ("DEAD_LETTER_QUEUE_URL", "https://sqs.example.com/1/dead.fifo"),
    ("DMM_API_KEY_SECRET_ID", "dmm/api-key"),
    ("DMM_BASE_URL", "https://api.example.com/"),
    ("EVENTS_QUEUE_URL", "https://sqs.example.com/1/dmm_events.fifo"),
    ("EVENT_BUS_NAME", "dmm"),
    ("EVIDENCE_LOCK", "none"),
    ("EVIDENCE_RETENTION_DAYS", "400"),
    ("LEGACY_GENERATIONS", "false"),
    ("MANAGED_POLICY_ARN_PREFIX", "arn:aws:iam::123456789012:policy/dmm-test/"),
    ("MODE", "observe"),
    ("OPT_IN_PATH", "/dmm-consumers/"),
    ("ORGANIZATION", "acme"),
    ("OWN_RESOURCES", "arn:aws:sqs:eu-central-1:123456789012:dmm-*,arn:aws:s3:::audit"),
    ("RESOURCE_OWNERS", r#"{"team:sales":["arn:aws:s3:::sales-*"]}"#),
    ("RESOURCE_OWNERSHIP", "report"),
    ("REVOCATION_LIMIT", "3"),
    ("REVOCATION_LIMIT_PERCENT", "7"),
    ("ROLE_OWNERSHIP", "off"),
    ("SCAN_ROLES", "true"),
    ("SERVED_ACCOUNTS", "123456789012,210987654321"),
    ("SIMULATE_ACCESS", "true"),
    ("STATE_BUCKET", "state"),
];

/// The names of the variables that each function requires.
const AWS: [&str; 3] = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION"];
const API: [&str; 2] = ["DMM_BASE_URL", "DMM_API_KEY_SECRET_ID"];
const AGREEMENT: [&str; 5] =
    ["STATE_BUCKET", "ALLOWED_ROLES", "MANAGED_POLICY_ARN_PREFIX", "OPT_IN_PATH", "OWN_RESOURCES"];

/// The value of a variable in [`COMPLETE`].
fn complete(name: &str) -> &'static str {
    COMPLETE.iter().find(|(known, _)| *known == name).expect("a known variable").1
}

/// Reads a configuration from a complete environment, in which this variable has this value or is not set.
fn read<T>(
    name: &str,
    value: Option<&str>,
    read: impl FnOnce(&Environment<'_>) -> Result<T, ConfigError>,
) -> Result<T, String> {
    let others = COMPLETE.into_iter().filter(|(other, _)| *other != name);
    let variables: Vec<_> = others.chain(value.map(|value| (name, value))).collect();
    with(&variables, read).map_err(|error| error.to_string())
}

/// Every variable in `required` is missed if it is not set, and no other.
fn requires<T>(required: &[&[&str]], read_config: fn(&Environment<'_>) -> Result<T, ConfigError>) {
    for (name, _) in COMPLETE {
        let result = read(name, None, read_config);
        if required.concat().contains(&name) {
            let error = result.err().unwrap_or_else(|| panic!("{name} is not missed"));
            assert!(error.contains(name), "{error}");
        } else {
            assert!(result.is_ok(), "{name}");
        }
    }
}

#[test]
fn each_function_requires_the_variables_that_it_uses_and_no_others() {
    requires(&[&AWS, &API, &["EVENTS_QUEUE_URL", "STATE_BUCKET"]], FeedConfig::read);
    requires(&[&AWS, &["EVENT_BUS_NAME", "DEAD_LETTER_QUEUE_URL"]], RouterConfig::read);
    requires(&[&AWS, &API, &AGREEMENT], AgreementConfig::read);
    requires(&[&AWS, &API, &AGREEMENT, &["SCAN_ROLES"]], ReconcileConfig::read);
}

#[test]
fn an_invalid_value_is_named_with_its_variable() {
    for (name, value) in [
        ("ALLOWED_RESOURCE_ACCOUNTS", "12345"),
        ("ALLOWED_ROLES", "consumer /x"),
        ("DMM_BASE_URL", "http://api.example.com"),
        ("EVIDENCE_LOCK", "worm"),
        ("EVIDENCE_RETENTION_DAYS", "0"),
        ("EVIDENCE_RETENTION_DAYS", "a year"),
        ("EVIDENCE_RETENTION_DAYS", "100000"),
        ("LEGACY_GENERATIONS", "no"),
        ("MANAGED_POLICY_ARN_PREFIX", "arn:aws:s3:::bucket"),
        ("MODE", "dry-run"),
        ("OPT_IN_PATH", "/"),
        ("OWN_RESOURCES", "dmm-state"),
        ("OWN_RESOURCES", ","),
        ("PROTECTED_ROLES", "own /x"),
        ("RESOURCE_OWNERS", "sales"),
        ("RESOURCE_OWNERS", r#"{"sales":["arn:aws:s3:::sales"]}"#),
        ("RESOURCE_OWNERSHIP", "true"),
        ("REVOCATION_LIMIT", "-1"),
        ("REVOCATION_LIMIT", "ten"),
        ("REVOCATION_LIMIT_PERCENT", "101"),
        ("ROLE_OWNERSHIP", "on"),
        ("SCAN_ROLES", "yes"),
        ("SIMULATE_ACCESS", "1"),
        ("SERVED_ACCOUNTS", "210987654321"),
        ("SERVED_ACCOUNTS", "12345"),
        ("SSL_CERT_FILE", "/no/such/file.pem"),
    ] {
        let error = read(name, Some(value), ReconcileConfig::read).expect_err(name);
        assert!(error.contains(name), "{error}");
    }
    let error = read("EVENTS_QUEUE_URL", Some("https://sqs.example.com/1/q"), FeedConfig::read);
    assert!(error.expect_err("not FIFO").contains("EVENTS_QUEUE_URL"));
    let error = read("CONNECTOR_ID", Some("a/b"), FeedConfig::read).expect_err("a slash");
    assert!(error.contains("CONNECTOR_ID") && error.contains("slash"), "{error}");
    let error = read("DEAD_LETTER_QUEUE_URL", Some("https://sqs.example.com/1/q"), RouterConfig::read);
    assert!(error.expect_err("not FIFO").contains("DEAD_LETTER_QUEUE_URL"));
}

#[test]
fn every_variable_reaches_its_field() {
    let config = read("PROTECTED_ROLES", Some("own-*"), ReconcileConfig::read).unwrap();
    let ReconcileConfig { agreement, scan_roles } = config;
    assert!(scan_roles);
    assert_eq!(agreement.state_bucket, "state");
    assert_eq!(agreement.evidence.retention.days(), 400);
    assert_eq!(agreement.evidence.lock, None);
    assert_eq!(agreement.api.base_url.as_str(), "https://api.example.com");
    assert_eq!(agreement.api.api_key_secret_id, "dmm/api-key");
    assert_eq!(agreement.aws.region, "eu-central-1");
    assert_eq!(agreement.aws.endpoint_url.as_deref(), Some("http://127.0.0.1:1"));
    let credentials = agreement.aws.credentials;
    assert_eq!(
        (credentials.access_key_id(), credentials.secret_access_key(), credentials.session_token()),
        ("AKIDEXAMPLE", "s3cret", Some("t0ken"))
    );
    let guardrails = GuardrailSettings {
        account: "123456789012".to_owned(),
        partition: Partition::Aws,
        region: "eu-central-1".to_owned(),
        served_accounts: ["123456789012", "210987654321"].map(str::to_owned).to_vec(),
        allowed_roles: ["consumer-*", "/data/*"].map(str::to_owned).to_vec(),
        protected_roles: vec!["own-*".to_owned()],
        allowed_resource_accounts: vec!["123456789012".to_owned()],
        own_resources: [
            "arn:aws:sqs:eu-central-1:123456789012:dmm-*",
            "arn:aws:s3:::audit",
            "arn:aws:s3:::state",
            "arn:aws:iam::123456789012:policy/dmm-test/*",
        ]
        .map(str::to_owned)
        .to_vec(),
        resource_ownership: Ownership::Report,
        role_ownership: Ownership::Off,
        resource_owners: complete("RESOURCE_OWNERS").parse().unwrap(),
    };
    assert_eq!(agreement.guardrails, Guardrails::new(guardrails).unwrap());
    assert_eq!(agreement.managed_policies, complete("MANAGED_POLICY_ARN_PREFIX").parse().unwrap());
    assert_eq!(agreement.opt_in, "/dmm-consumers/".parse().unwrap());
    assert_eq!(agreement.mode, Mode::Observe);
    assert_eq!(agreement.brake, Brake { limit: 3, percent: 7 });
    assert_eq!(agreement.organization.as_deref(), Some("acme"));
    assert!(!agreement.legacy_generations);
    assert!(agreement.simulate_access);
    let config = read("", None, FeedConfig::read).unwrap();
    assert_eq!(
        (config.events_queue_url.as_str(), config.state_bucket.as_str()),
        (complete("EVENTS_QUEUE_URL"), "state")
    );
    assert_eq!(config.connector_id, Some(complete("CONNECTOR_ID").parse().unwrap()));
    let config = read("", None, RouterConfig::read).unwrap();
    assert_eq!(
        (config.event_bus_name.as_str(), config.dead_letter_queue_url.as_str()),
        ("dmm", complete("DEAD_LETTER_QUEUE_URL"))
    );
}

#[test]
fn what_is_not_set_has_its_documented_default() {
    let config = |name| read(name, None, AgreementConfig::read).unwrap();
    assert_eq!(config("MODE").mode, Mode::Enforce);
    assert_eq!(config("EVIDENCE_RETENTION_DAYS").evidence.retention.days(), 36_500);
    assert!(config("LEGACY_GENERATIONS").legacy_generations);
    assert!(!config("SIMULATE_ACCESS").simulate_access);
    assert_eq!(config("ORGANIZATION").organization, None);
    assert_eq!(config("REVOCATION_LIMIT").brake, Brake { limit: 10, percent: 7 });
    assert_eq!(config("REVOCATION_LIMIT_PERCENT").brake, Brake { limit: 3, percent: 5 });
    assert_eq!(read("CONNECTOR_ID", None, FeedConfig::read).unwrap().connector_id, None);
    // The owners of resources and roles are required.
    for name in ["RESOURCE_OWNERSHIP", "ROLE_OWNERSHIP"] {
        let required = read(name, Some("require"), AgreementConfig::read).unwrap();
        assert_eq!(config(name).guardrails, required.guardrails, "{name}");
    }
}

#[test]
fn an_error_says_what_to_set() {
    assert_eq!(
        read("DMM_API_KEY_SECRET_ID", None, FeedConfig::read).unwrap_err(),
        "the environment variable DMM_API_KEY_SECRET_ID is not set: set it to the name or ARN of the secret that holds \
         Data Mesh Manager's API key"
    );
}

#[test]
fn a_lock_needs_a_retention_that_was_chosen() {
    let locked = |lock: &str, days: Option<&str>| {
        let others = COMPLETE.into_iter().filter(|(name, _)| !name.starts_with("EVIDENCE_"));
        let days = days.map(|days| ("EVIDENCE_RETENTION_DAYS", days));
        let variables: Vec<_> = others.chain([("EVIDENCE_LOCK", lock)]).chain(days).collect();
        let config = with(&variables, AgreementConfig::read).map_err(|error| error.to_string())?;
        Ok::<_, String>(config.evidence.lock)
    };
    for (lock, mode) in [("governance", LockMode::Governance), ("compliance", LockMode::Compliance)] {
        assert_eq!(locked(lock, Some("9999")), Ok(Some(mode)));
        for days in [None, Some("10000")] {
            let error = locked(lock, days).unwrap_err();
            assert!(
                error.contains("EVIDENCE_RETENTION_DAYS") && error.contains("too long for a lock"),
                "{error}"
            );
        }
    }
}
