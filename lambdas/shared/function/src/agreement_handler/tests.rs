use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use dmm_api::{BaseUrl, RetryPolicy, StaticApiKey};
use dmm_state::controls::PAUSE;
use dmm_state::{ETag, MemoryStore, Object, Precondition};
use serde_json::{Value, json};

use super::*;
use crate::wiring::http_client;
use dmm_access::arn::Arn;
use dmm_access::document::Document;
use dmm_access::entitlement::{Observed, Permission, Place};
use dmm_access::evidence::Retention;
use dmm_access::guardrails::GuardrailSettings;
use dmm_access::ownership::ResourceFacts;
use dmm_access::provisioning::Mechanism;
use dmm_access::role::{Role, RoleName};
use dmm_converge::error::AwsError;
use dmm_converge::ports::Put;

/// IAM and a bucket that never answer. A test either does not get that far, or runs out of time there.
struct Silent;

#[async_trait]
impl Roles for Silent {
    async fn role(&self, _: &RoleName) -> Result<Option<Role>, AwsError> {
        std::future::pending().await
    }
}

#[async_trait]
impl Resources for Silent {
    async fn facts(&self, _: &BTreeSet<Arn>) -> Result<BTreeMap<Arn, ResourceFacts>, AwsError> {
        std::future::pending().await
    }
}

#[async_trait]
impl Places for Silent {
    async fn look(&self, _: &Place) -> Result<Observed, AwsError> {
        std::future::pending().await
    }

    async fn put(&self, _: &Place, _: &Permission) -> Result<Put, AwsError> {
        std::future::pending().await
    }

    async fn delete(&self, _: &Place) -> Result<(), AwsError> {
        std::future::pending().await
    }

    async fn list_ours(&self, _: &RoleName) -> Result<Vec<(AgreementRef, Place)>, AwsError> {
        std::future::pending().await
    }
}

#[async_trait]
impl ReadBack for Silent {
    async fn mechanism(&self, _: &Place, _: &Document) -> Result<Option<Mechanism>, AwsError> {
        std::future::pending().await
    }
}

#[async_trait]
impl ObjectStore for Silent {
    async fn get(&self, _: &str) -> Result<Option<Object>, StateError> {
        std::future::pending().await
    }

    async fn put(&self, _: &str, _: Vec<u8>, _: &Precondition) -> Result<ETag, StateError> {
        std::future::pending().await
    }
}

fn handler() -> AgreementHandler {
    let api = dmm_api::Client::new(
        http_client(None).unwrap(),
        BaseUrl::parse("http://127.0.0.1:9").unwrap(),
        Arc::new(StaticApiKey::new("key".into())),
        RetryPolicy::default(),
    );
    let guardrails = Guardrails::new(GuardrailSettings {
        account: "123456789012".to_owned(),
        allowed_roles: vec!["*".to_owned()],
        ..GuardrailSettings::default()
    })
    .unwrap();
    AgreementHandler {
        api,
        roles: Arc::new(Silent),
        resources: Arc::new(Silent),
        places: Arc::new(Silent),
        read_back: Arc::new(Silent),
        simulation: None,
        records: Arc::new(Silent),
        retention: Retention::default(),
        guardrails,
        stack: "dmm-test".parse().unwrap(),
        mode: Mode::Enforce,
        brake: Brake::default(),
        organization: Pin::default(),
    }
}

async fn handle(detail: Value, time_left: Duration) -> Result<Answer, Error> {
    handler().handle(&CloudEvent::from_value(detail)?, time_left).await
}

#[tokio::test]
async fn an_event_that_is_not_about_an_agreement_succeeds() {
    for event_type in ["DataProductUpdatedEvent", "AccessRequestedEvent", "DataContractUpdatedEvent"] {
        let detail = json!({ "id": "e1", "type": event_type, "data": { "id": "a1" } });
        assert_eq!(handle(detail, Duration::from_mins(1)).await.unwrap(), Answer::IGNORED);
    }
}

#[tokio::test]
async fn a_malformed_event_is_a_permanent_error() {
    for detail in [
        json!(null),
        json!("event"),
        json!({}),
        json!({ "id": "e1" }),
        json!({ "type": "AccessActivatedEvent", "data": { "id": "a1" } }),
        json!({ "id": "e1", "type": "AccessActivatedEvent" }),
        json!({ "id": "e1", "type": "AccessActivatedEvent", "data": { "id": "" } }),
    ] {
        let error = handle(detail.clone(), Duration::from_mins(1)).await.unwrap_err();
        assert!(!error.is_retryable(), "{detail}: {error}");
        assert_eq!(error.class(), "Permanent");
    }
}

#[tokio::test]
async fn when_the_time_is_up_the_run_is_cut_off_with_a_retryable_error() {
    let detail = json!({ "id": "e1", "type": "AccessActivatedEvent", "data": { "id": "a1" } });
    for time_left in [Duration::ZERO, ANSWER_RESERVE + Duration::from_millis(1)] {
        let error = handle(detail.clone(), time_left).await.unwrap_err();
        assert!(matches!(&error, Error::OutOfTime { agreement } if agreement == "access a1"), "{error}");
        assert!(error.is_retryable());
    }
}

#[tokio::test]
async fn an_event_that_arrives_during_a_pause_is_kept_and_nothing_else_is_done() {
    let records = Arc::new(MemoryStore::new());
    let pause = |until: &str| format!(r#"{{"since":"2026-01-01T00:00:00Z","until":"{until}","reason":""}}"#);
    let body = pause("9999-01-01T00:00:00Z").into_bytes();
    let etag = records.put(PAUSE, body, &Precondition::Absent).await.unwrap();
    let paused = AgreementHandler { records: records.clone(), ..handler() };
    let detail = json!({ "id": "e1", "type": "com.datamesh-manager.events.AccessActivatedEvent", "data": { "id": "a1" }, "extra": 1 });
    let event = CloudEvent::from_value(detail.clone()).unwrap();

    // IAM and Data Mesh Manager are not called: they would never answer.
    let answer = paused.handle(&event, Duration::from_mins(1)).await.unwrap();
    assert_eq!((answer.outcome, answer.agreement.as_deref()), ("deferred", Some("access a1")));
    let (deferred, _) = Deferred::read(records.as_ref()).await.unwrap();
    let kept: Value = serde_json::from_str(&deferred.events["access a1"]).unwrap();
    assert_eq!(kept, detail, "with every member");

    let body = pause("2026-01-01T01:00:00Z").into_bytes();
    records.put(PAUSE, body, &Precondition::Matches(etag)).await.unwrap();
    let error = paused.handle(&event, Duration::from_mins(1)).await.unwrap_err();
    assert!(matches!(error, Error::Organization(_)), "{error}");
}
