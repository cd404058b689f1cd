//! What the page asks a running stack for, and what it changes.

use std::sync::Arc;

use async_trait::async_trait;
use dmm::console::convert;
use dmm::{dead_letters, event, quarantine};
use dmm_console::{
    Action, AgreementId, Control, Explanation, Finding, Letters, NamedResource, Problem, Source, Span, State,
    Trace,
};
use dmm_lambda_service::FunctionService;
use dmm_mesh::AgreementRef;
use dmm_simulator::{AgreementKind, WorldError, WorldHandle};
use dmm_trace_collector::{Line, Store, text};
use jiff::Timestamp;
use tokio::sync::watch;

use super::Observer;
use crate::error::StackError;
use crate::explain;
use crate::stack::Stack;

/// The number of traces that the page shows of an agreement.
const TRACES: usize = 8;

/// A running stack, as the page sees it.
pub struct LocalSource {
    states: watch::Receiver<Arc<State>>,
    stack: dmm::stack::Stack,
    world: Option<WorldHandle>,
    functions: FunctionService,
    /// The name of the function that grants.
    grant: String,
    store: Store,
}

impl LocalSource {
    /// The page's source for a stack and what `observer` sees of it.
    ///
    /// # Errors
    ///
    /// [`StackError::NoFunction`].
    pub fn new(stack: &Stack, observer: &Observer) -> Result<LocalSource, StackError> {
        Ok(LocalSource {
            states: observer.states(),
            stack: observer.operated().clone(),
            world: stack.world(),
            functions: stack.functions().clone(),
            grant: stack.function(explain::GRANT)?.to_owned(),
            store: stack.collector().store().clone(),
        })
    }

    /// The kind of an agreement that is on the page.
    fn kind(agreement: &AgreementId) -> Result<AgreementKind, Problem> {
        let kinds = [AgreementKind::Access, AgreementKind::DataUsageAgreement, AgreementKind::DataContract];
        let found = kinds.into_iter().find(|kind| kind.as_str() == agreement.kind);
        found.ok_or_else(|| Problem::NotFound(format!("there is no kind of agreement {:?}", agreement.kind)))
    }
}

#[async_trait]
impl Source for LocalSource {
    fn states(&self) -> watch::Receiver<Arc<State>> {
        self.states.clone()
    }

    async fn explanation(&self, agreement: &AgreementId) -> Result<Explanation, Problem> {
        let kind = dmm_mesh::AgreementKind::named(&agreement.kind);
        let kind =
            kind.ok_or_else(|| Problem::NotFound("this kind of agreement does not exist".to_owned()))?;
        let reference = AgreementRef { kind, id: agreement.id.clone() };
        let found = explain::by_function(&self.functions, &self.grant, &reference).await;
        let found = found.map_err(|error| Problem::Refused(error.to_string()))?;
        found.map(|found| explanation(&found)).ok_or_else(|| {
            Problem::NotFound("Data Mesh Manager does not have this agreement any more.".to_owned())
        })
    }

    async fn traces(&self, agreement: &AgreementId) -> Result<Vec<Trace>, Problem> {
        let is_of = |trace: &dmm_trace_collector::Trace| {
            let is = |recorded: &dmm_trace_collector::Recorded| {
                text(&recorded.span, "dmm.agreement.id") == Some(agreement.id.as_str())
            };
            trace.spans().iter().any(is)
        };
        Ok(self.store.traces().iter().rev().filter(|trace| is_of(trace)).take(TRACES).map(trace).collect())
    }

    async fn letters(&self) -> Result<Letters, Problem> {
        dmm::console::letters(&self.stack).await.map_err(|error| Problem::Refused(error.to_string()))
    }

    fn control(&self) -> Option<&dyn Control> {
        Some(self)
    }
}

#[async_trait]
impl Control for LocalSource {
    async fn act(&self, agreement: &AgreementId, action: Action) -> Result<String, Problem> {
        let no_simulator = || Problem::Refused(StackError::NoSimulator.to_string());
        let world = self.world.as_ref().ok_or_else(no_simulator)?;
        let (kind, id) = (LocalSource::kind(agreement)?, agreement.id.as_str());
        let (done, told) = match action {
            Action::Approve => (world.approve(kind, id), "approved"),
            Action::Cancel => (world.cancel(kind, id), "cancelled"),
            Action::Delete => (world.delete(kind, id), "deleted"),
        };
        done.map_err(|error| match error {
            WorldError::NotFound { .. } => Problem::NotFound(error.to_string()),
            other => Problem::Refused(other.to_string()),
        })?;
        Ok(format!("The agreement is {told}. The feed brings the event."))
    }

    async fn resend_letter(&self, id: &str) -> Result<String, Problem> {
        let result = dead_letters::resend_one(&self.stack, id).await;
        match result.map_err(|error| Problem::Refused(error.to_string()))?.problem {
            None => Ok("The event was sent again.".to_owned()),
            Some(problem) => Err(Problem::Refused(format!("The event is still there: {problem}"))),
        }
    }

    async fn resend_held(&self, id: &str, text: &str) -> Result<String, Problem> {
        let event = event::event_of(text);
        let event = event.map_err(|problem| Problem::Refused(format!("This is not an event: {problem}")))?;
        let sent = quarantine::resend_one(&self.stack, id, &event).await;
        sent.map_err(|error| Problem::Refused(error.to_string()))?;
        Ok("The repaired event was sent.".to_owned())
    }
}

fn explanation(found: &dmm_access::explain::Explanation) -> Explanation {
    let finding = |reason: &dmm_access::explain::Reason| Finding {
        code: reason.code.to_owned(),
        text: reason.text.clone(),
    };
    let resource = |resource: &dmm_access::explain::NamedResource| NamedResource {
        arn: resource.arn.clone(),
        origin: resource.origin.clone(),
    };
    let policies = found.policies.iter();
    Explanation {
        // The first line is the decision.
        decision: found.to_string().lines().next().unwrap_or_default().to_owned(),
        refusal: found.refusal.as_ref().map(finding),
        port_type: found.port_type.map(str::to_owned),
        resources: found.resources.iter().map(resource).collect(),
        role: found.role.clone(),
        policies: policies.map(|it| convert::policy(&it.role, &it.name, it.document.clone())).collect(),
        findings: found.findings.iter().map(finding).collect(),
    }
}

fn trace(found: &dmm_trace_collector::Trace) -> Trace {
    let lines = found.lines();
    let took = lines.iter().map(|line| line.from + line.took).max().unwrap_or_default();
    let began = found.spans().iter().map(|recorded| recorded.span.start_time_unix_nano).min();
    let title =
        found.text("cloudevents.event_type").map(|name| name.rsplit('.').next().unwrap_or(name).to_owned());
    let title = title.or_else(|| lines.first().map(|line| line.name.clone()));
    let milliseconds = |duration: std::time::Duration| duration.as_secs_f64() * 1000.0;
    let span = |Line { depth, name, service, from, took, failed, remark }: Line| Span {
        depth,
        name,
        service,
        from: milliseconds(from),
        took: milliseconds(took),
        failed,
        remark,
    };
    Trace {
        id: found.xray_id(),
        title: title.unwrap_or_default(),
        began: began.and_then(|began| Timestamp::from_nanosecond(i128::from(began)).ok()),
        took: milliseconds(took),
        spans: lines.into_iter().map(span).collect(),
    }
}
