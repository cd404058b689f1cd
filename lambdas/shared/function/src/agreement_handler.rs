//! The handler of `iam-grant` and `iam-revoke`: from an event about an agreement to IAM.

use std::sync::Arc;
use std::time::Duration;

use dmm_access::evidence::Retention;
use dmm_access::guardrails::Guardrails;
use dmm_access::record::Cause;
use dmm_access::stack::Stack;
use dmm_budget::agreement::{ANSWER_RESERVE, CONFLICT_BACKOFF, CONSISTENCY_BACKOFF};
use dmm_converge::blocks;
use dmm_converge::changes::Recorded;
use dmm_converge::dry_run::DryRun;
use dmm_converge::gate::{Gate, Open};
use dmm_converge::organization::Pin;
use dmm_converge::ports::{Places, ReadBack, Resources, Roles, Simulation};
use dmm_converge::proof::Proof;
use dmm_converge::uninstall::{self, Mesh, OptionalMesh};
use dmm_converge::window::Window;
use dmm_converge::{Brake, Converger, Error, Explainer, Mode, trace};
use dmm_mesh::{AgreementRef, CloudEvent};
use dmm_state::controls::{Deferred, Pause};
use dmm_state::{ObjectStore, StateError};
use dmm_telemetry::{Invocation, Trigger};
use jiff::Timestamp;
use lambda_runtime::{Diagnostic, LambdaEvent};
use serde_json::Value;
use tokio::time::{Instant, timeout_at};

use crate::answer::Answer;
use crate::config::AgreementConfig;
use crate::request::{Reply, Request};
use crate::telemetry;
use crate::wiring::{AgreementAdapters, WiringError, adapters};

/// Handles events about agreements. Built once, and used for every event.
pub struct AgreementHandler {
    api: dmm_api::Client,
    roles: Arc<dyn Roles>,
    resources: Arc<dyn Resources>,
    places: Arc<dyn Places>,
    read_back: Arc<dyn ReadBack>,
    simulation: Option<Arc<dyn Simulation>>,
    records: Arc<dyn ObjectStore>,
    retention: Retention,
    guardrails: Guardrails,
    stack: Stack,
    mode: Mode,
    brake: Brake,
    organization: Pin,
}

impl AgreementHandler {
    /// Builds the handler with the real adapters.
    ///
    /// # Errors
    ///
    /// [`WiringError`], if a client cannot be built.
    pub fn from_config(config: AgreementConfig) -> Result<AgreementHandler, WiringError> {
        let (mode, brake, organization) = (config.mode, config.brake, Pin::new(config.organization.clone()));
        let simulates = config.simulate_access;
        let AgreementAdapters { api, iam, resources, records, retention, guardrails, stack } =
            AgreementAdapters::new(config)?;
        let places = Arc::new(adapters(iam.clone(), &records, &guardrails, &stack, false));
        let simulation = simulates.then(|| Arc::new(iam.clone()) as Arc<dyn Simulation>);
        Ok(AgreementHandler {
            api,
            roles: Arc::new(iam),
            resources: Arc::new(resources),
            read_back: places.clone(),
            places,
            simulation,
            records: Arc::new(records),
            retention,
            guardrails,
            stack,
            mode,
            brake,
            organization,
        })
    }

    /// Handles one invocation. The `detail` of its payload is the event as it was in the feed. Answers what was done. The
    /// payload may instead ask for an explanation, which changes nothing.
    ///
    /// # Errors
    ///
    /// The invocation fails. Lambda retries it, and in the end sends the event to the function's on-failure destination, so
    /// that an event that no retry can help, such as a malformed one, is not lost. If the agreement is refused and Data Mesh
    /// Manager was told why, for example because a custom field is missing, the invocation succeeds.
    pub async fn invoke(&self, request: LambdaEvent<Request>) -> Result<Reply, Diagnostic> {
        let LambdaEvent { payload, context } = request;
        let (trigger, payload) = match payload {
            Request::Explain(request) => (Trigger::Other, Err(request.explain)),
            Request::Event(event) => (Trigger::PubSub, Ok(event)),
        };
        let invocation = telemetry::invocation(trigger, &context);
        let reply = match payload {
            Err(agreement) => {
                let work = Box::pin(self.explain(&agreement, invocation.time_left()));
                invocation.run(work).await
            }
            Ok(event) => self.handle_invocation(event.detail, invocation).await.map(Reply::Done),
        };
        reply.map_err(|error| Diagnostic {
            error_type: error.class().to_owned(),
            error_message: dmm_telemetry::causes(&error),
        })
    }

