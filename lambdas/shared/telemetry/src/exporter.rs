//! Where spans go.

use std::io;
use std::time::Duration;

use opentelemetry_otlp::{ExporterBuildError, Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkError;
use opentelemetry_sdk::trace::{SpanData, SpanExporter as _};
use thiserror::Error;

use crate::daemon::Daemon;

/// One way out.
#[derive(Debug)]
pub(crate) enum Exporter {
    /// To the daemon of X-Ray, by UDP.
    Daemon(Daemon),
    /// To a collector, by OTLP over HTTP.
    Otlp(Box<SpanExporter>),
}

/// Spans did not leave.
#[derive(Debug, Error)]
pub(crate) enum ExportError {
    /// The daemon's address cannot be sent to.
    #[error("the X-Ray daemon at {address} takes no spans")]
    Daemon {
        /// The address.
        address: String,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// Single spans are too large for a datagram, the others left.
    #[error("{count} spans were too large for a datagram and are lost")]
    TooLarge {
        /// How many.
        count: usize,
    },
    /// The collector did not take them.
    #[error("the OTLP endpoint takes no spans")]
    Otlp(#[source] OTelSdkError),
    /// It took too long.
    #[error("spans did not leave within {} ms", limit.as_millis())]
    TimedOut {
        /// What it was given.
        limit: Duration,
    },
}

impl Exporter {
    /// By OTLP, to the endpoint in `OTEL_EXPORTER_OTLP_…`.
    pub(crate) fn otlp(client: reqwest::Client) -> Result<Exporter, ExporterBuildError> {
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
