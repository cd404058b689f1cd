//! The provisioning state of an access agreement, as reported by a data platform.
//!
//! The reporter owns this state: every report is accepted, and the latest one counts.

use serde_json::{Map, Value};

use super::{Principal, World, WorldError, requests, validate};
use crate::agreement::{AgreementKind, AgreementRef};

/// A transition of the provisioning state. One variant per endpoint under `/api/access/{id}/provisioning/`.
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

    /// Returns the transition of an endpoint, given the last segment of its path.
    pub(crate) fn of_endpoint(name: &str) -> Option<Transition> {
        Transition::ALL.into_iter().find(|transition| transition.row().0 == name)
    }

    fn of_status(status: &str) -> Option<Transition> {
        Transition::ALL.into_iter().find(|transition| transition.status() == status)
    }

    fn status(self) -> &'static str {
        self.row().1
    }

    /// Returns the endpoint, the status, the event type and the member that contains the time.
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

/// The members of a report that are stored unchanged.
const REPORTED: [&str; 7] =
    ["platform", "executor", "reference", "diagnostics", "note", "customProperties", "links"];

/// The times that a declared state may contain.
const BACKFILLED: [&str; 4] =
    ["provisioningStartedAt", "provisionedAt", "deprovisioningStartedAt", "deprovisionedAt"];

impl World {
    /// Returns the last reported state of an access agreement.
    pub(crate) fn provisioning(&self, id: &str) -> Result<Option<Value>, WorldError> {
        let access = AgreementRef::new(AgreementKind::Access, id);
        Ok(self.find(&access)?.get("provisioning").cloned())
    }

    /// Applies a report. Missing members keep their values, and a success clears `diagnostics`.
    pub(crate) fn report(
        &mut self,
        id: &str,
        transition: Transition,
        report: &Map<String, Value>,
        by: Principal,
    ) -> Result<Value, WorldError> {
        let stored = self.provisioning(id)?;
        let request = format!("POST /api/access/{{id}}/provisioning/{}", transition.row().0);
        validate::accept(requests::violations(&request, &Value::Object(report.clone())))?;
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

    /// Replaces the whole state. Missing members are cleared, and an unchanged status does not emit an event.
    pub(crate) fn declare(
        &mut self,
        id: &str,
        report: &Map<String, Value>,
        by: Principal,
    ) -> Result<Value, WorldError> {
        let stored = self.provisioning(id)?.unwrap_or_default();
        let request = "PUT /api/access/{id}/provisioning";
        let mut violations = requests::violations(request, &Value::Object(report.clone()));
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
        emitted: Option<Transition>,
        by: Principal,
    ) -> Value {
        if let Some(transition) = emitted {
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

/// Returns the members with these names that are present and not null.
fn given(report: &Map<String, Value>, names: &[&str]) -> Map<String, Value> {
    report
        .iter()
        .filter(|(name, value)| names.contains(&name.as_str()) && !value.is_null())
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}
