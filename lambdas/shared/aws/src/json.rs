//! Single calls of services that speak JSON, for the few facts that this software reads from Glue, Lake Formation, Athena
//! and KMS.
//!
//! The SDK has a crate for each of these services, with all of its operations. Checking Glue's alone takes a minute and 2.7 GB
//! of memory, and every build with link-time optimisation reads it again, for three calls. This module sends such calls with
//! what those crates are made of: the SDK's orchestrator, with its retries and time limits, and its signature. Services of
//! which more is used have their crate.
//!
//! Protocols: [AWS JSON 1.1](https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html), and for Lake Formation
//! [AWS REST JSON 1](https://smithy.io/2.0/aws/protocols/aws-restjson1-protocol.html).

use std::error::Error;
use std::fmt;

use aws_credential_types::Credentials;
use aws_credential_types::provider::ProvideCredentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use aws_smithy_runtime::client::orchestrator::operation::Operation;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::identity::Identity;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::{
    BeforeTransmitInterceptorContextMut, InterceptorContext,
};
use aws_smithy_runtime_api::client::interceptors::dyn_dispatch_hint;
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse, OrchestratorError};
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_runtime_api::client::retries::RequestAttempts;
use aws_smithy_runtime_api::client::retries::classifiers::{ClassifyRetry, RetryAction};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::ConfigBag;
use aws_smithy_types::error::ErrorMetadata;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_types::SdkConfig;
use dmm_access::arn::Arn;
use serde_json::Value;
use thiserror::Error;
use tracing::Instrument;

use crate::call_error::{CallError, CallErrorKind};
use crate::traced::ATTEMPT;

/// A service that speaks JSON.
#[derive(Clone, Copy, Debug)]
pub(crate) struct JsonService {
    /// Its name in traces.
    pub(crate) name: &'static str,
    /// Its name in signatures and host names.
    pub(crate) endpoint: &'static str,
    /// Its name in the header `X-Amz-Target`; `None` if the operation is the path of the request.
    pub(crate) target: Option<&'static str>,
}

/// The credentials could not be read, or an answer is not JSON.
#[derive(Debug, Error)]
#[error("{0}")]
struct Unusable(&'static str);

/// What a service answers instead of a result.
#[derive(Debug)]
struct ServiceError(ErrorMetadata);

impl fmt::Display for ServiceError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.0.code().unwrap_or("the service did not say why"))
    }
}

impl Error for ServiceError {}

impl ProvideErrorMetadata for ServiceError {
    fn meta(&self) -> &ErrorMetadata {
        &self.0
    }
}

impl JsonService {
    /// Calls an operation of the service in the region of `arn`.
    pub(crate) async fn call(
        self,
        config: &SdkConfig,
        arn: &Arn,
        operation: &'static str,
        input: &Value,
    ) -> Result<Value, CallError> {
        let span = tracing::info_span!(
            target: "otel::client",
            "aws",
            otel.name = format!("{}.{operation}", self.name),
            otel.kind = "client",
            rpc.system = "aws-api",
            rpc.service = self.name,
            rpc.method = operation,
        );
        self.send(config, arn, operation, input).instrument(span).await.map_err(CallError::new)
    }

    async fn send(
        self,
        config: &SdkConfig,
        arn: &Arn,
        operation: &'static str,
        input: &Value,
    ) -> Result<Value, SdkError<ServiceError, HttpResponse>> {
        let (Some(provider), Some(http), Some(sleep), Some(retries), Some(timeouts)) = (
            config.credentials_provider(),
            config.http_client(),
            config.sleep_impl(),
            config.retry_config(),
            config.timeout_config(),
        ) else {
            return Err(SdkError::construction_failure(Unusable("the configuration is incomplete")));
        };
        let credentials = provider.provide_credentials().await.map_err(SdkError::construction_failure)?;
        let own = || {
            let (region, suffix) = (arn.region(), arn.partition().dns_suffix());
            format!("https://{}.{region}.{suffix}", self.endpoint)
        };
        let endpoint = config.endpoint_url().map_or_else(own, str::to_owned);
        let signature = Signature { credentials, region: arn.region().to_owned(), service: self.endpoint };
        let call = Operation::builder()
            .service_name(self.name)
            .operation_name(operation)
            .http_client(http)
            .endpoint_url(&endpoint)
            // The interceptor signs.
            .no_auth()
            .interceptor(signature)
            .standard_retry(retries)
            .retry_classifier(Retryable)
            .timeout_config(timeouts.clone())
            .sleep_impl(sleep)
            .serializer(move |body: String| self.request(operation, body))
            .deserializer(read)
            .build();
        call.invoke(input.to_string()).await
    }

