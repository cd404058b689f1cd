//! Reports to Data Mesh Manager.

use dmm_access::provisioning::{self, Details, ProvisioningState};
use dmm_mesh::{Agreement, AgreementKind};

use super::converger::Converger;
use crate::error::Error;

impl Converger<'_> {
    /// What a report of this run says besides the state.
    pub(super) fn details(&self) -> Details<'_> {
        Details { trace: dmm_telemetry::xray_trace_id(), ..Details::new(self.guardrails.home()) }
    }

    /// Reports the state, unless the agreement already has it. Returns whether a report was sent.
    pub(super) async fn report(
        &self,
        agreement: &Agreement,
        state: &ProvisioningState,
        details: &Details<'_>,
    ) -> Result<bool, Error> {
        let reference = &agreement.reference;
        let sent = if reference.kind == AgreementKind::Access {
            let Some(report) = provisioning::report(agreement, state, details) else { return Ok(false) };
            self.reporter.report_provisioning(&reference.id, &report).await
        } else {
            let Some(marks) = provisioning::marks(agreement, state) else { return Ok(false) };
            self.reporter.mark_agreement(agreement, &marks).await
        };
        match sent {
            Ok(()) => Ok(true),
            // It was deleted after it was read. The deletion has its own event.
            Err(error) if error.is_not_found() => {
                tracing::info!(agreement = %reference, "the agreement no longer exists; nothing is reported");
                Ok(false)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Reports a failure if somebody has to do something about it.
    pub(super) async fn report_failure(&self, agreement: Option<&Agreement>, error: &Error) {
        let (Some(agreement), Error::Aws(problem)) = (agreement, error) else { return };
        if !problem.is_for_people() {
            return;
        }
        let reason = problem.to_string();
        let state = if agreement.is_in_force() {
            ProvisioningState::ProvisioningFailed(reason)
        } else {
            ProvisioningState::DeprovisioningFailed(reason)
        };
        if let Err(error) = self.report(agreement, &state, &self.details()).await {
            tracing::warn!(agreement = %agreement.reference, error = %error, "the failure could not be reported");
        }
    }
}