    async fn handle_invocation(&self, detail: Value, invocation: Invocation<'_>) -> Result<Answer, Error> {
        match CloudEvent::from_value(detail) {
            Ok(event) => {
                // Boxed, because the future is too large for the stack of its callers.
                let work = Box::pin(self.handle(&event, invocation.time_left()));
                invocation.run_for_event(&telemetry::facts(&event), work).await
            }
            Err(error) => invocation.run(async { Err(Error::from(error)) }).await,
        }
    }

    /// Explains what is decided about an agreement. Nothing is changed, whatever the mode is.
    ///
    /// # Errors
    ///
    /// An [`enum@Error`], if something cannot be read in time.
    pub async fn explain(&self, agreement: &AgreementRef, time_left: Duration) -> Result<Reply, Error> {
        let deadline = Instant::now() + time_left.saturating_sub(ANSWER_RESERVE);
        let api = self.api.until(deadline);
        let run = async {
            let api = api.only_for(self.organization.name(&api, self.records.as_ref()).await?);
            let aws: Option<(&dyn Roles, &dyn Resources)> =
                Some((self.roles.as_ref(), self.resources.as_ref()));
            let guardrails = self.guardrails().await?;
            let explainer = Explainer { agreements: &api, aws, guardrails: &guardrails };
            explainer.explain(agreement).await
        };
        let explained = timeout_at(deadline, run).await;
        let explanation = explained.map_err(|_| Error::OutOfTime { agreement: agreement.to_string() })??;
        let text = explanation.as_ref().map(ToString::to_string);
        Ok(Reply::Explained { explanation, text, mode: self.mode.as_str() })
    }

