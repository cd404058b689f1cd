//! The reports to Data Mesh Manager about the access of an agreement.
//!
//! A failure is e-mailed to people, and every report becomes an event on the feed that this software reads. A report is
//! therefore sent only if it says something that the agreement does not say already. For the same reason, a report that
//! failed can simply be sent again: the rest of the run finds nothing to do.

use dmm_mesh::{Agreement, Marks, ProvisioningReport, ProvisioningTransition};

use crate::entitlement::Entitlements;
use crate::name::PolicyName;
use crate::target::Desired;

/// The tag of an agreement that this software takes care of.
const TAG: &str = "aws-integration";
/// The tag of an agreement whose access exists.
const TAG_ACTIVE: &str = "aws-integration-active";
/// The tag of an agreement whose access does not exist.
const TAG_INACTIVE: &str = "aws-integration-inactive";
/// The custom field with the policy's name.
const POLICY_FIELD: &str = "aws-policy-name";
/// The custom field that says why an active agreement has no access.
const ERROR_FIELD: &str = "aws-integration-error";
/// The platform in our reports.
const PLATFORM: &str = "aws";

/// The state of an agreement's access.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProvisioningState {
    /// These entitlements exist.
    Provisioned(Entitlements),
    /// Nothing exists.
    Deprovisioned,
    /// The agreement is in force, but access could not be given. The reason is written for people.
    ProvisioningFailed(String),
    /// The access could not be taken away. The reason is written for people.
    DeprovisioningFailed(String),
}

impl ProvisioningState {
    /// What to report after a completed run; `None` if this agreement does not concern this software.
    ///
    /// `was_known` is whether access was ever given for it, and `is_kept` whether what was given before remains although
    /// `desired` is refused.
    #[must_use]
    pub fn after(
        agreement: &Agreement,
        desired: &Desired,
        was_known: bool,
        is_kept: bool,
    ) -> Option<ProvisioningState> {
        let is_ours = was_known || was_reported(agreement);
        match desired {
            Desired::Grant(entitlements) => Some(ProvisioningState::Provisioned(entitlements.clone())),
            Desired::Elsewhere => None,
            Desired::Nothing => is_ours.then_some(ProvisioningState::Deprovisioned),
            Desired::Refused(refusal) if refusal.is_for_another_platform() && !is_ours => None,
            Desired::Refused(refusal) if is_kept => {
                let reason = format!("{refusal} The access that was given before remains.");
                Some(ProvisioningState::ProvisioningFailed(reason))
            }
            Desired::Refused(refusal) => Some(ProvisioningState::ProvisioningFailed(refusal.to_string())),
        }
    }
}

/// Whether this software has reported about the agreement before.
fn was_reported(agreement: &Agreement) -> bool {
    let platform = agreement.provisioning.as_ref().and_then(|state| state.platform.as_deref());
    platform == Some(PLATFORM) || agreement.tags.iter().any(|tag| tag == TAG)
}

/// The report about an `access`; `None` if the access already has this state.
#[must_use]
pub fn report(agreement: &Agreement, state: &ProvisioningState) -> Option<ProvisioningReport> {
    let current = agreement.provisioning.clone().unwrap_or_default();
    let (transition, status, reference, diagnostics) = match state {
        ProvisioningState::Provisioned(entitlements) => {
            let places: Vec<String> = entitlements.places().map(ToString::to_string).collect();
            let reference = Some(places.join(", "));
            (ProvisioningTransition::ProvisioningSucceeded, "provisioned", reference, None)
        }
        ProvisioningState::Deprovisioned => {
            (ProvisioningTransition::DeprovisioningSucceeded, "deprovisioned", None, None)
        }
        ProvisioningState::ProvisioningFailed(reason) => {
            (ProvisioningTransition::ProvisioningFailed, "provisioning-failed", None, Some(reason.clone()))
        }
        ProvisioningState::DeprovisioningFailed(reason) => {
            let transition = ProvisioningTransition::DeprovisioningFailed;
            (transition, "deprovisioning-failed", None, Some(reason.clone()))
        }
    };
    let is_current = current.status.as_deref() == Some(status)
        && (reference.is_none() || current.reference == reference)
        && (diagnostics.is_none() || current.diagnostics == diagnostics);
    (!is_current).then_some(ProvisioningReport { transition, reference, diagnostics })
}

/// What to write into an agreement of an older generation: our tags and custom fields. `None` if it has them already.
#[must_use]
pub fn marks(agreement: &Agreement, state: &ProvisioningState) -> Option<Marks> {
    let (is_active, reason) = match state {
        ProvisioningState::Provisioned(_) => (true, None),
        ProvisioningState::Deprovisioned => (false, None),
        ProvisioningState::ProvisioningFailed(reason) => (false, Some(reason)),
        // The access may still exist.
        ProvisioningState::DeprovisioningFailed(reason) => (true, Some(reason)),
    };
    let (tag, other) = if is_active { (TAG_ACTIVE, TAG_INACTIVE) } else { (TAG_INACTIVE, TAG_ACTIVE) };
    let custom = match reason {
        Some(reason) => (ERROR_FIELD, reason.clone()),
        None => (POLICY_FIELD, PolicyName::of(&agreement.reference).to_string()),
    };
    let marks = Marks {
        add_tags: vec![TAG.to_owned(), tag.to_owned()],
        remove_tags: vec![other.to_owned()],
        set_custom: vec![(custom.0.to_owned(), custom.1)],
        remove_custom: if reason.is_none() { vec![ERROR_FIELD.to_owned()] } else { Vec::new() },
    };
    marks.apply(agreement.text()).is_some().then_some(marks)
}

#[cfg(test)]
mod tests;
