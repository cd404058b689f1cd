//! The handler of `iam-grant` and `iam-revoke`: from an event about an agreement to IAM.

use std::sync::Arc;
use std::time::Duration;

use aws_lambda_events::event::eventbridge::EventBridgeEvent;
use dmm_access::guardrails::Guardrails;
use dmm_access::record::Cause;
use dmm_access::stack::Stack;
use dmm_budget::agreement::{ANSWER_RESERVE, CONFLICT_BACKOFF, CONSISTENCY_BACKOFF};
use dmm_converge::changes::Recorded;
use dmm_converge::dry_run::DryRun;
use dmm_converge::gate::{Gate, Open};
use dmm_converge::organization::Pin;
use dmm_converge::ports::{Places, ReadBack, Resources, Roles, Simulation};
use dmm_converge::proof::Proof;
use dmm_converge::uninstall::{self, Mesh, OptionalMesh};
use dmm_converge::window::Window;
use dmm_converge::{Brake, Converger, Error, Mode, trace};
use dmm_mesh::CloudEvent;
use dmm_state::ObjectStore;
use dmm_telemetry::Trigger;
use jiff::Timestamp;
use lambda_runtime::{Diagnostic, LambdaEvent};
use serde_json::Value;
use tokio::time::{Instant, timeout_at};

use crate::answer::Answer;
use crate::config::AgreementConfig;
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
        let AgreementAdapters { api, iam, resources, records, guardrails, stack } =
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
            guardrails,
            stack,
            mode,
            brake,
            organization,
        })
    }

    /// Handles one invocation. The `detail` of its payload is the event as it was in the feed. Answers what was done.
    ///
    /// # Errors
    ///
    /// The invocation fails. Lambda retries it, and in the end sends the event to the function's on-failure destination, so
    /// that an event that no retry can help, such as a malformed one, is not lost. If the agreement is refused and Data Mesh
    /// Manager was told why, for example because a custom field is missing, the invocation succeeds.
    pub async fn invoke(&self, event: LambdaEvent<EventBridgeEvent<Value>>) -> Result<Answer, Diagnostic> {
        let LambdaEvent { payload, context } = event;
        let invocation = telemetry::invocation(Trigger::PubSub, &context);
        let answer = match CloudEvent::from_value(payload.detail) {
            Ok(event) => {
                // Boxed, because the future is too large for the stack of its callers.
                let work = Box::pin(self.handle(&event, invocation.time_left()));
                invocation.run_for_event(&telemetry::facts(&event), work).await
            }
            Err(error) => invocation.run(async { Err(Error::from(error)) }).await,
        };
        answer.map_err(|error| Diagnostic {
            error_type: error.class().to_owned(),
            error_message: dmm_telemetry::causes(&error),
        })
    }

    /// Brings IAM in line with the agreement that the event is about. The event itself decides nothing: the result depends
    /// only on what the agreement says now, so that activations and deactivations may arrive in any order and number.
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
        let traceparent = event.as_object().get("traceparent").and_then(Value::as_str).map(str::to_owned);
        let cause = Cause { id: id.to_owned(), event_type: event_type.to_owned(), traceparent };
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
            let mut converger = Converger {
                agreements: mesh,
                reporter: mesh,
                roles: self.roles.as_ref(),
                resources: self.resources.as_ref(),
                places: &recorded,
                proof: Proof {
                    read_back: self.read_back.as_ref(),
                    simulation: self.simulation.as_deref(),
                    backoff: CONSISTENCY_BACKOFF,
                },
                records: self.records.as_ref(),
                guardrails: &self.guardrails,
                stack: &self.stack,
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
        let result = timeout_at(deadline, run).await;
        let convergence = result.map_err(|_| Error::OutOfTime { agreement: agreement.to_string() })??;
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
        Ok(Answer::of(&agreement, &convergence, changes, self.mode == Mode::Observe))
    }
}

#[cfg(test)]
mod tests;
