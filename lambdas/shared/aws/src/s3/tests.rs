use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use wiremock::matchers::{any, body_bytes, header, method, path};
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate, Times};

use super::*;
use dmm_state::contract;

const KEY: &str = "grants/access/a b.json";

fn store(server: &MockServer) -> S3Store {
    store_at(&server.uri())
}

fn store_at(endpoint: &str) -> S3Store {
    S3Store::new(&Aws::without_retries(endpoint), "state")
}

fn s3_error(status: u16, code: &str) -> ResponseTemplate {
    let body = format!(r#"<?xml version="1.0"?><Error><Code>{code}</Code><Message>m</Message></Error>"#);
    ResponseTemplate::new(status).set_body_raw(body, "application/xml")
}

async fn always(answer: ResponseTemplate) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(answer).mount(&server).await;
    server
}

/// What each of the three operations makes of the same answer.
async fn failures(answer: ResponseTemplate) -> [StateError; 3] {
    let server = always(answer).await;
    let store = store(&server);
    [
        store.get(KEY).await.expect_err("a failure"),
        store.put(KEY, b"x".to_vec(), &Precondition::None).await.expect_err("a failure"),
        store.delete(KEY, &Precondition::None).await.expect_err("a failure"),
    ]
}

/// As much of S3 as the store uses.
#[derive(Default)]
struct FakeS3 {
    objects: Mutex<BTreeMap<String, Vec<u8>>>,
}

impl FakeS3 {
    fn etag(body: &[u8]) -> String {
        format!("\"{}\"", String::from_utf8_lossy(body))
    }

    /// Two keys at a time.
    fn list(objects: &BTreeMap<String, Vec<u8>>, query: &BTreeMap<String, String>) -> ResponseTemplate {
        let decoded = |path: &String| {
            let path = path.strip_prefix("/state/").expect("an object of the bucket");
            path.replace("%C3%BC", "ü")
        };
        let wanted = |key: &String| {
            key.starts_with(&query["prefix"]) && query.get("start-after").is_none_or(|after| key > after)
        };
        let keys: BTreeSet<String> = objects.keys().map(decoded).filter(wanted).collect();
        let keys: Vec<&str> = keys.iter().take(2).map(String::as_str).collect();
        let contents = match keys.as_slice() {
            [] => String::new(),
            keys => {
                format!("<Contents><Key>{}</Key></Contents>", keys.join("</Key></Contents><Contents><Key>"))
            }
        };
        let body = format!(r#"<?xml version="1.0"?><ListBucketResult>{contents}</ListBucketResult>"#);
        ResponseTemplate::new(200).set_body_raw(body, "application/xml")
    }
}

impl Respond for FakeS3 {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let mut objects = self.objects.lock().expect("no panic before");
        let query: BTreeMap<_, _> = request.url.query_pairs().into_owned().collect();
        if query.contains_key("list-type") {
            return FakeS3::list(&objects, &query);
        }
        let name = request.url.path().to_owned();
        let current = objects.get(&name).map(|body| FakeS3::etag(body));
        let condition =
            |name| request.headers.get(name).map(|value| value.to_str().expect("text").to_owned());
        if let Some(wanted) = condition("if-match") {
            match &current {
                None => return s3_error(404, "NoSuchKey"),
                Some(current) if *current != wanted => return s3_error(412, "PreconditionFailed"),
                Some(_) => {}
            }
        }
        if condition("if-none-match").is_some() && current.is_some() {
            return s3_error(412, "PreconditionFailed");
        }
        match (request.method.as_str(), objects.get(&name)) {
            ("PUT", _) => {
                let answer = ResponseTemplate::new(200).insert_header("etag", FakeS3::etag(&request.body));
                objects.insert(name, request.body.clone());
                answer
            }
            ("DELETE", _) => {
                objects.remove(&name);
                ResponseTemplate::new(204)
            }
            ("GET", Some(body)) => ResponseTemplate::new(200)
                .insert_header("etag", FakeS3::etag(body))
                .set_body_bytes(body.clone()),
            _ => s3_error(404, "NoSuchKey"),
        }
    }
}

#[tokio::test]
async fn the_contract_of_stores_holds() {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(FakeS3::default()).mount(&server).await;
    contract::holds(&store(&server)).await;
    contract::lists(&store(&server)).await;
}

#[tokio::test]
async fn a_listing_that_is_denied_names_the_right_that_is_missing() {
    let server = always(s3_error(403, "AccessDenied")).await;
    let error = store(&server).keys("grants/", None).await.expect_err("denied");
    assert!(matches!(error, StateError::Denied { action: "s3:ListBucket", .. }), "{error:?}");
}

#[tokio::test]
async fn an_object_is_read_from_its_key_in_the_bucket() {
    let server = MockServer::start().await;
    Mock::given(method("GET"))
        .and(path("/state/grants/access/a%20b.json"))
        .respond_with(ResponseTemplate::new(200).insert_header("etag", "\"1\"").set_body_string("{}"))
        .expect(1)
        .mount(&server)
        .await;
    let object = store(&server).get(KEY).await.expect("an answer").expect("an object");
    assert_eq!(object, Object { body: b"{}".to_vec(), etag: ETag::new("\"1\"") });
}

