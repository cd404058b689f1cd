//! The function's binary, run as Lambda does, against a mock of the Runtime API, AWS and Data Mesh Manager.

#![expect(clippy::unwrap_used, reason = "helpers of tests, where a failure is a panic")]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use dmm_lambda_test::{Answered, IAM, answer, answered, function, hand};
use serde_json::{Value, json};
use wiremock::matchers::{body_string_contains, method, path, path_regex, query_param_contains};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

const BINARY: &str = env!("CARGO_BIN_EXE_iam-grant");

async fn iam(server: &MockServer, action: &str, response: ResponseTemplate) {
    let marked = body_string_contains(format!("Action={action}&"));
    Mock::given(method("POST")).and(path("/")).and(marked).respond_with(response).mount(server).await;
}

/// A bucket that stores what is put. The `ETag` is the number of the write.
async fn bucket(server: &MockServer) {
    let objects = Arc::new(Mutex::new(BTreeMap::<String, (usize, Vec<u8>)>::new()));
    let kept = Arc::clone(&objects);
    let put = move |request: &Request| {
        let mut objects = kept.lock().unwrap();
        let object = objects.entry(request.url.path().to_owned()).or_default();
        *object = (object.0 + 1, request.body.clone());
        ResponseTemplate::new(200).insert_header("etag", format!("\"{}\"", object.0))
    };
    Mock::given(method("PUT"))
        .and(path_regex("grants/|evidence/|packs/|organization.json$"))
        .respond_with(put)
        .mount(server)
        .await;
    let get = move |request: &Request| match objects.lock().unwrap().get(request.url.path()) {
        Some((etag, body)) => ResponseTemplate::new(200)
            .insert_header("etag", format!("\"{etag}\""))
            .set_body_bytes(body.clone()),
        None => ResponseTemplate::new(404).set_body_string("<Error><Code>NoSuchKey</Code></Error>"),
    };
    Mock::given(method("GET"))
        .and(path_regex("grants/|evidence/|packs/|organization.json$"))
        .respond_with(get)
        .mount(server)
        .await;
}

/// A policy that is `missing` until it is put.
async fn role_policy(server: &MockServer, missing: String) {
    let document = Arc::new(Mutex::new(None::<String>));
    let stored = Arc::clone(&document);
    let put = move |request: &Request| {
        let body = String::from_utf8_lossy(&request.body).into_owned();
        let sent = body.split('&').find_map(|member| member.strip_prefix("PolicyDocument="));
        *stored.lock().unwrap() = sent.map(str::to_owned);
        ResponseTemplate::new(200).set_body_string(format!("<PutRolePolicyResponse {IAM}/>"))
    };
    let is = |action: &str| Mock::given(body_string_contains(format!("Action={action}&")));
    is("PutRolePolicy").respond_with(put).mount(server).await;
    // IAM answers with the document as the form had it: percent-encoded.
    let is_its =
        |request: &Request| String::from_utf8_lossy(&request.body).contains("PolicyName=DMM_Access_a1");
    let get = move |request: &Request| match &*document.lock().unwrap() {
        Some(document) if is_its(request) => ResponseTemplate::new(200).set_body_string(format!(
            "<GetRolePolicyResponse {IAM}><GetRolePolicyResult><RoleName>consumer-1</RoleName>\
             <PolicyName>DMM_Access_a1</PolicyName><PolicyDocument>{document}</PolicyDocument>\
             </GetRolePolicyResult></GetRolePolicyResponse>"
        )),
        _ => ResponseTemplate::new(404).set_body_string(missing.clone()),
    };
    is("GetRolePolicy").respond_with(get).mount(server).await;
}

