//! Only a well-formed answer of the API decides. Everything else is an error that changes nothing.

use dmm_api::{ApiError, Client};
use dmm_converge::error::MeshError;
use dmm_mesh::{Agreement, AgreementKind, AgreementRef, Consumer};
use serde_json::{Value, json};
use wiremock::matchers::{any, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::support::{client, problem};

fn reference(kind: AgreementKind) -> AgreementRef {
    AgreementRef { kind, id: "a".to_owned() }
}

fn access() -> Value {
    json!({
        "id": "a",
        "info": {"purpose": "p", "status": "approved", "active": true},
        "provider": {"dataProductId": "orders", "outputPortId": "daily"},
        "consumer": {"dataProductId": "promotions"},
    })
}

fn json(body: impl Into<Vec<u8>>) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_raw(body, "application/json")
}

/// A server with this answer at an address, and a well-formed 404 everywhere else.
async fn with(address: &str, answer: ResponseTemplate) -> (MockServer, Client) {
    let server = MockServer::start().await;
    Mock::given(path(address)).respond_with(answer).mount(&server).await;
    Mock::given(any()).respond_with(problem(404, "not found")).with_priority(9).mount(&server).await;
    let client = client(&server);
    (server, client)
}

async fn looked_up(kind: AgreementKind, answer: ResponseTemplate) -> Result<Option<Agreement>, ApiError> {
    let (_server, client) = with(&format!("/api/{}/a", kind.collection()), answer).await;
    client.agreement(&reference(kind)).await
}

#[tokio::test]
async fn a_404_counts_only_as_the_api_writes_it() {
    let gateways = |status: u16| {
        let answer = |body: &str, kind: &str| ResponseTemplate::new(status).set_body_raw(body, kind);
        [
            ResponseTemplate::new(status),
            answer("<html>not found</html>", "text/html"),
            answer("<html>not found</html>", "application/problem+json"),
            answer("{\"status\":404}", "application/json"),
            answer("", "application/problem+json"),
            answer("null", "application/problem+json"),
            answer("[]", "application/problem+json"),
            answer("{\"status\":500}", "application/problem+json"),
            answer("{\"status\":\"404\"}", "application/problem+json"),
            answer("{\"status\":404,\"status\":404}", "application/problem+json"),
        ]
    };
    for status in [404, 410] {
        for answer in gateways(status) {
            for kind in AgreementKind::ALL {
                let error = looked_up(kind, answer.clone()).await.expect_err("an error");
                assert!(matches!(error, ApiError::Status { is_problem: false, .. }), "{error:?}");
                assert!(error.is_retryable() && !error.is_not_found(), "{error:?}");
            }
            let (_server, client) = with("/api/dataproducts/a", answer.clone()).await;
            assert!(client.data_product("a").await.is_err());
            let (_server, client) = with("/api/teams/a", answer.clone()).await;
            assert!(client.team("a").await.is_err());
            let (_server, client) = with("/api/datacontracts", answer).await;
            assert!(client.agreements(AgreementKind::DataContract, 0).await.is_err());
        }
        for body in
            [json!({"status": status}), json!({}), json!({"type": "about:blank", "title": "Not Found"})]
        {
            let answer = ResponseTemplate::new(status)
                .set_body_raw(body.to_string(), "Application/Problem+JSON; charset=utf-8");
            for kind in AgreementKind::ALL {
                assert_eq!(looked_up(kind, answer.clone()).await.expect("an answer"), None);
            }
        }
    }
}

#[tokio::test]
async fn what_is_not_an_agreement_is_an_error_in_every_generation() {
    let changed = |pointer: &str, value: Value| {
        let mut access = access();
        *access.pointer_mut(pointer).expect("a member") = value;
        access.to_string()
    };
    let without = |parent: &str, name: &str| {
        let mut access = access();
        access.pointer_mut(parent).and_then(Value::as_object_mut).expect("an object").shift_remove(name);
        access.to_string()
    };
    let mut cases: Vec<(String, &str)> = vec![
        ("{}".to_owned(), "`id`"),
        ("[]".to_owned(), "not a JSON object"),
        ("null".to_owned(), "not a JSON object"),
        (without("", "info"), "`info`"),
        (without("/info", "status"), "`info.status`"),
        (without("/info", "active"), "`info.active`"),
        (changed("/info/active", json!("true")), "`info.active`"),
        (changed("/provider/dataProductId", json!(7)), "`provider.dataProductId`"),
        (changed("/provider/outputPortId", json!(["daily"])), "`provider.outputPortId`"),
        (changed("/consumer", json!({"userId": 7, "teamId": "t"})), "`consumer.userId`"),
        (changed("/id", json!("b")), "`id`"),
        (access().to_string().replace("\"status\":", "\"status\":\"rejected\",\"status\":"), "two members"),
    ];
    for status in [json!(1), json!(true), json!(null), json!(""), json!(["approved"]), json!("Approved")] {
        cases.push((changed("/info/status", status), "`info.status`"));
    }
    for (body, named) in cases {
        for kind in AgreementKind::ALL {
            let error = looked_up(kind, json(body.clone())).await.expect_err(&body);
            assert!(matches!(error, ApiError::Document { .. }), "{body}: {error:?}");
            assert!(error.to_string().contains(named), "{body}: {error}");
            // One document is not an outage.
            assert!(matches!(MeshError::from(error), MeshError::Rejected(_)), "{body}");
        }
    }
}

