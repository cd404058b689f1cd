//! Root certificates from a file.

use std::{fs, io};

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use thiserror::Error;

/// PEM certificates from a file that an environment variable names. All of them are valid as root certificates.
#[derive(Clone, Debug)]
pub struct CertificateFile {
    pem: Vec<u8>,
    roots: RootCertStore,
}

/// A file of certificates cannot be used.
#[derive(Debug, Error)]
pub enum CertificateFileError {
    /// The file cannot be read.
    #[error("the file {path} that {variable} names cannot be read")]
    Unreadable {
        /// The environment variable.
        variable: &'static str,
        /// The path.
        path: String,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// The file contains no certificate, or an invalid one.
    #[error("the file {path} that {variable} names must contain PEM certificates: {reason}")]
    Invalid {
        /// The environment variable.
        variable: &'static str,
        /// The path.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl CertificateFile {
    /// Reads the file at this path, which is the value of the environment variable.
    ///
    /// # Errors
    ///
    /// [`CertificateFileError`], if the file cannot be read, or contains no certificate or an invalid one.
    pub fn read(variable: &'static str, path: &str) -> Result<CertificateFile, CertificateFileError> {
        let invalid =
            |reason: String| CertificateFileError::Invalid { variable, path: path.to_owned(), reason };
        let pem = fs::read(path).map_err(|source| CertificateFileError::Unreadable {
            variable,
            path: path.to_owned(),
            source,
        })?;
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(&pem) {
            let certificate = certificate.map_err(|error| invalid(error.to_string()))?;
            roots.add(certificate).map_err(|error| invalid(error.to_string()))?;
        }
        if roots.is_empty() {
            Err(invalid("it contains none".to_owned()))
        } else {
            Ok(CertificateFile { pem, roots })
        }
    }

    /// The content of the file.
    #[must_use]
    pub fn pem(&self) -> &[u8] {
        &self.pem
    }

    /// The certificates.
    #[must_use]
    pub fn roots(&self) -> &RootCertStore {
        &self.roots
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use tempfile::NamedTempFile;
    use webpki_root_certs::TLS_SERVER_ROOT_CERTS;

    use super::*;
    use crate::client::client_builder;

    fn file(content: &str) -> (NamedTempFile, String) {
        let mut file = NamedTempFile::new().unwrap();
        file.write_all(content.as_bytes()).unwrap();
        let path = file.path().to_str().unwrap().to_owned();
        (file, path)
    }

    fn any_root() -> String {
        let root = STANDARD.encode(TLS_SERVER_ROOT_CERTS.first().unwrap());
        format!("-----BEGIN CERTIFICATE-----\n{root}\n-----END CERTIFICATE-----\n")
    }

    #[test]
    fn every_certificate_of_a_file_is_trusted() {
        let (_file, path) = file(&format!("# two certificates\n{}{}", any_root(), any_root()));
        let certificates = CertificateFile::read("SSL_CERT_FILE", &path).unwrap();
        assert_eq!(certificates.roots().len(), 2);
        assert!(certificates.pem().starts_with(b"# two certificates\n"));
        client_builder(Some(&certificates)).unwrap().build().unwrap();
    }

    #[test]
    fn a_file_without_a_valid_certificate_is_rejected_and_named() {
        let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        let open = "-----BEGIN CERTIFICATE-----\nAAAA\n";
        for content in ["", "no certificate", broken, open, &format!("{}{broken}", any_root())] {
            let (_file, path) = file(content);
            let error = CertificateFile::read("SSL_CERT_FILE", &path).unwrap_err();
            assert!(matches!(error, CertificateFileError::Invalid { .. }), "{error:?}");
            let text = error.to_string();
            assert!(text.contains("SSL_CERT_FILE") && text.contains(&path), "{text}");
        }
    }

    #[test]
    fn a_missing_file_is_named() {
        let error = CertificateFile::read("SSL_CERT_FILE", "/no/such/file.pem").unwrap_err();
        assert!(matches!(error, CertificateFileError::Unreadable { .. }), "{error:?}");
        let text = error.to_string();
        assert!(text.contains("SSL_CERT_FILE") && text.contains("/no/such/file.pem"), "{text}");
    }
}
