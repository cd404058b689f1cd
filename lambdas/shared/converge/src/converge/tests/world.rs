//! Data Mesh Manager, AWS and the state bucket in memory. Every call of them waits once before it takes effect, so that a
//! test decides which run continues when, and where a run is interrupted.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::{Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};

use dmm_access::arn::Arn;
use dmm_access::document::Document;
use dmm_access::entitlement::{Permission, RolePolicy};
use dmm_access::evidence::Retention;
use dmm_access::guardrails::Guardrails;
use dmm_access::ownership::ResourceFacts;
use dmm_access::provisioning::Mechanism;
use dmm_access::refusal::Refusal;
use dmm_access::role::{Role, RoleName};
use dmm_access::stack::Stack;
use dmm_access::testing::{granted_document, guardrails, role, stack};
use dmm_mesh::{
    Agreement, DataContract, DataProduct, Marks, ProvisioningReport, ProvisioningTransition, Team,
};
use dmm_state::{ETag, Object, ObjectStore, Precondition, StateError};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::super::*;
use crate::brake::Revocation;
use crate::conflict::NO_WAIT;
use crate::error::{AwsError, MeshError};
use crate::gate::Gate;
use crate::ports::{Agreements, Decision, Places, Put, ReadBack, Reporter, Resources, Roles, Simulation};
use crate::proof::Proof;

type Change = Box<dyn FnOnce(&mut State) + Send>;

