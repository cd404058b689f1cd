//! Looks at a running stack again and again, and notices what has happened since the last look.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use dmm::console::convert;
use dmm::grants::Record;
use dmm::{dead_letters, grants, quarantine, status};
use dmm_console::changes::History;
use dmm_console::{Agreement, AgreementState, Happened, Happening, Health, Level, Role, Stage, State};
use dmm_simulator::{AgreementKind, WorldHandle};
use jiff::Timestamp;
use serde_json::Value;
use tokio::sync::watch;

use super::agreements;
use super::failures::Failures;
use super::flows::Flows;
use crate::deploy::Extension;
use crate::error::StackError;
use crate::stack::Stack;
use crate::view::{PolicyOnRole, View};

/// The number of happenings that are kept.
const KEPT: usize = 500;
/// Every how many looks the health is read: that searches logs.
const HEALTH_EVERY: u32 = 10;

/// Looks at a stack.
pub struct Observer {
    view: View,
    world: Option<WorldHandle>,
    stack: dmm::stack::Stack,
    extensions: Vec<Extension>,
    flows: Flows,
    /// When the observer was started.
    since: Timestamp,
    failures: Failures,
    history: History,
    happenings: Vec<Happening>,
    /// The refused agreements and why.
    refused: BTreeMap<String, String>,
    /// The events that need a person and were reported.
    letters: BTreeSet<String>,
    quarantined: BTreeSet<String>,
    depths: BTreeMap<String, usize>,
    health: Vec<Health>,
    looks: u32,
    states: watch::Sender<Arc<State>>,
}

impl Observer {
    /// Starts to observe a stack. `control` is the control URL under which it was announced.
    ///
    /// # Errors
    ///
    /// [`StackError::Operator`] if the stack does not answer there.
    pub async fn start(stack: &Stack, control: &str) -> Result<Observer, StackError> {
        let which = dmm::cli::Which { control: Some(control.to_owned()), ..dmm::cli::Which::default() };
        let found = dmm::stack::Stack::find(&which).await?;
        let first = State { stack: found.prefix().to_owned(), ..State::default() };
        Ok(Observer {
            view: stack.view().clone(),
            world: stack.world(),
            stack: found,
            extensions: stack.deployed().extensions.clone(),
            flows: Flows::of(stack),
            since: Timestamp::now(),
            failures: Failures::of(stack.logs()),
            history: History::from_nothing(),
            happenings: Vec::new(),
            refused: BTreeMap::new(),
            letters: BTreeSet::new(),
            quarantined: BTreeSet::new(),
            depths: BTreeMap::new(),
            health: Vec::new(),
            looks: 0,
            states: watch::Sender::new(Arc::new(first)),
        })
    }

    /// The states that were seen.
    #[must_use]
    pub fn states(&self) -> watch::Receiver<Arc<State>> {
        self.states.subscribe()
    }

    /// The stack as `dmm` reaches it.
    #[must_use]
    pub fn operated(&self) -> &dmm::stack::Stack {
        &self.stack
    }

    /// Takes what exists already as known, so that only later changes are reported: the stack continues with an earlier state.
    ///
    /// # Errors
    ///
    /// [`StackError`] if the stack cannot be read.
    pub async fn know_what_exists(&mut self) -> Result<(), StackError> {
        self.history = History::default();
        self.look().await?;
        self.happenings.clear();
        Ok(())
    }