    /// Brings IAM in line with the agreement that the event is about. The event itself decides nothing: the result depends
    /// only on what the agreement says now, so that activations and deactivations may arrive in any order and number.
    ///
    /// While an operator has paused the functions, the event is kept and nothing is done.
    ///
    /// If the event is not about an agreement, nothing is done. A refused agreement is a success: the refusal was reported,
    /// and a retry would not change it.
    ///
    /// # Errors
    ///
    /// An [`enum@Error`]. If it is retryable ([`Error::is_retryable`]), the event has to be handled again; if not, somebody
    /// has to look at it. After `time_left`, less a reserve for the answer, the error is [`Error::OutOfTime`].
    pub async fn handle(&self, event: &CloudEvent, time_left: Duration) -> Result<Answer, Error> {
        let deadline = Instant::now() + time_left.saturating_sub(ANSWER_RESERVE);
        let (id, event_type) = (event.id(), event.type_name());
        let Some(agreement) = event.agreement() else {
            if event.data_id().or_else(|| event.subject()).is_none() {
                return Err(Error::NoAgreement { id: id.to_owned(), event_type: event_type.to_owned() });
            }
            tracing::warn!(
                event.id = id,
                event.type = event_type,
                "the event is not about an agreement; there is nothing to do"
            );
            return Ok(Answer::IGNORED);
        };
        let out_of_time = |_| Error::OutOfTime { agreement: agreement.to_string() };
        let is_deferred = timeout_at(deadline, self.defer_while_paused(event, &agreement)).await;
        if is_deferred.map_err(out_of_time)?? {
            return Ok(Answer::deferred(&agreement));
        }
        let cause = cause(event);
        let api = self.api.until(deadline);
        let dry_run = DryRun::new(self.places.as_ref(), self.records.as_ref());
        let recorded = Recorded::new(self.places.as_ref());
        let window = |store| Window {
            store,
            brake: self.brake,
            clock: Timestamp::now,
            conflict_backoff: CONFLICT_BACKOFF,
        };
        let gate: Box<dyn Gate> = match self.mode {
            Mode::Enforce => Box::new(window(self.records.as_ref())),
            Mode::Observe => Box::new(window(&dry_run)),
            Mode::Uninstall => Box::new(Open { trusts_first_look: true }),
        };
        let run = async {
            let organization = self.organization.name(&api, self.records.as_ref());
            let api = match self.mode {
                Mode::Enforce | Mode::Observe => Some(api.only_for(organization.await?)),
                Mode::Uninstall => uninstall::if_known(organization).await.map(|name| api.only_for(name)),
            };
            let optional = OptionalMesh::new(api.as_ref().map(|api| api as &dyn Mesh));
            let mesh: &dyn Mesh = match &api {
                Some(api) if self.mode != Mode::Uninstall => api,
                _ => &optional,
            };
            let guardrails = self.guardrails().await?;
            let mut converger = Converger {
                agreements: mesh,
                reporter: mesh,
                roles: self.roles.as_ref(),
                resources: self.resources.as_ref(),
                places: &recorded,
                proof: self.proof(),
                records: self.records.as_ref(),
                guardrails: &guardrails,
                stack: &self.stack,
                retention: self.retention,
                gate: gate.as_ref(),
                clock: Timestamp::now,
                conflict_backoff: CONFLICT_BACKOFF,
            };
            if self.mode == Mode::Observe {
                (converger.reporter, converger.places, converger.records) = (&dry_run, &dry_run, &dry_run);
                converger.proof = Proof { read_back: &dry_run, simulation: None, ..converger.proof };
            }
            converger.converge(&agreement, None, &cause).await
        };
        let convergence = timeout_at(deadline, run).await.map_err(out_of_time)??;
        let changes = match self.mode {
            Mode::Enforce | Mode::Uninstall => {
                trace::outcome(&convergence, event.time());
                recorded.take()
            }
            Mode::Observe => {
                let changes = dry_run.take_changes();
                trace::observed(&agreement, &changes);
                changes
            }
        };
        trace::findings(&agreement, &convergence);
        if let Some(error) = &convergence.unread {
            tracing::warn!(
                %agreement,
                error,
                "the consumer could not be read, so access that was given without a record may remain"
            );
        }
        let outcome = &convergence.outcome;
        tracing::info!(
            event.id = id,
            event.type = event_type,
            %agreement,
            %outcome,
            "brought in line"
        );
        Ok(Answer::of(&agreement, &convergence, changes, self.mode))
    }

    /// How it is found out whether access is in effect.
    fn proof(&self) -> Proof<'_> {
        let (read_back, simulation) = (self.read_back.as_ref(), self.simulation.as_deref());
        Proof { read_back, simulation, backoff: CONSISTENCY_BACKOFF }
    }

    /// The limits, with what operators have taken back now.
    async fn guardrails(&self) -> Result<Guardrails, StateError> {
        Ok(self.guardrails.clone().with_blocks(blocks::read(self.records.as_ref()).await?))
    }

    /// Keeps the event if an operator has paused the functions, and returns whether that is so. The feed sends it again.
    async fn defer_while_paused(
        &self,
        event: &CloudEvent,
        agreement: &AgreementRef,
    ) -> Result<bool, StateError> {
        let store = self.records.as_ref();
        let Some(until) = Pause::active_until(store, Timestamp::now()).await? else { return Ok(false) };
        let text = Value::Object(event.as_object().clone()).to_string();
        Deferred::add(store, &agreement.to_string(), &text).await?;
        tracing::warn!(
            event.id = event.id(),
            event.type = event.type_name(),
            %agreement,
            %until,
            "the functions are paused; the feed sends the event again when the pause is over"
        );
        Ok(true)
    }
}

/// The event as the cause of a change.
fn cause(event: &CloudEvent) -> Cause {
    let traceparent = event.as_object().get("traceparent").and_then(Value::as_str).map(str::to_owned);
    Cause { id: event.id().to_owned(), event_type: event.type_name().to_owned(), traceparent }
}

#[cfg(test)]
mod tests;
