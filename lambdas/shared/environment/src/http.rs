//! The two HTTP clients: for AWS, and for Data Mesh Manager.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_types::sdk_config::SharedHttpClient;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use dmm::RetryPolicy;
use reqwest::redirect;
use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use webpki_root_certs::TLS_SERVER_ROOT_CERTS;

use crate::api_key::SecretApiKey;
use crate::aws::Aws;
use crate::error::EnvironmentError;
use crate::settings;

/// The time limit for a connection to Data Mesh Manager.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// The roots that certificates of AWS services lead to, by name: Amazon Trust Services'
/// [list](https://www.amazontrust.com/repository/). The SDK reads its roots again for every client that is
/// built, so a function starts faster with these few than with all that there are.
const AMAZON_ROOTS: [&str; 5] = [
    "Amazon Root CA 1",
    "Amazon Root CA 2",
    "Amazon Root CA 3",
    "Amazon Root CA 4",
    "Starfield Services Root Certificate Authority - G2",
];

/// The names of a root certificate stand within this many bytes of its beginning.
const NAMES_END: usize = 300;

/// The client of the Data Mesh Manager API: at the address in `DMM_BASE_URL`, with the key from the secret in
/// `DMM_API_KEY_SECRET_ID`.
///
/// # Errors
///
/// [`EnvironmentError`], when one of them is missing, or the HTTP client cannot be built.
pub fn api_client(aws: &Aws) -> Result<dmm::Client, EnvironmentError> {
    let base_url = settings::base_url("DMM_BASE_URL")?;
    let secret_id = settings::required("DMM_API_KEY_SECRET_ID")?;
    let keys = SecretApiKey::new(aws.sdk_config(), secret_id);
    Ok(dmm::Client::new(http_client()?, base_url, Arc::new(keys), RetryPolicy::default()))
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

/// The HTTP client of all AWS clients.
pub(crate) fn aws_http_client(ca_bundle: Option<&str>) -> Result<SharedHttpClient, EnvironmentError> {
    let trusted = match ca_bundle {
        Some(path) => TrustStore::empty().with_pem_certificate(add_certificates(
            &mut RootCertStore::empty(),
            "AWS_CA_BUNDLE",
            path,
        )?),
        None => amazon_roots()
            .fold(TrustStore::empty(), |store, certificate| store.with_pem_certificate(pem(certificate))),
    };
    let context = TlsContext::builder().with_trust_store(trusted).build();
    let context = context.map_err(|error| EnvironmentError::AwsHttp(Box::new(error)))?;
    Ok(Builder::new().tls_provider(Provider::rustls(CryptoMode::Ring)).tls_context(context).build_https())
}

/// Adds a file's PEM certificates, and returns the file's content. The SDK would panic on a wrong one.
fn add_certificates(
    roots: &mut RootCertStore,
    variable: &'static str,
    path: &str,
) -> Result<Vec<u8>, EnvironmentError> {
    let wrong = |reason: String| EnvironmentError::Certificate { variable, path: path.to_owned(), reason };
    let content = fs::read(path).map_err(|source| EnvironmentError::CertificateFile {
        variable,
        path: path.to_owned(),
        source,
    })?;
    let mut count = 0;
    for certificate in CertificateDer::pem_slice_iter(&content) {
        let certificate = certificate.map_err(|error| wrong(error.to_string()))?;
        roots.add(certificate).map_err(|error| wrong(error.to_string()))?;
        count += 1;
    }
    if count == 0 { Err(wrong("it holds none".to_owned())) } else { Ok(content) }
}

fn amazon_roots() -> impl Iterator<Item = &'static CertificateDer<'static>> {
    TLS_SERVER_ROOT_CERTS.iter().filter(|certificate| {
        let names = &certificate[..certificate.len().min(NAMES_END)];
        AMAZON_ROOTS.iter().any(|root| names.windows(root.len()).any(|window| window == root.as_bytes()))
    })
}

fn pem(certificate: &CertificateDer<'_>) -> String {
    format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", STANDARD.encode(certificate))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use tempfile::NamedTempFile;
    use wiremock::matchers::{header, path};
    use wiremock::{Mock, MockServer, ResponseTemplate};

    use super::*;

    fn file(content: &str) -> (NamedTempFile, String) {
        let mut file = NamedTempFile::new().expect("a file");
        file.write_all(content.as_bytes()).expect("written");
        let path = file.path().to_str().expect("a path").to_owned();
        (file, path)
    }

    fn any_root() -> String {
        pem(TLS_SERVER_ROOT_CERTS.first().expect("a root"))
    }

    #[test]
    fn each_of_amazons_roots_is_found_once() {
        for root in AMAZON_ROOTS {
            let of_this_name = |certificate: &&CertificateDer<'_>| {
                certificate.windows(root.len()).any(|window| window == root.as_bytes())
            };
            assert_eq!(amazon_roots().filter(of_this_name).count(), 1, "{root}");
        }
        assert_eq!(amazon_roots().count(), AMAZON_ROOTS.len());
    }

    #[test]
    fn amazons_roots_become_certificates_that_the_sdk_can_read() {
        for certificate in amazon_roots() {
            let (_file, path) = file(&pem(certificate));
            let mut roots = RootCertStore::empty();
            add_certificates(&mut roots, "AWS_CA_BUNDLE", &path).expect("a certificate");
            assert_eq!(roots.len(), 1);
        }
    }

    #[test]
    fn every_certificate_of_a_file_is_trusted() {
        let (_file, path) = file(&format!("# two of them\n{}{}", any_root(), any_root()));
        let mut roots = RootCertStore::empty();
        add_certificates(&mut roots, "SSL_CERT_FILE", &path).expect("certificates");
        assert_eq!(roots.len(), 2);
        http_client_with(Some(&path)).expect("a client");
        aws_http_client(Some(&path)).expect("a client");
    }

    #[test]
    fn a_file_without_a_valid_certificate_is_refused_by_name() {
        let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        let open = "-----BEGIN CERTIFICATE-----\nAAAA\n";
        for content in ["", "no certificate", broken, open, &format!("{}{broken}", any_root())] {
            let (_file, path) = file(content);
            let error = aws_http_client(Some(&path)).expect_err("an error");
            assert!(matches!(error, EnvironmentError::Certificate { .. }), "{error:?}");
            let text = error.to_string();
            assert!(text.contains("AWS_CA_BUNDLE") && text.contains(&path), "{text}");
            let error = http_client_with(Some(&path)).expect_err("an error");
            assert!(error.to_string().contains("SSL_CERT_FILE") && !error.is_retryable(), "{error}");
        }
    }

    #[test]
    fn a_file_that_is_not_there_is_named() {
        let error = http_client_with(Some("/no/such/file.pem")).expect_err("an error");
        assert!(matches!(error, EnvironmentError::CertificateFile { .. }), "{error:?}");
        assert!(error.to_string().contains("/no/such/file.pem"), "{error}");
    }

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
}
