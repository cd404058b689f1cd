//! Reports about a grant, for the `access` generation.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

/// The platform in reports.
const PLATFORM: &str = "aws";
/// The executor in reports.
const EXECUTOR: &str = "Data Mesh Manager AWS integration";

/// What happened to a grant. Data Mesh Manager accepts every transition in every state, and shows the latest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ProvisioningTransition {
    /// Work on the grant has begun.
    ProvisioningStarted,
    /// The grant exists.
    ProvisioningSucceeded,
    /// The grant could not be created.
    ProvisioningFailed,
    /// The grant is being revoked.
    DeprovisioningStarted,
    /// The grant was revoked.
    DeprovisioningSucceeded,
    /// The grant could not be revoked, so access may still exist.
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
    /// The grant in AWS, for example the role's ARN and the policy's name. `None` keeps what was reported before.
    pub reference: Option<String>,
    /// Why it failed, for people: Data Mesh Manager shows it and mails it to the provider's team.
    pub diagnostics: Option<String>,
    /// What else is known about the grant, as names and values. If there is nothing, what was reported before is kept.
    pub custom_properties: Vec<(String, String)>,
    /// Addresses for people, by their names. If there are none, those that were reported before are kept.
    pub links: BTreeMap<String, String>,
}

impl ProvisioningReport {
    /// The body of the report. A member that is `None` or empty is left out.
    #[must_use]
    pub fn body(&self) -> Value {
        let members = [
            ("platform", Some(PLATFORM)),
            ("executor", Some(EXECUTOR)),
            ("reference", self.reference.as_deref()),
            ("diagnostics", self.diagnostics.as_deref()),
        ];
        let members =
            members.into_iter().filter_map(|(name, text)| Some((name.to_owned(), Value::from(text?))));
        let mut body: Map<String, Value> = members.collect();
        if !self.custom_properties.is_empty() {
            let item = |(property, value): &(String, String)| json!({ "property": property, "value": value });
            body.insert("customProperties".to_owned(), self.custom_properties.iter().map(item).collect());
        }
        if !self.links.is_empty() {
            body.insert("links".to_owned(), json!(self.links));
        }
        body.into()
    }
}
