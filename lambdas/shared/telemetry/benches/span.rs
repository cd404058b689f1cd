//! What a span costs: time and allocations, with the configuration of a function.
//!
//! `cargo bench -p dmm-telemetry` measures with tracing, `OTEL_SDK_DISABLED=true cargo bench -p dmm-telemetry` without.

use std::process::ExitCode;
use std::time::SystemTime;

use divan::{AllocProfiler, Bencher, black_box};
use dmm_telemetry::{Environment, EventFacts, EventSpan, Signer};
use opentelemetry_http::{Bytes, Request};
use serde_json::{Map, Value, json};

#[global_allocator]
static ALLOCATOR: AllocProfiler = AllocProfiler::system();

fn main() -> ExitCode {
    let environment = Environment {
        // The address of a daemon, so that ended spans are prepared for it and queued, as in a function.
        variable: &|name| {
            let default = (name == "AWS_XRAY_DAEMON_ADDRESS").then(|| "127.0.0.1:2000".to_owned());
            std::env::var(name).ok().or(default)
        },
        http_client: &|| Err("the benchmark sends no spans to a collector".into()),
    };
    if let Err(error) = dmm_telemetry::init("bench", &environment) {
        eprintln!("{error}");
        return ExitCode::FAILURE;
    }
    divan::main();
    ExitCode::SUCCESS
}

fn event() -> Map<String, Value> {
    let event = json!({
        "specversion": "1.0", "id": "01890a5d-ac96-774b-bcce-b302099a8057", "source": "https://api.example.com",
        "type": "com.datamesh-manager.events.AccessActivatedEvent", "time": "2026-01-02T03:04:05Z",
        "subject": "access-1", "data": { "id": "access-1" },
    });
    event.as_object().cloned().unwrap_or_default()
}

const QUEUE: &str = "https://sqs.eu-central-1.amazonaws.com/123456789012/dmm_events.fifo";

/// The start of an event's trace in feed: the span, its context for the message, and its end.
#[divan::bench]
fn create(bencher: Bencher) {
    bencher.with_inputs(event).bench_refs(|members| {
        let text = |name: &str| members.get(name).and_then(Value::as_str);
        let facts = EventFacts {
            id: text("id").unwrap_or_default(),
            event_type: text("type").unwrap_or_default(),
            source: text("source"),
            subject: text("subject"),
            agreement: Some(("access", "access-1".to_owned())),
            members,
        };
        black_box(EventSpan::create(QUEUE, &facts).context())
    });
}

/// A call: a span with a few fields, entered and ended.
#[divan::bench]
fn call() {
    let span = tracing::info_span!(
        target: "otel::client",
        "http",
        otel.name = "GET /api/events",
        otel.kind = "client",
        http.request.method = "GET",
        url.template = "/api/events",
    );
    drop(black_box(span.entered()));
}

/// The signature of a flush to X-Ray's OTLP endpoint: the spans of a grant, 40 kB.
#[divan::bench]
fn sign(bencher: Bencher) {
    const ENDPOINT: &str = "https://xray.eu-central-1.amazonaws.com";
    let variable = |name: &str| Some(name.to_owned());
    let Some(signer) = Signer::for_endpoint(ENDPOINT, &variable) else { return };
    let request = || {
        let body = Bytes::from(vec![7; 40_000]);
        Request::post(format!("{ENDPOINT}/v1/traces")).body(body).unwrap_or_default()
    };
    bencher
        .with_inputs(request)
        .bench_refs(|request| black_box(signer.sign(request, SystemTime::now()).is_ok()));
}
