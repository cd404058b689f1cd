//! Triggers that invoke functions, with real queues in the emulator.

#![expect(clippy::unwrap_used, reason = "test helpers: a panic fails the test")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{
    Message, MessageSystemAttributeNameForSends, MessageSystemAttributeValue, QueueAttributeName,
};
use aws_smithy_async::rt::sleep::{SharedAsyncSleep, TokioSleep};
use aws_smithy_runtime_api::client::behavior_version::BehaviorVersion;
use aws_types::SdkConfig;
use aws_types::region::Region;
use aws_types::sdk_config::SharedCredentialsProvider;
use dmm_emulator::Emulator;
use dmm_lambda_service::{
    AsyncConfig, FunctionConfig, FunctionService, Mapping, Permission, Receiver, RetryPolicy, RuleTarget,
    Schedule, Settings, Speed, Tracing,
};
use serde_json::Value;

const FUNCTION: &str = "arn:aws:lambda:eu-central-1:123456789012:function:probe";
/// How long a test waits for something before it fails, however busy the machine is.
const TIMEOUT: Duration = Duration::from_mins(10);
const RULE: &str = "arn:aws:events:eu-central-1:123456789012:rule/bus/rule";

/// An emulated SQS and a service with the probe.
struct Bench {
    emulator: Emulator,
    sqs: Client,
    rules: aws_sdk_eventbridge::Client,
    service: FunctionService,
    folder: tempfile::TempDir,
}

impl Bench {
    async fn start() -> Self {
        Self::with_tracing(None).await
    }

