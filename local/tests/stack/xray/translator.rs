//! OpenTelemetry's collector with its real translation for X-Ray, in the program that `.ci/xray-translator` builds.

use std::io::Write;
use std::path::Path;
use std::process::Stdio;

use dmm_trace_collector::{Segment, Trace};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::Span;
use reqwest::Url;
use serde::Deserialize;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

/// Where `.ci/xray-translator` builds the program.
const PROGRAM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/tools/xray-translator");
/// The environment variable that makes the program's absence a failure.
const REQUIRED: &str = "REQUIRE_XRAY_TRANSLATOR";

/// The running collector. It ends when it is dropped.
pub(crate) struct Translator {
    /// Its OTLP endpoint.
    pub(crate) endpoint: Url,
    lines: Lines<BufReader<ChildStdout>>,
    _process: Child,
}

/// What the collector made of one request.
#[derive(Deserialize)]
pub(crate) struct Translated {
    /// The spans, as the collector understood them.
    spans: ExportTraceServiceRequest,
    /// The segment documents for X-Ray.
    pub(crate) segments: Vec<Value>,
}

impl Translated {
    pub(crate) fn spans(&self) -> impl Iterator<Item = &Span> {
        spans(&self.spans)
    }

    pub(crate) fn segments(&self) -> Vec<Segment> {
        self.segments.iter().map(|document| Segment::of_document(document).unwrap()).collect()
    }
}

pub(crate) fn spans(request: &ExportTraceServiceRequest) -> impl Iterator<Item = &Span> {
    request.resource_spans.iter().flat_map(|it| &it.scope_spans).flat_map(|it| &it.spans)
}

impl Translator {
    /// Starts the collector. Without the program, there is nothing to compare: prints so, or fails if
    /// `REQUIRE_XRAY_TRANSLATOR` is set.
    pub(crate) async fn start() -> Option<Translator> {
        if !Path::new(PROGRAM).exists() {
            let message = "traces are NOT checked with the translation that OpenTelemetry's collector does for X-Ray, because \
                           it is not built. Run .ci/xray-translator, which needs Go.";
            assert!(std::env::var_os(REQUIRED).is_none(), "{message}");
            // Unlike eprintln, this is shown even if the test passes.
            let mut shown = std::io::stderr();
            writeln!(shown, "\nWARNING: {message}\n").unwrap();
            return None;
        }
        let mut process = Command::new(PROGRAM)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let endpoint = lines.next_line().await.unwrap().unwrap().parse().unwrap();
        Some(Translator { endpoint, lines, _process: process })
    }

    /// What it made of the next request that it has received, or will receive.
    pub(crate) async fn next(&mut self) -> Translated {
        serde_json::from_str(&self.lines.next_line().await.unwrap().unwrap()).unwrap()
    }

    /// Sends it a trace.
    pub(crate) async fn translate(&mut self, trace: &Trace) -> Translated {
        let request = trace.to_request();
        let client = dmm_proxy::client(&self.endpoint).unwrap();
        let address = self.endpoint.join("v1/traces").unwrap();
        // It answers when it has written the line, which can be longer than what a pipe holds.
        let (sent, translated) = tokio::join!(client.post(address).json(&request).send(), self.next());
        let sent = sent.unwrap();
        let status = sent.status();
        assert!(status.is_success(), "{status}: {}", sent.text().await.unwrap());
        translated
    }
}