#[tokio::test]
async fn a_page_of_a_gateway_and_half_an_answer_are_read_again() {
    let page = ResponseTemplate::new(200).set_body_raw("<html>", "text/html");
    for answer in [page, json("{\"id\":\"a\","), json(""), ResponseTemplate::new(200)] {
        for kind in AgreementKind::ALL {
            let error = looked_up(kind, answer.clone()).await.expect_err("an error");
            assert!(matches!(error, ApiError::NotJson { .. }) && error.is_retryable(), "{error:?}");
        }
    }
}

#[tokio::test]
async fn one_document_that_cannot_be_read_is_not_an_outage() {
    let deep = format!("{}{}", "[".repeat(128), "]".repeat(128));
    for value in ["1e400", "\"\\ud800\"", &deep] {
        let (_server, client) =
            with("/api/dataproducts/a", json(format!("{{\"id\":\"a\",\"x\":{value}}}"))).await;
        let error = client.data_product("a").await.expect_err("an error");
        assert!(matches!(error, ApiError::Document { .. }) && !error.is_retryable(), "{error:?}");
    }
    for (body, named) in [("{\"id\":\"b\"}", "`id`"), ("{\"id\":\"a\",\"outputPorts\":7}", "`outputPorts`")] {
        let (_server, client) = with("/api/dataproducts/a", json(body)).await;
        let error = client.data_product("a").await.expect_err("an error").to_string();
        assert!(error.contains("/api/dataproducts/a") && error.contains(named), "{error}");
    }
    let (_server, client) = with("/api/teams/a", json("{\"id\":\"b\"}")).await;
    assert!(matches!(client.team("a").await, Err(ApiError::Document { .. })));
}

#[tokio::test]
async fn a_data_contract_is_never_an_agreement() {
    for member in ["kind", "apiVersion", "dataContractSpecification", "schema", "models", "servers"] {
        let mut contract = access();
        contract[member] = json!("v3.1.0");
        for kind in [AgreementKind::DataContract, AgreementKind::DataUsageAgreement] {
            // It says nothing about an access of the same id, which does not exist.
            assert_eq!(looked_up(kind, json(contract.to_string())).await.expect("an answer"), None);
        }
        let error = looked_up(AgreementKind::Access, json(contract.to_string())).await.expect_err("an error");
        assert!(error.to_string().contains(&format!("`{member}`")), "{error}");
    }
}

#[tokio::test]
async fn without_older_generations_only_accesses_are_read_and_listed() {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(json(access().to_string())).mount(&server).await;
    let client = client(&server).with_older_generations(false);
    for kind in AgreementKind::ALL {
        let found = client.agreement(&reference(kind)).await.expect("an answer").expect("an agreement");
        assert_eq!(found.reference, reference(AgreementKind::Access));
    }
    for kind in [AgreementKind::DataContract, AgreementKind::DataUsageAgreement] {
        assert_eq!(client.agreements(kind, 0).await.expect("an answer"), None);
        let older = Agreement::from_value(reference(kind), access()).expect("an agreement");
        let marks = dmm_mesh::Marks { add_tags: vec!["ours".to_owned()], ..Default::default() };
        let error = client.mark_agreement(&older, &marks).await.expect_err("an error");
        assert!(matches!(error, ApiError::Legacy { .. }), "{error:?}");
    }
    let asked = server.received_requests().await.expect("recorded requests");
    assert!(asked.iter().all(|request| request.url.path() == "/api/access/a"), "{asked:?}");
}

#[tokio::test]
async fn a_user_beside_a_team_is_a_user_who_is_not_printed() {
    let mut raw = access();
    raw["consumer"] = json!({"userId": "jane@example.com", "teamId": "t"});
    let agreement = looked_up(AgreementKind::Access, json(raw.to_string())).await.expect("an answer");
    let agreement = agreement.expect("an agreement");
    assert_eq!(agreement.consumer, Consumer::User);
    assert!(!format!("{agreement:?}").contains("jane"), "{agreement:?}");
}

#[tokio::test]
async fn no_error_repeats_what_the_server_writes() {
    let secret = "jane@example.com wants this";
    for status in [400, 401, 403, 404, 409, 500] {
        let (_server, client) = with("/api/access/a", problem(status, secret)).await;
        if let Err(error) = client.agreement(&reference(AgreementKind::Access)).await {
            assert!(!format!("{error} {error:?}").contains("jane"), "{error:?}");
        }
    }
    for answer in
        [json(format!("{{\"{secret}\":1,\"{secret}\":2}}")), json(secret), json(format!("\"{secret}\""))]
    {
        let error = looked_up(AgreementKind::Access, answer).await.expect_err("an error");
        assert!(
            !dmm_telemetry::causes(&error).contains("jane") && !format!("{error:?}").contains("jane"),
            "{error:?}"
        );
    }
}
