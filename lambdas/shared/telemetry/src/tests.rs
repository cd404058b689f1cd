use std::error::Error;
use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use environment::settings::SettingError;
use serde_json::Value;
use thiserror::Error;
use tracing::subscriber::with_default;
use tracing_subscriber::filter::LevelFilter;

use crate::{TelemetryError, causes, level_of, subscriber};

#[derive(Clone, Default)]
struct Captured(Arc<Mutex<Vec<u8>>>);

impl Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The lines that `work` writes at this level, each read as JSON.
fn lines(level: LevelFilter, work: impl FnOnce()) -> Vec<Value> {
    let captured = Captured::default();
    let writer = captured.clone();
    with_default(subscriber("some-service", level, move || writer.clone(), None), work);
    let text = String::from_utf8(captured.0.lock().unwrap().clone()).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_line_is_a_json_object_with_the_service_the_fields_and_the_span() {
    let lines = lines(LevelFilter::INFO, || {
        let span = tracing::info_span!(target: "lambda_runtime", "invoke", requestId = "request-1");
        span.in_scope(|| tracing::info!(count = 3, "said \"{}\"", "a\nb"));
    });
    let [line] = lines.as_slice() else { panic!("one line, not {lines:?}") };
    assert_eq!(line["service"], "some-service");
    assert_eq!(line["level"], "INFO");
    assert_eq!(line["message"], "said \"a\nb\"");
    assert_eq!(line["count"], 3);
    assert_eq!(line["span"]["requestId"], "request-1");
    assert!(line["timestamp"].is_string(), "{line}");
}

#[test]
fn what_is_below_the_level_is_left_out() {
    let lines = lines(LevelFilter::WARN, || {
        tracing::info!("left out");
        tracing::warn!("kept");
        tracing::info!(target: "aws_smithy_runtime", "left out");
    });
    let messages: Vec<_> = lines.iter().map(|line| &line["message"]).collect();
    assert_eq!(messages, ["kept"]);
}

#[test]
fn the_request_id_stands_in_the_lines_of_every_level() {
    let lines = lines(LevelFilter::ERROR, || {
        let span = tracing::info_span!(target: "lambda_runtime::layers", "invoke", requestId = "request-1");
        span.in_scope(|| tracing::error!("failed"));
    });
    assert_eq!(lines[0]["span"]["requestId"], "request-1");
}

#[test]
fn below_info_only_our_own_crates_are_heard() {
    let lines = lines(LevelFilter::TRACE, || {
        tracing::trace!(target: "some_service::page", "the function");
        tracing::debug!(target: "dmm::transport", "a library of ours");
        tracing::debug!(target: "aws_smithy_runtime", "a request with its credentials");
        tracing::debug!(target: "hyper", "a request with its key");
        tracing::info!(target: "hyper", "somebody else");
    });
    let messages: Vec<_> = lines.iter().map(|line| line["message"].as_str().unwrap()).collect();
    assert_eq!(messages, ["the function", "a library of ours", "somebody else"]);
}

#[test]
fn the_level_is_info_when_nothing_is_set() {
    assert_eq!(level_of(Ok(None)).unwrap(), LevelFilter::INFO);
}

#[test]
fn the_level_is_read_in_capitals_too() {
    assert_eq!(level_of(Ok(Some("DEBUG".to_owned()))).unwrap(), LevelFilter::DEBUG);
}

#[test]
fn a_wrong_level_is_an_error_that_says_what_to_do() {
    for wrong in ["verbose", "off", "3", "info,dmm=debug"] {
        let error = level_of(Ok(Some(wrong.to_owned()))).unwrap_err();
        assert!(matches!(error, TelemetryError::Level { .. }), "{wrong}");
        assert!(!error.is_retryable());
        let text = error.to_string();
        assert!(text.contains("LOG_LEVEL") && text.contains(wrong) && text.contains("debug"), "{text}");
    }
}

#[test]
fn a_level_that_cannot_be_read_is_an_error() {
    let unreadable = SettingError::NotUnicode { name: "LOG_LEVEL".to_owned(), meaning: "a value" };
    assert!(matches!(level_of(Err(unreadable)), Err(TelemetryError::Setting(_))));
}

#[derive(Debug, Error)]
#[error("{0}")]
struct Layer(&'static str, #[source] Option<Box<dyn Error>>);

#[test]
fn an_error_is_written_with_its_causes_and_without_repetition() {
    let inner = Layer("the connection was cut", None);
    let transparent = Layer("it failed: the connection was cut", Some(Box::new(inner)));
    let outer = Layer("nothing was sent", Some(Box::new(transparent)));
    assert_eq!(causes(&outer), "nothing was sent: it failed: the connection was cut");
}
