//! Signed calls of AWS services, without their SDK crates, which take minutes to compile.

use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4::SigningParams;
use dmm_local::Stack;
use http::Request;
use serde_json::Value;

/// A request.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    service: &'static str,
    path: String,
    headers: Vec<(&'static str, &'static str)>,
    body: String,
}

impl Call {
    /// An operation of a service that speaks AWS JSON, with its prefix, such as `Kinesis_20131202.GetRecords`.
    pub(crate) fn json(service: &'static str, target: &'static str, input: &Value) -> Call {
        let headers = vec![("content-type", "application/x-amz-json-1.1"), ("x-amz-target", target)];
        Call { service, path: "/".to_owned(), headers, body: input.to_string() }
    }

    /// An operation of a service that takes forms. The parameters are encoded.
    pub(crate) fn form(service: &'static str, parameters: &str) -> Call {
        let headers = vec![("content-type", "application/x-www-form-urlencoded")];
        Call { service, path: "/".to_owned(), headers, body: parameters.to_owned() }
    }

    /// A POST to a path.
    pub(crate) fn post(service: &'static str, path: &str, body: &str) -> Call {
        Call { service, path: path.to_owned(), headers: Vec::new(), body: body.to_owned() }
    }

    /// Sends it, signed. Returns the answer's text, or that AWS denied the call.
    ///
    /// Panics if the call fails for another reason: then it says nothing about the permission.
    pub(crate) async fn send(&self, stack: &Stack, credentials: &Credentials) -> Result<String, Denied> {
        let uri = format!("{}{}", stack.aws_url().trim_end_matches('/'), self.path);
        let mut request = Request::post(&uri).body(self.body.clone()).unwrap();
        let host = request.uri().authority().unwrap().to_string();
        request.headers_mut().insert("host", host.parse().unwrap());
        for (name, value) in &self.headers {
            request.headers_mut().insert(*name, value.parse().unwrap());
        }
        let identity = credentials.clone().into();
        let parameters = SigningParams::builder()
            .identity(&identity)
            .region("eu-central-1")
            .name(self.service)
            .time(SystemTime::now())
            .settings(SigningSettings::default())
            .build()
            .unwrap()
            .into();
        let headers = request.headers().iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap()));
        let body = SignableBody::Bytes(self.body.as_bytes());
        let signable = SignableRequest::new("POST", &uri, headers, body).unwrap();
        let (instructions, _) = sign(signable, &parameters).unwrap().into_parts();
        instructions.apply_to_request_http1x(&mut request);
        let (parts, body) = request.into_parts();
        let client = dmm_proxy::client(&uri.parse().unwrap()).unwrap();
        let answer = client.post(&uri).headers(parts.headers).body(body).send().await.unwrap();
        let status = answer.status();
        let text = answer.text().await.unwrap();
        if status.is_success() {
            return Ok(text);
        }
        assert!(text.contains("AccessDenied"), "{self:?} fails with {status}: {text}");
        Err(Denied)
    }
}

/// AWS denied a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Denied;
