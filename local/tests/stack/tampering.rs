//! Others in the account and in subscriber accounts cannot change what the stack relies on: its stored state, its bus, and
//! its rules. The policies of the bucket and of the bus deny it, whatever permissions the caller's own policies give.

use aws_sdk_eventbridge::types::{PutEventsRequestEntry, RuleState, Target};
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{Delete, ObjectIdentifier};
use dmm_local::Stack;
use dmm_local::clients::Clients;
use serde_json::json;

use crate::common::callers::{as_function, as_new_role, as_subscriber, assert_denied, everything_in};
use crate::common::faults::grant;
use crate::common::operator::{output, put_object};
use crate::common::{ACCOUNT, mesh, mesh_with_access, stack, stack_with, standing};

const BUS: &str = "dmm";
const SUBSCRIBER: &str = "444455556666";

async fn put(clients: &Clients, stack: &Stack, key: &str) -> Result<(), Denied> {
    let put = clients.s3.put_object().bucket(stack.view().state_bucket()).key(key);
    put.body(ByteStream::from_static(b"{}")).send().await.map(drop)
}

type Denied = aws_sdk_s3::error::SdkError<aws_sdk_s3::operation::put_object::PutObjectError>;

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_may_do_everything_in_s3_cannot_touch_the_stored_state() {
    let stack = stack(mesh_with_access()).await;
    grant(&stack).await;
    let bucket = stack.view().state_bucket();
    let s3 = &as_new_role(&stack, "analyst", &everything_in(&["s3"])).await;
    for key in [
        "packs/forecasting-reader.json",
        "grants/access/a-1.json",
        "feed/last_event_id",
        "quarantine/feed/x.json",
        "reconcile/cursor.json",
        "missing/access/a-1.json",
        "brake/plan.json",
        "organization.json",
        "anything",
    ] {
        assert_denied(key, put(s3, &stack, key).await);
    }
    let s3 = &s3.s3;
    let record = "grants/access/a-1.json";
    assert_denied("GetObject", s3.get_object().bucket(bucket).key(record).send().await);
    assert_denied("DeleteObject", s3.delete_object().bucket(bucket).key(record).send().await);
    let versions = stack.view().clients().s3.list_object_versions().bucket(bucket).prefix(record);
    let versions = versions.send().await.unwrap();
    let version = versions.versions()[0].version_id().unwrap();
    let get = s3.get_object().bucket(bucket).key(record).version_id(version);
    assert_denied("GetObjectVersion", get.send().await);
    let delete = s3.delete_object().bucket(bucket).key(record).version_id(version);
    assert_denied("DeleteObjectVersion", delete.send().await);
    let both = ObjectIdentifier::builder().key(record).build().unwrap();
    let batch = s3.delete_objects().bucket(bucket).delete(Delete::builder().objects(both).build().unwrap());
    let answer = batch.send().await;
    let refused = answer.as_ref().map_or(1, |answer| answer.errors().len());
    assert_eq!(refused, 1, "{answer:?}");
    let copy = s3.copy_object().bucket(bucket).key("anything").copy_source(format!("{bucket}/{record}"));
    assert_denied("CopyObject", copy.send().await);

    // Nor can it open the bucket first.
    let open = json!({ "Version": "2012-10-17", "Statement": [] }).to_string();
    assert_denied("PutBucketPolicy", s3.put_bucket_policy().bucket(bucket).policy(open).send().await);
    assert_denied("DeleteBucketPolicy", s3.delete_bucket_policy().bucket(bucket).send().await);

    assert!(stack.view().grant_records().await.unwrap().contains_key(record));
    put_object(&stack, "packs/by-an-operator.json", b"{}").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_function_can_write_only_below_its_own_prefixes() {
    let stack = stack(mesh()).await;
    let all = ["feed", "router", "iam-grant", "iam-revoke", "iam-reconcile"];
    let iam = ["iam-grant", "iam-revoke", "iam-reconcile"].as_slice();
    for (key, writers) in [
        ("feed/last_event_id", ["feed"].as_slice()),
        ("quarantine/feed/x.json", &["feed"]),
        ("grants/access/x.json", iam),
        ("evidence/access/x/0000000001.json", iam),
        ("packs/x.json", iam),
        ("reconcile/x.json", &["iam-reconcile"]),
    ] {
        for binary in all {
            // Without this, the test would pass because of the role's own policy.
            let role = stack.function(binary).unwrap();
            let document = json!({ "Version": "2012-10-17", "Statement": everything_in(&["s3"]) });
            let put_policy = stack.view().clients().iam.put_role_policy().role_name(role);
            put_policy.policy_name("too-much").policy_document(document.to_string()).send().await.unwrap();
            let answer = put(&as_function(&stack, binary), &stack, key).await;
            if writers.contains(&binary) {
                answer.unwrap();
            } else {
                assert_denied(&format!("{key} by {binary}"), answer);
            }
        }
    }
}

fn event() -> PutEventsRequestEntry {
    PutEventsRequestEntry::builder()
        .event_bus_name(BUS)
        .source("com.datamesh-manager")
        .detail_type("AccessDeactivatedEvent")
        .detail(r#"{ "data": { "id": "a-1" } }"#)
        .build()
}

fn rule_of_the_stack() -> [&'static str; 2] {
    ["datamesh-manager-aws-local-agreements-activated", "datamesh-manager-aws-local-agreements-ended"]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_may_do_everything_in_eventbridge_cannot_publish_or_change_the_rules_of_the_stack() {
    let stack = stack(mesh_with_access()).await;
    let events = as_new_role(&stack, "integrator", &everything_in(&["events"])).await.events;
    assert_denied("PutEvents", events.put_events().entries(event()).send().await);
    let operator = &stack.view().clients().events;
    assert_denied("PutEvents of an operator", operator.put_events().entries(event()).send().await);
    let bus_arn = output(&stack, "busArn");
    for rule in rule_of_the_stack() {
        for bus in [BUS, bus_arn] {
            assert_denied("DisableRule", events.disable_rule().name(rule).event_bus_name(bus).send().await);
            assert_denied("EnableRule", events.enable_rule().name(rule).event_bus_name(bus).send().await);
            assert_denied("DeleteRule", events.delete_rule().name(rule).event_bus_name(bus).send().await);
            let remove = events.remove_targets().rule(rule).event_bus_name(bus);
            assert_denied("RemoveTargets", remove.ids("iam-grant").send().await);
            let pattern = r#"{ "source": ["nobody"] }"#;
            let change = events.put_rule().name(rule).event_bus_name(bus).event_pattern(pattern);
            assert_denied("PutRule", change.send().await);
            let target = Target::builder().id("mine").arn("arn:aws:sqs:eu-central-1:123456789012:mine");
            let put = events.put_targets().rule(rule).event_bus_name(bus);
            assert_denied("PutTargets", put.targets(target.build().unwrap()).send().await);
        }
        let rule = operator.describe_rule().name(rule).event_bus_name(BUS).send().await.unwrap();
        assert_eq!(rule.state(), Some(&RuleState::Enabled));
    }
    // Its own rule is its own business.
    let pattern = r#"{ "source": ["com.datamesh-manager"] }"#;
    events.put_rule().name("mine").event_bus_name(BUS).event_pattern(pattern).send().await.unwrap();
    events.disable_rule().name("mine").event_bus_name(BUS).send().await.unwrap();
    events.delete_rule().name("mine").event_bus_name(BUS).send().await.unwrap();

    grant(&stack).await;
    assert_eq!(standing(&stack).await.len(), 1, "the stack works as before");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscriber_account_manages_its_own_rules_and_nothing_else() {
    let subscribers = format!(r#"["{SUBSCRIBER}","777788889999"]"#);
    let stack = stack_with(mesh(), &[("subscriberAccounts", &subscribers)]).await;
    let bus = output(&stack, "busArn");
    let subscriber = as_subscriber(&stack, SUBSCRIBER).await.events;
    let pattern = r#"{ "source": ["com.datamesh-manager"] }"#;
    let create = subscriber.put_rule().name("theirs").event_bus_name(bus).event_pattern(pattern);
    let arn = create.send().await.unwrap().rule_arn.unwrap();
    assert_eq!(arn, format!("arn:aws:events:eu-central-1:{ACCOUNT}:rule/{BUS}/theirs"));
    subscriber.disable_rule().name("theirs").event_bus_name(bus).send().await.unwrap();

    let entry =
        PutEventsRequestEntry::builder().event_bus_name(bus).source("x").detail_type("x").detail("{}");
    assert_denied("PutEvents", subscriber.put_events().entries(entry.build()).send().await);
    for rule in rule_of_the_stack() {
        assert_denied("DisableRule", subscriber.disable_rule().name(rule).event_bus_name(bus).send().await);
        assert_denied("DeleteRule", subscriber.delete_rule().name(rule).event_bus_name(bus).send().await);
    }
    let other = as_subscriber(&stack, "777788889999").await.events;
    assert_denied("DeleteRule", other.delete_rule().name("theirs").event_bus_name(bus).send().await);
    subscriber.delete_rule().name("theirs").event_bus_name(bus).send().await.unwrap();
}
