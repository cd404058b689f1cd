//! The page's source for a deployed stack: reads AWS while somebody looks at the page.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use dmm_console::changes::History;
use dmm_console::{
    AgreementId, AgreementState, Control, Explanation, Finding, Happening, Letters, Level, Problem, Role,
    Source, Stage, State, Trace,
};
use dmm_mesh::{AgreementKind, AgreementRef};
use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::convert;
use super::counts::Counts;
use crate::error::CliError;
use crate::grants::Record;
use crate::stack::Stack;
use crate::xray::{self, Subject};
use crate::{dead_letters, evidence, grants, quarantine, snapshot, status};

/// How often the stack is read.
const PACE: Duration = Duration::from_secs(15);
/// How many readings pass until IAM is read again although no record has changed. IAM's limits apply to the whole account.
const IAM_EVERY: u32 = 8;
/// How far back events are counted when the program starts.
const COUNTED: SignedDuration = SignedDuration::from_hours(1);
/// The number of traces that the page shows of an agreement.
const TRACES: usize = 8;
/// How far back X-Ray is searched for traces that changed nothing. The evidence knows the others.
const SEARCHED: SignedDuration = SignedDuration::from_hours(24);

/// A deployed stack. It is read until this is dropped.
#[derive(Debug)]
pub struct Deployed {
    stack: Stack,
    states: watch::Sender<Arc<State>>,
    reader: JoinHandle<()>,
}

impl Deployed {
    /// Starts to read the stack whenever somebody looks.
    #[must_use]
    pub fn start(stack: Stack) -> Deployed {
        let first = State { stack: stack.prefix().to_owned(), read_only: true, ..State::default() };
        let states = watch::Sender::new(Arc::new(first));
        let reader = tokio::spawn(read(stack.clone(), states.clone()));
        Deployed { stack, states, reader }
    }

    async fn record(&self, agreement: &AgreementId) -> Result<Record, Problem> {
        let stored = grants::stored(&self.stack).await.map_err(|error| problem(&error))?;
        let mut records = stored.values().filter_map(|body| Record::read(body));
        let found = records
            .find(|record| record.agreement.kind == agreement.kind && record.agreement.id == agreement.id);
        found.ok_or_else(|| Problem::NotFound("this agreement has no record any more".to_owned()))
    }
}

impl Drop for Deployed {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

#[async_trait]
impl Source for Deployed {
    fn states(&self) -> watch::Receiver<Arc<State>> {
        self.states.subscribe()
    }

    async fn explanation(&self, agreement: &AgreementId) -> Result<Explanation, Problem> {
        let record = self.record(agreement).await?;
        let decision = match convert::agreement(&record).state {
            AgreementState::Granted => "According to its record, the agreement gets access.",
            AgreementState::Refused => "According to its record, the agreement gets no access.",
            AgreementState::Changing => "According to its record, IAM is being changed.",
            _ => "According to its record, the agreement has no access any more.",
        };
        let refusal = record.refusal.as_ref().map(|refusal| Finding {
            code: refusal.code.clone(),
            text: "Data Mesh Manager shows at this agreement what is wrong and what to change.".to_owned(),
        });
        Ok(Explanation {
            decision: decision.to_owned(),
            refusal,
            port_type: None,
            resources: Vec::new(),
            role: record.granted.first().map(|given| given.role.clone()),
            policies: convert::policies(&record),
            findings: Vec::new(),
        })
    }

    async fn traces(&self, agreement: &AgreementId) -> Result<Vec<Trace>, Problem> {
        traces(&self.stack, agreement).await.map_err(|error| problem(&error))
    }

    async fn letters(&self) -> Result<Letters, Problem> {
        letters(&self.stack).await.map_err(|error| problem(&error))
    }

