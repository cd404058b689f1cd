//! What the functions that hear of agreements have in common: from an event to IAM.

use std::sync::Arc;
use std::time::Duration;

use crate::{EnvironmentError, settings};
use dmm_aws::S3Store;
use dmm_mesh::CloudEvent;
use dmm_state::ObjectStore;
use jiff::Timestamp;
use serde_json::Value;
use thiserror::Error;
use tokio::time::{Instant, timeout_at};

use dmm_access::guardrails::{GuardrailError, GuardrailSettings, Guardrails};
use dmm_access::managed_policy::{ArnPrefix, ArnPrefixError};
use dmm_access::opt_in::{OptIn, OptInError};
use dmm_access::record::Cause;
use dmm_aws::iam::IamRoles;
use dmm_budget::Backoff;
use dmm_converge::adapters::Adapters;
use dmm_converge::packing::Packing;
use dmm_converge::ports::{Places, Roles};
use dmm_converge::{Converger, Error, Outcome, trace};

/// What is left of the time to answer when a run is cut off.
const RESERVE: Duration = Duration::from_secs(2);
/// See [`Converger::conflict_backoff`]: there is a wait before each of the rounds of a run.
pub(crate) const CONFLICT_BACKOFF: Backoff =
    Backoff { attempts: 9, base: Duration::from_millis(400), cap: Duration::from_millis(3200) };

/// Everything that is built once and used for every event.
pub struct Service {
    client: dmm_api::Client,
    roles: Arc<dyn Roles>,
    places: Arc<dyn Places>,
    records: Arc<dyn ObjectStore>,
    guardrails: Guardrails,
}

/// What is built from the environment.
pub(crate) struct Parts {
    pub(crate) client: dmm_api::Client,
    pub(crate) iam: IamRoles,
    pub(crate) records: S3Store,
    pub(crate) guardrails: Guardrails,
}