    /// Looks once. Returns what has happened since the last look.
    ///
    /// # Errors
    ///
    /// [`StackError`] if the stack cannot be read.
    pub async fn look(&mut self) -> Result<Vec<Happening>, StackError> {
        let now = Timestamp::now();
        let mut new: Vec<Happening> = Vec::new();
        let mut happens = |kind, text| new.push(Happening { time: now, kind, text });
        let policies = self.view.policies().await?;
        let roles = roles(policies);
        for change in self.history.look(&roles, now) {
            happens(change.kind, change.happening().text);
        }
        let stored = grants::stored(&self.stack).await?;
        let records = stored.values().filter_map(|body| Record::read(body)).collect();
        let agreements = agreements::all(simulated(self.world.as_ref()), records);
        for (name, reason) in self.newly_refused(&agreements) {
            happens(Happened::Refused, format!("{name} gets no access: {reason}"));
        }
        let depths = self.view.dead_letters().await?;
        for text in self.new_letters(&depths).await? {
            happens(Happened::DeadLetter, text);
        }
        let held = quarantine::all(&self.stack).await?;
        for held in &held {
            if self.quarantined.insert(held.id.clone()) {
                let (id, reason) =
                    (held.id.get(..16).unwrap_or(&held.id), held.reason.as_deref().unwrap_or("?"));
                happens(Happened::Quarantined, format!("an event is in quarantine ({id}): {reason}"));
            }
        }
        for text in self.failures.look() {
            happens(Happened::Failure, text);
        }
        for text in self.extension_queues().await? {
            happens(Happened::Extension, text);
        }
        if self.looks.is_multiple_of(HEALTH_EVERY) {
            self.health = status::stages(&self.stack).await?.iter().map(convert::health).collect();
        }
        self.looks = self.looks.wrapping_add(1);
        self.happenings.splice(0..0, new.iter().rev().cloned());
        self.happenings.truncate(KEPT);
        let flows = self.flows.catch_up();
        let waiting = self.view.depth(self.view.events_queue_url()).await?.total();
        let dead =
            |mark: &str| depths.iter().filter(|(name, _)| name.contains(mark)).map(|(_, count)| *count).sum();
        let state = State {
            stack: self.stack.prefix().to_owned(),
            read_only: false,
            read_at: Some(now),
            problem: None,
            stages: self.stages(&flows, waiting, dead, &roles),
            flows,
            counted_since: Some(self.since),
            health: self.health.clone(),
            agreements,
            roles,
            changes: self.history.changes().to_vec(),
            happenings: self.happenings.clone(),
            dead_letters: depths.values().map(|count| *count as u64).sum(),
            quarantined: held.len() as u64,
        };
        self.publish(state);
        Ok(new)
    }

    /// A state that differs only in its time is not sent again.
    fn publish(&self, state: State) {
        self.states.send_if_modified(|known| {
            let same_but_time = State { read_at: known.read_at, ..state.clone() };
            let is_new = **known != same_but_time || known.read_at.is_none();
            if is_new {
                *known = Arc::new(state);
            }
            is_new
        });
    }

    /// The agreements that are refused now and were not at the last look, or for another reason.
    fn newly_refused(&mut self, agreements: &[Agreement]) -> Vec<(String, String)> {
        let refused = agreements.iter().filter(|agreement| agreement.state == AgreementState::Refused);
        let now: BTreeMap<String, String> = refused
            .map(|agreement| {
                let name = format!("{} {}", agreement.name.kind, agreement.name.id);
                (name, agreement.reason.clone().unwrap_or_default())
            })
            .collect();
        let new = now.iter().filter(|(name, reason)| self.refused.get(*name) != Some(*reason));
        let new = new.map(|(name, reason)| (name.clone(), reason.clone())).collect();
        self.refused = now;
        new
    }

    /// The dead letters that were not there before. They are listed only if there are more than before, because nobody else
    /// receives them meanwhile.
    async fn new_letters(&mut self, depths: &BTreeMap<String, usize>) -> Result<Vec<String>, StackError> {
        let count: usize = depths.values().sum();
        if count <= self.letters.len() {
            if count == 0 {
                self.letters.clear();
            }
            return Ok(Vec::new());
        }
        let letters = dead_letters::list(&self.stack).await?;
        let known = std::mem::take(&mut self.letters);
        self.letters = letters.iter().map(|letter| letter.id.clone()).collect();
        let new = letters.iter().filter(|letter| !known.contains(&letter.id));
        let text = |letter: &dmm::letters::Letter| {
            let known = |text: &Option<String>| text.clone().unwrap_or_else(|| "?".to_owned());
            format!(
                "an event is a dead letter ({}): {} {}: {}",
                letter.queue.as_str(),
                known(&letter.event_type),
                known(&letter.subject),
                letter.reason.as_deref().unwrap_or("it failed too often")
            )
        };
        Ok(new.map(text).collect())
    }

