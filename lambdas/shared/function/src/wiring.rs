//! Builds the clients and adapters from the configuration, once at start-up.

use std::sync::Arc;

use dmm_access::evidence::Retention;
use dmm_access::guardrails::Guardrails;
use dmm_access::name::EVIDENCE;
use dmm_access::stack::Stack;
use dmm_api::RetryPolicy;
use dmm_aws::{Aws, AwsResources, AwsSetupError, IamRoles, ObjectLock, S3Store, SecretApiKey};
use dmm_budget::agreement::CONFLICT_BACKOFF;
use dmm_budget::api::CONNECT_TIMEOUT;
use dmm_converge::adapters::Adapters;
use dmm_converge::packing::Packing;
use dmm_http::{CertificateFile, TlsError, client_builder};
use jiff::Timestamp;
use thiserror::Error;

use crate::config::{AgreementConfig, ApiConfig, EvidenceConfig};

/// A client cannot be built from a valid configuration.
#[derive(Debug, Error)]
pub enum WiringError {
    /// The clients of AWS, for example because the file in `AWS_CA_BUNDLE` cannot be used.
    #[error(transparent)]
    Aws(#[from] AwsSetupError),
    /// TLS.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The HTTP client.
    #[error("the HTTP client cannot be built")]
    Http(#[from] reqwest::Error),
}

/// The client of Data Mesh Manager's API, with the API key from Secrets Manager.
///
/// # Errors
///
/// [`WiringError`], if the HTTP client cannot be built.
pub fn api_client(config: ApiConfig, aws: &Aws) -> Result<dmm_api::Client, WiringError> {
    let http = http_client(config.extra_roots.as_ref())?;
    let keys = SecretApiKey::new(aws, config.api_key_secret_id);
    Ok(dmm_api::Client::new(http, config.base_url, Arc::new(keys), RetryPolicy::default()))
}

/// The HTTP client for everything except AWS. It uses no proxy.
pub(crate) fn http_client(extra_roots: Option<&CertificateFile>) -> Result<reqwest::Client, WiringError> {
    let builder = client_builder(extra_roots)?
        .user_agent(concat!("datamesh-manager-aws/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT_TIMEOUT)
        .no_proxy();
    Ok(builder.build()?)
}

/// What the functions that work on agreements need from outside.
pub struct AgreementAdapters {
    /// Data Mesh Manager.
    pub api: dmm_api::Client,
    /// The account's roles.
    pub iam: IamRoles,
    /// The resources of ports.
    pub resources: AwsResources,
    /// The state bucket with the grant records.
    pub records: S3Store,
    /// How long entries of the evidence are kept.
    pub retention: Retention,
    /// Who may get access, and to what.
    pub guardrails: Guardrails,
    /// The stack that this is.
    pub stack: Stack,
}

impl AgreementAdapters {
    /// Builds all of them.
    ///
    /// # Errors
    ///
    /// [`WiringError`], if a client cannot be built.
    pub fn new(config: AgreementConfig) -> Result<AgreementAdapters, WiringError> {
        let aws = Aws::new(config.aws)?;
        let resources = AwsResources::new(&aws, config.managed_policies.account());
        let stack = config.managed_policies.stack().clone();
        let EvidenceConfig { retention, lock } = config.evidence;
        let lock = lock.map(|mode| ObjectLock { prefix: EVIDENCE, mode, days: retention.days() });
        Ok(AgreementAdapters {
            stack,
            api: api_client(config.api, &aws)?.with_older_generations(config.legacy_generations),
            iam: IamRoles::new(&aws, config.managed_policies, config.opt_in),
            resources,
            records: S3Store::new(&aws, config.state_bucket).with_lock(lock),
            retention,
            guardrails: config.guardrails,
        })
    }
}

/// The adapters for all kinds of places, which call IAM through `iam`. The one for policies of roles decides, by the
/// records in the state bucket, whether a grant is an inline policy or part of a managed policy. `adopts_unmarked` says
/// whether policies of the predecessor of this software, which kept no records, belong to this stack.
pub fn adapters<R>(
    iam: R,
    records: &S3Store,
    guardrails: &Guardrails,
    stack: &Stack,
    adopts_unmarked: bool,
) -> Adapters<Packing<R>> {
    let role_policies = Packing {
        iam,
        records: Arc::new(records.clone()),
        guardrails: guardrails.clone(),
        stack: stack.clone(),
        adopts_unmarked,
        clock: Timestamp::now,
        conflict_backoff: CONFLICT_BACKOFF,
    };
    Adapters { role_policies }
}

#[cfg(test)]
mod tests {
    use wiremock::matchers::{header, path};
    use wiremock::{Mock, MockServer, ResponseTemplate};

    use super::*;

    #[tokio::test]
    async fn the_client_says_who_it_is_and_does_not_follow_redirects() {
        let server = MockServer::start().await;
        let agent = concat!("datamesh-manager-aws/", env!("CARGO_PKG_VERSION"));
        Mock::given(path("/here"))
            .and(header("user-agent", agent))
            .respond_with(ResponseTemplate::new(302).insert_header("location", "/there"))
            .mount(&server)
            .await;
        let http = http_client(None).expect("a client");
        let answer = http.get(format!("{}/here", server.uri())).send().await.expect("an answer");
        assert_eq!(answer.status(), 302);
        assert_eq!(server.received_requests().await.expect("recorded requests").len(), 1);
    }
}
