//! Data Mesh Manager while the stack is uninstalled: no agreement gives access, and nothing depends on its answers.
//!
//! In the mode [`Uninstall`](crate::Mode::Uninstall), the functions do what they always do, with this in the place of Data
//! Mesh Manager. `docs/decisions/0014` explains the design.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use dmm_access::refusal::Refusal;
use dmm_budget::uninstall::PATIENCE;
use dmm_mesh::{
    Agreement, AgreementKind, AgreementPage, AgreementRef, DataContract, DataProduct, Marks,
    ProvisioningReport, Team,
};
use tokio::time::timeout;

use crate::error::MeshError;
use crate::organization::OrganizationError;
use crate::ports::{AgreementLists, Agreements, Reporter};

/// What is used of Data Mesh Manager.
pub trait Mesh: Agreements + Reporter {}

impl<T: Agreements + Reporter> Mesh for T {}

/// The same with the lists of agreements.
pub trait ListedMesh: Mesh + AgreementLists {}

impl<T: Mesh + AgreementLists> ListedMesh for T {}

/// The name of the organization that this stack serves; `None` if it cannot be found out. Then Data Mesh Manager is not used:
/// an API key of another organization may not report anything.
pub async fn if_known(name: impl Future<Output = Result<String, OrganizationError>>) -> Option<String> {
    let error = match timeout(PATIENCE, name).await {
        Ok(Ok(name)) => return Some(name),
        Ok(Err(error)) => dmm_telemetry::causes(&error),
        Err(_) => "Data Mesh Manager does not answer".to_owned(),
    };
    tracing::warn!(
        error,
        "it is not known which organization this stack serves; access is taken away nevertheless"
    );
    None
}

/// Data Mesh Manager, as far as it answers.
///
/// The lists of agreements are empty, so that only what this stack has given decides what a pass looks at. An agreement is
/// read only to report why its access ends. If that fails, the agreement counts as missing, which takes its access away as
/// well. After a failure that a retry might solve, Data Mesh Manager is not asked again, because each call could take as long.
pub struct OptionalMesh<'a> {
    mesh: Option<&'a dyn Mesh>,
    has_failed: AtomicBool,
}

/// A call of Data Mesh Manager.
type Call<'c, T> = Pin<Box<dyn Future<Output = Result<T, MeshError>> + Send + 'c>>;

impl<'a> OptionalMesh<'a> {
    /// Reads from this Data Mesh Manager and reports to it; `None` if it cannot be used.
    #[must_use]
    pub fn new(mesh: Option<&'a dyn Mesh>) -> OptionalMesh<'a> {
        OptionalMesh { mesh, has_failed: AtomicBool::new(false) }
    }

    /// The answer to this call; `None` if there is none.
    async fn ask<'c, T>(&self, call: impl FnOnce(&'a dyn Mesh) -> Call<'c, T>) -> Option<T> {
        let mesh = self.mesh.filter(|_| !self.has_failed.load(Ordering::Relaxed))?;
        let error = match timeout(PATIENCE, call(mesh)).await {
            Ok(Ok(answer)) => return Some(answer),
            Ok(Err(error)) => Some(error),
            Err(_) => None,
        };
        if error.as_ref().is_none_or(MeshError::is_retryable) {
            self.has_failed.store(true, Ordering::Relaxed);
        }
        let error =
            error.map_or_else(|| "it does not answer".to_owned(), |error| dmm_telemetry::causes(&error));
        tracing::warn!(
            error,
            "Data Mesh Manager is not told why access ends; the access is taken away nevertheless"
        );
        None
    }
}

#[async_trait]
impl Agreements for OptionalMesh<'_> {
    async fn agreement(&self, reference: &AgreementRef) -> Result<Option<Agreement>, MeshError> {
        Ok(self.ask(|mesh| mesh.agreement(reference)).await.flatten())
    }

    /// Nothing depends on the data product.
    async fn data_product(&self, _: &str) -> Result<Option<DataProduct>, MeshError> {
        Ok(None)
    }

    /// Nothing depends on the data contract.
    async fn data_contract(&self, _: &str) -> Result<Option<DataContract>, MeshError> {
        Ok(None)
    }

    /// Nothing depends on the team.
    async fn team(&self, _: &str) -> Result<Option<Team>, MeshError> {
        Ok(None)
    }

    fn refuses_all(&self) -> Option<Refusal> {
        Some(Refusal::Uninstalling)
    }
}

#[async_trait]
impl AgreementLists for OptionalMesh<'_> {
    async fn agreements(&self, _: AgreementKind, _: u64) -> Result<Option<AgreementPage>, MeshError> {
        Ok(Some(AgreementPage::default()))
    }
}

#[async_trait]
impl Reporter for OptionalMesh<'_> {
    async fn report_provisioning(
        &self,
        access_id: &str,
        report: &ProvisioningReport,
    ) -> Result<(), MeshError> {
        self.ask(|mesh| mesh.report_provisioning(access_id, report)).await;
        Ok(())
    }

    async fn mark_agreement(&self, agreement: &Agreement, marks: &Marks) -> Result<(), MeshError> {
        self.ask(|mesh| mesh.mark_agreement(agreement, marks)).await;
        Ok(())
    }
}