#[tokio::test]
async fn an_activated_access_is_granted_recorded_and_reported() {
    let server = MockServer::start().await;
    hand(
        &server,
        &json!({
            "version": "0", "id": "b1", "detail-type": "AccessActivatedEvent", "source": "com.datamesh-manager",
            "account": "123456789012", "time": "2023-06-01T00:00:00Z", "region": "eu-central-1", "resources": [],
            "detail": {
                "id": "e1", "type": "com.datamesh-manager.events.AccessActivatedEvent", "specversion": "1.0",
                "source": "https://api.datamesh-manager.com", "subject": "a1", "data": { "id": "a1" },
            },
        }),
    )
    .await;
    let secret = json!({ "Name": "dmm/api-key", "SecretString": "the-key" });
    let with_target = wiremock::matchers::header("x-amz-target", "secretsmanager.GetSecretValue");
    Mock::given(with_target)
        .respond_with(ResponseTemplate::new(200).set_body_json(secret))
        .mount(&server)
        .await;
    let agreement = json!({
        "id": "a1", "info": { "purpose": "p", "status": "approved", "active": true },
        "provider": { "dataProductId": "orders", "outputPortId": "daily" },
        "consumer": { "dataProductId": "promotions" },
    });
    let ok = |body: Value| ResponseTemplate::new(200).set_body_json(body);
    answer(&server, "GET", "/api/organization/settings", ok(json!({ "vanityUrl": "acme" }))).await;
    answer(&server, "GET", "/api/access/a1", ok(agreement)).await;
    let port = json!({ "output-port-type": "s3_bucket", "aws-s3-bucket-arn": "arn:aws:s3:::orders-data" });
    let provider = json!({ "id": "orders", "info": {}, "outputPorts": [{ "id": "daily", "custom": port }] });
    answer(&server, "GET", "/api/dataproducts/orders", ok(provider)).await;
    let consumer = json!({ "id": "promotions", "info": {}, "custom": { "aws-role-name": "consumer-1" } });
    answer(&server, "GET", "/api/dataproducts/promotions", ok(consumer)).await;
    let report = "/api/access/a1/provisioning/provisioning-succeeded";
    answer(&server, "POST", report, ok(json!({}))).await;
    let role = format!(
        "<GetRoleResponse {IAM}><GetRoleResult><Role><Path>/</Path><RoleName>consumer-1</RoleName>\
         <RoleId>AROA1</RoleId><Arn>arn:aws:iam::123456789012:role/consumer-1</Arn>\
         <CreateDate>2023-06-01T00:00:00Z</CreateDate><Tags><member><Key>dmm-integration</Key>\
         <Value>enabled</Value></member><member><Key>dmm-data-product</Key><Value>promotions</Value></member></Tags></Role>\
         </GetRoleResult></GetRoleResponse>"
    );
    iam(&server, "GetRole", ResponseTemplate::new(200).set_body_string(role)).await;
    let missing = format!("<ErrorResponse {IAM}><Error><Code>NoSuchEntity</Code></Error></ErrorResponse>");
    role_policy(&server, missing.clone()).await;
    iam(&server, "ListRolePolicies", ResponseTemplate::new(404).set_body_string(missing)).await;
    // The state bucket has no record of packed policies, so the function lists the attached ones.
    let attached = format!(
        "<ListAttachedRolePoliciesResponse {IAM}><ListAttachedRolePoliciesResult><IsTruncated>false</IsTruncated>\
         <AttachedPolicies/></ListAttachedRolePoliciesResult></ListAttachedRolePoliciesResponse>"
    );
    iam(&server, "ListAttachedRolePolicies", ResponseTemplate::new(200).set_body_string(attached)).await;
    let tags =
        "<Tagging><TagSet><Tag><Key>dmm-data-product</Key><Value>orders</Value></Tag></TagSet></Tagging>";
    Mock::given(method("GET"))
        .and(path_regex("orders-data"))
        .and(query_param_contains("tagging", ""))
        .respond_with(ResponseTemplate::new(200).set_body_string(tags))
        .mount(&server)
        .await;
    let record = "grants/access/a1.json";
    bucket(&server).await;

    let mut running = function(BINARY, &server).spawn().unwrap();
    let Answered { succeeded, body: answer, requests } = answered(&server, &mut running).await;
    assert!(succeeded, "{answer}");

    let position = |wanted: &dyn Fn(&Request) -> bool| requests.iter().position(wanted);
    let is_record =
        |request: &Request| request.method.as_str() == "PUT" && request.url.path().ends_with(record);
    let body = |request: &Request| String::from_utf8_lossy(&request.body).into_owned();
    let intent = position(&is_record).expect("an intent");
    let put = position(&|request| body(request).contains("Action=PutRolePolicy&")).expect("a policy");
    let reported = position(&|request| request.url.path() == report).expect("a report");
    assert!(intent < put && put < reported);
    let entry = "evidence/access/a1/0000000001.json";
    let evidence = position(&|request| request.url.path().ends_with(entry)).expect("an entry");
    let settled = requests.iter().rposition(is_record).expect("a settled record");
    assert!(put < evidence && evidence < settled);
    assert_eq!(requests[evidence].headers["if-none-match"], "*");
    let read_back = requests.iter().rposition(|request| body(request).contains("Action=GetRolePolicy&"));
    assert!(read_back.is_some_and(|read_back| put < read_back && read_back < reported));
    assert!(body(&requests[intent]).contains("changing"));
    assert_eq!(requests[intent].headers["if-none-match"], "*");
    assert!(body(&requests[put]).contains("PolicyName=DMM_Access_a1&"));
    assert!(requests.iter().rev().find(|request| is_record(request)).is_some_and(|request| {
        body(request).contains("settled") && request.headers["if-match"] == "\"1\""
    }));
    let said = requests.iter().filter(|request| request.url.path().starts_with("/api/"));
    assert!(said.into_iter().all(|request| request.headers["x-api-key"] == "the-key"));
}

#[tokio::test]
async fn without_a_required_variable_the_function_ends_and_names_it() {
    let server = MockServer::start().await;
    let ended = function(BINARY, &server).env_remove("ALLOWED_ROLES").spawn().unwrap();
    let output =
        tokio::time::timeout(Duration::from_mins(10), ended.wait_with_output()).await.unwrap().unwrap();
    assert!(!output.status.success());
    let log = String::from_utf8(output.stdout).unwrap();
    assert!(log.contains("ALLOWED_ROLES"), "{log}");
    assert!(server.received_requests().await.unwrap().is_empty());
}
