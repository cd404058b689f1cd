//! The HTTP client of the AWS SDK.

use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_types::sdk_config::SharedHttpClient;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use dmm_http::{CertificateFile, CertificateFileError};
use thiserror::Error;
use webpki_root_certs::TLS_SERVER_ROOT_CERTS;

/// The names of the roots that AWS services' certificates lead to: Amazon Trust Services'
/// [list](https://www.amazontrust.com/repository/). The SDK parses its roots again for every client that is built, so that a
/// function starts faster with these few than with all public roots.
const AMAZON_ROOTS: [&str; 5] = [
    "Amazon Root CA 1",
    "Amazon Root CA 2",
    "Amazon Root CA 3",
    "Amazon Root CA 4",
    "Starfield Services Root Certificate Authority - G2",
];

/// How the regions of the other partitions begin. Amazon's list is about the commercial regions only, so all public roots are
/// trusted there.
const OTHER_PARTITIONS: [&str; 4] = ["cn-", "us-gov-", "eusc-", "us-iso"];

/// The names in a root certificate are within this many bytes of its start.
const NAMES_END: usize = 300;

/// The HTTP client of all AWS clients in this region. It trusts Amazon's roots, or outside the commercial regions all public
/// ones, or instead the certificates in `ca_bundle`, a file of PEM certificates.
pub(crate) fn aws_http_client(
    region: &str,
    ca_bundle: Option<&str>,
) -> Result<SharedHttpClient, AwsSetupError> {
    let trusted = match ca_bundle {
        Some(path) => {
            TrustStore::empty().with_pem_certificate(CertificateFile::read("AWS_CA_BUNDLE", path)?.pem())
        }
        None => roots_of(region)
            .fold(TrustStore::empty(), |store, certificate| store.with_pem_certificate(pem(certificate))),
    };
    let context = TlsContext::builder().with_trust_store(trusted).build();
    let context = context.map_err(|error| AwsSetupError::Tls(Box::new(error)))?;
    Ok(Builder::new().tls_provider(Provider::rustls(CryptoMode::Ring)).tls_context(context).build_https())
}

/// The HTTP client of the AWS SDK cannot be set up.
#[derive(Debug, Error)]
pub enum AwsSetupError {
    /// The file in `AWS_CA_BUNDLE` cannot be used.
    #[error(transparent)]
    CaBundle(#[from] CertificateFileError),
    /// The TLS configuration cannot be built.
    #[error("the HTTP client for AWS cannot be built")]
    Tls(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// The roots that are trusted in this region, as DER.
fn roots_of(region: &str) -> Box<dyn Iterator<Item = &'static [u8]>> {
    if OTHER_PARTITIONS.iter().any(|prefix| region.starts_with(prefix)) {
        Box::new(TLS_SERVER_ROOT_CERTS.iter().map(|certificate| &**certificate))
    } else {
        Box::new(amazon_roots())
    }
}

/// Amazon's roots among the public ones, as DER.
fn amazon_roots() -> impl Iterator<Item = &'static [u8]> {
    TLS_SERVER_ROOT_CERTS.iter().map(|certificate| &**certificate).filter(|certificate| {
        let names = certificate.get(..NAMES_END).unwrap_or(certificate);
        AMAZON_ROOTS.iter().any(|root| names.windows(root.len()).any(|window| window == root.as_bytes()))
    })
}

fn pem(certificate: &[u8]) -> String {
    format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", STANDARD.encode(certificate))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use tempfile::NamedTempFile;

    use super::*;

    const REGION: &str = "eu-central-1";

    #[test]
    fn outside_the_commercial_regions_all_public_roots_are_trusted() {
        for region in ["cn-north-1", "us-gov-west-1", "eusc-de-east-1"] {
            assert_eq!(roots_of(region).count(), TLS_SERVER_ROOT_CERTS.len(), "{region}");
            aws_http_client(region, None).expect("a client");
        }
        for region in ["eu-central-1", "us-east-1", "ap-southeast-2"] {
            assert_eq!(roots_of(region).count(), AMAZON_ROOTS.len(), "{region}");
        }
    }

    fn file(content: &str) -> (NamedTempFile, String) {
        let mut file = NamedTempFile::new().expect("a file");
        file.write_all(content.as_bytes()).expect("written");
        let path = file.path().to_str().expect("a path").to_owned();
        (file, path)
    }

    #[test]
    fn each_of_amazons_roots_is_found_once() {
        for root in AMAZON_ROOTS {
            let has_this_name =
                |certificate: &&[u8]| certificate.windows(root.len()).any(|window| window == root.as_bytes());
            assert_eq!(amazon_roots().filter(has_this_name).count(), 1, "{root}");
        }
        assert_eq!(amazon_roots().count(), AMAZON_ROOTS.len());
    }

    #[test]
    fn amazons_roots_become_certificates_that_the_sdk_can_read() {
        for certificate in amazon_roots() {
            let (_file, path) = file(&pem(certificate));
            let file = CertificateFile::read("AWS_CA_BUNDLE", &path).expect("a certificate");
            assert_eq!(file.roots().len(), 1);
        }
    }

    #[test]
    fn a_file_of_certificates_replaces_amazons_roots() {
        let certificates: String = amazon_roots().map(pem).collect();
        let (_file, path) = file(&certificates);
        aws_http_client(REGION, Some(&path)).expect("a client");
    }

    #[test]
    fn a_file_that_cannot_be_used_is_rejected_and_named_before_the_sdk_would_panic() {
        let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        let open = "-----BEGIN CERTIFICATE-----\nAAAA\n";
        let root = pem(amazon_roots().next().expect("a root"));
        for content in ["", "no certificate", broken, open, &format!("{root}{broken}")] {
            let (_file, path) = file(content);
            let error = aws_http_client(REGION, Some(&path)).expect_err("an error");
            assert!(
                matches!(error, AwsSetupError::CaBundle(CertificateFileError::Invalid { .. })),
                "{error:?}"
            );
            let text = error.to_string();
            assert!(text.contains("AWS_CA_BUNDLE") && text.contains(&path), "{text}");
        }
        let error = aws_http_client(REGION, Some("/no/such/file.pem")).expect_err("an error");
        assert!(
            matches!(error, AwsSetupError::CaBundle(CertificateFileError::Unreadable { .. })),
            "{error:?}"
        );
        assert!(error.to_string().contains("/no/such/file.pem"), "{error}");
    }
}
