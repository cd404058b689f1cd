//! Invocations of a real process through the Runtime API.

#![expect(clippy::unwrap_used, clippy::panic, reason = "test helpers: a panic fails the test")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use aws_credential_types::Credentials;
use bytes::Bytes;
use dmm_lambda_service::{FunctionConfig, FunctionService, InvokeError, Settings, Speed};
use serde_json::Value;

/// How long a test waits for something before it fails, however busy the machine is.
const TIMEOUT: Duration = Duration::from_mins(10);
/// The time limit of a function that is not to reach it.
const LIMIT: Duration = Duration::from_mins(10);

fn service() -> FunctionService {
    FunctionService::new(Settings {
        region: "eu-central-1".to_owned(),
        account: "123456789012".to_owned(),
        endpoint_url: "http://127.0.0.1:1".to_owned(),
        speed: Speed::times(600),
        tracing: None,
    })
}

fn probe(timeout: Duration) -> FunctionConfig {
    FunctionConfig {
        name: "probe".to_owned(),
        arn: "arn:aws:lambda:eu-central-1:123456789012:function:probe".to_owned(),
        binary: Path::new(env!("CARGO_BIN_EXE_probe")).to_path_buf(),
        arguments: Vec::new(),
        environment: BTreeMap::new(),
        credentials: Credentials::new("id", "secret", Some("token".to_owned()), None, "test"),
        timeout,
        memory_mb: 128,
        reserved_concurrency: Some(1),
        log_file: None,
        active_tracing: false,
    }
}

fn with_probe() -> FunctionService {
    let service = service();
    service.add_function(probe(LIMIT)).unwrap();
    service
}

async fn answer(service: &FunctionService, payload: &'static str) -> Result<Value, InvokeError> {
    let body = service.invoke("probe", Bytes::from_static(payload.as_bytes())).await?;
    Ok(serde_json::from_slice(&body).unwrap())
}

fn error_type(error: &InvokeError) -> &str {
    match error {
        InvokeError::Function { error, .. } => &error.error_type,
        other => panic!("a function's error expected: {other}"),
    }
}

