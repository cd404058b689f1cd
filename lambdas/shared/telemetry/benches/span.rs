//! What a span costs: time and allocations, in a function as it is set up.
//!
//! `cargo bench -p dmm-telemetry` measures with traces, `OTEL_SDK_DISABLED=true cargo bench -p dmm-telemetry` without.

use std::process::ExitCode;

use divan::{AllocProfiler, Bencher, black_box};
use dmm_telemetry::{Environment, EventFacts, EventSpan};
use serde_json::{Map, Value, json};

#[global_allocator]
static ALLOCATOR: AllocProfiler = AllocProfiler::system();

fn main() -> ExitCode {
    let environment = Environment {
        variable: &|name| std::env::var(name).ok(),
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

/// An event's beginning in feed: the span, its context for the message, and its end.
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
        black_box(EventSpan::create("dmm_events.fifo", &facts).context())
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
