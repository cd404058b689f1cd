use dmm_api::{ApiError, Client};
use dmm_mesh::{AgreementKind, AgreementRef, Consumer};
use serde_json::{Value, json};
use wiremock::matchers::{header, method, path, query_param, query_param_is_missing};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::support::{Keys, QUICK, client, client_with, fixture, problem};

fn reference(kind: AgreementKind, id: &str) -> AgreementRef {
    AgreementRef { kind, id: id.to_owned() }
}

async fn answers(server: &MockServer, address: &str, answer: ResponseTemplate) {
    Mock::given(method("GET")).and(path(address)).respond_with(answer).mount(server).await;
}

/// A server that answers everything as the API answers what does not exist.
pub(crate) async fn without_anything() -> MockServer {
    let server = MockServer::start().await;
    let nothing = problem(404, "The requested resource was not found.");
    Mock::given(wiremock::matchers::any()).respond_with(nothing).with_priority(9).mount(&server).await;
    server
}

fn access(id: &str) -> Value {
    let mut access = fixture("access.json");
    access["id"] = json!(id);
    access
}

fn data_contract(id: &str) -> Value {
    let mut document = fixture("data_contract_document.json");
    document["id"] = json!(id);
    document
}

pub(crate) async fn asked(server: &MockServer) -> Vec<String> {
    let requests = server.received_requests().await.expect("recorded requests");
    requests.iter().map(|request| format!("{} {}", request.method, request.url.path())).collect()
}

#[tokio::test]
async fn the_feed_is_read_from_its_beginning() {
    let server = MockServer::start().await;
    let page = fixture("feed_page.json");
    Mock::given(method("GET"))
        .and(path("/api/events"))
        .and(query_param_is_missing("lastEventId"))
        .and(header("x-api-key", "k3y"))
        .and(header("accept", "application/cloudevents-batch+json"))
        .respond_with(ResponseTemplate::new(200).set_body_json(&page))
        .expect(1)
        .mount(&server)
        .await;
    let events = client(&server).events(None).await.expect("events");
    let values = events.iter().map(|event| event.value().expect("JSON").clone());
    assert_eq!(values.collect::<Value>(), page);
}

#[tokio::test]
async fn the_feed_is_read_after_an_event() {
    let server = MockServer::start().await;
    Mock::given(method("GET"))
        .and(path("/prefix/api/events"))
        .and(query_param("lastEventId", "a b&c=d/é"))
        .respond_with(ResponseTemplate::new(200).set_body_json(json!([])))
        .expect(1)
        .mount(&server)
        .await;
    let client = client_with(&format!("{}/prefix/", server.uri()), Keys::new(&["k3y"]), QUICK);
    assert!(client.events(Some("a b&c=d/é")).await.expect("events").is_empty());
}

#[tokio::test]
async fn each_generation_is_looked_up_at_its_own_address() {
    for (kind, file) in [
        (AgreementKind::DataContract, "data_contract.json"),
        (AgreementKind::DataUsageAgreement, "data_usage_agreement.json"),
        (AgreementKind::Access, "access.json"),
    ] {
        let server = MockServer::start().await;
        let raw = fixture(file);
        let wanted = reference(kind, raw["id"].as_str().expect("an id"));
        let address = format!("/api/{}/{}", kind.collection(), wanted.id);
        answers(&server, &address, ResponseTemplate::new(200).set_body_json(&raw)).await;
        let agreement = client(&server).agreement(&wanted).await.expect("an answer").expect("an agreement");
        assert_eq!(agreement.reference, wanted);
        assert_eq!(agreement.raw(), &raw);
        assert!(agreement.is_in_force());
        assert_eq!(asked(&server).await, [format!("GET {address}")]);
    }
}

#[tokio::test]
async fn an_older_agreement_that_is_not_at_its_address_is_looked_up_as_an_access() {
    for (kind, older) in [
        (AgreementKind::DataContract, problem(404, "no such data contract")),
        (AgreementKind::DataUsageAgreement, problem(404, "no such address")),
        (AgreementKind::DataUsageAgreement, problem(410, "gone")),
        (AgreementKind::DataContract, ResponseTemplate::new(200).set_body_json(data_contract("a"))),
    ] {
        let server = MockServer::start().await;
        answers(&server, &format!("/api/{}/a", kind.collection()), older).await;
        answers(&server, "/api/access/a", ResponseTemplate::new(200).set_body_json(access("a"))).await;
        let found =
            client(&server).agreement(&reference(kind, "a")).await.expect("an answer").expect("an agreement");
        assert_eq!(found.reference, reference(AgreementKind::Access, "a"));
        assert!(matches!(found.consumer, Consumer::DataProduct { id, .. } if id == "stock-levels"));
    }
}

#[tokio::test]
async fn an_agreement_that_does_not_exist_is_none() {
    let server = without_anything().await;
    for kind in AgreementKind::ALL {
        assert_eq!(client(&server).agreement(&reference(kind, "gone")).await.expect("an answer"), None);
    }
    let expected = [
        "GET /api/datacontracts/gone",
        "GET /api/access/gone",
        "GET /api/datausageagreements/gone",
        "GET /api/access/gone",
        "GET /api/access/gone",
    ];
    assert_eq!(asked(&server).await, expected);
}

