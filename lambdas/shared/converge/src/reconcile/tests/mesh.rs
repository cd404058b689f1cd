//! Data Mesh Manager, AWS and the state bucket in memory.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard};

use AgreementKind::Access;
use async_trait::async_trait;
use dmm_access::arn::Arn;
use dmm_access::document::Document;
use dmm_access::entitlement::{Observed, Permission, RolePolicy};
use dmm_access::evidence::Retention;
use dmm_access::guardrails::Guardrails;
use dmm_access::managed_policy::ManagedPolicy;
use dmm_access::name::PolicyName;
use dmm_access::ownership::ResourceFacts;
use dmm_access::provisioning::Mechanism;
use dmm_access::record::{GrantState, Notes};
use dmm_access::role::RoleName;
use dmm_access::stack::Stack;
use dmm_access::testing::{guardrails, place, role, stack};
use dmm_mesh::{Agreement, AgreementPage, DataContract, DataProduct, Marks, ProvisioningReport, Team};
use dmm_state::{MemoryStore, ObjectStore, Precondition};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::super::*;
use super::{AgreementKind, AgreementRef, Place, Record, Role, record_key};
use crate::changes::Recorded;
use crate::conflict::NO_WAIT;
use crate::error::{AwsError, ListError, MeshError};
use crate::gate::Open;
use crate::ports::{Agreements, Places, Put, ReadBack, Reporter, Resources, Roles};
use crate::proof::Proof;
use crate::uninstall::OptionalMesh;

/// The number of agreements on a page.
pub(super) const PAGE: usize = 2;

/// Data Mesh Manager, AWS and the state bucket.
pub(super) struct Mesh {
    state: Mutex<State>,
    pub(super) records: MemoryStore,
    guardrails: Guardrails,
    stack: Stack,
}

#[derive(Default)]
pub(super) struct State {
    pub(super) agreements: BTreeMap<(AgreementKind, String), Value>,
    /// The lists that the API does not have.
    pub(super) missing_lists: BTreeSet<AgreementKind>,
    /// Agreements that cannot be read.
    pub(super) broken: BTreeSet<String>,
    pub(super) roles: BTreeMap<String, Role>,
    pub(super) policies: BTreeMap<(String, String), Document>,
    /// What was written to AWS and to Data Mesh Manager, in order.
    pub(super) writes: Vec<String>,
    /// The agreements that were read, in order.
    pub(super) reads: Vec<String>,
    /// The bucket of every port; `orders-data` if it is empty.
    pub(super) bucket: String,
    /// Data products that do not exist.
    pub(super) gone: BTreeSet<String>,
    /// Managed policies, and roles from which nothing can be deleted.
    pub(super) managed: BTreeSet<ManagedPolicy>,
    pub(super) locked: BTreeSet<String>,
    /// Where the last run stopped.
    pub(super) next: Progress,
}

/// A gate that lets everything pass.
static OPEN: Open = Open { trusts_first_look: false };

thread_local! {
    /// The time of a test, in minutes.
    pub(super) static MINUTES: Cell<i64> = const { Cell::new(0) };
}

fn now() -> Timestamp {
    Timestamp::from_second(MINUTES.get() * 60).unwrap()
}

