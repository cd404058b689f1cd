//! Records the result of an AWS call in its span.
//!
//! The SDK creates a span for each call (`rpc.system`, `rpc.service`, `rpc.method`), and records nothing else in it. All clients
//! of a process share one HTTP client, so that every answer passes through here.

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use opentelemetry::trace::{FutureExt, SpanRef, Status, TraceContextExt};
use opentelemetry::{Context, KeyValue};

use crate::call_error::CallErrorKind;

/// The header with the number of the attempt, `attempt=2; max=4`.
pub(crate) const ATTEMPT: &str = "amz-sdk-request";
/// The headers with AWS's id of the request. S3 has its own.
pub(crate) const REQUEST_IDS: [&str; 2] = ["x-amzn-requestid", "x-amz-request-id"];
/// The largest error answer whose code is looked for, in bytes. AWS's are much smaller.
const LARGEST_ERROR: u64 = 64 * 1024;

/// The HTTP status `Not Found`.
const NOT_FOUND: u16 = 404;
/// The HTTP status `Too Many Requests`.
const TOO_MANY_REQUESTS: i64 = 429;
/// The codes of answers that say the same with another status, of IAM, Glue and KMS.
const NOT_FOUND_CODES: [&str; 3] = ["NoSuchEntity", "EntityNotFoundException", "NotFoundException"];

/// An HTTP client whose results are recorded in the current span.
#[derive(Debug)]
struct Traced<T>(T);

/// The same client, with its results recorded in the current span.
pub(crate) fn traced(client: SharedHttpClient) -> SharedHttpClient {
    SharedHttpClient::new(Traced(client))
}

impl HttpClient for Traced<SharedHttpClient> {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(Traced(self.0.http_connector(settings, components)))
    }
}

impl HttpConnector for Traced<SharedHttpConnector> {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let context = Context::current();
        let span = context.span();
        if !span.is_recording() {
            return self.0.call(request);
        }
        let is_first = request.headers().get(ATTEMPT).is_none_or(|header| header.starts_with("attempt=1"));
        let uri = request.uri().parse::<http::Uri>().ok();
        if let Some(uri) = &uri {
            describe(&span, uri);
        }
        if let Some(region) = request.headers().get("authorization").and_then(signed_for) {
            span.set_attribute(KeyValue::new("cloud.region", region.to_owned()));
        }
        let call = self.0.call(request);
        let recorded = async move {
            let result = match call.await {
                Ok(response) => readable(response).await,
                Err(error) => Err(error),
            };
            record(&result, is_first);
            result
        };
        HttpConnectorFuture::new(recorded.with_context(context.clone()))
    }
}

/// Reads the body of an error answer, so that its code can be recorded. Leaves other answers alone.
async fn readable(mut response: HttpResponse) -> Result<HttpResponse, ConnectorError> {
    let is_small = response.body().content_length().is_some_and(|length| length <= LARGEST_ERROR);
    if response.status().is_success() || !is_small {
        return Ok(response);
    }
    let body = std::mem::replace(response.body_mut(), SdkBody::taken());
    let read = ByteStream::new(body).collect().await.map_err(|error| ConnectorError::io(error.into()))?;
    *response.body_mut() = SdkBody::from(read.into_bytes());
    Ok(response)
}

/// Records the result of one attempt in the current span.
fn record(result: &Result<HttpResponse, ConnectorError>, is_first: bool) {
    let context = Context::current();
    let span = context.span();
    let (kind, class, message) = match result {
        Ok(response) => {
            let status = response.status().as_u16();
            if let Some(id) = REQUEST_IDS.iter().find_map(|name| response.headers().get(*name)) {
                span.set_attribute(KeyValue::new("aws.request_id", id.to_owned()));
            }
            if !response.status().is_client_error() && !response.status().is_server_error() {
                set_status_code(&span, status.into());
                if !is_first {
                    // The previous attempt has set the status to an error.
                    span.set_status(Status::Ok);
                }
                return;
            }
            let code = response.body().bytes().and_then(code).unwrap_or_else(|| status.to_string());
            if status == NOT_FOUND || NOT_FOUND_CODES.contains(&code.as_str()) {
                // Not an error: the caller asks whether the resource exists. X-Ray shows every span with a status of 4xx as
                // one, so the span has none.
                span.set_attribute(KeyValue::new("error.type", code));
                return;
            }
            // X-Ray shows only this status as a throttle. Most of AWS's services answer 400 or 503 instead.
            let class = CallErrorKind::of(Some(&code), Some(status));
            let is_throttle = class == CallErrorKind::Throttled;
            set_status_code(&span, if is_throttle { TOO_MANY_REQUESTS } else { status.into() });
            (code, class, format!("HTTP status {status}"))
        }
        Err(error) if error.is_timeout() => {
            ("timeout".to_owned(), CallErrorKind::Unavailable, "no answer in time".to_owned())
        }
        Err(error) => ("connection".to_owned(), CallErrorKind::Unavailable, error.to_string()),
    };
    span.set_attribute(KeyValue::new("error.type", kind.clone()));
    span.add_event(
        "exception",
        vec![
            KeyValue::new("exception.type", class.name()),
            KeyValue::new("exception.message", format!("{kind}: {message}")),
        ],
    );
    span.set_status(Status::error(kind));
}

