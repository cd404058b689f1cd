use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use wiremock::matchers::{any, body_bytes, method, path};
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

/// The errors of both operations for the same answer.
async fn failures(answer: ResponseTemplate) -> [StateError; 2] {
    let server = always(answer).await;
    let store = store(&server);
    [
        store.get(KEY).await.expect_err("a failure"),
        store.put(KEY, b"x".to_vec(), &Precondition::Absent).await.expect_err("a failure"),
    ]
}

/// The part of S3 that the store uses.
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
            ("GET", Some(body)) => ResponseTemplate::new(200)
                .insert_header("etag", FakeS3::etag(body))
                .set_body_bytes(body.clone()),
            _ => s3_error(404, "NoSuchKey"),
        }
    }
}

#[tokio::test]
async fn the_store_fulfils_the_contract_of_object_stores() {
    let empty = async || {
        let server = MockServer::start().await;
        Mock::given(any()).respond_with(FakeS3::default()).mount(&server).await;
        server
    };
    contract::holds(&store(&empty().await)).await;
    contract::lists(&store(&empty().await)).await;
}

#[tokio::test]
async fn a_denied_listing_names_the_missing_permission() {
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
async fn each_precondition_of_a_write_becomes_a_header() {
    let request = written(Precondition::Absent).await;
    assert_eq!(request.headers["if-none-match"], "*");
    assert!(!request.headers.contains_key("if-match"));
    let request = written(Precondition::Matches(ETag::new("\"1\""))).await;
    assert_eq!(request.headers["if-match"], "\"1\"");
    assert!(!request.headers.contains_key("if-none-match"));
}

#[tokio::test]
async fn a_failed_precondition_is_a_conflict() {
    let when = Precondition::Matches(ETag::new("\"1\""));
    for (status, code) in [(412, "PreconditionFailed"), (409, "ConditionalRequestConflict")] {
        let server = always(s3_error(status, code)).await;
        let error = store(&server).put(KEY, b"{}".to_vec(), &when).await.expect_err("a conflict");
        assert!(
            matches!(&error, StateError::Conflict { object } if object == "s3://state/grants/access/a b.json")
        );
        assert!(error.is_retryable());
    }
}

#[tokio::test]
async fn an_action_without_permission_is_denied() {
    let actions = ["s3:GetObject", "s3:PutObject"];
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
async fn a_retryable_failure_is_unavailable() {
    let retryable = [
        (503, "SlowDown"),
        (500, "InternalError"),
        (400, "RequestTimeout"),
        (409, "OperationAborted"),
        (400, "ExpiredToken"),
    ];
    for (status, code) in retryable {
        for error in failures(s3_error(status, code)).await {
            assert!(
                matches!(error, StateError::Unavailable { .. }) && error.is_retryable(),
                "{code}: {error:?}"
            );
        }
    }
}

#[tokio::test]
async fn an_unreachable_store_is_unavailable() {
    // A privileged port that nothing listens on.
    let store = store_at("http://127.0.0.1:1");
    let error = store.get(KEY).await.expect_err("a failure");
    assert!(matches!(error, StateError::Unavailable { .. }) && error.is_retryable(), "{error:?}");
}

#[tokio::test]
async fn a_missing_bucket_is_not_a_missing_object() {
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
}

#[tokio::test]
async fn an_answer_without_an_etag_is_rejected() {
    let server = always(ResponseTemplate::new(200)).await;
    let store = store(&server);
    let errors = [
        store.get(KEY).await.expect_err("a failure"),
        store.put(KEY, Vec::new(), &Precondition::Absent).await.expect_err("a failure"),
    ];
    assert!(errors.iter().all(|error| matches!(error, StateError::Rejected { .. })), "{errors:?}");
}

#[tokio::test]
async fn an_object_below_the_prefix_is_locked_for_the_days_and_has_a_checksum() {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(FakeS3::default()).mount(&server).await;
    for (mode, sent) in [(LockMode::Governance, "GOVERNANCE"), (LockMode::Compliance, "COMPLIANCE")] {
        let lock = ObjectLock { prefix: "evidence/", mode, days: 400 };
        let store = store(&server).with_lock(Some(lock));
        let before = Timestamp::now();
        for folder in ["evidence", "grants"] {
            let key = format!("{folder}/{sent}.json");
            store.put(&key, b"{}".to_vec(), &Precondition::Absent).await.unwrap();
        }
        let requests = server.received_requests().await.unwrap();
        let header = |folder: &str, name: &str| {
            let path = format!("/state/{folder}/{sent}.json");
            let request = requests.iter().find(|request| request.url.path() == path).unwrap();
            request.headers.get(name).map(|value| value.to_str().unwrap().to_owned())
        };
        assert_eq!(header("evidence", "x-amz-object-lock-mode").as_deref(), Some(sent));
        let until = header("evidence", "x-amz-object-lock-retain-until-date").unwrap();
        let until: Timestamp = until.parse().unwrap();
        let days = until.duration_since(before).as_secs() / (24 * 60 * 60);
        assert!((399..=400).contains(&days), "{until}");
        // The SHA-256 of {}.
        let checksum = header("evidence", "x-amz-checksum-sha256");
        assert_eq!(checksum.as_deref(), Some("RBNvo1WzZ4oRRq0W9+hknpT7T8If536DEMBg9hyq/4o="));
        assert_eq!(header("grants", "x-amz-object-lock-mode"), None);
    }
}

#[tokio::test]
async fn a_lock_that_is_denied_names_its_permission() {
    let server = always(s3_error(403, "AccessDenied")).await;
    let lock = ObjectLock { prefix: "evidence/", mode: LockMode::Compliance, days: 1 };
    let store = store(&server).with_lock(Some(lock));
    let error = store.put("evidence/1.json", b"x".to_vec(), &Precondition::Absent).await.unwrap_err();
    assert!(error.to_string().contains("s3:PutObjectRetention"), "{error}");
}