impl Mesh {
    pub(super) fn new() -> Mesh {
        let mesh = Mesh {
            state: Mutex::default(),
            records: MemoryStore::new(),
            guardrails: guardrails(&["stack-*"]),
            stack: stack(),
        };
        mesh.state().roles.insert("consumer".to_owned(), role("consumer"));
        mesh
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// An agreement for the role `consumer`.
    pub(super) fn agreement(&self, kind: AgreementKind, id: &str, active: bool) {
        let agreement = json!({
            "id": id,
            "info": { "status": "approved", "active": active },
            "provider": { "dataProductId": "orders", "outputPortId": "daily" },
            "consumer": { "dataProductId": "promotions" },
        });
        self.state().agreements.insert((kind, id.to_owned()), agreement);
    }

    /// An agreement in force about a port of this data product.
    pub(super) fn agreement_about(&self, id: &str, product: &str) {
        self.agreement(Access, id, true);
        let mut state = self.state();
        let agreement = state.agreements.get_mut(&(Access, id.to_owned())).unwrap();
        agreement["provider"]["dataProductId"] = json!(product);
    }

    pub(super) fn policy(&self, role: &str, policy: &str) {
        let document = Document::read(r#"{"Version":"2012-10-17","Statement":[]}"#);
        self.state().policies.insert((role.to_owned(), policy.to_owned()), document);
    }

    pub(super) fn granted(&self) -> Vec<String> {
        self.state().policies.keys().map(|(role, policy)| format!("{role}/{policy}")).collect()
    }

    pub(super) fn writes(&self) -> Vec<String> {
        std::mem::take(&mut self.state().writes)
    }

    pub(super) fn reads(&self) -> Vec<String> {
        std::mem::take(&mut self.state().reads)
    }

    pub(super) async fn run(&self) -> Report {
        let (report, result) = self.run_from(None, None).await;
        result.unwrap();
        report
    }

    pub(super) async fn run_from(
        &self,
        from: Option<Position>,
        limit: Option<usize>,
    ) -> (Report, Result<(), ReconcileError>) {
        let limit = limit.and_then(NonZeroUsize::new);
        let stored = std::mem::take(&mut self.state().next);
        let start = from.map_or_else(Progress::default, |position| Progress {
            position,
            census: if limit.is_some() { stored.census } else { Census::default() },
        });
        let (report, next, result) = self.reconciler(None).run(start, limit, &cause()).await;
        self.state().next = next;
        (report, result)
    }

    /// A run in the mode `uninstall` that continues the last one.
    pub(super) async fn uninstall(&self, limit: Option<usize>) -> Report {
        let optional = OptionalMesh::new(Some(self));
        let mut reconciler = self.reconciler(None);
        reconciler.converger.agreements = &optional;
        reconciler.converger.reporter = &optional;
        reconciler.agreement_lists = &optional;
        reconciler.leftovers = Some(self);
        reconciler.scan_roles = false;
        reconciler.brake = Brake::OFF;
        reconciler.trusts_first_look = true;
        let start = std::mem::take(&mut self.state().next);
        let (report, next, result) = reconciler.run(start, limit.and_then(NonZeroUsize::new), &cause()).await;
        result.unwrap();
        self.state().next = next;
        report
    }

    /// A whole run whose report names the changes.
    pub(super) async fn recorded_run(&self) -> Report {
        let recorded = Recorded::new(self);
        let mut reconciler = self.reconciler(None);
        (reconciler.converger.places, reconciler.recorded) = (&recorded, Some(&recorded));
        let (report, next, result) = reconciler.run(Progress::default(), None, &cause()).await;
        result.unwrap();
        self.state().next = next;
        report
    }

    /// A run that continues the last one, in which somebody confirms this plan.
    pub(super) async fn run_confirmed(&self, digest: &str) -> Report {
        let mut start = std::mem::take(&mut self.state().next);
        start.census.confirmed = Some(digest.to_owned());
        let (report, next, result) = self.reconciler(None).run(start, None, &cause()).await;
        result.unwrap();
        self.state().next = next;
        report
    }

    /// Two runs, the second some minutes later: the second look at agreements that do not exist.
    pub(super) async fn run_twice(&self) -> Report {
        self.run().await;
        MINUTES.set(MINUTES.get() + 5);
        self.run().await
    }

    pub(super) async fn dry_run(&self) -> Report {
        let dry_run = DryRun::new(self, &self.records);
        let (report, _, result) =
            self.reconciler(Some(&dry_run)).run(Progress::default(), None, &cause()).await;
        result.unwrap();
        report
    }

    pub(super) fn reconciler<'a>(&'a self, dry_run: Option<&'a DryRun<'a>>) -> Reconciler<'a> {
        let mut converger = Converger {
            agreements: self,
            reporter: self,
            roles: self,
            resources: self,
            places: self,
            proof: Proof { read_back: self, simulation: None, backoff: NO_WAIT },
            records: &self.records,
            guardrails: &self.guardrails,
            stack: &self.stack,
            retention: Retention::default(),
            gate: &OPEN,
            clock: now,
            conflict_backoff: NO_WAIT,
        };
        if let Some(dry_run) = dry_run {
            (converger.reporter, converger.places, converger.records) = (dry_run, dry_run, dry_run);
            converger.proof.read_back = dry_run;
        }
        Reconciler {
            converger,
            brake: Brake::default(),
            trusts_first_look: false,
            agreement_lists: self,
            record_keys: &self.records,
            role_list: self,
            scan_roles: true,
            leftovers: None,
            dry_run,
            recorded: None,
            deadline: Instant::now() + Duration::from_hours(1),
            agreement_timeout: Duration::from_hours(1),
        }
    }

