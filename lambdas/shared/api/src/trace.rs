//! The client span of an attempt at a call, after OpenTelemetry's
//! [conventions](https://opentelemetry.io/docs/specs/semconv/http/http-spans/#http-client-span).

use opentelemetry::trace::{Status, TraceContextExt};
use opentelemetry::{Context, KeyValue};
use reqwest::{Method, Url};
use tracing::{Span, field};

use crate::error::ApiError;

/// The name of the system that is called. X-Ray takes the name of the node from it.
const PEER: &str = "Data Mesh Manager";

/// The span of the attempt with this number, from 1. Numbers are recorded as `i64`: other integers become text.
pub(crate) fn span(method: &Method, url: &Url, attempt: u32) -> Span {
    let template = template(url.path());
    tracing::info_span!(
        target: "otel::client",
        "http",
        otel.name = format!("{method} {template}"),
        otel.kind = "client",
        http.request.method = method.as_str(),
        http.request.resend_count = (attempt > 1).then(|| i64::from(attempt) - 1),
        http.response.status_code = field::Empty,
        error.type = field::Empty,
        server.address = url.host_str(),
        server.port = url.port_or_known_default().map(i64::from),
        url.full = url.as_str(),
        url.template = template,
        peer.service = PEER,
    )
}

/// Records in the current span how its attempt ended.
pub(crate) fn ended(result: Result<u16, &ApiError>) {
    let error = match result {
        Ok(status) => {
            Span::current().record("http.response.status_code", i64::from(status));
            return;
        }
        Err(error) => error,
    };
    let class = error.class();
    let (kind, message) = match error {
        ApiError::Status { status, .. } | ApiError::Refused { status, .. } => {
            if error.is_not_found() {
                // Not an error: the caller asks whether the resource exists. X-Ray shows every span with a status of 4xx as
                // one, so the status is recorded as the kind of the answer only.
                Span::current().record("error.type", status.to_string());
                return;
            }
            Span::current().record("http.response.status_code", i64::from(*status));
            (status.to_string(), format!("HTTP status {status}"))
        }
        other => (other.kind().to_owned(), other.to_string()),
    };
    let context = Context::current();
    let span = context.span();
    span.set_attribute(KeyValue::new("error.type", kind.clone()));
    span.add_event(
        "exception",
        vec![KeyValue::new("exception.type", class), KeyValue::new("exception.message", message.clone())],
    );
    span.set_status(Status::error(message));
}

/// The path with `{id}` in place of the id, so that all calls of one operation have the same name.
fn template(path: &str) -> String {
    let Some((_, resource)) = path.split_once("/api/") else { return path.to_owned() };
    if resource.starts_with("organization/") {
        return format!("/api/{resource}");
    }
    let segments: Vec<&str> = resource
        .split('/')
        .enumerate()
        .map(|(index, segment)| if index == 1 { "{id}" } else { segment })
        .collect();
    format!("/api/{}", segments.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_has_no_id() {
        assert_eq!(template("/api/events"), "/api/events");
        assert_eq!(template("/api/access/urn:a:1"), "/api/access/{id}");
        assert_eq!(
            template("/base/api/access/4711/provisioning/provisioning-succeeded"),
            "/api/access/{id}/provisioning/provisioning-succeeded"
        );
        assert_eq!(template("/api/organization/settings"), "/api/organization/settings");
        assert_eq!(template("/elsewhere"), "/elsewhere");
    }
}