#[derive(Default)]
pub(super) struct State {
    pub(super) agreements: BTreeMap<(AgreementKind, String), Value>,
    pub(super) products: BTreeMap<String, Value>,
    pub(super) contracts: BTreeMap<String, Value>,
    pub(super) teams: BTreeMap<String, Value>,
    pub(super) roles: BTreeMap<String, Role>,
    /// Role and policy to document.
    pub(super) policies: BTreeMap<(String, String), Document>,
    pub(super) objects: BTreeMap<String, Object>,
    /// The name of every call, in order.
    pub(super) calls: Vec<String>,
    /// Every report, as the last part of its address with its diagnostics.
    pub(super) reports: Vec<(String, String)>,
    /// What happens before the call with this number.
    pub(super) changes: BTreeMap<usize, Change>,
    /// The next call with this name fails in this way.
    pub(super) api_failure: Option<(&'static str, MeshError)>,
    pub(super) aws_failure: Option<(&'static str, AwsError)>,
    pub(super) rejection: Option<Refusal>,
    /// The documents that are not rejected nevertheless.
    pub(super) accepted: Vec<Document>,
    /// How often AWS does not show what was written.
    pub(super) invisible: usize,
    /// What IAM decides about the access, one after the other; it is allowed after that.
    pub(super) decisions: VecDeque<Decision>,
    /// Whether the brake holds revocations up, and how often it was asked.
    pub(super) brake: bool,
    pub(super) asked: Vec<Revocation>,
    /// Objects whose keys begin like this cannot be written.
    pub(super) unwritable: Option<&'static str>,
    revision: u64,
}

pub(super) struct World {
    state: Mutex<State>,
    guardrails: Guardrails,
    stack: Stack,
    /// How long entries of the evidence are kept.
    pub(super) retention: Retention,
    /// Whether IAM's simulator is asked.
    pub(super) simulates: bool,
}

pub(super) fn reference(kind: AgreementKind) -> AgreementRef {
    AgreementRef { kind, id: "a1".to_owned() }
}

/// The event that the agreement was deleted.
pub(super) fn deletion() -> Cause {
    Cause { event_type: "AccessDeletedEvent".to_owned(), ..Cause::default() }
}

thread_local! {
    /// The time of a test, in minutes.
    pub(super) static MINUTES: Cell<i64> = const { Cell::new(0) };
}

fn now() -> Timestamp {
    Timestamp::from_second(MINUTES.get() * 60).unwrap()
}

pub(super) fn document(prefix: &str) -> Document {
    let custom = BTreeMap::from([
        ("output-port-type".to_owned(), "s3_bucket".to_owned()),
        ("aws-bucket-arn".to_owned(), format!("arn:aws:s3:::{prefix}")),
    ]);
    let port =
        dmm_mesh::OutputPort { custom: custom.into_iter().collect(), ..dmm_mesh::OutputPort::default() };
    granted_document(&port, "consumer")
}

impl World {
    /// An active agreement of this kind from the port of `orders` for the role `consumer`.
    pub(super) fn new(kind: AgreementKind) -> World {
        let world = World {
            state: Mutex::new(State::default()),
            guardrails: guardrails(&[]),
            stack: stack(),
            retention: Retention::default(),
            simulates: false,
        };
        let mut state = world.state();
        state.agreements.insert(
            (kind, "a1".to_owned()),
            json!({
                "id": "a1",
                "info": { "purpose": "promotions", "status": "approved", "active": true },
                "provider": { "dataProductId": "orders", "outputPortId": "daily" },
                "consumer": { "dataProductId": "promotions", "teamId": "marketing" },
                "tags": ["gold"],
                "custom": { "cost-center": "4711" },
            }),
        );
        state.set_port("output-port-type", "s3_bucket");
        state.set_port("aws-bucket-arn", "arn:aws:s3:::orders-data");
        state.set_role("consumer");
        for name in ["consumer", "other"] {
            state.roles.insert(name.to_owned(), role(name));
        }
        drop(state);
        world
    }

    pub(super) fn keeping_entries_for_a_day(self) -> World {
        World { retention: "1".parse().unwrap(), ..self }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    pub(super) fn converger(&self) -> Converger<'_> {
        Converger {
            agreements: self,
            reporter: self,
            roles: self,
            resources: self,
            places: self,
            proof: Proof { read_back: self, simulation: self.simulates.then_some(self), backoff: NO_WAIT },
            records: self,
            guardrails: &self.guardrails,
            stack: &self.stack,
            retention: self.retention,
            gate: self,
            clock: now,
            conflict_backoff: NO_WAIT,
        }
    }

    /// One run from an event about this agreement, to its end.
    pub(super) fn run(&self, kind: AgreementKind) -> Result<Outcome, Error> {
        self.convergence(kind, &Cause::default()).map(|convergence| convergence.outcome)
    }

    /// One run from the event that the agreement was deleted.
    pub(super) fn run_after_deletion(&self, kind: AgreementKind) -> Result<Outcome, Error> {
        self.convergence(kind, &deletion()).map(|convergence| convergence.outcome)
    }

    pub(super) fn convergence(&self, kind: AgreementKind, cause: &Cause) -> Result<Convergence, Error> {
        to_the_end(self.converger().converge(&reference(kind), None, cause))
    }

    /// A run that is interrupted before the call with this number, counted from 0. Returns whether it was.
    pub(super) fn interrupt(&self, kind: AgreementKind, at: usize) -> bool {
        let converger = self.converger();
        let (asked, cause) = (reference(kind), deletion());
        let mut run = pin!(converger.converge(&asked, None, &cause));
        (0..=at).all(|_| poll(run.as_mut()).is_pending())
    }

    async fn turn(&self, name: &str) -> MutexGuard<'_, State> {
        let mut waited = false;
        poll_fn(|_| if std::mem::replace(&mut waited, true) { Poll::Ready(()) } else { Poll::Pending }).await;
        let mut state = self.state();
        if let Some(change) = {
            let at = state.calls.len();
            state.changes.remove(&at)
        } {
            change(&mut state);
        }
        state.calls.push(name.to_owned());
        state
    }
}

impl State {
    pub(super) fn set_role(&mut self, role: &str) {
        self.products.insert(
            "promotions".to_owned(),
            json!({ "id": "promotions", "info": { "owner": "marketing" }, "custom": { "aws-role-name": role } }),
        );
    }

    pub(super) fn set_port(&mut self, field: &str, value: &str) {
        let product = self.products.entry("orders".to_owned()).or_insert_with(
            || json!({ "id": "orders", "info": {}, "outputPorts": [{ "id": "daily", "custom": {} }] }),
        );
        product["outputPorts"][0]["custom"][field] = json!(value);
    }