    /// The first look at an agreement that does not exist, as another run would have taken it.
    pub(super) async fn mark_missing(&self, agreement: &AgreementRef) {
        let reconciler = self.reconciler(None);
        let place = place("consumer", agreement);
        let convergence = reconciler.converger.converge(agreement, Some(&place), &cause()).await.unwrap();
        assert_eq!(convergence.outcome.name(), "postponed");
    }

    /// Writes a record, as a run would have.
    pub(super) async fn record(&self, agreement: &AgreementRef, state: GrantState) {
        let key = record_key(agreement);
        let body = Record::new(
            &self.stack,
            agreement,
            (state, Notes::default()),
            cause(),
            Timestamp::UNIX_EPOCH,
            "r".to_owned(),
        )
        .to_json(&key)
        .unwrap();
        self.records.put(&key, body, &Precondition::Absent).await.unwrap();
    }
}

pub(super) fn cause() -> Cause {
    Cause { id: "run".to_owned(), event_type: "Reconcile".to_owned(), traceparent: None }
}

pub(super) fn reference(kind: AgreementKind, id: &str) -> AgreementRef {
    AgreementRef { kind, id: id.to_owned() }
}

#[async_trait]
impl AgreementLists for Mesh {
    async fn agreements(&self, kind: AgreementKind, page: u64) -> Result<Option<AgreementPage>, MeshError> {
        let state = self.state();
        if state.missing_lists.contains(&kind) {
            return Ok(None);
        }
        let all: Vec<_> = state.agreements.keys().filter(|(own, _)| *own == kind).collect();
        let start = usize::try_from(page).unwrap() * PAGE;
        let ids = all.iter().skip(start).take(PAGE).map(|(kind, id)| reference(*kind, id));
        let next = (all.len() > start + PAGE).then_some(page + 1);
        Ok(Some(AgreementPage { agreements: ids.collect(), nameless: 0, next }))
    }
}

#[async_trait]
impl Agreements for Mesh {
    async fn agreement(&self, asked: &AgreementRef) -> Result<Option<Agreement>, MeshError> {
        let mut state = self.state();
        state.reads.push(asked.to_string());
        if state.broken.contains(&asked.id) {
            return Err(MeshError::Unavailable("HTTP status 500".into()));
        }
        Ok([asked.kind, Access].into_iter().find_map(|kind| {
            let raw = state.agreements.get(&(kind, asked.id.clone()))?.clone();
            Agreement::from_value(reference(kind, &asked.id), raw)
        }))
    }

    async fn data_product(&self, id: &str) -> Result<Option<DataProduct>, MeshError> {
        if self.state().gone.contains(id) {
            return Ok(None);
        }
        let bucket = self.state().bucket.clone();
        let bucket = if bucket.is_empty() { "orders-data".to_owned() } else { bucket };
        let arn = format!("arn:aws:s3:::{bucket}");
        let port = json!({ "output-port-type": "s3_bucket", "aws-bucket-arn": arn });
        Ok(DataProduct::from_value(&json!({
            "id": id, "info": {}, "custom": { "aws-role-name": "consumer" },
            "outputPorts": [{ "id": "daily", "custom": port }],
        })))
    }

    async fn data_contract(&self, _: &str) -> Result<Option<DataContract>, MeshError> {
        Ok(None)
    }

    async fn team(&self, _: &str) -> Result<Option<Team>, MeshError> {
        Ok(None)
    }
}

#[async_trait]
impl Reporter for Mesh {
    async fn report_provisioning(&self, id: &str, report: &ProvisioningReport) -> Result<(), MeshError> {
        let write = format!("{} {id}", report.transition.as_str());
        self.state().writes.push(write);
        Ok(())
    }

    async fn mark_agreement(&self, agreement: &Agreement, _: &Marks) -> Result<(), MeshError> {
        self.state().writes.push(format!("mark {}", agreement.reference));
        Ok(())
    }
}

