//! What Data Mesh Manager is told about an agreement's grant, and when.
//!
//! A failure is mailed to people, and every report is an event on the feed that this software reads: so a
//! report is sent only where it says something that the agreement does not say already. That is also why a
//! report which failed can simply be repeated: the rest of the run finds nothing to do.

use dmm_mesh::{Agreement, ProvisioningReport, ProvisioningTransition, with_marks};
use serde_json::Value;

use crate::desired::Desired;
use crate::name::PolicyName;
use crate::record::Place;

/// The tag of an agreement that this software takes care of.
const TAG: &str = "aws-integration";
/// The tag of an agreement whose policy stands.
const TAG_ACTIVE: &str = "aws-integration-active";
/// The tag of an agreement whose policy does not stand.
const TAG_INACTIVE: &str = "aws-integration-inactive";
/// The custom field with the policy's name.
const POLICY_FIELD: &str = "aws-policy-name";
/// The custom field that says why an active agreement has no policy.
const ERROR_FIELD: &str = "aws-integration-error";
/// The platform in our reports.
const PLATFORM: &str = "aws";

/// How it stands with an agreement's grant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// The policy stands.
    Granted(Place),
    /// Nothing stands.
    Nothing,
    /// Nothing stands although the agreement is active, or could not be made so; written for people.
    Failed(String),
    /// The policy could not be taken back; written for people.
    Stuck(String),
}

impl Standing {
    /// What to tell after a run that came to its end. `None`: this agreement is no concern of ours.
    ///
    /// `known` is whether access was ever given for it.
    #[must_use]
    pub fn after(agreement: &Agreement, desired: &Desired, known: bool) -> Option<Standing> {
        let is_ours = known || was_reported(agreement);
        match desired {
            Desired::Grant(grant) => Some(Standing::Granted(grant.place.clone())),
            Desired::Nothing => is_ours.then_some(Standing::Nothing),
            Desired::Refused(refusal) if refusal.is_for_others() && !is_ours => None,
            Desired::Refused(refusal) => Some(Standing::Failed(refusal.to_string())),
        }
    }
}

fn was_reported(agreement: &Agreement) -> bool {
    let platform = agreement.provisioning.as_ref().and_then(|state| state.platform.as_deref());
    platform == Some(PLATFORM) || agreement.tags.iter().any(|tag| tag == TAG)
}

/// The report for an `access`, unless its state says the same already.
#[must_use]
pub fn provisioning(agreement: &Agreement, standing: &Standing) -> Option<ProvisioningReport> {
    let state = agreement.provisioning.clone().unwrap_or_default();
    let (transition, status, reference, diagnostics) = match standing {
        Standing::Granted(place) => (
            ProvisioningTransition::ProvisioningSucceeded,
            "provisioned",
            Some(format!("policy {} on role {}", place.policy, place.role)),
            None,
        ),
        Standing::Nothing => (ProvisioningTransition::DeprovisioningSucceeded, "deprovisioned", None, None),
        Standing::Failed(reason) => {
            (ProvisioningTransition::ProvisioningFailed, "provisioning-failed", None, Some(reason.clone()))
        }
        Standing::Stuck(reason) => (
            ProvisioningTransition::DeprovisioningFailed,
            "deprovisioning-failed",
            None,
            Some(reason.clone()),
        ),
    };
    let is_said = state.status.as_deref() == Some(status)
        && (reference.is_none() || state.reference == reference)
        && (diagnostics.is_none() || state.diagnostics == diagnostics);
    (!is_said).then_some(ProvisioningReport { transition, reference, diagnostics })
}

/// An agreement of an older generation as it should be written back: with our tags and custom fields, and the
/// user's own as they are. `None` where it is so already.
#[must_use]
pub fn marked(agreement: &Agreement, standing: &Standing) -> Option<Value> {
    let (active, inactive) = ([TAG, TAG_ACTIVE], [TAG, TAG_INACTIVE]);
    let raw = agreement.raw();
    let mut body = match standing {
        Standing::Granted(place) => {
            with_marks(raw, &active, &[TAG_INACTIVE], &[(POLICY_FIELD, place.policy.as_str())])
        }
        Standing::Nothing => {
            let policy = PolicyName::of(&agreement.reference);
            with_marks(raw, &inactive, &[TAG_ACTIVE], &[(POLICY_FIELD, policy.as_str())])
        }
        Standing::Failed(reason) => with_marks(raw, &inactive, &[TAG_ACTIVE], &[(ERROR_FIELD, reason)]),
        // The policy may stand still.
        Standing::Stuck(reason) => with_marks(raw, &active, &[TAG_INACTIVE], &[(ERROR_FIELD, reason)]),
    };
    if matches!(standing, Standing::Granted(_) | Standing::Nothing)
        && let Some(custom) = body.get_mut("custom").and_then(Value::as_object_mut)
    {
        custom.shift_remove(ERROR_FIELD);
    }
    (body != *raw).then_some(body)
}

#[cfg(test)]
mod tests;