/// Records the address of a call, without the query.
fn describe(span: &SpanRef<'_>, uri: &http::Uri) {
    let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else { return };
    span.set_attribute(KeyValue::new("server.address", authority.host().to_owned()));
    let port = authority.port_u16().unwrap_or(if scheme == "http" { 80 } else { 443 });
    span.set_attribute(KeyValue::new("server.port", i64::from(port)));
    span.set_attribute(KeyValue::new("url.full", format!("{scheme}://{authority}{}", uri.path())));
}

/// The region in a [signature](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html),
/// `… Credential=KEY/DATE/REGION/SERVICE/aws4_request, …`: that of the called service.
fn signed_for(authorization: &str) -> Option<&str> {
    let scope = authorization.split_once("Credential=")?.1.split(',').next()?;
    // A key and a date come first.
    scope.split('/').nth(2).filter(|region| !region.is_empty())
}

fn set_status_code(span: &SpanRef<'_>, status: i64) {
    span.set_attribute(KeyValue::new("http.response.status_code", status));
}

/// The error code in an answer: `<Code>` in XML, `__type` in JSON, without its namespace.
fn code(body: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(body).ok()?;
    let between =
        |start: &str, end: &str| Some(text.split_once(start)?.1.split_once(end)?.0.trim().to_owned());
    let code = between("<Code>", "</Code>").or_else(|| {
        let rest = text.split_once("\"__type\"")?.1.split_once('"')?.1;
        Some(rest.split_once('"')?.0.to_owned())
    })?;
    let code = code.rsplit('#').next().unwrap_or_default();
    let is_code =
        !code.is_empty() && code.len() <= 100 && code.chars().all(|it| it.is_alphanumeric() || it == '.');
    is_code.then(|| code.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_region_is_the_one_that_a_request_is_signed_for() {
        let header = "AWS4-HMAC-SHA256 Credential=AKID/20261128/us-east-1/iam/aws4_request, SignedHeaders=host, Signature=a";
        assert_eq!(signed_for(header), Some("us-east-1"));
        for none in
            ["", "Basic abc", "AWS4-HMAC-SHA256 Credential=AKID", "AWS4-HMAC-SHA256 Credential=AKID/1//iam"]
        {
            assert_eq!(signed_for(none), None, "{none}");
        }
    }

    #[test]
    fn the_code_is_found_in_the_answers_of_each_of_aws_s_protocols() {
        let found = |body: &str| code(body.as_bytes());
        let some = |code: &str| Some(code.to_owned());
        let iam =
            "<ErrorResponse><Error><Type>Sender</Type><Code>NoSuchEntity</Code></Error></ErrorResponse>";
        assert_eq!(found(iam), some("NoSuchEntity"));
        assert_eq!(found("<Error><Code>NoSuchKey</Code></Error>"), some("NoSuchKey"));
        let namespaced = r#"{"__type": "com.amazonaws.sqs#QueueDoesNotExist", "message": "m"}"#;
        assert_eq!(found(namespaced), some("QueueDoesNotExist"));
        assert_eq!(found(r#"{"message":"m","__type":"ThrottlingException"}"#), some("ThrottlingException"));
        for none in ["", "{}", "<Code></Code>", "<Code>no code</Code>", r#"{"__type":7}"#, r#""__type"#] {
            assert_eq!(found(none), None, "{none}");
        }
    }
}
