//! The HTTP client.

use std::sync::Arc;

use reqwest::{ClientBuilder, Url, redirect};
use rustls::crypto::ring;
use rustls::{ClientConfig, RootCertStore};
use thiserror::Error;

use crate::certificates::CertificateFile;

/// TLS cannot be set up: ring does not support rustls's default protocol versions.
#[derive(Debug, Error)]
#[error("TLS cannot be set up")]
pub struct TlsError(#[from] rustls::Error);

/// An HTTP client's builder with TLS set up. It trusts the public root certificates, and those in `extra_roots`. It does not
/// follow redirects: headers with keys would be sent wherever they lead. Time limits, the user agent, and whether the proxies
/// that the environment names (`HTTPS_PROXY`) are used are up to the caller.
///
/// # Errors
///
/// [`TlsError`].
pub fn client_builder(extra_roots: Option<&CertificateFile>) -> Result<ClientBuilder, TlsError> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    if let Some(file) = extra_roots {
        roots.roots.extend_from_slice(&file.roots().roots);
    }
    let tls = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(ClientBuilder::new().tls_backend_preconfigured(tls).redirect(redirect::Policy::none()))
}

/// Whether the URL leads to this machine itself. Plain HTTP is acceptable there, and a proxy cannot reach it.
#[must_use]
pub fn is_loopback(url: &Url) -> bool {
    matches!(url.host_str(), Some("127.0.0.1" | "localhost" | "[::1]"))
}

#[cfg(test)]
mod tests {
    use wiremock::matchers::path;
    use wiremock::{Mock, MockServer, ResponseTemplate};

    use super::*;

    #[tokio::test]
    async fn a_client_does_not_follow_redirects() {
        let server = MockServer::start().await;
        Mock::given(path("/here"))
            .respond_with(ResponseTemplate::new(302).insert_header("location", "/there"))
            .mount(&server)
            .await;
        let http = client_builder(None).unwrap().no_proxy().build().unwrap();
        let answer = http.get(format!("{}/here", server.uri())).send().await.unwrap();
        assert_eq!(answer.status(), 302);
        assert_eq!(server.received_requests().await.unwrap().len(), 1);
    }

    #[test]
    fn only_this_machine_is_a_loopback() {
        let is = |url: &str| is_loopback(&url.parse().unwrap());
        assert!(["http://127.0.0.1:1/x", "http://localhost", "https://[::1]:8/"].into_iter().all(is));
        let others = ["http://localhost.example.com", "http://127.0.0.1.example.com", "http://10.0.0.1"];
        assert!(!others.into_iter().any(is));
    }
}
