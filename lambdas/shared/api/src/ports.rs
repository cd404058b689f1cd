//! The client as an implementation of the ports of `dmm_converge`.

use async_trait::async_trait;
use dmm_converge::error::MeshError;
use dmm_converge::ports::{AgreementLists, Agreements, Organization, Reporter};
use dmm_mesh::{
    Agreement, AgreementKind, AgreementPage, AgreementRef, DataContract, DataProduct, Marks,
    ProvisioningReport, Team,
};

use crate::client::Client;
use crate::error::ApiError;

impl From<ApiError> for MeshError {
    fn from(error: ApiError) -> MeshError {
        if error.is_not_found() {
            MeshError::NotFound(error.into())
        } else if error.is_about_the_key() || matches!(error, ApiError::Key(_)) {
            MeshError::Denied(error.into())
        } else if error.is_retryable() {
            MeshError::Unavailable(error.into())
        } else {
            MeshError::Rejected(error.into())
        }
    }
}

#[async_trait]
impl AgreementLists for Client {
    async fn agreements(&self, kind: AgreementKind, page: u64) -> Result<Option<AgreementPage>, MeshError> {
        Ok(Client::agreements(self, kind, page).await?)
    }
}

#[async_trait]
impl Agreements for Client {
    async fn agreement(&self, reference: &AgreementRef) -> Result<Option<Agreement>, MeshError> {
        Ok(Client::agreement(self, reference).await?)
    }

    async fn data_product(&self, id: &str) -> Result<Option<DataProduct>, MeshError> {
        Ok(Client::data_product(self, id).await?)
    }

    async fn data_contract(&self, id: &str) -> Result<Option<DataContract>, MeshError> {
        Ok(Client::data_contract(self, id).await?)
    }

    async fn team(&self, id: &str) -> Result<Option<Team>, MeshError> {
        Ok(Client::team(self, id).await?)
    }
}

#[async_trait]
impl Organization for Client {
    async fn organization(&self) -> Result<String, MeshError> {
        Ok(Client::organization(self).await?)
    }
}

#[async_trait]
impl Reporter for Client {
    async fn report_provisioning(
        &self,
        access_id: &str,
        report: &ProvisioningReport,
    ) -> Result<(), MeshError> {
        Ok(Client::report_provisioning(self, access_id, report).await?)
    }

    async fn mark_agreement(&self, agreement: &Agreement, marks: &Marks) -> Result<(), MeshError> {
        Ok(Client::mark_agreement(self, agreement, marks).await?)
    }
}
