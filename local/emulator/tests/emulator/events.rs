//! Tests of EventBridge: which events the targets of rules receive. IAM is not enforced in these tests.

use aws_sdk_eventbridge::types::{InputTransformer, PutEventsRequestEntry, RuleState, Target};
use aws_sdk_sqs::types::MessageSystemAttributeName;
use aws_smithy_types::DateTime;
use serde_json::{Value, json};

use crate::common::{ACCOUNT, REGION};
use crate::services::{arn, config, queue, receive, sqs};

fn events() -> aws_sdk_eventbridge::Client {
    aws_sdk_eventbridge::Client::new(&config())
}

async fn rule(
    bus: &str,
    name: &str,
    pattern: &Value,
    target: aws_sdk_eventbridge::types::builders::TargetBuilder,
) {
    events()
        .put_rule()
        .name(name)
        .event_bus_name(bus)
        .event_pattern(pattern.to_string())
        .send()
        .await
        .unwrap();
    let target: Target = target.id("queue").build().unwrap();
    events().put_targets().rule(name).event_bus_name(bus).targets(target).send().await.unwrap();
}

fn event(detail_type: &str, detail: &Value) -> PutEventsRequestEntry {
    PutEventsRequestEntry::builder()
        .source("com.datamesh-manager")
        .detail_type(detail_type)
        .detail(detail.to_string())
        .time(DateTime::from_secs(1_700_000_000))
        .trace_header("Root=1-5759e988-bd862e3fe1be46a994272793")
        .event_bus_name("dmm")
        .build()
}

