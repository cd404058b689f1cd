//! Exports spans to one of the supported destinations.

use opentelemetry_http::HttpClient;
use opentelemetry_otlp::{ExporterBuildError, Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SpanData, SpanExporter as _};

use crate::daemon::Daemon;
use crate::error::ExportError;

/// A destination of spans.
#[derive(Debug)]
pub(crate) enum Exporter {
    /// The X-Ray daemon, by UDP.
    Daemon(Daemon),
    /// A collector, by OTLP over HTTP.
    Otlp(Box<SpanExporter>),
}

impl Exporter {
    /// The exporter to the endpoint in `OTEL_EXPORTER_OTLP_…`.
    pub(crate) fn otlp(client: impl HttpClient + 'static) -> Result<Exporter, ExporterBuildError> {
        let exporter = SpanExporter::builder()
            .with_http()
            .with_protocol(Protocol::HttpBinary)
            .with_http_client(client)
            .build()?;
        Ok(Exporter::Otlp(Box::new(exporter)))
    }

    pub(crate) fn set_resource(&mut self, resource: &Resource) {
        match self {
            Exporter::Daemon(daemon) => daemon.set_resource(resource),
            Exporter::Otlp(exporter) => exporter.set_resource(resource),
        }
    }

    pub(crate) async fn export(&mut self, batch: Vec<SpanData>) -> Result<(), ExportError> {
        match self {
            Exporter::Daemon(daemon) => daemon.send(batch).await,
            Exporter::Otlp(exporter) => exporter.export(batch).await.map_err(ExportError::Otlp),
        }
    }
}