#[tokio::test]
async fn an_access_that_is_not_an_agreement_is_an_error_and_not_none() {
    let server = MockServer::start().await;
    answers(&server, "/api/access/a", ResponseTemplate::new(200).set_body_json(json!({"id": "a"}))).await;
    let error =
        client(&server).agreement(&reference(AgreementKind::Access, "a")).await.expect_err("an error");
    assert!(matches!(&error, ApiError::Document { path, .. } if path == "/api/access/a"), "{error:?}");
    assert!(error.to_string().contains("`info` is missing") && !error.is_retryable(), "{error}");
}

#[tokio::test]
async fn a_failure_at_the_older_address_is_not_taken_for_absence() {
    let server = MockServer::start().await;
    answers(&server, "/api/datacontracts/a", problem(400, "bad id")).await;
    answers(&server, "/api/access/a", ResponseTemplate::new(200).set_body_json(fixture("access.json"))).await;
    let error =
        client(&server).agreement(&reference(AgreementKind::DataContract, "a")).await.expect_err("an error");
    assert_eq!(error.to_string(), "Data Mesh Manager answers 400 for /api/datacontracts/a");
}

#[tokio::test]
async fn data_products_and_teams_are_found_or_none() {
    let server = without_anything().await;
    let product = fixture("open_data_product_standard.json");
    let address = "/api/dataproducts/urn:acme:dataproduct:delivery-forecast";
    answers(&server, address, ResponseTemplate::new(200).set_body_json(&product)).await;
    answers(
        &server,
        "/api/teams/customer-care",
        ResponseTemplate::new(200).set_body_json(fixture("team.json")),
    )
    .await;
    let client = client(&server);
    let id = "urn:acme:dataproduct:delivery-forecast";
    let product = client.data_product(id).await.expect("an answer").expect("a data product");
    assert_eq!(product.id, id);
    let team = client.team("customer-care").await.expect("an answer").expect("a team");
    assert_eq!(team.name, "Customer care");
    assert_eq!(client.data_product("gone").await.expect("an answer"), None);
    assert_eq!(client.team("gone").await.expect("an answer"), None);
}

#[tokio::test]
async fn the_documents_of_data_contracts_are_found_or_none() {
    let server = without_anything().await;
    let contract =
        json!({"kind": "DataContract", "id": "urn:acme:orders", "servers": [{"server": "a", "type": "s3"}]});
    let address = "/api/datacontracts/urn:acme:orders";
    answers(&server, address, ResponseTemplate::new(200).set_body_json(contract)).await;
    let agreement = ResponseTemplate::new(200).set_body_json(fixture("data_contract.json"));
    let id = fixture("data_contract.json")["id"].as_str().expect("an id").to_owned();
    answers(&server, &format!("/api/datacontracts/{id}"), agreement).await;
    let client = client(&server);
    let contract =
        client.data_contract("urn:acme:orders").await.expect("an answer").expect("a data contract");
    assert_eq!((contract.servers.len(), contract.problem), (1, None));
    let agreement = client.data_contract(&id).await.expect("an answer").expect("a document");
    assert!(agreement.problem.is_some() && agreement.servers.is_empty());
    assert_eq!(client.data_contract("gone").await.expect("an answer"), None);
}

#[tokio::test]
async fn the_organization_is_known_by_its_vanity_url() {
    let server = MockServer::start().await;
    let settings =
        json!({"vanityUrl": "acme", "host": "https://acme.example.com", "fullName": "Acme", "logoUrl": ""});
    answers(&server, "/api/organization/settings", ResponseTemplate::new(200).set_body_json(settings)).await;
    assert_eq!(client(&server).organization().await.expect("an answer"), "acme");
}

#[tokio::test]
async fn settings_without_a_vanity_url_are_an_error() {
    for settings in [json!({}), json!([]), json!({"vanityUrl": ""}), json!({"vanityUrl": 7}), json!(null)] {
        let server = MockServer::start().await;
        let answer = ResponseTemplate::new(200).set_body_json(&settings);
        answers(&server, "/api/organization/settings", answer).await;
        let error = client(&server).organization().await.expect_err("an error");
        assert!(matches!(error, ApiError::Document { .. }), "{settings}: {error}");
    }
}

#[tokio::test]
async fn an_id_remains_one_segment_of_the_address() {
    let server = without_anything().await;
    let client = client(&server);
    assert_eq!(client.team("a/../b?c#d").await.expect("an answer"), None);
    assert_eq!(asked(&server).await, ["GET /api/teams/a%2F..%2Fb%3Fc%23d"]);
    for id in ["", ".", ".."] {
        let error = client.team(id).await.expect_err("no address");
        assert!(matches!(error, ApiError::InvalidId { .. }) && !error.is_retryable(), "{error:?}");
    }
    assert_eq!(asked(&server).await.len(), 1);
}

