//! What a span costs: time and allocations, in a function as it is set up.
//!
//! `cargo bench -p dmm-telemetry` measures with traces, `OTEL_SDK_DISABLED=true cargo bench -p dmm-telemetry` without.

use std::process::ExitCode;

use divan::{AllocProfiler, Bencher, black_box};
use dmm::CloudEvent;
use serde_json::json;
use dmm_telemetry::EventSpan;

#[global_allocator]
static ALLOCATOR: AllocProfiler = AllocProfiler::system();

fn main() -> ExitCode {
    if let Err(error) = dmm_telemetry::init("bench") {
        eprintln!("{error}");
        return ExitCode::FAILURE;
    }
    divan::main();
    ExitCode::SUCCESS
}

fn event() -> Option<CloudEvent> {
    let event = json!({
        "specversion": "1.0", "id": "01890a5d-ac96-774b-bcce-b302099a8057", "source": "https://api.example.com",
        "type": "com.datamesh-manager.events.AccessActivatedEvent", "time": "2026-01-02T03:04:05Z",
        "subject": "access-1", "data": { "id": "access-1" },
    });
    CloudEvent::from_value(event).ok()
}

/// An event's beginning in feed: the span, its context for the message, and its end.
#[divan::bench]
fn create(bencher: Bencher) {
    bencher.with_inputs(event).bench_refs(|event| {
        let span = event.as_ref().map(|event| EventSpan::create("dmm_events.fifo", event));
        black_box(span.and_then(|span| span.context()))
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
