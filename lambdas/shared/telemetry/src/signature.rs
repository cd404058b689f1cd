//! Signs spans for X-Ray's OTLP endpoint,
//! `https://xray.REGION.amazonaws.com/v1/traces` (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch-OTLPEndpoint.html>).
//! Other endpoints get what OpenTelemetry's variables say, unsigned.

use std::time::SystemTime;

use async_trait::async_trait;
use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4::SigningParams;
use aws_smithy_runtime_api::client::identity::Identity;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};

use crate::environment::Lookup;

/// The name of X-Ray in signatures and host names.
const SERVICE: &str = "xray";

/// Signs requests to X-Ray with
/// [Signature Version 4](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html). `Debug` shows no secret.
#[derive(Debug)]
pub struct Signer {
    identity: Identity,
    region: String,
}

impl Signer {
    /// The signer for an endpoint; `None` if the endpoint is not X-Ray's, or if the environment has no credentials. Lambda
    /// sets `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and `AWS_SESSION_TOKEN`; a process keeps them as long as it lives.
    #[must_use]
    pub fn for_endpoint(endpoint: &str, variable: &dyn Fn(&str) -> Option<String>) -> Option<Signer> {
        let region = region_of(endpoint)?.to_owned();
        let credentials = Credentials::new(
            variable("AWS_ACCESS_KEY_ID")?,
            variable("AWS_SECRET_ACCESS_KEY")?,
            variable("AWS_SESSION_TOKEN"),
            None,
            "environment",
        );
        Some(Signer { identity: credentials.into(), region })
    }

    /// Adds the headers of the signature.
    ///
    /// # Errors
    ///
    /// If the request cannot be signed: its address or its headers are not valid.
    pub fn sign(&self, request: &mut Request<Bytes>, now: SystemTime) -> Result<(), HttpError> {
        let parameters = SigningParams::builder()
            .identity(&self.identity)
            .region(&self.region)
            .name(SERVICE)
            .time(now)
            .settings(SigningSettings::default())
            .build()?
            .into();
        let headers =
            request.headers().iter().filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
        let uri = request.uri().to_string();
        let body = SignableBody::Bytes(request.body());
        let signable = SignableRequest::new(request.method().as_str(), uri, headers, body)?;
        let (instructions, _) = sign(signable, &parameters)?.into_parts();
        instructions.apply_to_request_http1x(request);
        Ok(())
    }
}

/// The endpoint of the environment that spans are sent to, as the variables name it.
pub(crate) fn endpoint(variable: Lookup) -> Option<String> {
    let names = ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"];
    names.iter().find_map(|name| variable(name)).filter(|endpoint| !endpoint.is_empty())
}

/// The region of X-Ray's endpoint; `None` for any other address.
pub(crate) fn region_of(endpoint: &str) -> Option<&str> {
    let host = endpoint.strip_prefix("https://")?.split(['/', ':']).next()?;
    let rest = host.strip_prefix("xray.")?;
    let region = rest.strip_suffix(".amazonaws.com").or_else(|| rest.strip_suffix(".amazonaws.com.cn"))?;
    let is_region =
        !region.is_empty() && region.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    is_region.then_some(region)
}

/// An HTTP client whose requests are signed.
#[derive(Debug)]
pub(crate) struct SignedClient {
    pub(crate) client: reqwest::Client,
    pub(crate) signer: Signer,
}

#[async_trait]
impl HttpClient for SignedClient {
    async fn send_bytes(&self, mut request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        self.signer.sign(&mut request, SystemTime::now())?;
        self.client.send_bytes(request).await
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    const XRAY: &str = "https://xray.eu-central-1.amazonaws.com";

    fn credentials(name: &str) -> Option<String> {
        let value = match name {
            "AWS_ACCESS_KEY_ID" => "AKIDEXAMPLE",
            "AWS_SECRET_ACCESS_KEY" => "a-secret",
            "AWS_SESSION_TOKEN" => "a-token",
            _ => return None,
        };
        Some(value.to_owned())
    }

    fn signed(body: &'static str) -> Request<Bytes> {
        let mut request = Request::post(format!("{XRAY}/v1/traces")).body(Bytes::from(body)).unwrap();
        let signer = Signer::for_endpoint(XRAY, &credentials).unwrap();
        signer.sign(&mut request, SystemTime::UNIX_EPOCH + Duration::from_hours(24)).unwrap();
        request
    }

    #[test]
    fn only_x_rays_own_endpoint_is_signed_for() {
        assert_eq!(region_of(XRAY), Some("eu-central-1"));
        assert_eq!(region_of("https://xray.cn-north-1.amazonaws.com.cn/v1/traces"), Some("cn-north-1"));
        for other in [
            "",
            "http://xray.eu-central-1.amazonaws.com",
            "https://collector.example.com",
            "https://xray.eu-central-1.amazonaws.com.example.com",
            "https://xray.amazonaws.com",
            "https://xray.a.b.amazonaws.com",
            "https://logs.eu-central-1.amazonaws.com",
        ] {
            assert_eq!(region_of(other), None, "{other}");
        }
        assert!(Signer::for_endpoint("https://collector.example.com", &credentials).is_none());
        assert!(Signer::for_endpoint(XRAY, &|_| None).is_none());
    }

    #[test]
    fn the_signature_is_for_x_ray_and_covers_the_body() {
        let request = signed("spans");
        let header = |request: &Request<Bytes>, name: &str| {
            request.headers().get(name).unwrap().to_str().unwrap().to_owned()
        };
        let authorization = header(&request, "authorization");
        let scope = "Credential=AKIDEXAMPLE/19700102/eu-central-1/xray/aws4_request";
        assert!(
            authorization.starts_with("AWS4-HMAC-SHA256 ") && authorization.contains(scope),
            "{authorization}"
        );
        assert_eq!(header(&request, "x-amz-security-token"), "a-token");
        assert_eq!(header(&signed("spans"), "authorization"), authorization);
        assert_ne!(header(&signed("other"), "authorization"), authorization);
        let signer = Signer::for_endpoint(XRAY, &credentials).unwrap();
        assert!(!format!("{signer:?}").contains("a-secret"), "{signer:?}");
    }

    #[tokio::test]
    async fn the_exporter_sends_spans_with_a_signature() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}/v1/traces", listener.local_addr().unwrap());
        let received = tokio::spawn(async move {
            let (mut connection, _) = listener.accept().await.unwrap();
            let mut text = String::new();
            while !text.contains("\r\n\r\n") {
                let mut bytes = [0; 1024];
                let count = connection.read(&mut bytes).await.unwrap();
                text.push_str(&String::from_utf8_lossy(&bytes[..count]));
            }
            connection.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.unwrap();
            text
        });
        // Another test may have done it.
        drop(rustls::crypto::ring::default_provider().install_default());
        let client = SignedClient {
            client: reqwest::Client::builder().no_proxy().build().unwrap(),
            signer: Signer::for_endpoint(XRAY, &credentials).unwrap(),
        };
        let request = Request::post(address).body(Bytes::from_static(b"spans")).unwrap();
        assert!(client.send_bytes(request).await.unwrap().status().is_success());
        let text = received.await.unwrap();
        assert!(text.contains("authorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/"), "{text}");
    }
}
