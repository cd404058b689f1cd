//! HTTPS with ring as the only crypto provider: one set-up of TLS for all programs of this project, except the AWS SDK,
//! which has its own.
//!
//! - [`client_builder`]: an HTTP client that trusts the public root certificates.
//! - [`CertificateFile`]: root certificates from a file that an environment variable names.

mod certificates;
mod client;

pub use certificates::{CertificateFile, CertificateFileError};
pub use client::{TlsError, client_builder, is_loopback};
