//! Requests to API destinations.
//! <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-api-destinations.html>

use std::time::Duration;

use bytes::Bytes;
use dmm_http::{client_builder, is_loopback};
use reqwest::header::{CONTENT_TYPE, HeaderName, HeaderValue, USER_AGENT};
use reqwest::{Client, Method, StatusCode, Url};

/// EventBridge's time limit for an answer.
const TIMEOUT: Duration = Duration::from_secs(5);

/// An API destination with its connection.
#[derive(Clone, Debug)]
pub struct Webhook {
    /// The destination's name.
    pub name: String,
    /// The destination's ARN.
    pub arn: String,
    endpoint: Url,
    method: Method,
    /// The authorization header of its connection. The value is marked as sensitive, so that it is never displayed.
    authorization: (HeaderName, HeaderValue),
    client: Client,
}

/// Why an API destination is invalid.
#[derive(Debug, thiserror::Error)]
pub enum WebhookError {
    /// EventBridge accepts only HTTPS. Here, plain HTTP to this machine is accepted, too.
    #[error("the endpoint {0:?} must start with https://, or with http:// and 127.0.0.1, [::1] or localhost")]
    Endpoint(String),
    /// The HTTP method is invalid.
    #[error("{0:?} is not a valid HTTP method")]
    Method(String),
    /// The connection's header is invalid. The message does not contain the value, because it is a secret.
    #[error("{0:?} or its value is not valid in an HTTP header")]
    Header(String),
    /// The HTTP client cannot be set up.
    #[error("cannot set up the HTTP client: {0}")]
    Client(String),
}

/// The result of a request.
pub(crate) enum Delivery {
    /// The endpoint accepted the event.
    Accepted,
    /// It failed in a way that EventBridge retries.
    Failed(String),
    /// It failed in a way that EventBridge does not retry.
    Rejected(String),
}

impl Webhook {
    /// Creates an API destination. `header` and `value` authorize the connection's requests.
    ///
    /// # Errors
    ///
    /// [`WebhookError`].
    pub fn new(
        name: &str,
        arn: &str,
        endpoint: &str,
        method: &str,
        (header, value): (&str, &str),
    ) -> Result<Self, WebhookError> {
        let wrong = || WebhookError::Endpoint(endpoint.to_owned());
        let url = Url::parse(endpoint).map_err(|_| wrong())?;
        let is_local = is_loopback(&url);
        if url.scheme() != "https" && !(url.scheme() == "http" && is_local) {
            return Err(wrong());
        }
        let bad_header = || WebhookError::Header(header.to_owned());
        let mut authorization: HeaderValue = value.parse().map_err(|_| bad_header())?;
        authorization.set_sensitive(true);
        Ok(Self {
            name: name.to_owned(),
            arn: arn.to_owned(),
            endpoint: url,
            method: method.parse().map_err(|_| WebhookError::Method(method.to_owned()))?,
            authorization: (header.parse().map_err(|_| bad_header())?, authorization),
            client: client(is_local)?,
        })
    }

    pub(crate) async fn deliver(&self, event: Bytes) -> Delivery {
        let (header, value) = self.authorization.clone();
        let request = self
            .client
            .request(self.method.clone(), self.endpoint.clone())
            .header(CONTENT_TYPE, "application/json; charset=utf-8")
            .header(USER_AGENT, "Amazon/EventBridge/ApiDestinations")
            .header(header, value)
            .body(event);
        match request.send().await {
            Ok(answer) if answer.status().is_success() => Delivery::Accepted,
            Ok(answer) if is_retryable(answer.status()) => {
                Delivery::Failed(format!("the endpoint answered {}", answer.status()))
            }
            Ok(answer) => Delivery::Rejected(format!("the endpoint answered {}", answer.status())),
            // The URL may contain a secret, as chat webhooks do.
            Err(error) => Delivery::Failed(format!("the endpoint did not answer: {}", error.without_url())),
        }
    }
}

/// Returns whether EventBridge retries a request with this status.
fn is_retryable(status: StatusCode) -> bool {
    matches!(status.as_u16(), 401 | 407 | 409 | 429) || status.is_server_error()
}

/// Creates the HTTP client. It uses the proxy from the environment (`HTTPS_PROXY`) only for endpoints on other machines.
fn client(is_local: bool) -> Result<Client, WebhookError> {
    let failed = |error: String| WebhookError::Client(error);
    let builder = client_builder(None).map_err(|error| failed(error.to_string()))?.timeout(TIMEOUT);
    let builder = if is_local { builder.no_proxy() } else { builder };
    builder.build().map_err(|error| failed(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn webhook(endpoint: &str, header: &str, value: &str) -> Result<Webhook, WebhookError> {
        Webhook::new(
            "hook",
            "arn:aws:events:eu-central-1:123456789012:api-destination/hook",
            endpoint,
            "POST",
            (header, value),
        )
    }

    #[test]
    fn an_endpoint_is_https_or_on_this_machine() {
        for good in [
            "https://chat.example.com/hooks/1",
            "http://127.0.0.1:8080/",
            "http://localhost",
            "http://[::1]:1/",
        ] {
            assert!(webhook(good, "x-api-key", "k").is_ok(), "{good}");
        }
        for bad in ["http://chat.example.com/", "ftp://127.0.0.1/", "chat.example.com", ""] {
            assert!(matches!(webhook(bad, "x-api-key", "k"), Err(WebhookError::Endpoint(_))), "{bad}");
        }
    }

    #[test]
    fn neither_an_error_nor_the_debug_output_shows_the_key() {
        let shown = format!("{:?}", webhook("https://chat.example.com/", "x-api-key", "s3cret").unwrap());
        assert!(!shown.contains("s3cret"), "{shown}");
        let error = webhook("https://chat.example.com/", "x-api-key", "s3cret\n").unwrap_err();
        assert!(!format!("{error} {error:?}").contains("s3cret"));
        assert!(matches!(webhook("https://chat.example.com/", "a b", "k"), Err(WebhookError::Header(_))));
    }

    #[test]
    fn rejections_are_permanent_and_failures_are_retried() {
        let is_retryable = |code: u16| is_retryable(StatusCode::from_u16(code).unwrap());
        assert!([401, 407, 409, 429, 500, 503].into_iter().all(is_retryable));
        assert!(![301, 400, 403, 404, 410].into_iter().any(is_retryable));
    }
}
