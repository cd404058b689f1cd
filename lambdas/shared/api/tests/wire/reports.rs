//! What is written to the API: reports about grants, and the registration of the connector.

use std::collections::BTreeMap;

use dmm_mesh::{Connector, ProvisioningReport, ProvisioningTransition};
use serde_json::{Value, json};
use wiremock::matchers::{any, body_json, header, method};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::calls::{asked, without_anything};
use crate::support::client;

/// A report without anything.
pub(crate) fn report() -> ProvisioningReport {
    ProvisioningReport {
        transition: ProvisioningTransition::ProvisioningStarted,
        reference: None,
        diagnostics: None,
        custom_properties: Vec::new(),
        links: BTreeMap::new(),
    }
}

/// A report with everything.
fn whole_report(transition: ProvisioningTransition) -> ProvisioningReport {
    let failed = transition.as_str().ends_with("failed");
    ProvisioningReport {
        transition,
        reference: transition.as_str().ends_with("succeeded").then(|| "policy p on role r".to_owned()),
        diagnostics: failed.then(|| "The role does not exist.".to_owned()),
        custom_properties: vec![("mechanism".to_owned(), "inline".to_owned())],
        links: BTreeMap::from([("Trace".to_owned(), "https://example.com".to_owned())]),
    }
}

const TRANSITIONS: [ProvisioningTransition; 6] = [
    ProvisioningTransition::ProvisioningStarted,
    ProvisioningTransition::ProvisioningSucceeded,
    ProvisioningTransition::ProvisioningFailed,
    ProvisioningTransition::DeprovisioningStarted,
    ProvisioningTransition::DeprovisioningSucceeded,
    ProvisioningTransition::DeprovisioningFailed,
];

#[tokio::test]
async fn every_body_is_as_the_vendor_describes_it() {
    let schemas = include_str!("../../../../../local/simulator/src/requests.json");
    let schemas: BTreeMap<String, Value> = serde_json::from_str(schemas).expect("schemas");
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(ResponseTemplate::new(200)).mount(&server).await;
    let client = client(&server);
    for transition in TRANSITIONS {
        client.report_provisioning("a1", &whole_report(transition)).await.expect("a report");
        client
            .report_provisioning("a1", &ProvisioningReport { transition, ..report() })
            .await
            .expect("a report");
    }
    for last_event_id in [None, Some("e1".to_owned())] {
        let connector = Connector {
            id: "aws".to_owned(),
            version: "1.2.3",
            capabilities: vec!["s3_bucket"],
            last_event_id,
            last_heartbeat: "2026-01-31T12:00:00Z".parse().expect("a time"),
        };
        client.put_connector(&connector).await.expect("a registration");
    }
    let sent = server.received_requests().await.expect("requests");
    assert_eq!(sent.len(), 2 * TRANSITIONS.len() + 2);
    for request in sent {
        let path =
            request.url.path().replace("/a1/", "/{id}/").replace("/connectors/aws", "/connectors/{id}");
        let name = format!("{} {path}", request.method);
        let schema = schemas.get(&name).unwrap_or_else(|| panic!("{name} is not described"));
        let body = request.body_json::<Value>().expect("JSON");
        if let Err(error) = jsonschema::validate(schema, &body) {
            panic!("{name}: {error}");
        }
    }
}

#[tokio::test]
async fn every_transition_of_a_grant_has_its_address() {
    let server = MockServer::start().await;
    Mock::given(method("POST")).respond_with(ResponseTemplate::new(200)).mount(&server).await;
    let client = client(&server);
    for transition in TRANSITIONS {
        let report = ProvisioningReport { transition, ..report() };
        client.report_provisioning("a 1", &report).await.expect("a report");
    }
    let expected = [
        "POST /api/access/a%201/provisioning/provisioning-started",
        "POST /api/access/a%201/provisioning/provisioning-succeeded",
        "POST /api/access/a%201/provisioning/provisioning-failed",
        "POST /api/access/a%201/provisioning/deprovisioning-started",
        "POST /api/access/a%201/provisioning/deprovisioning-succeeded",
        "POST /api/access/a%201/provisioning/deprovisioning-failed",
    ];
    assert_eq!(asked(&server).await, expected);
}

async fn accepts_report(body: Value, report: ProvisioningReport) {
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .and(header("content-type", "application/json"))
        .and(header("x-api-key", "k3y"))
        .and(body_json(body))
        .respond_with(ResponseTemplate::new(200).set_body_json(json!({"status": "provisioned"})))
        .expect(1)
        .mount(&server)
        .await;
    client(&server).report_provisioning("a", &report).await.expect("a report");
}

#[tokio::test]
async fn a_report_contains_what_is_known_and_no_nulls() {
    let (platform, executor) = ("aws", "Data Mesh Manager AWS integration");
    let reference = Some("arn:aws:iam::123456789012:role/r".to_owned());
    let diagnostics = Some("The role does not exist.".to_owned());
    let transition = ProvisioningTransition::ProvisioningSucceeded;
    accepts_report(
        json!({"platform": platform, "executor": executor, "reference": "arn:aws:iam::123456789012:role/r"}),
        ProvisioningReport { transition, reference, ..report() },
    )
    .await;
    let transition = ProvisioningTransition::ProvisioningFailed;
    accepts_report(
        json!({"platform": platform, "executor": executor, "diagnostics": "The role does not exist."}),
        ProvisioningReport { transition, diagnostics, ..report() },
    )
    .await;
}

#[tokio::test]
async fn a_report_on_a_deleted_access_is_not_found() {
    let server = without_anything().await;
    let transition = ProvisioningTransition::DeprovisioningSucceeded;
    let report = ProvisioningReport { transition, ..report() };
    let error = client(&server).report_provisioning("gone", &report).await.expect_err("an error");
    assert!(error.is_not_found() && !error.is_retryable(), "{error:?}");
}