/// The service cannot be built. Nothing works until somebody changes the configuration.
#[derive(Debug, Error)]
pub enum SetupError {
    /// A setting is missing or malformed, or a client cannot be built.
    #[error(transparent)]
    Environment(#[from] EnvironmentError),
    /// The guardrails make no sense.
    #[error(transparent)]
    Guardrails(#[from] GuardrailError),
    /// The prefix of managed policies makes no sense.
    #[error(transparent)]
    ArnPrefix(#[from] ArnPrefixError),
    /// The path that opts roles in makes no sense.
    #[error(transparent)]
    OptIn(#[from] OptInError),
}

impl SetupError {
    /// Whether a retry can cure it.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            SetupError::Environment(error) => error.is_retryable(),
            SetupError::Guardrails(_) | SetupError::ArnPrefix(_) | SetupError::OptIn(_) => false,
        }
    }
}

impl Service {
    /// Uses these.
    #[must_use]
    pub fn new(
        client: dmm_api::Client,
        roles: Arc<dyn Roles>,
        places: Arc<dyn Places>,
        records: Arc<dyn ObjectStore>,
        guardrails: Guardrails,
    ) -> Service {
        Service { client, roles, places, records, guardrails }
    }

    /// Builds all from the environment: `DMM_BASE_URL`, `DMM_API_KEY_SECRET_ID`, `STATE_BUCKET`, and the
    /// guardrails in `ALLOWED_ROLES`, `PROTECTED_ROLES` and `ALLOWED_RESOURCE_ACCOUNTS` (lists, see
    /// [`GuardrailSettings`]); `MANAGED_POLICY_ARN_PREFIX` is how the ARNs of managed policies of ours begin
    /// ([`ArnPrefix`]), and `OPT_IN_PATH` the path that opts roles in as the tag does
    /// ([`OptIn`]).
    ///
    /// # Errors
    ///
    /// [`SetupError`], which names the variable.
    pub fn from_environment() -> Result<Service, SetupError> {
        let Parts { client, iam, records, guardrails } = Parts::from_environment()?;
        let places = adapters(iam.clone(), &records);
        Ok(Service::new(client, Arc::new(iam), Arc::new(places), Arc::new(records), guardrails))
    }

    /// Brings IAM in line with the agreement that an event is about. The event itself decides nothing: what
    /// stands afterwards is what the agreement says now, so that activation and end, in any order and number,
    /// lead to the same.
    ///
    /// `None`: the event is about no agreement, and nothing was done. A refusal is a success: it was
    /// reported, and a retry would not change it.
    ///
    /// # Errors
    ///
    /// An [`enum@Error`]: the event has to come again, or where that cannot help ([`Error::is_retryable`]),
    /// to be kept for somebody to look at. After `time_left`, less a reserve for the answer, it is
    /// [`Error::OutOfTime`].
    pub async fn handle(&self, event: &CloudEvent, time_left: Duration) -> Result<Option<Outcome>, Error> {
        let deadline = Instant::now() + time_left.saturating_sub(RESERVE);
        let (id, event_type) = (event.id(), event.type_name());
        let Some(agreement) = event.agreement() else {
            if event.data_id().or_else(|| event.subject()).is_none() {
                return Err(Error::NoAgreement { id: id.to_owned(), event_type: event_type.to_owned() });
            }
            tracing::warn!(event.id = id, event.type = event_type, "the event is about no agreement; nothing to do");
            return Ok(None);
        };
        let traceparent = event.as_object().get("traceparent").and_then(Value::as_str).map(str::to_owned);
        let cause = Cause { id: id.to_owned(), event_type: event_type.to_owned(), traceparent };
        let client = self.client.until(deadline);
        let converger = Converger {
            agreements: &client,
            reporter: &client,
            roles: self.roles.as_ref(),
            places: self.places.as_ref(),
            records: self.records.as_ref(),
            guardrails: &self.guardrails,
            clock: Timestamp::now,
            conflict_backoff: CONFLICT_BACKOFF,
        };
        let result = timeout_at(deadline, converger.converge(&agreement, None, &cause)).await;
        let convergence = result.map_err(|_| Error::OutOfTime { agreement: agreement.to_string() })??;
        trace::outcome(&convergence, event.time());
        let outcome = convergence.outcome;
        tracing::info!(event.id = id, event.type = event_type, %agreement, %outcome, "brought in line");
        Ok(Some(outcome))
    }
}

impl Parts {
    pub(crate) fn from_environment() -> Result<Parts, SetupError> {
        let list = |name| settings::list(name).map_err(EnvironmentError::from);
        let guardrails = Guardrails::new(GuardrailSettings {
            allowed_roles: list("ALLOWED_ROLES")?,
            protected_roles: list("PROTECTED_ROLES")?,
            allowed_resource_accounts: list("ALLOWED_RESOURCE_ACCOUNTS")?,
        })?;
        let aws = crate::aws()?;
        let bucket = settings::required("STATE_BUCKET").map_err(EnvironmentError::from)?;
        let records = S3Store::new(aws_sdk_s3::Client::new(aws.sdk_config()), bucket);
        let arns = settings::required("MANAGED_POLICY_ARN_PREFIX").map_err(EnvironmentError::from)?;
        let arns: ArnPrefix = arns.parse()?;
        let opt_in: OptIn = settings::required("OPT_IN_PATH").map_err(EnvironmentError::from)?.parse()?;
        let quotas = aws_sdk_servicequotas::config::Builder::from(aws.sdk_config());
        let quotas = quotas.region(aws_sdk_servicequotas::config::Region::new(arns.quota_region()));
        let iam = IamRoles::new(
            aws_sdk_iam::Client::new(aws.sdk_config()),
            aws_sdk_servicequotas::Client::from_conf(quotas.build()),
            arns,
            opt_in,
        );
        Ok(Parts { client: crate::api_client(&aws)?, iam, records, guardrails })
    }
}

/// The adapters for all kinds of places.
pub(crate) fn adapters<R>(iam: R, records: &S3Store) -> Adapters<Packing<R>> {
    let records = Arc::new(records.clone());
    let role_policies = Packing { iam, records, clock: Timestamp::now, conflict_backoff: CONFLICT_BACKOFF };
    Adapters { role_policies }
}

#[cfg(test)]
mod tests;
