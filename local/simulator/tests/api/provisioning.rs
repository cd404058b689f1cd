//! What a data platform reports about an access.

use crate::caller::{Caller, access, landscape, problem};
use dmm_simulator::AgreementKind;
use reqwest::Method;
use serde_json::{Value, json};

const STATE: &str = "/api/access/a/provisioning";

async fn caller() -> Caller {
    Caller::of(landscape().with_agreement(AgreementKind::Access, access("a"))).await
}

async fn report(caller: &Caller, transition: &str, body: Value) -> Value {
    let request = caller.request(Method::POST, &format!("{STATE}/{transition}")).json(&body);
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), 200);
    response.json().await.unwrap()
}

#[tokio::test]
async fn every_transition_has_its_status_and_its_event() {
    let caller = caller().await;
    let transitions = [
        ("provisioning-started", "provisioning", "AccessProvisioningStartedEvent", "provisioningStartedAt"),
        ("provisioning-succeeded", "provisioned", "AccessProvisionedEvent", "provisionedAt"),
        ("provisioning-failed", "provisioning-failed", "AccessProvisioningFailedEvent", "failedAt"),
        (
            "deprovisioning-started",
            "deprovisioning",
            "AccessDeprovisioningStartedEvent",
            "deprovisioningStartedAt",
        ),
        ("deprovisioning-succeeded", "deprovisioned", "AccessDeprovisionedEvent", "deprovisionedAt"),
        ("deprovisioning-failed", "deprovisioning-failed", "AccessDeprovisioningFailedEvent", "failedAt"),
    ];
    for (transition, status, name, time) in transitions {
        let state = report(&caller, transition, json!({"platform": "aws"})).await;
        assert_eq!(state["status"], status);
        assert!(state[time].is_string(), "{state}");
        assert_eq!(caller.told().last().unwrap(), name);
        let event = caller.simulator.world().events().pop().unwrap();
        assert_eq!(event["subject"], "a");
        assert_eq!(event["data"]["id"], "a");
        assert_eq!(event["data"]["status"], status);
        assert_eq!(event["data"]["platform"], "aws");
        assert_eq!(event["data"]["timestamp"], event["time"]);
    }
}

#[tokio::test]
async fn the_latest_report_wins_and_keeps_what_it_leaves_out() {
    let caller = caller().await;
    report(&caller, "provisioning-started", json!({"platform": "aws", "executor": "us"})).await;
    report(&caller, "provisioning-failed", json!({"diagnostics": "no role"})).await;
    let failed = caller.read(STATE).await;
    assert_eq!(failed["executor"], "us");
    assert_eq!(failed["diagnostics"], "no role");
    report(&caller, "provisioning-succeeded", json!({"reference": "arn"})).await;
    let state = caller.read(STATE).await;
    assert_eq!(state["status"], "provisioned");
    assert_eq!(state["reference"], "arn");
    assert_eq!(state["platform"], "aws");
    assert_eq!(state.get("diagnostics"), None);
    assert_eq!(caller.read("/api/access/a").await["provisioning"], state);
    assert_eq!(caller.simulator.world().provisioning("a").unwrap(), state);
}

#[tokio::test]
async fn a_report_needs_no_body() {
    let caller = caller().await;
    let response = caller.post(&format!("{STATE}/provisioning-started")).await;
    assert_eq!(response.status(), 200);
    let event = caller.simulator.world().events().pop().unwrap();
    assert_eq!(event["data"].get("platform"), None);
}

#[tokio::test]
async fn a_declared_state_clears_what_it_leaves_out() {
    let caller = caller().await;
    report(&caller, "provisioning-failed", json!({"platform": "aws", "diagnostics": "no role"})).await;
    let then = "2026-01-02T03:04:05Z";
    let body = json!({"status": "provisioned", "reference": "arn", "provisionedAt": then});
    assert_eq!(caller.put(STATE, &body).await.status(), 200);
    assert_eq!(caller.read(STATE).await, body);
    assert_eq!(caller.told().last().unwrap(), "AccessProvisionedEvent");
}

#[tokio::test]
async fn declaring_an_unchanged_status_tells_nobody() {
    let caller = caller().await;
    caller.put(STATE, &json!({"status": "provisioned", "reference": "old"})).await;
    assert_eq!(caller.told(), ["AccessProvisionedEvent"]);
    caller.put(STATE, &json!({"status": "provisioned", "reference": "new"})).await;
    assert_eq!(caller.told(), ["AccessProvisionedEvent"]);
    assert_eq!(caller.read(STATE).await["reference"], "new");
}

#[tokio::test]
async fn a_wrong_report_is_refused_and_leaves_the_state_alone() {
    let caller = caller().await;
    problem(caller.put(STATE, &json!({"reference": "arn"})).await, 400).await;
    problem(caller.put(STATE, &json!({"status": "done"})).await, 400).await;
    let path = format!("{STATE}/provisioning-failed");
    let wrong = caller.request(Method::POST, &path).json(&json!({"diagnostics": 5}));
    let problem_document = problem(wrong.send().await.unwrap(), 400).await;
    assert_eq!(problem_document["violations"][0]["field"], "diagnostics");
    problem(caller.get(STATE).await, 404).await;
    assert!(caller.told().is_empty());
}

#[tokio::test]
async fn there_is_nothing_to_report_on_what_is_not_there() {
    let caller = caller().await;
    problem(caller.get("/api/access/nobody/provisioning").await, 404).await;
    problem(caller.put("/api/access/nobody/provisioning", &json!({"status": "provisioned"})).await, 404)
        .await;
    problem(caller.post("/api/access/nobody/provisioning/provisioning-started").await, 404).await;
    problem(caller.post(&format!("{STATE}/provisioning-finished")).await, 404).await;
}