    async fn with_tracing(tracing: Option<Tracing>) -> Self {
        let target = Path::new(env!("CARGO_BIN_EXE_probe")).ancestors().nth(2).unwrap().to_path_buf();
        let options = dmm_emulator::Options {
            workspace_target: target,
            port: None,
            state: None,
            on_progress: Box::new(|_| {}),
        };
        let emulator = Emulator::start(options).await.unwrap();
        let config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("eu-central-1"))
            .endpoint_url(emulator.url())
            .credentials_provider(SharedCredentialsProvider::new(credentials()))
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .sleep_impl(SharedAsyncSleep::new(TokioSleep::new()))
            .build();
        let folder = tempfile::tempdir().unwrap();
        let service = FunctionService::new(Settings {
            region: "eu-central-1".to_owned(),
            account: "123456789012".to_owned(),
            endpoint_url: emulator.url().to_owned(),
            speed: Speed::times(600),
            tracing,
        });
        let rules = aws_sdk_eventbridge::Client::new(&config);
        let bench = Self { emulator, sqs: Client::new(&config), rules, service, folder };
        bench.service.add_function(bench.probe()).unwrap();
        bench
    }

    /// Adds a rule that is due every minute, and that may invoke the probe.
    async fn schedule(&self) {
        let expression = "rate(1 minute)";
        self.rules.put_rule().name("rule").schedule_expression(expression).send().await.unwrap();
        self.service.add_permission("probe", rule_may_invoke()).unwrap();
        let schedule = Schedule {
            rule_arn: RULE.to_owned(),
            rule_name: "rule".to_owned(),
            client: self.rules.clone(),
            rate: expression.parse().unwrap(),
            function: "probe".to_owned(),
        };
        self.service.add_schedule(schedule).unwrap();
    }

    fn probe(&self) -> FunctionConfig {
        FunctionConfig {
            name: "probe".to_owned(),
            arn: FUNCTION.to_owned(),
            binary: PathBuf::from(env!("CARGO_BIN_EXE_probe")),
            arguments: Vec::new(),
            environment: BTreeMap::new(),
            credentials: credentials(),
            timeout: Duration::from_secs(30),
            memory_mb: 128,
            reserved_concurrency: Some(1),
            log_file: Some(self.log()),
            active_tracing: false,
        }
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("probe.log")
    }

    /// Returns all events that the probe received, in order.
    fn events(&self) -> Vec<Value> {
        let log = std::fs::read_to_string(self.log()).unwrap_or_default();
        log.lines().filter_map(|line| serde_json::from_str(line.strip_prefix("event: ")?).ok()).collect()
    }

    /// Returns the bodies of the messages in each batch.
    fn batches(&self) -> Vec<Vec<String>> {
        let body = |record: &Value| record["body"].as_str().unwrap().to_owned();
        self.events()
            .iter()
            .map(|event| event["Records"].as_array().unwrap().iter().map(body).collect())
            .collect()
    }

    async fn queue(&self, name: &str, attributes: &[(QueueAttributeName, &str)]) -> String {
        let mut create = self.sqs.create_queue().queue_name(name);
        for (key, value) in attributes {
            create = create.attributes(key.clone(), *value);
        }
        create.send().await.unwrap().queue_url.unwrap()
    }

    async fn send(&self, queue: &str, group: &str, bodies: &[&str]) {
        for (index, body) in bodies.iter().enumerate() {
            self.sqs
                .send_message()
                .queue_url(queue)
                .message_body(*body)
                .message_group_id(group)
                .message_deduplication_id(format!("{group}-{index}-{body}"))
                .send()
                .await
                .unwrap();
        }
    }

    fn mapping(&self, queue: &str) -> Mapping {
        let name = queue.rsplit('/').next().unwrap();
        Mapping {
            queue_url: queue.to_owned(),
            queue_arn: format!("arn:aws:sqs:eu-central-1:123456789012:{name}"),
            client: self.sqs.clone(),
            operator: self.sqs.clone(),
            function: "probe".to_owned(),
            batch_size: 10,
            batching_window: Duration::ZERO,
            report_batch_item_failures: true,
            maximum_concurrency: Some(2),
        }
    }

    /// Waits for a message in a queue.
    async fn take(&self, queue: &str) -> Message {
        let taking = async {
            loop {
                let received = self
                    .sqs
                    .receive_message()
                    .queue_url(queue)
                    .wait_time_seconds(1)
                    .message_attribute_names("All")
                    .send()
                    .await
                    .unwrap();
                if let Some(message) = received.messages.unwrap_or_default().pop() {
                    return message;
                }
            }
        };
        tokio::time::timeout(TIMEOUT, taking).await.unwrap()
    }

    async fn stop(self) {
        self.service.stop().await;
        self.emulator.stop().await;
    }
}

fn credentials() -> Credentials {
    Credentials::new("id", "secret", None, None, "test")
}

async fn until(mut holds: impl FnMut() -> bool) {
    let waiting = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(TIMEOUT, waiting).await.unwrap();
}

#[tokio::test]
async fn a_failed_message_of_a_fifo_queue_comes_again_and_ends_in_the_dead_letter_queue_while_others_are_done()
 {
    let bench = Bench::start().await;
    let fifo = (QueueAttributeName::FifoQueue, "true");
    let dead = bench.queue("dead.fifo", std::slice::from_ref(&fifo)).await;
    let redrive =
        r#"{"deadLetterTargetArn":"arn:aws:sqs:eu-central-1:123456789012:dead.fifo","maxReceiveCount":2}"#;
    let queue = bench
        .queue(
            "work.fifo",
            &[
                fifo,
                (QueueAttributeName::RedrivePolicy, redrive),
                (QueueAttributeName::VisibilityTimeout, "180"),
            ],
        )
        .await;
    bench.send(&queue, "good", &["a", "b", "c"]).await;
    bench.send(&queue, "bad", &["fail"]).await;
    bench.service.add_mapping(bench.mapping(&queue)).unwrap();
    bench.service.start_triggers(false);
    let message = bench.take(&dead).await;
    assert_eq!(message.body(), Some("fail"));
    until(|| bench.batches().concat().len() >= 5).await;
    let bodies: Vec<String> = bench.batches().concat();
    let good: Vec<&str> = bodies.iter().map(String::as_str).filter(|body| *body != "fail").collect();
    assert_eq!(good, ["a", "b", "c"], "each once, in order");
    assert_eq!(
        bodies.iter().filter(|body| *body == "fail").count(),
        2,
        "as often as the redrive policy says"
    );
    bench.stop().await;
}

