//! The operations of the API.

use std::fmt;
use std::sync::Arc;

use reqwest::Url;
use tokio::time::Instant;

use crate::base_url::BaseUrl;
use crate::body::List;
use crate::error::ApiError;
use crate::events::Events;
use crate::keys::ApiKeySource;
use crate::list;
use crate::organization::VerifiedKey;
use crate::retry::RetryPolicy;
use crate::transport::{Call, Transport};
use dmm_mesh::{
    Agreement, AgreementKind, AgreementPage, AgreementRef, Connector, DataContract, DataProduct,
    DocumentError, Marks, ProvisioningReport, RawEvent, Team,
};

/// The client of the Data Mesh Manager API. A clone is cheap and shares connections.
#[derive(Clone)]
pub struct Client {
    transport: Transport,
    has_older_generations: bool,
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
        let (deadline, organization, verified) = (None, None, VerifiedKey::default());
        let transport = Transport { http, base_url, keys, retry, deadline, organization, verified };
        Client { transport, has_older_generations: true }
    }

    /// The same client with or without the two older generations of agreements. Without them, only `/api/access` is read and
    /// listed, and nothing is written to the addresses of older generations. An id that an event of an older generation names
    /// is still looked up as an access.
    #[must_use]
    pub fn with_older_generations(self, enabled: bool) -> Client {
        Client { has_older_generations: enabled, ..self }
    }

    /// The same client with a deadline: no attempt and no wait lasts beyond it. A call that needs more time fails with
    /// [`ApiError::OutOfTime`], at once if that is known in advance.
    #[must_use]
    pub fn until(&self, deadline: Instant) -> Client {
        let mut client = self.clone();
        client.transport.deadline = Some(deadline);
        client
    }

    /// The same client, which uses an API key only after Data Mesh Manager has said that the key belongs to the organization
    /// with this [name](Client::organization). Calls with the key of another one fail with
    /// [`ApiError::OtherOrganization`]. Clones share what is known about a key.
    #[must_use]
    pub fn only_for(&self, organization: String) -> Client {
        let mut client = self.clone();
        client.transport.organization = Some(organization);
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
    /// [`ApiError`]; [`ApiError::Document`] for an answer that is neither an agreement nor, at the address of an older
    /// generation, the document of a data contract. If such an answer counted as "no agreement", the consumer would lose
    /// its access.
    pub async fn agreement(&self, reference: &AgreementRef) -> Result<Option<Agreement>, ApiError> {
        if reference.kind != AgreementKind::Access && self.has_older_generations {
            match self.agreement_at(reference).await {
                Ok(None) | Err(ApiError::Document { problem: DocumentError::DataContract { .. }, .. }) => {}
                found => return found,
            }
        }
        self.agreement_at(&AgreementRef { kind: AgreementKind::Access, id: reference.id.clone() }).await
    }

    /// The agreement at exactly this address.
    async fn agreement_at(&self, reference: &AgreementRef) -> Result<Option<Agreement>, ApiError> {
        let call = Call::get(self.agreement_address(reference)?);
        let Some(answer) = self.transport.find(&call).await? else { return Ok(None) };
        answer.document(&call, |text| Agreement::read(reference.clone(), text)).map(Some)
    }

    /// One page of all agreements of a generation. Pages are counted from 0. `None` if the API has no such list, because
    /// today's API no longer has the older generations, or if they are switched off.
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
        if kind != AgreementKind::Access && !self.has_older_generations {
            return Ok(None);
        }
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
        let Some(answer) = self.transport.find(&call).await? else { return Ok(None) };
        answer.document(&call, |text| DataProduct::read(id, text)).map(Some)
    }

    /// The document of the data contract, or `None` if it does not exist.
    ///
    /// # Errors
    ///
    /// [`ApiError`]. A document in another form is not an error, but has a [`problem`](DataContract::problem).
    pub async fn data_contract(&self, id: &str) -> Result<Option<DataContract>, ApiError> {
        let call = Call::get(self.transport.address(&["api", "datacontracts", id])?);
        let Some(answer) = self.transport.find(&call).await? else { return Ok(None) };
        answer.document(&call, |text| DataContract::read(id, text)).map(Some)
    }

    /// The team, or `None` if it does not exist.
    ///
    /// # Errors
    ///
    /// [`ApiError`].
    pub async fn team(&self, id: &str) -> Result<Option<Team>, ApiError> {
        let call = Call::get(self.transport.address(&["api", "teams", id])?);
        let Some(answer) = self.transport.find(&call).await? else { return Ok(None) };
        answer.document(&call, |text| Team::read(id, text)).map(Some)
    }

    /// The name of the organization that the API key belongs to: the `vanityUrl` of `GET /api/organization/settings`.
    /// It is unique. The API does not disclose another identity, and every scope of a key may read it.
    ///
    /// # Errors
    ///
    /// [`ApiError`]; [`ApiError::Document`] if `vanityUrl` is not a non-empty string.
    pub async fn organization(&self) -> Result<String, ApiError> {
        let call = self.transport.organization_settings()?;
        self.transport.send(&call).await?.document(&call, dmm_mesh::organization)
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

    /// Creates the connector, or replaces it with this state.
    ///
    /// # Errors
    ///
    /// [`ApiError`].
    pub async fn put_connector(&self, connector: &Connector) -> Result<(), ApiError> {
        let url = self.transport.address(&["api", "connectors", &connector.id])?;
        self.transport.send(&Call::put(url, connector.body().to_string())).await.map(drop)
    }

    /// Writes our marks into an agreement of an older generation, unless it has changed since it was read. It is read again
    /// right before: the API has no conditional requests. What is written is the version that was just read, with the marks,
    /// so that nothing else changes.
    ///
    /// # Errors
    ///
    /// [`ApiError`]; [`ApiError::Changed`] if it has changed, and [`ApiError::is_not_found`] if it has been deleted.
    pub async fn mark_agreement(&self, agreement: &Agreement, marks: &Marks) -> Result<(), ApiError> {
        let url = self.agreement_address(&agreement.reference)?;
        let call = Call::get(url.clone());
        if agreement.reference.kind != AgreementKind::Access && !self.has_older_generations {
            return Err(ApiError::Legacy { path: call.path() });
        }
        let answer = self.transport.send(&call).await?;
        let current = answer.document(&call, |text| Agreement::read(agreement.reference.clone(), text))?;
        if current.raw() != agreement.raw() {
            return Err(ApiError::Changed { path: call.path() });
        }
        match marks.apply(current.text()) {
            Some(body) => self.transport.send(&Call::put(url, body)).await.map(drop),
            None => Ok(()),
        }
    }

    fn agreement_address(&self, reference: &AgreementRef) -> Result<Url, ApiError> {
        self.transport.address(&["api", reference.kind.collection(), &reference.id])
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Client")
            .field("base_url", &self.transport.base_url)
            .field("retry", &self.transport.retry)
            .field("deadline", &self.transport.deadline)
            .field("has_older_generations", &self.has_older_generations)
            .finish_non_exhaustive()
    }
}