    fn request(self, operation: &str, body: String) -> Result<HttpRequest, BoxError> {
        let mut request = HttpRequest::new(SdkBody::from(body));
        request.set_method("POST")?;
        let (path, content_type) = match self.target {
            Some(_) => ("/".to_owned(), "application/x-amz-json-1.1"),
            None => (format!("/{operation}"), "application/json"),
        };
        request.set_uri(path)?;
        let headers = request.headers_mut();
        headers.try_insert("content-type", content_type)?;
        if let Some(target) = self.target {
            headers.try_insert("x-amz-target", format!("{target}.{operation}"))?;
        }
        Ok(request)
    }
}

/// Signs each attempt, and numbers it as the SDK does.
#[derive(Debug)]
struct Signature {
    credentials: Credentials,
    region: String,
    service: &'static str,
}

#[dyn_dispatch_hint]
impl Intercept for Signature {
    fn name(&self) -> &'static str {
        "Signature"
    }

    fn modify_before_transmit(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        components: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let request = context.request_mut();
        let identity = Identity::from(self.credentials.clone());
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name(self.service)
            .time(components.time_source().unwrap_or_default().now())
            .settings(SigningSettings::default())
            .build()?
            .into();
        let headers = request.headers().iter();
        let body = request.body().bytes().map_or(SignableBody::UnsignedPayload, SignableBody::Bytes);
        let signable = SignableRequest::new(request.method(), request.uri(), headers, body)?;
        let (signed, _) = sign(signable, &parameters)?.into_parts();
        let (headers, _) = signed.into_parts();
        for header in headers {
            request.headers_mut().try_insert(header.name(), header.value().to_owned())?;
        }
        if let Some(attempts) = config.load::<RequestAttempts>() {
            request.headers_mut().try_insert(ATTEMPT, format!("attempt={}", attempts.attempts()))?;
        }
        Ok(())
    }
}

/// Reads an answer.
fn read(response: &HttpResponse) -> Result<Value, OrchestratorError<ServiceError>> {
    let body = response.body().bytes().unwrap_or_default();
    if response.status().is_success() {
        return serde_json::from_slice(body)
            .map_err(|_| OrchestratorError::response(Unusable("the answer is not JSON").into()));
    }
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let member = |names: [&str; 2]| names.into_iter().find_map(|name| body.get(name)?.as_str());
    let code = response.headers().get("x-amzn-errortype").or_else(|| member(["__type", "code"]));
    let mut metadata = ErrorMetadata::builder();
    if let Some(code) = code {
        // `namespace#Code:http://documentation/`
        let code = code.split(':').next().unwrap_or(code);
        metadata = metadata.code(code.rsplit('#').next().unwrap_or(code));
    }
    if let Some(message) = member(["message", "Message"]) {
        metadata = metadata.message(message);
    }
    Err(OrchestratorError::operation(ServiceError(metadata.build())))
}

/// Retries what [`CallErrorKind`] says is worth it, and what had no answer.
#[derive(Debug)]
struct Retryable;

impl ClassifyRetry for Retryable {
    fn name(&self) -> &'static str {
        "Retryable"
    }

    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        let Some(Err(error)) = context.output_or_error() else { return RetryAction::NoActionIndicated };
        let status = context.response().map(|response| response.status().as_u16());
        let code = error.as_operation_error().and_then(|error| error.downcast_ref::<ServiceError>());
        match CallErrorKind::of(code.and_then(ProvideErrorMetadata::code), status) {
            CallErrorKind::Throttled => RetryAction::throttling_error(),
            CallErrorKind::Unavailable => RetryAction::transient_error(),
            CallErrorKind::Denied
            | CallErrorKind::Expired
            | CallErrorKind::Invalid
            | CallErrorKind::NotFound => RetryAction::NoActionIndicated,
        }
    }
}

#[cfg(test)]
mod tests;
