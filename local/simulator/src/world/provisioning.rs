//! What a data platform reports about the grant behind an access.
//!
//! The reporter owns this state: every report is accepted and the latest one stands.

use serde_json::{Map, Value};

use super::{Principal, World, WorldError, validate};
use crate::agreement::{AgreementKind, AgreementRef};

/// Where a grant stands. One variant per endpoint under `/api/access/{id}/provisioning/`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Transition {
    ProvisioningStarted,
    ProvisioningSucceeded,
    ProvisioningFailed,
    DeprovisioningStarted,
    DeprovisioningSucceeded,
    DeprovisioningFailed,
}

impl Transition {
    const ALL: [Transition; 6] = [
        Transition::ProvisioningStarted,
        Transition::ProvisioningSucceeded,
        Transition::ProvisioningFailed,
        Transition::DeprovisioningStarted,
        Transition::DeprovisioningSucceeded,
        Transition::DeprovisioningFailed,
    ];

    /// The transition an endpoint stands for, by the last segment of its path.
    pub(crate) fn of_endpoint(name: &str) -> Option<Transition> {
        Transition::ALL.into_iter().find(|transition| transition.row().0 == name)
    }

    fn of_status(status: &str) -> Option<Transition> {
        Transition::ALL.into_iter().find(|transition| transition.status() == status)
    }

    fn status(self) -> &'static str {
        self.row().1
    }

    /// Endpoint, status, event, and the member that holds the time.
    fn row(self) -> (&'static str, &'static str, &'static str, &'static str) {
        match self {
            Transition::ProvisioningStarted => (
                "provisioning-started",
                "provisioning",
                "AccessProvisioningStartedEvent",
                "provisioningStartedAt",
            ),
            Transition::ProvisioningSucceeded => {
                ("provisioning-succeeded", "provisioned", "AccessProvisionedEvent", "provisionedAt")
            }
            Transition::ProvisioningFailed => {
                ("provisioning-failed", "provisioning-failed", "AccessProvisioningFailedEvent", "failedAt")
            }
            Transition::DeprovisioningStarted => (
                "deprovisioning-started",
                "deprovisioning",
                "AccessDeprovisioningStartedEvent",
                "deprovisioningStartedAt",
            ),
            Transition::DeprovisioningSucceeded => {
                ("deprovisioning-succeeded", "deprovisioned", "AccessDeprovisionedEvent", "deprovisionedAt")
            }
            Transition::DeprovisioningFailed => (
                "deprovisioning-failed",
                "deprovisioning-failed",
                "AccessDeprovisioningFailedEvent",
                "failedAt",
            ),
        }
    }

    fn is_success(self) -> bool {
        matches!(self, Transition::ProvisioningSucceeded | Transition::DeprovisioningSucceeded)
    }
}

/// Members of a report that are taken over as they are.
const REPORTED: [&str; 7] =
    ["platform", "executor", "reference", "diagnostics", "note", "customProperties", "links"];

/// Times that a declared state may bring along.
const BACKFILLED: [&str; 4] =
    ["provisioningStartedAt", "provisionedAt", "deprovisioningStartedAt", "deprovisionedAt"];

impl World {
    /// The state last reported for the access.
    pub(crate) fn provisioning(&self, id: &str) -> Result<Option<Value>, WorldError> {
        let access = AgreementRef::new(AgreementKind::Access, id);
        Ok(self.find(&access)?.get("provisioning").cloned())
    }

    /// Takes a report; members it leaves out keep their value, and a success clears `diagnostics`.
    pub(crate) fn report(
        &mut self,
        id: &str,
        transition: Transition,
        report: &Map<String, Value>,
        by: Principal,
    ) -> Result<Value, WorldError> {
        let stored = self.provisioning(id)?;
        validate::accept(validate::provisioning(report))?;
        let mut state = match stored {
            Some(Value::Object(state)) => state,
            _ => Map::new(),
        };
        state.insert("status".into(), transition.status().into());
        state.extend(given(report, &REPORTED));
        if transition.is_success() {
            state.shift_remove("diagnostics");
        }
        self.stamp(&mut state, transition);
        Ok(self.keep(id, state, Some(transition), by))
    }

    /// Declares the whole state; members left out are cleared, and an unchanged status writes no event.
    pub(crate) fn declare(
        &mut self,
        id: &str,
        report: &Map<String, Value>,
        by: Principal,
    ) -> Result<Value, WorldError> {
        let stored = self.provisioning(id)?.unwrap_or_default();
        let mut violations = validate::provisioning(report);
        let transition = report.get("status").and_then(Value::as_str).and_then(Transition::of_status);
        let Some(transition) = transition else {
            violations.push(validate::violation("status", "must be one of the known provisioning states"));
            return Err(WorldError::Invalid(violations));
        };
        validate::accept(violations)?;
        let changed = stored.get("status").and_then(Value::as_str) != Some(transition.status());
        let mut state = Map::new();
        state.insert("status".into(), transition.status().into());
        state.extend(given(report, &REPORTED));
        state.extend(given(report, &BACKFILLED));
        if changed && !state.contains_key(transition.row().3) {
            self.stamp(&mut state, transition);
        }
        if !changed && let Some(failed_at) = stored.get("failedAt") {
            state.insert("failedAt".into(), failed_at.clone());
        }
        Ok(self.keep(id, state, changed.then_some(transition), by))
    }

    fn stamp(&self, state: &mut Map<String, Value>, transition: Transition) {
        state.insert(transition.row().3.into(), self.now().to_string().into());
    }

    fn keep(
        &mut self,
        id: &str,
        state: Map<String, Value>,
        told: Option<Transition>,
        by: Principal,
    ) -> Value {
        if let Some(transition) = told {
            let mut data = Map::new();
            data.insert("status".into(), transition.status().into());
            data.extend(given(&state, &["platform"]));
            self.emit_with(transition.row().2, id, by, data);
        }
        let state = Value::Object(state);
        let stored = self.agreements.get_mut(&AgreementKind::Access).and_then(|all| all.get_mut(id));
        if let Some(Value::Object(access)) = stored {
            access.insert("provisioning".into(), state.clone());
        }
        state
    }
}

/// The members of these names that are there and not null.
fn given(report: &Map<String, Value>, names: &[&str]) -> Map<String, Value> {
    report
        .iter()
        .filter(|(name, value)| names.contains(&name.as_str()) && !value.is_null())
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}
