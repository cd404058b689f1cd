//! HTTP answers, including AWS errors in the format of each service's protocol.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde_json::json;

/// A complete HTTP answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The headers. Content length and connection headers are set when the answer is sent.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

/// The protocol of a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// AWS JSON 1.0 or 1.1: SQS, EventBridge, Secrets Manager.
    AwsJson,
    /// AWS Query with XML answers: IAM, STS.
    Query,
    /// S3's REST protocol with XML answers.
    S3,
    /// REST with JSON: the Data Mesh Manager API (errors as in RFC 7807) and AWS services that use REST-JSON.
    Rest,
}

impl Answer {
    /// Creates an answer without headers.
    #[must_use]
    pub fn new(status: u16, body: impl Into<Bytes>) -> Answer {
        Answer { status, headers: HeaderMap::new(), body: body.into() }
    }

    fn with(mut self, name: HeaderName, value: &str) -> Answer {
        // An invalid header value is omitted: these headers only repeat what the body says.
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(name, value);
        }
        self
    }

    /// Creates an error in the format of `protocol`. For SQS, the code is also in `x-amzn-query-error`, which SDKs read first.
    #[must_use]
    pub(crate) fn error(protocol: Protocol, service: &str, status: u16, code: &str, message: &str) -> Answer {
        match protocol {
            Protocol::AwsJson => {
                let body = json!({"__type": code, "message": message}).to_string();
                let answer = Answer::new(status, body)
                    .with(CONTENT_TYPE, "application/x-amz-json-1.1")
                    .with(HeaderName::from_static("x-amzn-errortype"), code);
                if service == "sqs" {
                    let fault = if status < 500 { "Sender" } else { "Receiver" };
                    answer.with(HeaderName::from_static("x-amzn-query-error"), &format!("{code};{fault}"))
                } else {
                    answer
                }
            }
            Protocol::Query => {
                let fault = if status < 500 { "Sender" } else { "Receiver" };
                let (code, message) = (escaped(code), escaped(message));
                let body = format!(
                    "<ErrorResponse><Error><Type>{fault}</Type><Code>{code}</Code><Message>{message}</Message></Error>\
                     <RequestId>proxy</RequestId></ErrorResponse>"
                );
                Answer::new(status, body).with(CONTENT_TYPE, "text/xml")
            }
            Protocol::S3 => {
                let (code, message) = (escaped(code), escaped(message));
                let body = format!(
                    "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>{code}</Code><Message>{message}</Message>\
                     <RequestId>proxy</RequestId></Error>"
                );
                Answer::new(status, body).with(CONTENT_TYPE, "application/xml")
            }
            Protocol::Rest => {
                let body = json!({"type": "about:blank", "title": code, "status": status, "detail": message});
                Answer::new(status, body.to_string())
                    .with(CONTENT_TYPE, "application/problem+json")
                    .with(HeaderName::from_static("x-amzn-errortype"), code)
            }
        }
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::from(self.body));
        *response.status_mut() = StatusCode::from_u16(self.status).unwrap_or(StatusCode::BAD_GATEWAY);
        *response.headers_mut() = self.headers;
        response
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_sqs_error_names_its_code_where_sdks_look_for_it() {
        let answer = Answer::error(Protocol::AwsJson, "sqs", 400, "OverLimit", "too much");
        assert_eq!(answer.headers["x-amzn-query-error"], "OverLimit;Sender");
        assert_eq!(answer.body, r#"{"__type":"OverLimit","message":"too much"}"#);
    }

    #[test]
    fn an_iam_error_is_xml_and_escaped() {
        let answer = Answer::error(Protocol::Query, "iam", 409, "LimitExceeded", "a < b & c");
        let body = String::from_utf8(answer.body.to_vec()).unwrap();
        assert!(body.contains("<Code>LimitExceeded</Code><Message>a &lt; b &amp; c</Message>"), "{body}");
    }
}