#[tokio::test]
async fn what_aws_refuses_of_a_mapping_is_refused() {
    let bench = Bench::start().await;
    let mapping = Mapping { batching_window: Duration::from_secs(5), ..bench.mapping("http://q/work.fifo") };
    assert!(
        bench
            .service
            .add_mapping(mapping)
            .unwrap_err()
            .to_string()
            .contains("maximumBatchingWindowInSeconds")
    );
    let mapping = Mapping { batch_size: 11, ..bench.mapping("http://q/work.fifo") };
    assert!(bench.service.add_mapping(mapping).unwrap_err().to_string().contains("10"));
    let mapping = Mapping { batch_size: 11, ..bench.mapping("http://q/work") };
    assert!(bench.service.add_mapping(mapping).unwrap_err().to_string().contains("at least 1"));
    let mapping = Mapping { maximum_concurrency: Some(1), ..bench.mapping("http://q/work.fifo") };
    assert!(bench.service.add_mapping(mapping).unwrap_err().to_string().contains("2 to 1000"));
    bench.stop().await;
}

fn target(bench: &Bench, queue: &str, dead: &str) -> RuleTarget {
    RuleTarget {
        queue_url: queue.to_owned(),
        client: bench.sqs.clone(),
        receiver: Receiver::Function("probe".to_owned()),
        rule_arn: RULE.to_owned(),
        retry_policy: RetryPolicy::default(),
        dead_letter_queue_url: Some(dead.to_owned()),
    }
}

fn rule_may_invoke() -> Permission {
    Permission { principal: "events.amazonaws.com".to_owned(), source_arn: Some(RULE.to_owned()) }
}

#[tokio::test]
async fn an_event_that_fails_three_times_ends_at_the_on_failure_destination() {
    let bench = Bench::start().await;
    let queue = bench.queue("rule", &[]).await;
    let dead = bench.queue("dead", &[]).await;
    let failures = bench.queue("failures", &[]).await;
    let config = AsyncConfig {
        on_failure_queue_url: Some(failures.clone()),
        client: Some(bench.sqs.clone()),
        ..AsyncConfig::default()
    };
    bench.service.configure_async("probe", config).unwrap();
    bench.service.add_permission("probe", rule_may_invoke()).unwrap();
    bench.service.add_rule_target(target(&bench, &queue, &dead)).unwrap();
    bench.service.start_triggers(false);
    let event = r#"{"id":"e-1","detail":{"fail":true}}"#;
    let header = "Root=1-695735a5-0123456789abcdef01234567;Parent=0123456789abcdef;Sampled=1";
    let trace =
        MessageSystemAttributeValue::builder().data_type("String").string_value(header).build().unwrap();
    let name = MessageSystemAttributeNameForSends::AwsTraceHeader;
    let send = bench.sqs.send_message().queue_url(&queue).message_body(event);
    send.message_system_attributes(name, trace).send().await.unwrap();
    let record: Value = serde_json::from_str(bench.take(&failures).await.body().unwrap()).unwrap();
    assert_eq!(record["requestContext"]["condition"], "RetriesExhausted");
    assert_eq!(record["requestContext"]["approximateInvokeCount"], 3);
    assert_eq!(record["requestContext"]["functionArn"], format!("{FUNCTION}:$LATEST"));
    assert_eq!(record["requestPayload"]["id"], "e-1");
    assert_eq!(record["responsePayload"]["errorType"], "Probe.Told");
    // Its lines may reach the log after the function has answered.
    until(|| bench.events().len() >= 3).await;
    assert_eq!(bench.events().len(), 3);
    let log = std::fs::read_to_string(bench.log()).unwrap();
    let id = record["requestContext"]["requestId"].as_str().unwrap();
    let ids: Vec<&str> =
        log.lines().filter_map(|line| line.strip_prefix("request: ")?.rsplit('/').next()).collect();
    assert_eq!(ids, [id; 3], "the record names the invocation as the function's own logs do");
    let traces: Vec<&str> = log.lines().filter_map(|line| line.strip_prefix("trace: ")).collect();
    assert_eq!(traces, [header; 3], "the event's trace goes on in the function");
    until(|| !bench.service.is_busy()).await;
    bench.stop().await;
}