    pub(super) fn set_active(&mut self, active: bool) {
        for agreement in self.agreements.values_mut() {
            agreement["info"]["active"] = json!(active);
        }
    }

    /// `role/policy` of everything that exists.
    pub(super) fn granted(&self) -> Vec<String> {
        self.policies.keys().map(|(role, policy)| format!("{role}/{policy}")).collect()
    }

    /// The calls since the last time.
    pub(super) fn take_calls(&mut self) -> Vec<String> {
        std::mem::take(&mut self.calls)
    }

    fn fail(&mut self, name: &str) -> Result<(), MeshError> {
        match self.api_failure.take_if(|(wanted, _)| *wanted == name) {
            Some((_, failure)) => Err(failure),
            None => Ok(()),
        }
    }

    fn fail_aws(&mut self, name: &str) -> Result<(), AwsError> {
        match self.aws_failure.take_if(|(wanted, _)| *wanted == name) {
            Some((_, failure)) => Err(failure),
            None => Ok(()),
        }
    }
}

pub(super) fn poll<T>(future: Pin<&mut impl Future<Output = T>>) -> Poll<T> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

pub(super) fn to_the_end<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = poll(future.as_mut()) {
            return output;
        }
    }
}

#[async_trait::async_trait]
impl Agreements for World {
    async fn agreement(&self, reference: &AgreementRef) -> Result<Option<Agreement>, MeshError> {
        let mut state = self.turn("agreement").await;
        state.fail("agreement")?;
        Ok([reference.kind, AgreementKind::Access].into_iter().find_map(|kind| {
            let raw = state.agreements.get(&(kind, reference.id.clone()))?.clone();
            Agreement::from_value(AgreementRef { kind, id: reference.id.clone() }, raw)
        }))
    }

    async fn data_product(&self, id: &str) -> Result<Option<DataProduct>, MeshError> {
        let mut state = self.turn("data_product").await;
        state.fail("data_product")?;
        Ok(state.products.get(id).and_then(DataProduct::from_value))
    }

    async fn data_contract(&self, id: &str) -> Result<Option<DataContract>, MeshError> {
        let mut state = self.turn("data_contract").await;
        state.fail("data_contract")?;
        Ok(state.contracts.get(id).and_then(DataContract::from_value))
    }

    async fn team(&self, id: &str) -> Result<Option<Team>, MeshError> {
        let mut state = self.turn("team").await;
        state.fail("team")?;
        Ok(state.teams.get(id).and_then(Team::from_value))
    }
}

#[async_trait::async_trait]
impl Reporter for World {
    async fn report_provisioning(
        &self,
        access_id: &str,
        report: &ProvisioningReport,
    ) -> Result<(), MeshError> {
        let mut state = self.turn("report").await;
        state.fail("report")?;
        let status = match report.transition {
            ProvisioningTransition::ProvisioningSucceeded => "provisioned",
            ProvisioningTransition::ProvisioningFailed => "provisioning-failed",
            ProvisioningTransition::DeprovisioningSucceeded => "deprovisioned",
            ProvisioningTransition::DeprovisioningFailed => "deprovisioning-failed",
            started => panic!("{started:?}"),
        };
        let Some(agreement) = state.agreements.get_mut(&(AgreementKind::Access, access_id.to_owned())) else {
            return Err(MeshError::NotFound("HTTP status 404".into()));
        };
        let reference =
            report.reference.clone().map_or(agreement["provisioning"]["reference"].clone(), Value::from);
        agreement["provisioning"] = json!({
            "status": status, "platform": "aws", "reference": reference, "diagnostics": report.diagnostics,
        });
        state.reports.push((status.to_owned(), report.diagnostics.clone().unwrap_or_default()));
        Ok(())
    }

    async fn mark_agreement(&self, agreement: &Agreement, marks: &Marks) -> Result<(), MeshError> {
        let mut state = self.turn("put_agreement").await;
        state.fail("put_agreement")?;
        let AgreementRef { kind, id } = agreement.reference.clone();
        if let Some(marked) = marks.apply(agreement.text()) {
            state.agreements.insert((kind, id), serde_json::from_str(&marked).unwrap());
        }
        Ok(())
    }
}

