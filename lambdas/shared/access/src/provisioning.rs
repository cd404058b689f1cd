//! The reports to Data Mesh Manager about the access of an agreement.
//!
//! A failure is e-mailed to people, and every report becomes an event on the feed that this software reads. A report is
//! therefore sent only if it says something that the agreement does not say already. For the same reason, a report that
//! failed can simply be sent again: the rest of the run finds nothing to do.

use std::collections::{BTreeMap, BTreeSet};

use dmm_mesh::{Agreement, AgreementKind, Marks, ProvisioningReport, ProvisioningTransition};
use serde_json::Value;

use crate::console::Console;
use crate::document::Document;
use crate::entitlement::{Entitlements, Place, RolePolicy};
use crate::home::Home;
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

/// How a grant is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Mechanism {
    /// In an inline policy of the role.
    Inline,
    /// In a managed policy that is attached to the role.
    Managed,
}

impl Mechanism {
    /// `inline` or `managed`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Mechanism::Inline => "inline",
            Mechanism::Managed => "managed",
        }
    }
}

/// What a report says besides the state, for people who want to look into AWS.
#[derive(Clone, Debug)]
pub struct Details<'a> {
    /// Where the roles are.
    pub home: &'a Home,
    /// The id of the run's trace in X-Ray's form; `None` if there is no trace.
    pub trace: Option<String>,
    /// How the grant is stored at each place.
    pub mechanisms: BTreeMap<Place, Mechanism>,
}

impl<'a> Details<'a> {
    /// Details without a trace and without anything that is stored.
    #[must_use]
    pub fn new(home: &'a Home) -> Details<'a> {
        Details { home, trace: None, mechanisms: BTreeMap::new() }
    }

    /// The addresses of the trace and of the roles, each with its name.
    fn links(&self, entitlements: &Entitlements) -> BTreeMap<String, String> {
        let console = Console::new(self.home);
        let trace = self.trace.iter().map(|id| ("Trace in AWS X-Ray".to_owned(), console.trace(id)));
        let roles = entitlements.places().map(|Place::RolePolicy(RolePolicy { role, .. })| {
            (format!("Role {role} in AWS IAM"), console.role(role))
        });
        trace.chain(roles).collect()
    }

    /// What was granted, as names and values.
    fn properties(&self, entitlements: &Entitlements) -> Vec<(String, String)> {
        let mut policies = BTreeSet::new();
        let mut mechanisms = BTreeSet::new();
        let mut resources = BTreeSet::new();
        for (place, permission) in entitlements.iter() {
            let Place::RolePolicy(RolePolicy { policy, .. }) = place;
            policies.insert(policy.to_string());
            mechanisms.extend(self.mechanisms.get(place).map(|mechanism| mechanism.as_str().to_owned()));
            resources.extend(resources_of(&permission.document));
        }
        let properties = [("policyName", policies), ("mechanism", mechanisms), ("resources", resources)];
        properties
            .into_iter()
            .filter(|(_, values)| !values.is_empty())
            .map(|(name, values)| (name.to_owned(), Vec::from_iter(values).join(", ")))
            .collect()
    }
}

/// The resources in the statements of a policy.
fn resources_of(document: &Document) -> Vec<String> {
    let document = Value::from(document.clone());
    let statements = document.get("Statement").and_then(Value::as_array).into_iter().flatten();
    let resources = statements.filter_map(|statement| statement.get("Resource"));
    let texts = resources.flat_map(|resource| match resource {
        Value::Array(items) => items.iter().filter_map(Value::as_str).collect(),
        one => Vec::from_iter(one.as_str()),
    });
    texts.filter(|resource| *resource != "*").map(str::to_owned).collect()
}

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

/// Whether the agreement does not say already that its access has this state.
#[must_use]
pub fn is_news(agreement: &Agreement, state: &ProvisioningState) -> bool {
    if agreement.reference.kind == AgreementKind::Access {
        report(agreement, state, &Details::new(&Home::default())).is_some()
    } else {
        marks(agreement, state).is_some()
    }
}

/// The report about an `access`; `None` if the access already has this state. The details are no reason for a report.
#[must_use]
pub fn report(
    agreement: &Agreement,
    state: &ProvisioningState,
    details: &Details<'_>,
) -> Option<ProvisioningReport> {
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
    let granted = match state {
        ProvisioningState::Provisioned(entitlements) => entitlements,
        ProvisioningState::Deprovisioned
        | ProvisioningState::ProvisioningFailed(_)
        | ProvisioningState::DeprovisioningFailed(_) => Entitlements::NONE,
    };
    (!is_current).then(|| ProvisioningReport {
        transition,
        reference,
        diagnostics,
        custom_properties: details.properties(granted),
        links: details.links(granted),
    })
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
