//! Receiving spans over UDP and HTTP.

#![expect(clippy::unwrap_used, reason = "test helpers: a panic fails the test")]

use std::net::UdpSocket;
use std::time::Duration;

use dmm_trace_collector::{Collector, Forward, Options, Store};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message;
use tempfile::TempDir;

/// How long a test waits for something before it fails, however busy the machine is.
const TIMEOUT: Duration = Duration::from_mins(10);

fn request(id: u8) -> ExportTraceServiceRequest {
    let span =
        Span { trace_id: vec![id; 16], span_id: vec![id; 8], name: format!("span {id}"), ..Span::default() };
    let scope_spans = vec![ScopeSpans { spans: vec![span], ..ScopeSpans::default() }];
    ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans { scope_spans, ..ResourceSpans::default() }],
    }
}

async fn start(folder: &TempDir, name: &str, forward: Option<Forward>) -> Collector {
    Collector::start(Options { file: folder.path().join(name), forward }).await.unwrap()
}

async fn arrived(store: &Store, names: &[&str]) {
    let wait = async {
        loop {
            let mut found: Vec<String> = store.spans().into_iter().map(|it| it.span.name).collect();
            found.sort();
            if found == names {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(TIMEOUT, wait).await.unwrap();
}

fn datagram(request: &ExportTraceServiceRequest) -> Vec<u8> {
    use base64::Engine;
    let encoded = base64::engine::general_purpose::STANDARD.encode(request.encode_to_vec());
    format!("{{\"format\":\"json\",\"version\":1}}\nT1S{encoded}").into_bytes()
}

fn client() -> reqwest::Client {
    dmm_proxy::client(&"http://127.0.0.1".parse().unwrap()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn spans_come_in_by_udp_and_by_http_and_are_kept_in_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let collector = start(&folder, "traces.jsonl", None).await;
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.send_to(b"no datagram of ours", collector.daemon()).unwrap();
    socket.send_to(&datagram(&request(1)), collector.daemon()).unwrap();
    let url = format!("{}/v1/traces", collector.url());
    let post = |media_type: &'static str, body: Vec<u8>| {
        client().post(&url).header("content-type", media_type).body(body).send()
    };
    let binary = post("application/x-protobuf", request(2).encode_to_vec()).await.unwrap();
    assert_eq!(binary.status(), 200);
    let json = post("application/json", serde_json::to_vec(&request(3)).unwrap()).await.unwrap();
    assert_eq!(json.status(), 200);
    assert_eq!(post("application/x-protobuf", vec![0xFF; 9]).await.unwrap().status(), 400);
    assert_eq!(post("application/json", b"no JSON".to_vec()).await.unwrap().status(), 400);
    assert_eq!(post("text/plain", Vec::new()).await.unwrap().status(), 415);
    arrived(collector.store(), &["span 1", "span 2", "span 3"]).await;
    let read = Store::read(&folder.path().join("traces.jsonl")).unwrap();
    assert_eq!(read.traces().len(), 3);
    let id = "1-01010101-010101010101010101010101";
    assert_eq!(read.find(id).unwrap().xray_id(), id);
    assert!(read.find("1-01010101-020202020202020202020202").is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn spans_are_passed_on() {
    let folder = tempfile::tempdir().unwrap();
    let viewer = start(&folder, "viewer.jsonl", None).await;
    let forward = Forward { endpoint: viewer.url().parse().unwrap(), client: client() };
    let collector = start(&folder, "traces.jsonl", Some(forward)).await;
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.send_to(&datagram(&request(7)), collector.daemon()).unwrap();
    arrived(viewer.store(), &["span 7"]).await;
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let error = Store::read("/no/such/traces.jsonl".as_ref()).unwrap_err().to_string();
    assert!(error.contains("/no/such/traces.jsonl") && error.contains("demo"), "{error}");
}
