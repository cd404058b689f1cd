use super::*;
use crate::environment::tests::with;

/// What Lambda and `pulumi/Pulumi.yaml` set for all functions together.
const COMPLETE: [(&str, &str); 16] = [
    ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
    ("AWS_ENDPOINT_URL", "http://127.0.0.1:1"),
    ("AWS_REGION", "eu-central-1"),
    ("AWS_SECRET_ACCESS_KEY", "s3cret"),
    ("AWS_SESSION_TOKEN", "t0ken"),
    ("ALLOWED_RESOURCE_ACCOUNTS", "123456789012"),
    ("ALLOWED_ROLES", "consumer-*,/data/*"),
    ("DEAD_LETTER_QUEUE_URL", "https://sqs.example.com/1/dead.fifo"),
    ("DMM_API_KEY_SECRET_ID", "dmm/api-key"),
    ("DMM_BASE_URL", "https://api.example.com/"),
    ("EVENTS_QUEUE_URL", "https://sqs.example.com/1/dmm_events.fifo"),
    ("EVENT_BUS_NAME", "dmm"),
    ("MANAGED_POLICY_ARN_PREFIX", "arn:aws:iam::123456789012:policy/dmm-test/"),
    ("OPT_IN_PATH", "/dmm-consumers/"),
    ("SCAN_ROLES", "true"),
    ("STATE_BUCKET", "state"),
];

/// The names of the variables that each function requires.
const AWS: [&str; 3] = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION"];
const API: [&str; 2] = ["DMM_BASE_URL", "DMM_API_KEY_SECRET_ID"];
const AGREEMENT: [&str; 4] = ["STATE_BUCKET", "ALLOWED_ROLES", "MANAGED_POLICY_ARN_PREFIX", "OPT_IN_PATH"];

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
        ("MANAGED_POLICY_ARN_PREFIX", "arn:aws:s3:::bucket"),
        ("OPT_IN_PATH", "/"),
        ("MODE", "watch"),
        ("PROTECTED_ROLES", "own /x"),
        ("REVOCATION_LIMIT", "-1"),
        ("REVOCATION_LIMIT_PERCENT", "5%"),
        ("SCAN_ROLES", "yes"),
        ("SSL_CERT_FILE", "/no/such/file.pem"),
    ] {
        let error = read(name, Some(value), ReconcileConfig::read).expect_err(name);
        assert!(error.contains(name), "{error}");
    }
    let error = read("EVENTS_QUEUE_URL", Some("https://sqs.example.com/1/q"), FeedConfig::read);
    assert!(error.expect_err("not FIFO").contains("EVENTS_QUEUE_URL"));
    let error = read("DEAD_LETTER_QUEUE_URL", Some("https://sqs.example.com/1/q"), RouterConfig::read);
    assert!(error.expect_err("not FIFO").contains("DEAD_LETTER_QUEUE_URL"));
}

#[test]
fn every_variable_reaches_its_field() {
    let config = read("PROTECTED_ROLES", Some("own-*"), ReconcileConfig::read).unwrap();
    let ReconcileConfig { agreement, scan_roles } = config;
    assert!(scan_roles);
    assert_eq!(agreement.state_bucket, "state");
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
        allowed_roles: ["consumer-*", "/data/*"].map(str::to_owned).to_vec(),
        protected_roles: vec!["own-*".to_owned()],
        allowed_resource_accounts: vec!["123456789012".to_owned()],
        account: "123456789012".to_owned(),
        ..GuardrailSettings::default()
    };
    assert_eq!(agreement.guardrails, Guardrails::new(guardrails).unwrap());
    assert_eq!(agreement.managed_policies, COMPLETE[12].1.parse().unwrap());
    assert_eq!(agreement.opt_in, "/dmm-consumers/".parse().unwrap());
    let config = read("", None, FeedConfig::read).unwrap();
    assert_eq!((config.events_queue_url.as_str(), config.state_bucket.as_str()), (COMPLETE[10].1, "state"));
    let config = read("", None, RouterConfig::read).unwrap();
    assert_eq!(
        (config.event_bus_name.as_str(), config.dead_letter_queue_url.as_str()),
        ("dmm", COMPLETE[7].1)
    );
}

#[test]
fn without_further_settings_the_functions_act_within_the_usual_limits() {
    let config = read("", None, AgreementConfig::read).unwrap();
    assert_eq!((config.mode, config.organization, config.brake), (Mode::Enforce, None, Brake::default()));
    let agreement = |name, value| read(name, Some(value), AgreementConfig::read).unwrap();
    assert_eq!(agreement("MODE", "observe").mode, Mode::Observe);
    assert_eq!(agreement("ORGANIZATION", "acme").organization.as_deref(), Some("acme"));
    assert_eq!(agreement("REVOCATION_LIMIT", "3").brake, Brake { limit: 3, ..Brake::default() });
    assert_eq!(agreement("REVOCATION_LIMIT_PERCENT", "0").brake, Brake { percent: 0, ..Brake::default() });
}

#[test]
fn an_error_says_what_to_set() {
    assert_eq!(
        read("DMM_API_KEY_SECRET_ID", None, FeedConfig::read).unwrap_err(),
        "the environment variable DMM_API_KEY_SECRET_ID is not set: set it to the name or ARN of the secret that holds \
         Data Mesh Manager's API key"
    );
}