async fn written(when: Precondition) -> Request {
    let server = MockServer::start().await;
    Mock::given(method("PUT"))
        .and(path("/state/grants/access/a%20b.json"))
        .and(body_bytes(b"{}"))
        .respond_with(ResponseTemplate::new(200).insert_header("etag", "\"2\""))
        .expect(Times::from(1))
        .mount(&server)
        .await;
    let etag = store(&server).put(KEY, b"{}".to_vec(), &when).await.expect("written");
    assert_eq!(etag.as_str(), "\"2\"");
    server.received_requests().await.expect("recorded requests").remove(0)
}

#[tokio::test]
async fn each_precondition_of_a_write_has_its_header() {
    let request = written(Precondition::None).await;
    assert!(!request.headers.contains_key("if-match") && !request.headers.contains_key("if-none-match"));
    let request = written(Precondition::Absent).await;
    assert_eq!(request.headers["if-none-match"], "*");
    assert!(!request.headers.contains_key("if-match"));
    let request = written(Precondition::Matches(ETag::new("\"1\""))).await;
    assert_eq!(request.headers["if-match"], "\"1\"");
    assert!(!request.headers.contains_key("if-none-match"));
}

#[tokio::test]
async fn a_delete_can_be_for_one_version_only() {
    let server = MockServer::start().await;
    Mock::given(method("DELETE"))
        .and(path("/state/grants/access/a%20b.json"))
        .and(header("if-match", "\"1\""))
        .respond_with(ResponseTemplate::new(204))
        .expect(1)
        .mount(&server)
        .await;
    store(&server).delete(KEY, &Precondition::Matches(ETag::new("\"1\""))).await.expect("deleted");
}

#[tokio::test]
async fn a_precondition_that_does_not_hold_is_a_conflict() {
    let when = Precondition::Matches(ETag::new("\"1\""));
    for (status, code) in [(412, "PreconditionFailed"), (409, "ConditionalRequestConflict")] {
        let server = always(s3_error(status, code)).await;
        let store = store(&server);
        let errors = [
            store.put(KEY, b"{}".to_vec(), &when).await.expect_err("a conflict"),
            store.delete(KEY, &when).await.expect_err("a conflict"),
        ];
        for error in errors {
            assert!(
                matches!(&error, StateError::Conflict { object } if object == "s3://state/grants/access/a b.json")
            );
            assert!(error.is_retryable());
        }
    }
}

#[tokio::test]
async fn what_the_role_may_not_do_is_denied() {
    let actions = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"];
    for (error, action) in failures(s3_error(403, "AccessDenied")).await.into_iter().zip(actions) {
        assert!(matches!(error, StateError::Denied { .. }) && !error.is_retryable(), "{error:?}");
        assert!(
            error
                .to_string()
                .starts_with(&format!("{action} on s3://state/grants/access/a b.json is denied"))
        );
    }
}

#[tokio::test]
async fn what_a_retry_may_cure_is_unavailable() {
    let curable = [
        (503, "SlowDown"),
        (500, "InternalError"),
        (400, "RequestTimeout"),
        (409, "OperationAborted"),
        (400, "ExpiredToken"),
    ];
    for (status, code) in curable {
        for error in failures(s3_error(status, code)).await {
            assert!(
                matches!(error, StateError::Unavailable { .. }) && error.is_retryable(),
                "{code}: {error:?}"
            );
        }
    }
}

#[tokio::test]
async fn a_store_that_is_not_there_is_unavailable() {
    // A port for the superuser that nobody uses any more.
    let store = store_at("http://127.0.0.1:1");
    let error = store.get(KEY).await.expect_err("a failure");
    assert!(matches!(error, StateError::Unavailable { .. }) && error.is_retryable(), "{error:?}");
}

#[tokio::test]
async fn a_missing_bucket_is_no_missing_object() {
    for error in failures(s3_error(404, "NoSuchBucket")).await {
        assert!(
            matches!(&error, StateError::Rejected { reason, .. } if reason == "NoSuchBucket"),
            "{error:?}"
        );
        assert!(!error.is_retryable());
    }
}

#[tokio::test]
async fn a_404_without_a_code_is_a_missing_object() {
    let server = always(ResponseTemplate::new(404)).await;
    let store = store(&server);
    assert_eq!(store.get(KEY).await.expect("an answer"), None);
    store.delete(KEY, &Precondition::None).await.expect("nothing to delete");
}

#[tokio::test]
async fn an_answer_without_an_etag_is_no_object() {
    let server = always(ResponseTemplate::new(200)).await;
    let store = store(&server);
    let errors = [
        store.get(KEY).await.expect_err("a failure"),
        store.put(KEY, Vec::new(), &Precondition::None).await.expect_err("a failure"),
    ];
    assert!(errors.iter().all(|error| matches!(error, StateError::Rejected { .. })), "{errors:?}");
}
