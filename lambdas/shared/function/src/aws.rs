//! The configuration of all AWS clients, from the environment variables that Lambda sets.

use aws_credential_types::Credentials;
use dmm_aws::{Aws, AwsSettings};

use crate::error::EnvironmentError;
use crate::settings;

/// Reads `AWS_REGION`, `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN`, `AWS_ENDPOINT_URL` and
/// `AWS_CA_BUNDLE`.
///
/// # Errors
///
/// [`EnvironmentError`], when one is missing, or the certificates cannot be read.
pub fn aws() -> Result<Aws, EnvironmentError> {
    let credentials = Credentials::new(
        settings::required("AWS_ACCESS_KEY_ID")?,
        settings::required("AWS_SECRET_ACCESS_KEY")?,
        settings::optional("AWS_SESSION_TOKEN")?,
        None,
        "environment",
    );
    let settings = AwsSettings {
        region: settings::required("AWS_REGION")?,
        credentials,
        endpoint_url: settings::optional("AWS_ENDPOINT_URL")?,
        ca_bundle: settings::optional("AWS_CA_BUNDLE")?,
    };
    Ok(Aws::new(settings)?)
}