#[async_trait]
impl Roles for Mesh {
    async fn role(&self, name: &RoleName) -> Result<Option<Role>, AwsError> {
        Ok(self.state().roles.get(name.as_str()).cloned())
    }
}

#[async_trait]
impl Resources for Mesh {
    async fn facts(&self, arns: &BTreeSet<Arn>) -> Result<BTreeMap<Arn, ResourceFacts>, AwsError> {
        let facts = ResourceFacts { exists: true, ..ResourceFacts::default() };
        Ok(arns.iter().map(|arn| (arn.clone(), facts.clone())).collect())
    }
}

fn key(place: &Place) -> (String, String) {
    let Place::RolePolicy(RolePolicy { role, policy }) = place;
    (role.to_string(), policy.to_string())
}

#[async_trait]
impl Places for Mesh {
    async fn look(&self, place: &Place) -> Result<Observed, AwsError> {
        Ok(self.state().policies.get(&key(place)).cloned().into())
    }

    async fn put(&self, place: &Place, permission: &Permission) -> Result<Put, AwsError> {
        let (role, policy) = key(place);
        let mut state = self.state();
        state.writes.push(format!("put {role}/{policy}"));
        state.policies.insert((role, policy), permission.document.clone());
        Ok(Put::Done)
    }

    async fn delete(&self, place: &Place) -> Result<(), AwsError> {
        let (role, policy) = key(place);
        let mut state = self.state();
        if state.locked.contains(&role) {
            let role = role.parse().unwrap();
            return Err(AwsError::Denied { action: "iam:DeleteRolePolicy", role, source: "denied".into() });
        }
        state.writes.push(format!("delete {role}/{policy}"));
        state.policies.remove(&(role, policy));
        Ok(())
    }

    async fn list_ours(&self, role: &RoleName) -> Result<Vec<(AgreementRef, Place)>, AwsError> {
        let state = self.state();
        let names = state.policies.keys().filter(|(on, _)| on == role.as_str());
        let agreements = names.filter_map(|(_, name)| PolicyName::agreement(name));
        Ok(agreements.map(|agreement| (agreement.clone(), place(role.as_str(), &agreement))).collect())
    }
}

#[async_trait]
impl ReadBack for Mesh {
    async fn mechanism(&self, _: &Place, _: &Document) -> Result<Option<Mechanism>, AwsError> {
        Ok(Some(Mechanism::Inline))
    }
}

#[async_trait]
impl Leftovers for Mesh {
    async fn inline_policies(&self, role: &RoleName) -> Result<Vec<Place>, AwsError> {
        let state = self.state();
        let names = state.policies.keys().filter(|(on, _)| on == role.as_str());
        let policies = names.filter_map(|(_, name)| name.parse().ok());
        Ok(policies.map(|policy| Place::RolePolicy(RolePolicy { role: role.clone(), policy })).collect())
    }

    async fn managed_policies(&self) -> Result<Vec<ManagedPolicy>, ListError> {
        Ok(self.state().managed.iter().cloned().collect())
    }

    async fn delete_managed_policy(&self, policy: &ManagedPolicy) -> Result<(), AwsError> {
        self.state().managed.remove(policy);
        Ok(())
    }
}

#[async_trait]
impl RoleList for Mesh {
    async fn roles(&self) -> Result<Vec<Role>, ListError> {
        let roles = self.state().roles.values().rev().cloned().collect::<Vec<_>>();
        Ok(roles.into_iter().map(|role| Role { has_opted_in: false, ..role }).collect())
    }
}

/// A Data Mesh Manager that never answers.
pub(super) struct Silent;

#[async_trait]
impl Agreements for Silent {
    async fn agreement(&self, _: &AgreementRef) -> Result<Option<Agreement>, MeshError> {
        std::future::pending().await
    }

    async fn data_product(&self, _: &str) -> Result<Option<DataProduct>, MeshError> {
        std::future::pending().await
    }

    async fn data_contract(&self, _: &str) -> Result<Option<DataContract>, MeshError> {
        std::future::pending().await
    }

    async fn team(&self, _: &str) -> Result<Option<Team>, MeshError> {
        std::future::pending().await
    }
}