#[async_trait::async_trait]
impl Roles for World {
    async fn role(&self, name: &RoleName) -> Result<Option<Role>, AwsError> {
        let mut state = self.turn("get_role").await;
        state.fail_aws("get_role")?;
        Ok(state.roles.get(name.as_str()).cloned())
    }
}

#[async_trait::async_trait]
impl Resources for World {
    async fn facts(&self, arns: &BTreeSet<Arn>) -> Result<BTreeMap<Arn, ResourceFacts>, AwsError> {
        let facts = ResourceFacts { exists: true, ..ResourceFacts::default() };
        Ok(arns.iter().map(|arn| (arn.clone(), facts.clone())).collect())
    }
}

#[async_trait::async_trait]
impl ReadBack for World {
    async fn mechanism(&self, _: &Place, _: &Document) -> Result<Option<Mechanism>, AwsError> {
        let mut state = self.state();
        let is_visible = state.invisible == 0;
        state.invisible = state.invisible.saturating_sub(1);
        Ok(is_visible.then_some(Mechanism::Managed))
    }
}

#[async_trait::async_trait]
impl Simulation for World {
    async fn decide(&self, _: &RoleName, _: &Document) -> Result<Decision, AwsError> {
        Ok(self.state().decisions.pop_front().unwrap_or(Decision::Allowed))
    }
}

#[async_trait::async_trait]
impl Places for World {
    async fn look(&self, place: &Place) -> Result<Observed, AwsError> {
        let mut state = self.turn("get_policy").await;
        state.fail_aws("get_policy")?;
        Ok(state.policies.get(&key(place)).cloned().into())
    }

    async fn put(&self, place: &Place, permission: &Permission) -> Result<Put, AwsError> {
        let mut state = self.turn("put_policy").await;
        state.fail_aws("put_policy")?;
        let is_accepted = state.accepted.contains(&permission.document);
        if let Some(refusal) = state.rejection.clone().filter(|_| !is_accepted) {
            return Ok(Put::Rejected(refusal));
        }
        state.policies.insert(key(place), permission.document.clone());
        crate::requests::note(Some("request-of-put"));
        Ok(Put::Done)
    }

    async fn delete(&self, place: &Place) -> Result<(), AwsError> {
        let mut state = self.turn("delete_policy").await;
        state.fail_aws("delete_policy")?;
        state.policies.remove(&key(place));
        Ok(())
    }

    async fn list_ours(&self, _: &RoleName) -> Result<Vec<(AgreementRef, Place)>, AwsError> {
        panic!("a run for one agreement lists nothing");
    }
}

#[async_trait::async_trait]
impl Gate for World {
    async fn admit(&self, revocation: &Revocation) -> Result<bool, StateError> {
        let mut state = self.turn("admit").await;
        state.asked.push(revocation.clone());
        Ok(!state.brake)
    }
}

fn key(place: &Place) -> (String, String) {
    let Place::RolePolicy(RolePolicy { role, policy }) = place;
    (role.to_string(), policy.to_string())
}

#[async_trait::async_trait]
impl ObjectStore for World {
    async fn get(&self, key: &str) -> Result<Option<Object>, StateError> {
        Ok(self.turn("get_object").await.objects.get(key).cloned())
    }

    async fn put(&self, key: &str, body: Vec<u8>, when: &Precondition) -> Result<ETag, StateError> {
        let mut state = self.turn("put_object").await;
        if state.unwritable.is_some_and(|prefix| key.starts_with(prefix)) {
            let (object, source) = (key.to_owned(), "HTTP status 503".into());
            return Err(StateError::Unavailable { object, action: "s3:PutObject", source });
        }
        if Precondition::unchanged(state.objects.get(key)) != *when {
            return Err(StateError::Conflict { object: key.to_owned() });
        }
        state.revision += 1;
        let etag = ETag::new(state.revision.to_string());
        state.objects.insert(key.to_owned(), Object { body, etag: etag.clone() });
        Ok(etag)
    }
}
