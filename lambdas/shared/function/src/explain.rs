//! Explains what a deployed stack decides about an agreement, with the configuration of its function `iam-grant`.

use std::collections::BTreeMap;
use std::env::VarError;

use dmm_access::explain::Explanation;
use dmm_converge::{Error, Explainer};
use dmm_mesh::AgreementRef;
use thiserror::Error as ThisError;

use crate::config::{AgreementConfig, ConfigError};
use crate::environment::Environment;
use crate::wiring::{AgreementAdapters, WiringError};

/// An agreement cannot be explained.
#[derive(Debug, ThisError)]
pub enum ExplainError {
    /// The configuration is not valid.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A client cannot be built.
    #[error(transparent)]
    Wiring(#[from] WiringError),
    /// Something cannot be read.
    #[error(transparent)]
    Read(#[from] Error),
}

/// Explains what `iam-grant` with these environment variables decides about the agreement as it is now; `None` if the
/// agreement does not exist. Nothing is changed.
///
/// # Errors
///
/// [`ExplainError`].
pub async fn explain(
    variables: &BTreeMap<String, String>,
    agreement: &AgreementRef,
) -> Result<Option<Explanation>, ExplainError> {
    let lookup = |name: &str| variables.get(name).cloned().ok_or(VarError::NotPresent);
    let config = AgreementConfig::read(&Environment::of(&lookup))?;
    let AgreementAdapters { api, iam, resources, guardrails, .. } = AgreementAdapters::new(config)?;
    let explainer = Explainer { agreements: &api, aws: Some((&iam, &resources)), guardrails: &guardrails };
    Ok(explainer.explain(agreement).await?)
}
