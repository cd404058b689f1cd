//! The HTTP client for AWS, and certificates from files.

use std::{fs, io};

use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_types::sdk_config::SharedHttpClient;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use thiserror::Error;
use webpki_root_certs::TLS_SERVER_ROOT_CERTS;

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

/// The HTTP client of all AWS clients.
pub(crate) fn aws_http_client(ca_bundle: Option<&str>) -> Result<SharedHttpClient, HttpSetupError> {
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
    let context = context.map_err(|error| HttpSetupError::AwsHttp(Box::new(error)))?;
    Ok(Builder::new().tls_provider(Provider::rustls(CryptoMode::Ring)).tls_context(context).build_https())
}

/// The HTTP client for AWS cannot be set up.
#[derive(Debug, Error)]
pub enum HttpSetupError {
    /// A file of certificates cannot be read.
    #[error("the file {path} that {variable} names cannot be read")]
    CertificateFile {
        /// The environment variable.
        variable: &'static str,
        /// The path.
        path: String,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// A file of certificates holds none, or one that is not valid.
    #[error("the file {path} that {variable} names must hold PEM certificates: {reason}")]
    Certificate {
        /// The environment variable.
        variable: &'static str,
        /// The path.
        path: String,
        /// What is wrong.
        reason: String,
    },
    /// The TLS configuration of the AWS clients could not be built.
    #[error("the HTTP client for AWS could not be built")]
    AwsHttp(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Adds a file's PEM certificates, and returns the file's content. The SDK would panic on a wrong one.
///
/// # Errors
///
/// [`HttpSetupError`], when the file cannot be read, or holds no certificate or a wrong one.
pub fn add_certificates(
    roots: &mut RootCertStore,
    variable: &'static str,
    path: &str,
) -> Result<Vec<u8>, HttpSetupError> {
    let wrong = |reason: String| HttpSetupError::Certificate { variable, path: path.to_owned(), reason };
    let content = fs::read(path).map_err(|source| HttpSetupError::CertificateFile {
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
        aws_http_client(Some(&path)).expect("a client");
    }

    #[test]
    fn a_file_without_a_valid_certificate_is_refused_by_name() {
        let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        let open = "-----BEGIN CERTIFICATE-----\nAAAA\n";
        for content in ["", "no certificate", broken, open, &format!("{}{broken}", any_root())] {
            let (_file, path) = file(content);
            let error = aws_http_client(Some(&path)).expect_err("an error");
            assert!(matches!(error, HttpSetupError::Certificate { .. }), "{error:?}");
            let text = error.to_string();
            assert!(text.contains("AWS_CA_BUNDLE") && text.contains(&path), "{text}");
            let error =
                add_certificates(&mut RootCertStore::empty(), "SSL_CERT_FILE", &path).expect_err("an error");
            assert!(error.to_string().contains("SSL_CERT_FILE"), "{error}");
        }
    }

    #[test]
    fn a_file_that_is_not_there_is_named() {
        let error = aws_http_client(Some("/no/such/file.pem")).expect_err("an error");
        assert!(matches!(error, HttpSetupError::CertificateFile { .. }), "{error:?}");
        assert!(error.to_string().contains("/no/such/file.pem"), "{error}");
    }
}