#[tokio::test]
async fn the_error_for_an_undocumented_answer_names_the_path() {
    let server = MockServer::start().await;
    let html = ResponseTemplate::new(200).set_body_raw("<html>maintenance</html>", "text/html");
    answers(&server, "/api/teams/html", html).await;
    answers(&server, "/api/teams/list", ResponseTemplate::new(200).set_body_json(json!([]))).await;
    answers(&server, "/api/events", ResponseTemplate::new(200).set_body_json(json!({"events": []}))).await;
    let client = client(&server);
    let error = client.team("html").await.expect_err("an error");
    assert!(matches!(&error, ApiError::NotJson { path, .. } if path == "/api/teams/html"), "{error:?}");
    assert!(error.is_retryable());
    let error = client.team("list").await.expect_err("an error");
    assert_eq!(error.to_string(), "the answer to /api/teams/list cannot be used: it is not a JSON object");
    let error = client.events(None).await.expect_err("an error");
    assert_eq!(error.to_string(), "the answer to /api/events is not an array of events");
    assert_eq!(asked(&server).await.len(), 3);
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let server = MockServer::start().await;
    let elsewhere = ResponseTemplate::new(302).insert_header("location", "/api/teams/other");
    answers(&server, "/api/teams/moved", elsewhere).await;
    let error = client(&server).team("moved").await.expect_err("an error");
    assert!(matches!(error, ApiError::Status { status: 302, .. }), "{error:?}");
    assert_eq!(asked(&server).await, ["GET /api/teams/moved"]);
}

#[test]
fn a_client_can_be_shared_between_tasks() {
    fn shared<T: Clone + Send + Sync + 'static>() {}
    shared::<Client>();
}

#[tokio::test]
async fn all_agreements_are_read_page_by_page_from_the_configured_address_only() {
    let server = MockServer::start().await;
    let page = |ids: &[&str], link: Option<&str>| {
        let entries: Vec<Value> =
            ids.iter().map(|id| json!({"id": id, "provider": {}, "consumer": {}})).collect();
        let answer = ResponseTemplate::new(200).set_body_json(entries);
        link.map_or(answer.clone(), |link| answer.insert_header("link", link))
    };
    for (number, answer) in [
        ("0", page(&["a", "b"], Some("<https://elsewhere.example.com/api/access?p=1>; rel=\"next\""))),
        ("1", page(&["c"], None)),
    ] {
        let at = Mock::given(method("GET")).and(path("/api/access"));
        at.and(wiremock::matchers::query_param("p", number)).respond_with(answer).mount(&server).await;
    }
    let client = client(&server);
    let first = client.agreements(AgreementKind::Access, 0).await.expect("a page").expect("a list");
    assert_eq!(first.agreements, ["a", "b"].map(|id| reference(AgreementKind::Access, id)));
    assert_eq!((first.nameless, first.next), (0, Some(1)));
    let second = client.agreements(AgreementKind::Access, 1).await.expect("a page").expect("a list");
    assert_eq!(second.agreements, [reference(AgreementKind::Access, "c")]);
    assert_eq!(second.next, None);
}

#[tokio::test]
async fn a_generation_that_the_api_no_longer_has_has_no_list() {
    for status in [404, 410] {
        let server = MockServer::start().await;
        answers(&server, "/api/datausageagreements", problem(status, "gone")).await;
        let list = client(&server).agreements(AgreementKind::DataUsageAgreement, 0).await;
        assert_eq!(list.expect("an answer"), None);
    }
}

#[tokio::test]
async fn documents_at_the_address_of_the_first_generation_are_not_agreements() {
    let server = MockServer::start().await;
    let entries = json!([
        {"id": "document", "info": {"title": "Orders"}, "models": {}},
        {"id": "unclear", "info": {"title": "Orders"}},
        {"id": "agreement", "provider": {}, "consumer": {}},
        {"id": ""}, {"provider": {}, "consumer": {}}, "text",
    ]);
    let list = ResponseTemplate::new(200).set_body_json(entries);
    answers(&server, "/api/datacontracts", list.clone()).await;
    answers(&server, "/api/access", list).await;
    let page = |kind| {
        let client = client(&server);
        async move { client.agreements(kind, 0).await.expect("a page").expect("a list") }
    };
    let contracts = page(AgreementKind::DataContract).await;
    let expected = ["unclear", "agreement"].map(|id| reference(AgreementKind::DataContract, id));
    assert_eq!(contracts.agreements, expected);
    assert_eq!(contracts.nameless, 3);
    // An access that cannot be read is not left out, because the consumer may have a policy for it.
    let ids: Vec<String> = page(AgreementKind::Access).await.agreements.into_iter().map(|a| a.id).collect();
    assert_eq!(ids, ["document", "unclear", "agreement"]);
}

#[tokio::test]
async fn a_list_that_would_never_end_is_an_error() {
    for link in ["</api/access?p=3>; rel=next", "</api/access>; rel=next"] {
        let server = MockServer::start().await;
        let answer = ResponseTemplate::new(200).set_body_json(json!([])).insert_header("link", link);
        answers(&server, "/api/access", answer).await;
        let error = client(&server).agreements(AgreementKind::Access, 3).await.expect_err("no end");
        assert!(matches!(error, ApiError::Unexpected { .. }), "{error}");
    }
}