#[tokio::test]
async fn queues_receive_whole_partial_constant_and_transformed_events() {
    events().create_event_bus().name("dmm").send().await.unwrap();
    let mut urls = Vec::new();
    for name in ["whole", "part", "constant", "transformed", "disabled"] {
        urls.push(queue(name, &[]).await);
    }
    let pattern = json!({"detail-type": ["AccessActivatedEvent"], "source": [{"prefix": "com."}]});
    let to = |name: &str| Target::builder().arn(arn(name));
    let transformer = InputTransformer::builder()
        .input_paths_map("type", "$.detail-type")
        .input_paths_map("data", "$.detail.data")
        .input_template(r#"{"text": "got <type>", "data": <data>}"#)
        .build()
        .unwrap();
    rule("dmm", "whole", &pattern, to("whole")).await;
    rule("dmm", "part", &pattern, to("part").input_path("$.detail.data")).await;
    rule("dmm", "constant", &pattern, to("constant").input("{\"a\": 1}")).await;
    rule("dmm", "transformed", &pattern, to("transformed").input_transformer(transformer)).await;
    rule("dmm", "disabled", &pattern, to("disabled")).await;
    rule("dmm", "nowhere", &pattern, to("no-such-queue")).await;
    let disabled = events().put_rule().name("disabled").event_bus_name("dmm").state(RuleState::Disabled);
    disabled.event_pattern(pattern.to_string()).send().await.unwrap();

    // Quotes, placeholders and non-ASCII characters would break a text template.
    let detail = json!({"id": "1", "data": {"text": "<id> \"quoted\" ü", "list": [1, {"a": null}]}});
    let put = events().put_events().entries(event("AccessActivatedEvent", &detail));
    let put = put.entries(event("TeamUpdatedEvent", &json!({}))).send().await.unwrap();
    assert_eq!(put.failed_entry_count(), 0);

    let whole = receive(&urls[0], 0).await;
    assert_eq!(whole.len(), 1);
    let body: Value = serde_json::from_str(whole[0].body().unwrap()).unwrap();
    assert_eq!(body["detail"], detail);
    assert_eq!(body["time"], "2023-11-14T22:13:20Z");
    assert_eq!(
        (&body["source"], &body["detail-type"], &body["account"], &body["region"], &body["version"]),
        (
            &json!("com.datamesh-manager"),
            &json!("AccessActivatedEvent"),
            &json!(ACCOUNT),
            &json!(REGION),
            &json!("0")
        )
    );
    assert_eq!(body["id"], put.entries()[0].event_id().unwrap());
    let header = &whole[0].attributes().unwrap()[&MessageSystemAttributeName::AwsTraceHeader];
    assert_eq!(header, "Root=1-5759e988-bd862e3fe1be46a994272793");

    let parsed = async |url: &str| -> Value {
        serde_json::from_str(receive(url, 0).await[0].body().unwrap()).unwrap()
    };
    assert_eq!(parsed(&urls[1]).await, detail["data"]);
    assert_eq!(parsed(&urls[2]).await, json!({"a": 1}));
    assert_eq!(parsed(&urls[3]).await, json!({"text": "got AccessActivatedEvent", "data": detail["data"]}));
    assert!(receive(&urls[4], 0).await.is_empty());
}

#[tokio::test]
async fn all_targets_receive_the_same_time_for_an_event_without_one() {
    let bus = "timeless";
    events().create_event_bus().name(bus).send().await.unwrap();
    let names = ["timeless-1", "timeless-2", "timeless-3"];
    let mut urls = Vec::new();
    for name in names {
        urls.push(queue(name, &[]).await);
        rule(bus, name, &json!({"source": [{"prefix": ""}]}), Target::builder().arn(arn(name))).await;
    }
    let now = || jiff::Timestamp::now().as_second();
    let before = now();
    let mut entry = event("AccessActivatedEvent", &json!({}));
    (entry.event_bus_name, entry.time) = (Some(bus.to_owned()), None);
    assert_eq!(events().put_events().entries(entry).send().await.unwrap().failed_entry_count(), 0);
    let after = now();
    let mut times = Vec::new();
    for url in &urls {
        let event: Value = serde_json::from_str(receive(url, 0).await[0].body().unwrap()).unwrap();
        times.push(event["time"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap().as_second());
    }
    assert_eq!(times, [times[0]; 3]);
    assert!((before..=after).contains(&times[0]), "{before} {times:?} {after}");
}

#[tokio::test]
async fn patterns_are_matched_and_rejected_as_in_eventbridge() {
    let bus = "patterns";
    events().create_event_bus().name(bus).send().await.unwrap();
    // Every object of an array is checked. `exists` applies to leaf nodes only, and an empty object has none.
    let patterns = [
        ("in-list", json!({"detail": {"list": {"kind": [{"equals-ignore-case": "B"}]}}})),
        ("not-in-list", json!({"detail": {"list": {"kind": ["c"]}}})),
        ("empty", json!({"detail": {"empty": [{"exists": true}]}})),
        ("time", json!({"time": [{"prefix": "2023-11-14T"}]})),
        (
            "either",
            json!({"detail": {"$or": [{"n": [{"numeric": [">", 1]}]}, {"ip": [{"cidr": "10.0.0.0/8"}]}]}}),
        ),
    ];
    for (name, pattern) in &patterns {
        queue(name, &[]).await;
        rule(bus, name, pattern, Target::builder().arn(arn(name))).await;
    }
    let detail = json!({"list": [{"kind": "a"}, {"kind": "b"}], "empty": {}, "ip": "10.1.2.3"});
    let mut entry = event("AccessActivatedEvent", &detail);
    entry.event_bus_name = Some(bus.to_owned());
    assert_eq!(events().put_events().entries(entry).send().await.unwrap().failed_entry_count(), 0);
    let mut matched = Vec::new();
    for (name, _) in &patterns {
        let url = sqs().get_queue_url().queue_name(*name).send().await.unwrap().queue_url.unwrap();
        if !receive(&url, 0).await.is_empty() {
            matched.push(*name);
        }
    }
    assert_eq!(matched, ["in-list", "time", "either"]);

    let invalid = json!({"detail": {"id": [{"prefix": 1}]}}).to_string();
    let refused = events().put_rule().name("invalid").event_bus_name(bus).event_pattern(invalid).send().await;
    let refused = refused.unwrap_err().into_service_error();
    assert!(refused.is_invalid_event_pattern_exception(), "{refused:?}");
    assert!(refused.to_string().contains("detail.id"), "{refused}");
}
