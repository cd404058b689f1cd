//! The operations of the API.

use std::fmt;
use std::sync::Arc;

use serde_json::Value;
use tokio::time::Instant;

use crate::base_url::BaseUrl;
use crate::body::List;
use crate::error::ApiError;
use crate::events::Events;
use crate::keys::ApiKeySource;
use crate::list;
use crate::retry::RetryPolicy;
use crate::transport::{Call, Transport};
use dmm_mesh::{
    Agreement, AgreementKind, AgreementPage, AgreementRef, DataProduct, ProvisioningReport, RawEvent, Team,
    json,
};

/// The client of the Data Mesh Manager API. A clone is cheap and shares connections.
#[derive(Clone)]
pub struct Client {
    transport: Transport,
}

impl Client {
    /// A client without a deadline.
    ///
    /// `http` must not follow redirects: the key would be sent wherever they lead. It needs no time limits, because those of
    /// `retry` apply.
    #[must_use]
    pub fn new(
        http: reqwest::Client,
        base_url: BaseUrl,
        keys: Arc<dyn ApiKeySource>,
        retry: RetryPolicy,
    ) -> Client {
        Client { transport: Transport { http, base_url, keys, retry, deadline: None } }
    }

    /// The same client with a deadline: no attempt and no wait lasts beyond it. A call that needs more time fails with
    /// [`ApiError::OutOfTime`], at once if that is known in advance.
    #[must_use]
    pub fn until(&self, deadline: Instant) -> Client {
        let mut client = self.clone();
        client.transport.deadline = Some(deadline);
        client
    }

    /// The next events after `last_event_id`, or from the beginning; none at the end of the feed. They are as received, and
    /// each may be invalid without the others being lost.
    ///
    /// The API has no parameter for the number of events: it returns at most 1000. If these are more than 1 MiB, the answer
    /// is read in part only, and the next call continues after the last event with an id. Of an event that is larger than
    /// 2 MiB, only the beginning is kept.
    ///
    /// # Errors
    ///
    /// [`ApiError`]. It also fails if the very first events cannot be told apart.
    pub async fn events(&self, last_event_id: Option<&str>) -> Result<Vec<RawEvent>, ApiError> {
        let mut call = Call::get(self.transport.address(&["api", "events"])?);
        call.accept = "application/cloudevents-batch+json";
        if let Some(id) = last_event_id {
            call.url.query_pairs_mut().append_pair("lastEventId", id);
        }
        let answer = self.transport.receive(&call, || List::new(Events::default())).await?;
        Ok(answer.content)
    }

    /// The agreement as it is now, or `None` if it is nowhere. An agreement of an older generation is looked up at its own
    /// address first, then at `/api/access/{id}`. [`Agreement::reference`] says where it was found.
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
        // If an answer that is not an agreement counted as "no agreement", the consumer would lose its access.
        let agreement = Agreement::from_value(access, raw);
        agreement.map(Some).ok_or_else(|| call.unexpected("an agreement with provider and consumer"))
    }

    /// One page of all agreements of a generation. Pages are counted from 0. `None` if the API has no such list: today's API
    /// no longer has the older generations.
    ///
    /// The pages are in the order of creation. They are not a snapshot: when agreements are deleted, those after them move to
    /// earlier places.
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
        match self.transport.receive(&call, || List::new(list::Entries::new(kind))).await {
            Ok(answer) => list::page(page, &call, answer).map(Some),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The data product, or `None` if it does not exist.
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

    /// The team, or `None` if it does not exist.
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

    /// The name of the organization that the API key belongs to: the `vanityUrl` of `GET /api/organization/settings`.
    /// It is unique. The API does not disclose another identity, and every scope of a key may read it.
    ///
    /// # Errors
    ///
    /// [`ApiError`]; [`ApiError::Unexpected`] if `vanityUrl` is not a non-empty string.
    pub async fn organization(&self) -> Result<String, ApiError> {
        let call = Call::get(self.transport.address(&["api", "organization", "settings"])?);
        let settings = self.transport.read(&call).await?;
        let name = json::text(&settings, "vanityUrl").map(str::to_owned);
        name.ok_or_else(|| {
            call.unexpected("the settings of an organization with `vanityUrl`, a non-empty string")
        })
    }

    /// Reports what happened to the grant of an access. A report may be sent more than once: the latest one wins.
    ///
    /// # Errors
    ///
    /// [`ApiError`]; [`ApiError::is_not_found`] if the access has been deleted.
    pub async fn report_provisioning(
        &self,
        access_id: &str,
        report: &ProvisioningReport,
    ) -> Result<(), ApiError> {
        let segments = ["api", "access", access_id, "provisioning", report.transition.as_str()];
        let url = self.transport.address(&segments)?;
        self.transport.send(&Call::post(url, &report.body())).await.map(drop)
    }

    /// Replaces an agreement of an older generation with this document.
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