#[tokio::test]
async fn a_function_answers_and_its_process_serves_the_next_invocation_too() {
    let service = with_probe();
    assert_eq!(answer(&service, r#"{"a":1}"#).await.unwrap(), serde_json::json!({ "a": 1 }));
    let now = || jiff::Timestamp::now().as_millisecond();
    let before = now();
    let first = answer(&service, "\"headers\"").await.unwrap();
    let after = now();
    let second = answer(&service, "\"headers\"").await.unwrap();
    assert_eq!(first["pid"], second["pid"]);
    assert_eq!(first["arn"], "arn:aws:lambda:eu-central-1:123456789012:function:probe");
    let deadline: i64 = first["deadline"].as_str().unwrap().parse().unwrap();
    let limit = i64::try_from(LIMIT.as_millis()).unwrap();
    assert!((before + limit..=after + limit).contains(&deadline), "{before} {deadline} {after}");
    assert!(first["trace"].as_str().unwrap().starts_with("Root=1-"), "{first}");
}

#[tokio::test]
async fn a_function_gets_the_variables_of_lambda_and_none_of_this_process() {
    let service = with_probe();
    let names: BTreeSet<String> =
        serde_json::from_value(answer(&service, "\"environment\"").await.unwrap()).unwrap();
    for name in
        ["AWS_LAMBDA_FUNCTION_NAME", "AWS_SESSION_TOKEN", "AWS_REGION", "AWS_ENDPOINT_URL", "_HANDLER"]
    {
        assert!(names.contains(name), "{name} is missing in {names:?}");
    }
    assert!(!names.contains("CARGO_MANIFEST_DIR") && !names.contains("PATH"), "{names:?}");
}

#[tokio::test]
async fn a_function_that_reports_an_error_keeps_its_process() {
    let service = with_probe();
    let before = answer(&service, "\"headers\"").await.unwrap();
    let error = answer(&service, "\"fail\"").await.unwrap_err();
    assert_eq!(error_type(&error), "Probe.Told");
    assert_eq!(answer(&service, "\"headers\"").await.unwrap()["pid"], before["pid"]);
}

#[tokio::test]
async fn a_process_that_ends_is_an_error_and_the_next_invocation_gets_a_new_one() {
    let service = with_probe();
    let error = answer(&service, "\"crash\"").await.unwrap_err();
    assert_eq!(error_type(&error), "Runtime.ExitError");
    assert_eq!(answer(&service, "1").await.unwrap(), 1);
}

#[tokio::test]
async fn a_function_that_takes_too_long_is_ended() {
    let service = service();
    service.add_function(probe(Duration::from_millis(300))).unwrap();
    let error = answer(&service, "\"hang\"").await.unwrap_err();
    assert_eq!(error_type(&error), "Sandbox.Timedout");
    assert!(error.to_string().contains("Task timed out after 0.30 seconds"), "{error}");
}

#[tokio::test]
async fn a_start_that_fails_is_reported_with_what_the_function_said() {
    let service = service();
    let mut config = probe(LIMIT);
    config.environment.insert("PROBE_INIT".to_owned(), "fail".to_owned());
    service.add_function(config).unwrap();
    let error = answer(&service, "1").await.unwrap_err();
    assert_eq!(error_type(&error), "Probe.Init");
}

#[tokio::test]
async fn what_a_function_prints_is_kept_in_its_log() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("probe.log");
    let service = service();
    let config = FunctionConfig { log_file: Some(log.clone()), ..probe(LIMIT) };
    service.add_function(config).unwrap();
    answer(&service, "42").await.unwrap();
    let kept = async {
        while !std::fs::read_to_string(&log).unwrap_or_default().contains("event: 42") {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(TIMEOUT, kept).await.unwrap();
}

#[tokio::test]
async fn an_invocation_beyond_the_concurrency_is_throttled_and_killing_ends_the_one_that_runs() {
    let service = with_probe();
    let other = service.clone();
    let hanging = tokio::spawn(async move { other.invoke("probe", Bytes::from_static(b"\"hang\"")).await });
    while !service.is_busy() {
        tokio::task::yield_now().await;
    }
    let error = service.invoke("probe", Bytes::from_static(b"1")).await.unwrap_err();
    assert!(matches!(error, InvokeError::Throttled(_)), "{error}");
    let killed = async {
        while !hanging.is_finished() {
            service.kill("probe");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(TIMEOUT, killed).await.unwrap();
    assert_eq!(error_type(&hanging.await.unwrap().unwrap_err()), "Runtime.ExitError");
    assert!(!service.is_busy());
}

#[tokio::test]
async fn an_unknown_function_and_a_missing_binary_are_errors_that_name_them() {
    let service = service();
    let error = service.invoke("nothing", Bytes::new()).await.unwrap_err();
    assert!(error.to_string().contains("nothing") && matches!(error, InvokeError::Unknown(_)), "{error}");
    let config = FunctionConfig { binary: "/nowhere/bootstrap".into(), ..probe(Duration::from_secs(1)) };
    service.add_function(config).unwrap();
    let error = answer(&service, "1").await.unwrap_err();
    assert!(error.to_string().contains("/nowhere/bootstrap"), "{error}");
}

#[tokio::test]
async fn a_process_that_ends_after_its_answer_costs_the_next_invocation_nothing() {
    let service = with_probe();
    for _ in 0..5 {
        answer(&service, "\"answer and end\"").await.unwrap();
        assert_eq!(answer(&service, "1").await.unwrap(), 1);
    }
}

#[tokio::test]
async fn output_that_is_not_utf_8_is_kept_and_the_function_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("probe.log");
    let service = service();
    let config = FunctionConfig { log_file: Some(log.clone()), ..probe(LIMIT) };
    service.add_function(config).unwrap();
    answer(&service, "\"bytes\"").await.unwrap();
    for _ in 0..5 {
        assert_eq!(answer(&service, "42").await.unwrap(), 42);
    }
    let kept = async {
        while !std::fs::read_to_string(&log).unwrap_or_default().contains("event: 42") {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(TIMEOUT, kept).await.unwrap();
}

#[tokio::test]
async fn a_slow_start_does_not_use_up_the_time_of_the_first_invocation() {
    let service = service();
    // Less than the start takes, and more than an answer takes on a busy machine.
    let mut config = probe(Duration::from_secs(5));
    config.environment.insert("PROBE_INIT".to_owned(), "slow".to_owned());
    service.add_function(config).unwrap();
    assert_eq!(answer(&service, "1").await.unwrap(), 1);
}

#[tokio::test]
async fn a_variable_that_lambda_sets_itself_is_refused() {
    let service = service();
    let mut config = probe(Duration::from_secs(1));
    config.environment.insert("AWS_REGION".to_owned(), "elsewhere".to_owned());
    assert!(service.add_function(config).unwrap_err().to_string().contains("AWS_REGION"));
}