#[tokio::test]
async fn an_event_of_a_rule_that_may_not_invoke_the_function_goes_to_the_targets_dead_letter_queue() {
    let bench = Bench::start().await;
    let queue = bench.queue("rule", &[]).await;
    let dead = bench.queue("dead", &[]).await;
    let other = Permission { source_arn: Some(format!("{RULE}-other")), ..rule_may_invoke() };
    bench.service.add_permission("probe", other).unwrap();
    bench.service.add_rule_target(target(&bench, &queue, &dead)).unwrap();
    bench.service.start_triggers(false);
    bench.sqs.send_message().queue_url(&queue).message_body(r#"{"id":"e-1"}"#).send().await.unwrap();
    let message = bench.take(&dead).await;
    assert_eq!(message.body(), Some(r#"{"id":"e-1"}"#));
    let attribute =
        |name: &str| message.message_attributes().unwrap()[name].string_value().unwrap().to_owned();
    assert_eq!(attribute("ERROR_CODE"), "NO_PERMISSIONS");
    assert_eq!((attribute("RULE_ARN"), attribute("TARGET_ARN")), (RULE.to_owned(), FUNCTION.to_owned()));
    assert!(bench.events().is_empty());
    bench.stop().await;
}

#[tokio::test]
async fn an_event_waits_while_lambda_takes_none_and_goes_to_the_dead_letter_queue_when_its_retries_are_used_up()
 {
    let bench = Bench::start().await;
    let queue = bench.queue("rule", &[]).await;
    let dead = bench.queue("dead", &[]).await;
    bench.service.add_permission("probe", rule_may_invoke()).unwrap();
    let retry_policy = RetryPolicy { maximum_retry_attempts: 3, ..RetryPolicy::default() };
    bench.service.add_rule_target(RuleTarget { retry_policy, ..target(&bench, &queue, &dead) }).unwrap();
    bench.service.set_reachable("probe", false);
    bench.service.start_triggers(false);
    bench.sqs.send_message().queue_url(&queue).message_body(r#"{"id":"lost"}"#).send().await.unwrap();
    let message = bench.take(&dead).await;
    let attribute =
        |name: &str| message.message_attributes().unwrap()[name].string_value().unwrap().to_owned();
    assert_eq!(message.body(), Some(r#"{"id":"lost"}"#));
    assert_eq!(
        (attribute("RETRY_ATTEMPTS"), attribute("EXHAUSTED_RETRY_CONDITION")),
        ("3".to_owned(), "MaximumRetryAttempts".to_owned())
    );
    assert!(bench.events().is_empty());
    bench.service.set_reachable("probe", true);
    bench.sqs.send_message().queue_url(&queue).message_body(r#"{"id":"later"}"#).send().await.unwrap();
    until(|| bench.events().iter().any(|event| event["id"] == "later")).await;
    bench.stop().await;
}

#[tokio::test]
async fn a_schedule_invokes_its_function_again_and_again_with_a_scheduled_event() {
    let bench = Bench::start().await;
    bench.schedule().await;
    bench.service.start_triggers(true);
    until(|| bench.events().len() >= 3).await;
    let event = bench.events().remove(0);
    assert_eq!(event["detail-type"], "Scheduled Event");
    assert_eq!(event["source"], "aws.events");
    assert_eq!(event["resources"], serde_json::json!([RULE]));
    bench.stop().await;
}

#[tokio::test]
async fn a_schedule_that_is_disabled_waits_until_it_is_enabled() {
    let bench = Bench::start().await;
    bench.schedule().await;
    bench.rules.disable_rule().name("rule").send().await.unwrap();
    bench.service.start_triggers(true);
    // A rule that was created later is due first only if the disabled one is skipped.
    let other = "arn:aws:events:eu-central-1:123456789012:rule/other";
    bench.rules.put_rule().name("other").schedule_expression("rate(1 minute)").send().await.unwrap();
    let permission = Permission { source_arn: Some(other.to_owned()), ..rule_may_invoke() };
    bench.service.add_permission("probe", permission).unwrap();
    let schedule = Schedule {
        rule_arn: other.to_owned(),
        rule_name: "other".to_owned(),
        client: bench.rules.clone(),
        rate: "rate(1 minute)".parse().unwrap(),
        function: "probe".to_owned(),
    };
    bench.service.add_schedule(schedule).unwrap();
    bench.service.start_triggers(true);
    until(|| bench.events().len() >= 3).await;
    let by_rule = |arn: &str| {
        bench.events().iter().filter(|event| event["resources"] == serde_json::json!([arn])).count()
    };
    assert_eq!(by_rule(RULE), 0);
    bench.rules.enable_rule().name("rule").send().await.unwrap();
    until(|| by_rule(RULE) > 0).await;
    bench.stop().await;
}

#[tokio::test]
async fn an_event_that_waits_too_long_for_the_functions_concurrency_is_given_up() {
    let bench = Bench::start().await;
    let queue = bench.queue("rule", &[]).await;
    let dead = bench.queue("dead", &[]).await;
    let failures = bench.queue("failures", &[]).await;
    let config = AsyncConfig {
        // AWS takes a minute at least, which would be a minute here, too.
        maximum_event_age: Duration::from_millis(100),
        on_failure_queue_url: Some(failures.clone()),
        client: Some(bench.sqs.clone()),
        ..AsyncConfig::default()
    };
    bench.service.configure_async("probe", config).unwrap();
    bench.service.add_permission("probe", rule_may_invoke()).unwrap();
    bench.service.add_rule_target(target(&bench, &queue, &dead)).unwrap();
    bench.service.start_triggers(false);
    let service = bench.service.clone();
    let running =
        tokio::spawn(async move { service.invoke("probe", bytes::Bytes::from_static(b"\"hang\"")).await });
    until(|| bench.events().len() == 1).await;
    bench.sqs.send_message().queue_url(&queue).message_body(r#"{"id":"e-1"}"#).send().await.unwrap();
    let record: Value = serde_json::from_str(bench.take(&failures).await.body().unwrap()).unwrap();
    assert_eq!(record["requestContext"]["condition"], "EventAgeExceeded");
    assert_eq!(record["requestContext"]["approximateInvokeCount"], 0);
    bench.service.kill("probe");
    running.await.unwrap().unwrap_err();
    bench.stop().await;
}

#[tokio::test]
async fn dropping_the_last_handle_ends_the_triggers() {
    // Whatever is part of the service holds the sender.
    let (segments, mut held) = tokio::sync::mpsc::unbounded_channel();
    let tracing = Tracing { daemon: ([127, 0, 0, 1], 1).into(), segments };
    let bench = Bench::with_tracing(Some(tracing)).await;
    bench.schedule().await;
    let Bench { emulator, service, folder, .. } = bench;
    service.start_triggers(true);
    let log = folder.path().join("probe.log");
    let lines = || std::fs::read_to_string(&log).unwrap_or_default().lines().count();
    until(|| lines() > 0).await;
    drop(service);
    let end = tokio::time::timeout(TIMEOUT, held.recv()).await;
    assert_eq!(end, Ok(None), "nothing of the service is left");
    emulator.stop().await;
}