    fn control(&self) -> Option<&dyn Control> {
        None
    }
}

/// The latest traces of an agreement, newest first: those in which something changed, and those that X-Ray finds.
async fn traces(stack: &Stack, agreement: &AgreementId) -> Result<Vec<Trace>, CliError> {
    let AgreementId { kind, id } = agreement;
    let mut ids: Vec<String> = Vec::new();
    if let Some(kind) = AgreementKind::named(kind) {
        let reference = AgreementRef { kind, id: id.clone() };
        ids.extend(evidence::traces_of(stack, &reference).await?.iter().filter_map(|id| xray::id(id)));
    }
    let now = Timestamp::now();
    let subject = Subject { event: None, agreement: (kind.clone(), id.clone()) };
    if let Some(filter) = subject.filter() {
        ids.extend(xray::search(stack, &filter, (now - SEARCHED, now), TRACES).await?);
    }
    // The beginning of an id is the time at which the trace began.
    ids.sort_unstable_by(|one, other| other.cmp(one));
    ids.dedup();
    ids.truncate(TRACES);
    let found = xray::traces(stack, &ids).await?;
    Ok(found.into_values().rev().map(|trace| convert::trace(&trace)).collect())
}

/// The events of a stack that need a person.
///
/// # Errors
///
/// [`CliError`] if they cannot be read.
pub async fn letters(stack: &Stack) -> Result<Letters, CliError> {
    let dead_letters = dead_letters::list(stack).await?.into_iter().map(convert::letter).collect();
    let held = quarantine::all(stack).await?;
    Ok(Letters { dead_letters, quarantine: held.iter().map(convert::held).collect() })
}

/// An error, for the person at the page.
fn problem(error: &CliError) -> Problem {
    Problem::Refused(error.to_string())
}

/// Reads the stack again and again while somebody looks.
async fn read(stack: Stack, states: watch::Sender<Arc<State>>) {
    let counts = Counts::since(Timestamp::now() - COUNTED);
    let mut reader = Reader { stack, history: History::default(), happenings: Vec::new(), iam: None, counts };
    loop {
        if states.receiver_count() > 0 {
            let next = match reader.state().await {
                Ok(state) => state,
                // What was read before stays on the page.
                Err(error) => State { problem: Some(error.to_string()), ..State::clone(&states.borrow()) },
            };
            states.send_replace(Arc::new(next));
            tokio::time::sleep(PACE).await;
        } else {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }
}

/// What was read last from IAM.
struct Iam {
    records: BTreeMap<String, Vec<u8>>,
    roles: Vec<Role>,
    age: u32,
}

struct Reader {
    stack: Stack,
    history: History,
    happenings: Vec<Happening>,
    iam: Option<Iam>,
    counts: Counts,
}

impl Reader {
    async fn state(&mut self) -> Result<State, CliError> {
        let now = Timestamp::now();
        let health = status::stages(&self.stack).await?;
        let records = grants::stored(&self.stack).await?;
        let roles = self.roles(&records).await?;
        for change in self.history.look(&roles, now) {
            self.happenings.insert(0, change.happening());
        }
        self.counts.catch_up(&self.stack, now).await?;
        let names = &self.stack.names;
        let mut dead_letters = 0;
        for url in [&names.dead_letter_queue_url, &names.undelivered_queue_url, &names.failure_queue_url] {
            let depth = status::depth(&self.stack, url).await?;
            dead_letters += depth.waiting + depth.in_progress;
        }
        let quarantined = quarantine::count(&self.stack).await?;
        let mut agreements: Vec<_> = records
            .values()
            .filter_map(|body| Record::read(body))
            .map(|record| convert::agreement(&record))
            .collect();
        agreements.sort_by(|one, other| (one.state, &one.name).cmp(&(other.state, &other.name)));
        Ok(State {
            stack: self.stack.prefix().to_owned(),
            read_only: true,
            read_at: Some(now),
            problem: None,
            stages: stages(&health, &self.counts, &roles),
            flows: self.counts.flows(),
            counted_since: Some(self.counts.since),
            health: health.iter().map(convert::health).collect(),
            agreements,
            roles,
            changes: self.history.changes().to_vec(),
            happenings: self.happenings.clone(),
            dead_letters,
            quarantined: u64::try_from(quarantined).unwrap_or(u64::MAX),
        })
    }

    /// What IAM holds: read again if a record has changed, and from time to time.
    async fn roles(&mut self, records: &BTreeMap<String, Vec<u8>>) -> Result<Vec<Role>, CliError> {
        if let Some(iam) = &mut self.iam
            && iam.records == *records
            && iam.age < IAM_EVERY
        {
            iam.age += 1;
            return Ok(iam.roles.clone());
        }
        let mut known = grants::Records::default();
        for (key, body) in records {
            known.add(key.clone(), body);
        }
        let mut roles = Vec::new();
        for role in &known.roles {
            roles.push(convert::role(role, snapshot::documents(&self.stack, role).await?));
        }
        self.iam = Some(Iam { records: records.clone(), roles: roles.clone(), age: 0 });
        Ok(roles)
    }
}

/// The stages that are drawn, from those of `dmm status`.
fn stages(health: &[status::Stage], counts: &Counts, roles: &[Role]) -> Vec<Stage> {
    let named: BTreeMap<&str, &status::Stage> = health.iter().map(|stage| (stage.stage, stage)).collect();
    let drawn = [
        ("feed", Some("feed")),
        ("queue", Some("events")),
        ("router", Some("unpublished")),
        ("bus", None),
        ("rules", Some("undelivered")),
        ("iam-grant", Some("failed")),
        ("iam-revoke", Some("failed")),
        ("iam-reconcile", Some("comparison")),
        ("iam", None),
    ];
    let stage = |(id, name): (&'static str, Option<&str>)| {
        let passed = counts.passed(id);
        let Some(found) = name.and_then(|name| named.get(name)) else {
            // Nothing says how the bus is; IAM was just read.
            let (level, text) = match id {
                "iam" => (Level::Ok, policies(roles)),
                _ => (Level::Unknown, "published".to_owned()),
            };
            return Stage { id, level, text, passed };
        };
        let text = match found.stage {
            name @ ("unpublished" | "undelivered" | "failed") => format!("{name}: {}", found.text),
            _ => found.text.clone(),
        };
        Stage { id, level: convert::level(found.state), text, passed }
    };
    drawn.map(stage).into()
}

fn policies(roles: &[Role]) -> String {
    match roles.iter().map(|role| role.policies.len()).sum::<usize>() {
        1 => "1 policy".to_owned(),
        count => format!("{count} policies"),
    }
}
