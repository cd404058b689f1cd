//! Pages of the feed and of lists that have something wrong with them.

use dmm_api::ApiError;
use dmm_mesh::{AgreementKind, EventDefect, RawEvent};
use wiremock::matchers::path;
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::support::client;

const MIB: usize = 1024 * 1024;

async fn serving(address: &str, body: impl Into<Vec<u8>>) -> MockServer {
    let server = MockServer::start().await;
    let answer = ResponseTemplate::new(200).set_body_raw(body, "application/cloudevents-batch+json");
    Mock::given(path(address)).respond_with(answer).mount(&server).await;
    server
}

async fn events(body: impl Into<Vec<u8>>) -> Result<Vec<RawEvent>, ApiError> {
    client(&serving("/api/events", body).await).events(None).await
}

fn ids(events: &[RawEvent]) -> Vec<String> {
    events.iter().map(|event| event.id().unwrap_or_default()).collect()
}

#[tokio::test]
async fn one_event_that_is_not_valid_json_does_not_hide_the_others() {
    let deep = format!("{}{}", "[".repeat(128), "]".repeat(128));
    for bad in [&b"1e400"[..], b"\"\\ud800\"", deep.as_bytes(), b"\"\xff\"", b"{\"a\":1,\"a\":2}"] {
        let body = [&b"[{\"id\":\"a\"}, {\"id\":\"b\",\"x\":"[..], bad, b"}, {\"id\":\"c\"}]"].concat();
        let events = events(body).await.expect("a page");
        assert_eq!(ids(&events), ["a", "b", "c"]);
        let readable: Vec<bool> = events.iter().map(|event| event.value().is_ok()).collect();
        assert_eq!(readable, [true, false, true]);
        let whole = [&b"{\"id\":\"b\",\"x\":"[..], bad, b"}"].concat();
        assert_eq!(events.get(1).map(RawEvent::bytes), Some(&whole[..]));
    }
}

#[tokio::test]
async fn a_page_whose_first_events_cannot_be_told_apart_is_an_error() {
    for body in ["[{]", "[{\"id\":\"a\"]", "[,]", "<html>", "null", "[{\"id\":\"a\"}", "["] {
        let error = events(body).await.expect_err(body);
        assert!(matches!(error, ApiError::NotJson { .. }), "{body}: {error:?}");
        assert!(error.is_retryable());
    }
}

#[tokio::test]
async fn the_events_before_one_that_cannot_be_delimited_are_read() {
    let events = events("[{\"id\":\"a\"},{\"id\":\"b\"},{\"id\":\"c\"]").await.expect("a part of a page");
    assert_eq!(ids(&events), ["a", "b"]);
}

#[tokio::test]
async fn a_page_of_any_size_is_read_in_portions() {
    let event = |number: usize| format!("{{\"id\":\"{number:04}\",\"x\":\"{}\"}}", "y".repeat(MIB / 4));
    let body = format!("[{}]", (0..160).map(event).collect::<Vec<_>>().join(","));
    assert!(body.len() > 32 * MIB);
    let events = events(body).await.expect("a portion");
    assert_eq!(events.len(), 4);
    assert_eq!(ids(&events).last().map(String::as_str), Some("0003"));
}

#[tokio::test]
async fn an_event_that_is_too_large_ends_a_portion_with_its_id() {
    let large = format!("{{\"id\":\"large\",\"x\":\"{}\"}}", "y".repeat(40 * MIB));
    let events = events(format!("[{{\"id\":\"a\"}},{large},{{\"id\":\"b\"}}]")).await.expect("a portion");
    assert_eq!(ids(&events), ["a", "large"]);
    let last = events.last().expect("an event");
    assert!(matches!(last.value(), Err(EventDefect::TooLarge { .. })), "{:?}", last.value());
    assert!(last.bytes().starts_with(b"{\"id\":\"large\",\"x\":\"yyy") && last.bytes().len() == 64 * 1024);
}

#[tokio::test]
async fn a_large_event_without_an_id_in_its_beginning_is_passed_over() {
    let large = format!("{{\"x\":\"{}\",\"id\":\"late\"}}", "y".repeat(3 * MIB));
    let events = events(format!("[{{\"id\":\"a\"}},{large},{{\"id\":\"b\"}}]")).await.expect("a page");
    assert_eq!(ids(&events), ["a", "", "b"]);
}

#[tokio::test]
async fn a_list_keeps_the_ids_of_entries_that_cannot_be_read() {
    let large = format!("{{\"id\":\"large\",\"x\":\"{}\"}}", "y".repeat(3 * MIB));
    let contract =
        format!("{{\"id\":\"contract\",\"kind\":\"DataContract\",\"x\":\"{}\"}}", "y".repeat(3 * MIB));
    let body =
        format!("[{{\"id\":\"a\"}},{{\"id\":\"b\",\"x\":1e400}},{large},{contract},{{\"x\":1}},nonsense]");
    for (kind, expected) in [
        (AgreementKind::DataContract, &["a", "b", "large"][..]),
        (AgreementKind::Access, &["a", "b", "large", "contract"]),
    ] {
        let server = serving(&format!("/api/{}", kind.collection()), body.clone()).await;
        let page = client(&server).agreements(kind, 0).await.expect("a page").expect("a list");
        let ids: Vec<&str> = page.agreements.iter().map(|agreement| agreement.id.as_str()).collect();
        assert_eq!((ids, page.nameless), (expected.to_vec(), 2));
    }
}

#[tokio::test]
async fn a_list_that_cannot_be_read_to_its_end_is_an_error() {
    for body in
        ["[{\"id\":\"a\"}", "[{\"id\":\"a\"},{\"id\":\"b\"]", "[{\"id\":\"a\"}] x", "<html>", "null", "{}"]
    {
        let server = serving("/api/access", body).await;
        let error = client(&server).agreements(AgreementKind::Access, 0).await.expect_err(body);
        assert!(matches!(error, ApiError::NotJson { .. } | ApiError::Unexpected { .. }), "{body}: {error:?}");
    }
}
