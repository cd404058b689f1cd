//! The received spans.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;

use crate::trace::{Recorded, Trace, text};

/// Why the file of spans cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It cannot be written.
    #[error("cannot write the spans to {}: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// It cannot be read.
    #[error("cannot read the spans in {}: {source}. `dmm-local demo` and `dmm-local up` write them", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// A line of it is not an OTLP request.
    #[error("line {line} of {} does not contain spans: {source}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line number, starting at 1.
        line: usize,
        /// The cause.
        source: serde_json::Error,
    },
}

/// All spans of a run, in memory and in a file. The file contains one OTLP request in JSON per line, like the output of the
/// OpenTelemetry Collector's file exporter. Clones are handles to the same store.
#[derive(Clone, Debug)]
pub struct Store {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug)]
struct Inner {
    spans: Vec<Recorded>,
    file: Option<File>,
}

impl Store {
    /// Creates an empty store that writes to this file. An existing file is overwritten.
    ///
    /// # Errors
    ///
    /// [`StoreError::Write`].
    pub fn create(path: &Path) -> Result<Store, StoreError> {
        let failed = |source| StoreError::Write { path: path.to_owned(), source };
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(failed)?;
        }
        File::create(path).map_err(failed)?;
        // Append mode keeps lines intact if another run writes to the same file.
        let file = File::options().append(true).open(path).map_err(failed)?;
        Ok(Store { inner: Arc::new(Mutex::new(Inner { spans: Vec::new(), file: Some(file) })) })
    }

    /// Reads the spans that a store has written to this file so far.
    ///
    /// # Errors
    ///
    /// [`StoreError::Read`] and [`StoreError::Line`].
    pub fn read(path: &Path) -> Result<Store, StoreError> {
        let failed = |source| StoreError::Read { path: path.to_owned(), source };
        let mut spans = Vec::new();
        for (index, line) in BufReader::new(File::open(path).map_err(failed)?).lines().enumerate() {
            let line = line.map_err(failed)?;
            let request = serde_json::from_str(&line).map_err(|source| StoreError::Line {
                path: path.to_owned(),
                line: index + 1,
                source,
            })?;
            spans.extend(recorded(request));
        }
        Ok(Store { inner: Arc::new(Mutex::new(Inner { spans, file: None })) })
    }

    /// Adds received spans.
    pub fn add(&self, request: ExportTraceServiceRequest) {
        let mut inner = self.lock();
        if let Some(file) = &mut inner.file {
            let written = serde_json::to_string(&request)
                .map_err(io::Error::from)
                .and_then(|line| file.write_all(format!("{line}\n").as_bytes()));
            if let Err(error) = written {
                tracing::warn!(%error, "spans cannot be written to the file");
            }
        }
        inner.spans.extend(recorded(request));
    }

    /// Returns all spans, in the order of their arrival.
    #[must_use]
    pub fn spans(&self) -> Vec<Recorded> {
        self.lock().spans.clone()
    }

    /// Returns the number of spans for which `holds` returns true.
    #[must_use]
    pub fn count(&self, holds: impl Fn(&Recorded) -> bool) -> usize {
        self.lock().spans.iter().filter(|recorded| holds(recorded)).count()
    }

    /// Returns all traces, in the order in which their first spans arrived.
    #[must_use]
    pub fn traces(&self) -> Vec<Trace> {
        let mut traces: Vec<Trace> = Vec::new();
        for recorded in self.spans() {
            match traces.iter_mut().find(|trace| trace.id() == recorded.span.trace_id) {
                Some(trace) => trace.add(recorded),
                None => traces.push(Trace::new(recorded)),
            }
        }
        traces
    }

    /// Finds a trace by its id, in hexadecimal or in X-Ray's format, or by the id of its event.
    #[must_use]
    pub fn find(&self, id: &str) -> Option<Trace> {
        let hexadecimal = id.strip_prefix("1-").unwrap_or(id).replace('-', "");
        let is_of_event = |recorded: &Recorded| text(&recorded.span, "cloudevents.event_id") == Some(id);
        let traces = self.traces();
        let by_id = traces.iter().find(|trace| trace.hexadecimal_id() == hexadecimal);
        by_id.or_else(|| traces.iter().find(|trace| trace.spans().iter().any(is_of_event))).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns the spans of a request, each with its service.
fn recorded(request: ExportTraceServiceRequest) -> Vec<Recorded> {
    let mut spans = Vec::new();
    for of_resource in request.resource_spans {
        let resource = of_resource.resource.unwrap_or_default();
        let service = crate::trace::value(&resource.attributes, "service.name");
        let service = service.unwrap_or("unknown_service").to_owned();
        for span in of_resource.scope_spans.into_iter().flat_map(|of_scope| of_scope.spans) {
            spans.push(Recorded { service: service.clone(), resource: resource.clone(), span });
        }
    }
    spans
}
