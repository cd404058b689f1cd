//! The calls of the API.

use std::fmt;
use std::sync::Arc;

use serde_json::Value;
use tokio::time::Instant;

use crate::base_url::BaseUrl;
use crate::error::ApiError;
use crate::keys::ApiKeySource;
use crate::list;
use crate::retry::RetryPolicy;
use crate::transport::{Call, Transport};
use dmm_mesh::AgreementPage;
use dmm_mesh::DataProduct;
use dmm_mesh::ProvisioningReport;
use dmm_mesh::Team;
use dmm_mesh::{Agreement, AgreementKind, AgreementRef};

/// The client of the Data Mesh Manager API. A clone is cheap and shares connections.
#[derive(Clone)]
pub struct Client {
    transport: Transport,
}

impl Client {
    /// A client without a deadline.
    ///
    /// `http` must not follow redirects: the key would go along to wherever they lead. It needs no time limits;
    /// those of `retry` hold.
    #[must_use]
    pub fn new(
        http: reqwest::Client,
        base_url: BaseUrl,
        keys: Arc<dyn ApiKeySource>,
        retry: RetryPolicy,
    ) -> Client {
        Client { transport: Transport { http, base_url, keys, retry, deadline: None } }
    }

    /// The same client with a deadline: no attempt and no wait goes beyond it. A call that would have to fails
    /// with [`ApiError::OutOfTime`], and does so at once where that is known in advance.
    #[must_use]
    pub fn until(&self, deadline: Instant) -> Client {
        let mut client = self.clone();
        client.transport.deadline = Some(deadline);
        client
    }

    /// The events after `last_event_id`, or from the beginning; at most 1000, and none at the end of the feed.
    /// They are as received: what is wrong with one of them is for the caller to handle.
    ///
    /// # Errors
    ///
    /// [`ApiError`].
    pub async fn events(&self, last_event_id: Option<&str>) -> Result<Vec<Value>, ApiError> {
        let mut call = Call::get(self.transport.address(&["api", "events"])?);
        call.accept = "application/cloudevents-batch+json";
        if let Some(id) = last_event_id {
            call.url.query_pairs_mut().append_pair("lastEventId", id);
        }
        match self.transport.read(&call).await? {
            Value::Array(events) => Ok(events),
            _ => Err(call.unexpected("an array of events")),
        }
    }

    /// The agreement as it is now, or `None` when there is none anywhere. The older generations are asked at
    /// their own address first; where that has no agreement, `/api/access/{id}` is asked.
    /// [`Agreement::reference`] says where it was found.
    ///
    /// # Errors
    ///
    /// [`ApiError`].
    pub async fn agreement(&self, reference: &AgreementRef) -> Result<Option<Agreement>, ApiError> {
        if reference.kind != AgreementKind::Access {
            let call = self.agreement_call(reference)?;
            if let Some(raw) = self.transport.find(&call).await?
                && let Some(agreement) = Agreement::from_value(reference.clone(), raw)
            {
                return Ok(Some(agreement));
            }
        }
        let access = AgreementRef { kind: AgreementKind::Access, id: reference.id.clone() };
        let call = self.agreement_call(&access)?;
        let Some(raw) = self.transport.find(&call).await? else { return Ok(None) };
        // Taken as "no agreement", an answer that is none would cost the consumer its access.
        let agreement = Agreement::from_value(access, raw);
        agreement.map(Some).ok_or_else(|| call.unexpected("an agreement with provider and consumer"))
    }

    /// One page of all agreements of a generation, the first of which has the number 0; `None` when the API
    /// has no such list (any more): the older generations are gone from the API of today.
    ///
    /// The pages are in the order of creation, and not a snapshot: while agreements are deleted, those after
    /// them move to earlier places.
    ///
    /// # Errors
    ///
    /// [`ApiError`].
    pub async fn agreements(
        &self,
        kind: AgreementKind,
        page: u64,
    ) -> Result<Option<AgreementPage>, ApiError> {
        let mut call = Call::get(self.transport.address(&["api", kind.collection()])?);
        call.url.query_pairs_mut().append_pair("p", &page.to_string());
        match self.transport.send(&call).await {
            Ok(answer) => list::read(kind, page, &call, &answer).map(Some),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The data product, or `None` when there is none.
    ///
    /// # Errors
    ///
    /// [`ApiError`].
    pub async fn data_product(&self, id: &str) -> Result<Option<DataProduct>, ApiError> {
        let call = Call::get(self.transport.address(&["api", "dataproducts", id])?);
        let Some(document) = self.transport.find(&call).await? else { return Ok(None) };
        let product = DataProduct::from_value(&document);
        product.map(Some).ok_or_else(|| call.unexpected("a data product with an id"))
    }

    /// The team, or `None` when there is none.
    ///
    /// # Errors
    ///
    /// [`ApiError`].
    pub async fn team(&self, id: &str) -> Result<Option<Team>, ApiError> {
        let call = Call::get(self.transport.address(&["api", "teams", id])?);
        let Some(document) = self.transport.find(&call).await? else { return Ok(None) };
        let team = Team::from_value(&document);
        team.map(Some).ok_or_else(|| call.unexpected("a team with an id"))
    }

    /// Reports what happened to an access's grant. It may be sent more than once: the latest report wins.
    ///
    /// # Errors
    ///
    /// [`ApiError`]; [`ApiError::is_not_found`] when the access is gone.
    pub async fn report_provisioning(
        &self,
        access_id: &str,
        report: &ProvisioningReport,
    ) -> Result<(), ApiError> {
        let segments = ["api", "access", access_id, "provisioning", report.transition.as_str()];
        let url = self.transport.address(&segments)?;
        self.transport.send(&Call::post(url, &report.body())).await.map(drop)
    }

    /// Replaces an agreement, see [`with_marks`](crate::with_marks).
    ///
    /// # Errors
    ///
    /// [`ApiError`].
    pub async fn put_agreement(&self, reference: &AgreementRef, body: &Value) -> Result<(), ApiError> {
        let url = self.transport.address(&["api", reference.kind.collection(), &reference.id])?;
        self.transport.send(&Call::put(url, body)).await.map(drop)
    }

    fn agreement_call(&self, reference: &AgreementRef) -> Result<Call, ApiError> {
        Ok(Call::get(self.transport.address(&["api", reference.kind.collection(), &reference.id])?))
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Client")
            .field("base_url", &self.transport.base_url)
            .field("retry", &self.transport.retry)
            .field("deadline", &self.transport.deadline)
            .finish_non_exhaustive()
    }
}