    /// Changes in the number of messages in the queues of extensions.
    async fn extension_queues(&mut self) -> Result<Vec<String>, StackError> {
        let mut changes = Vec::new();
        for (arn, url) in self.extensions.iter().flat_map(|extension| &extension.queues) {
            let now = self.view.depth(url).await?.total();
            let before = self.depths.insert(arn.clone(), now).unwrap_or(0);
            if now != before {
                let name = arn.rsplit(':').next().unwrap_or(arn);
                let messages = if now == 1 { "message" } else { "messages" };
                changes.push(format!("{name} holds {now} {messages}"));
            }
        }
        Ok(changes)
    }

    /// The stages that are drawn. `dead` is the number of messages in the queues whose names contain a text.
    fn stages(
        &self,
        flows: &[dmm_console::Flow],
        waiting: usize,
        dead: impl Fn(&str) -> usize,
        roles: &[Role],
    ) -> Vec<Stage> {
        let passed = |to: &str| flows.iter().filter(|flow| flow.to == to).map(|flow| flow.count).sum::<u64>();
        let stage = |id, passed, text: String, problems| {
            let level = if problems == 0 { Level::Ok } else { Level::Attention };
            Stage { id, level, text, passed: Some(passed) }
        };
        let of =
            |count: usize, what: &str| if count == 0 { String::new() } else { format!("{count} {what}") };
        let policies: usize = roles.iter().map(|role| role.policies.len()).sum();
        let (unpublished, undelivered, failed) = (dead("dead-letter"), dead("undelivered"), dead("failures"));
        vec![
            stage("feed", self.flows.polled(), "read".to_owned(), 0),
            stage("queue", passed("queue"), format!("{waiting} waiting"), 0),
            stage("router", passed("router"), of(unpublished, "unpublished"), unpublished),
            stage("bus", passed("bus"), "published".to_owned(), 0),
            stage("rules", passed("rules"), of(undelivered, "undelivered"), undelivered),
            stage("iam-grant", passed("iam-grant"), failed_or(failed, "runs"), failed),
            stage("iam-revoke", passed("iam-revoke"), failed_or(failed, "runs"), failed),
            stage("iam-reconcile", self.flows.invocations("iam-reconcile"), "runs".to_owned(), 0),
            stage("iam", passed("iam"), format!("{policies} policies"), 0),
        ]
    }
}

fn failed_or(failed: usize, text: &str) -> String {
    if failed == 0 { text.to_owned() } else { format!("{text}, {failed} failed") }
}

/// The agreements of the simulated Data Mesh Manager with their kinds.
fn simulated(world: Option<&WorldHandle>) -> Vec<(&'static str, Value)> {
    let of = |kind: AgreementKind| {
        let agreements = world.map(|world| world.agreements(kind)).unwrap_or_default();
        agreements.into_iter().map(move |agreement| (kind.as_str(), agreement))
    };
    [AgreementKind::Access, AgreementKind::DataUsageAgreement, AgreementKind::DataContract]
        .into_iter()
        .flat_map(of)
        .collect()
}

/// The policies by role.
fn roles(policies: Vec<PolicyOnRole>) -> Vec<Role> {
    let mut roles: BTreeMap<String, Vec<(String, Value)>> = BTreeMap::new();
    for PolicyOnRole { role, policy_name, document } in policies {
        roles.entry(role).or_default().push((policy_name, document));
    }
    roles.into_iter().map(|(name, policies)| convert::role(&name, policies)).collect()
}
