//! Reports about a grant, for the `access` generation.

use serde_json::{Value, json};

/// The platform that reports name.
const PLATFORM: &str = "aws";
/// Who does the work, as reports name it.
const EXECUTOR: &str = "Data Mesh Manager AWS integration";

/// What happened to a grant. Data Mesh Manager takes every transition from every state; the latest wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ProvisioningTransition {
    /// Work on the grant has begun.
    ProvisioningStarted,
    /// The grant exists.
    ProvisioningSucceeded,
    /// The grant could not be made.
    ProvisioningFailed,
    /// The grant is being taken back.
    DeprovisioningStarted,
    /// The grant is gone.
    DeprovisioningSucceeded,
    /// The grant could not be taken back, so access may still exist.
    DeprovisioningFailed,
}

impl ProvisioningTransition {
    /// The last part of the address: `/api/access/{id}/provisioning/{…}`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            ProvisioningTransition::ProvisioningStarted => "provisioning-started",
            ProvisioningTransition::ProvisioningSucceeded => "provisioning-succeeded",
            ProvisioningTransition::ProvisioningFailed => "provisioning-failed",
            ProvisioningTransition::DeprovisioningStarted => "deprovisioning-started",
            ProvisioningTransition::DeprovisioningSucceeded => "deprovisioning-succeeded",
            ProvisioningTransition::DeprovisioningFailed => "deprovisioning-failed",
        }
    }
}

/// A report about a grant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProvisioningReport {
    /// What happened.
    pub transition: ProvisioningTransition,
    /// Names the grant in AWS, e.g. the role's ARN and the policy's name. `None` keeps what was reported before.
    pub reference: Option<String>,
    /// Why it failed, written for people: it is shown on the page and mailed to the provider's team.
    pub diagnostics: Option<String>,
}

impl ProvisioningReport {
    /// The report's body. What is `None` is left out, not `null`.
    #[must_use]
    pub fn body(&self) -> Value {
        let mut body = json!({ "platform": PLATFORM, "executor": EXECUTOR });
        for (name, text) in [("reference", &self.reference), ("diagnostics", &self.diagnostics)] {
            if let Some(text) = text {
                body[name] = Value::from(text.as_str());
            }
        }
        body
    }
}
