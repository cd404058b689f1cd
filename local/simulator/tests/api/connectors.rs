//! Connectors register themselves.

use crate::caller::{Caller, landscape, problem};
use serde_json::json;

const CONNECTOR: &str = "/api/connectors/aws";

#[tokio::test]
async fn a_connector_is_created_replaced_and_deleted() {
    let caller = Caller::of(landscape()).await;
    problem(caller.get(CONNECTOR).await, 404).await;
    let first = json!({ "id": "aws", "info": { "type": "aws" }, "custom": { "a": [1] } });
    assert_eq!(caller.put(CONNECTOR, &first).await.status(), 200);
    assert_eq!(caller.read(CONNECTOR).await, first);
    let second = json!({ "id": "aws", "info": { "connectorVersion": "2" }, "state": { "lastEventId": "e" } });
    assert_eq!(caller.put(CONNECTOR, &second).await.status(), 200);
    assert_eq!(caller.read("/api/connectors").await, json!([second]));
    assert_eq!(json!(caller.simulator.world().connectors()), json!([second]));
    assert_eq!(caller.read("/simulator").await["connectors"], json!([second]));
    assert_eq!(caller.delete(CONNECTOR).await.status(), 200);
    problem(caller.delete(CONNECTOR).await, 404).await;
    assert!(caller.told().is_empty());
}

#[tokio::test]
async fn a_connector_that_the_vendor_does_not_describe_is_refused() {
    let caller = Caller::of(landscape()).await;
    for body in [
        json!({ "id": "aws" }),
        json!({ "id": "other", "info": {} }),
        json!({ "id": "aws", "info": { "version": "1" } }),
        json!({ "id": "aws", "info": {}, "state": "fine" }),
    ] {
        problem(caller.put(CONNECTOR, &body).await, 422).await;
    }
    assert!(caller.simulator.world().connectors().is_empty());
}
