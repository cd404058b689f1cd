//! The HTTP client for everything but AWS, and the API client that uses it.

use std::sync::Arc;
use std::time::Duration;

use dmm_api::RetryPolicy;
use dmm_aws::{Aws, SecretApiKey, add_certificates};
use reqwest::redirect;
use rustls::crypto::ring;
use rustls::{ClientConfig, RootCertStore};

use crate::error::EnvironmentError;
use crate::settings;

/// The time limit for a connection to Data Mesh Manager.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// The client of the Data Mesh Manager API: at the address in `DMM_BASE_URL`, with the key from the secret in
/// `DMM_API_KEY_SECRET_ID`.
///
/// # Errors
///
/// [`EnvironmentError`], when one of them is missing, or the HTTP client cannot be built.
pub fn api_client(aws: &Aws) -> Result<dmm_api::Client, EnvironmentError> {
    let base_url = settings::base_url("DMM_BASE_URL")?;
    let secret_id = settings::required("DMM_API_KEY_SECRET_ID")?;
    let keys = SecretApiKey::new(aws.sdk_config(), secret_id);
    Ok(dmm_api::Client::new(http_client()?, base_url, Arc::new(keys), RetryPolicy::default()))
}

/// The HTTP client for everything but AWS. It trusts the public roots, and those in the file that
/// `SSL_CERT_FILE` names. It follows no redirects, because the API key would go along, and uses no proxy.
///
/// # Errors
///
/// [`EnvironmentError`], when that file cannot be read or the client cannot be built.
pub fn http_client() -> Result<reqwest::Client, EnvironmentError> {
    let extra = settings::optional("SSL_CERT_FILE")?;
    http_client_with(extra.as_deref())
}

fn http_client_with(extra_roots: Option<&str>) -> Result<reqwest::Client, EnvironmentError> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    if let Some(path) = extra_roots {
        add_certificates(&mut roots, "SSL_CERT_FILE", path)?;
    }
    let tls = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .user_agent(concat!("datamesh-manager-aws/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT_TIMEOUT)
        .redirect(redirect::Policy::none())
        .no_proxy()
        .build()?)
}

#[cfg(test)]
mod tests {
    use wiremock::matchers::{header, path};
    use wiremock::{Mock, MockServer, ResponseTemplate};

    use super::*;

    #[tokio::test]
    async fn the_client_says_who_it_is_and_follows_no_redirect() {
        let server = MockServer::start().await;
        let agent = concat!("datamesh-manager-aws/", env!("CARGO_PKG_VERSION"));
        Mock::given(path("/here"))
            .and(header("user-agent", agent))
            .respond_with(ResponseTemplate::new(302).insert_header("location", "/there"))
            .mount(&server)
            .await;
        let http = http_client_with(None).expect("a client");
        let answer = http.get(format!("{}/here", server.uri())).send().await.expect("an answer");
        assert_eq!(answer.status(), 302);
        assert_eq!(server.received_requests().await.expect("recorded requests").len(), 1);
    }

    #[test]
    fn a_file_of_roots_that_cannot_be_used_is_named() {
        let error = http_client_with(Some("/no/such/file.pem")).expect_err("an error").to_string();
        assert!(error.contains("SSL_CERT_FILE") && error.contains("/no/such/file.pem"), "{error}");
    }
}
