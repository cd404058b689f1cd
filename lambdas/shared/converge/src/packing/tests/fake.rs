//! One role in memory, with IAM's limits.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard};

use async_trait::async_trait;
use dmm_access::managed_policy::ManagedPolicy;
use dmm_access::role::Role;
use serde_json::Value;

use super::*;
use crate::ports::Attached;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct State {
    inline: BTreeMap<String, Document>,
    managed: BTreeMap<u32, Document>,
    attached: BTreeSet<u32>,
    others: usize,
    quota: Option<usize>,
    inline_limit: usize,
    exists: bool,
    has_opted_in: bool,
    /// Whether reading the role fails.
    is_hidden: bool,
}

pub(super) struct FakeIam(Mutex<State>);

impl Default for FakeIam {
    fn default() -> FakeIam {
        FakeIam(Mutex::new(State {
            inline: BTreeMap::new(),
            managed: BTreeMap::new(),
            attached: BTreeSet::new(),
            others: 0,
            quota: Some(10),
            inline_limit: size::INLINE_TOTAL,
            exists: true,
            has_opted_in: true,
            is_hidden: false,
        }))
    }
}

impl FakeIam {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    pub(super) fn everything(&self) -> State {
        self.state().clone()
    }

    pub(super) fn names(&self) -> Vec<String> {
        self.state().inline.keys().cloned().collect()
    }

    pub(super) fn managed_count(&self) -> usize {
        self.state().managed.len()
    }

    pub(super) fn attached_count(&self) -> usize {
        let state = self.state();
        state.attached.len() + state.others
    }

    /// The ids of the grants in an attached managed policy.
    pub(super) fn buckets(&self, number: u32) -> Vec<String> {
        let state = self.state();
        assert!(state.attached.contains(&number), "{number} is not attached");
        let document = Value::from(state.managed[&number].clone());
        let resources =
            document["Statement"].as_array().unwrap().iter().map(|one| one["Resource"].as_str().unwrap());
        let id = |arn: &str| {
            arn.strip_prefix("arn:aws:s3:::bucket-").unwrap().split('/').next().unwrap().to_owned()
        };
        resources.map(id).collect()
    }

    pub(super) fn put_foreign(&self, name: &str, length: usize) {
        self.put_document(name, document("foreign", length));
    }

    /// Writes an inline policy, whoever it belongs to.
    pub(super) fn put_document(&self, name: &str, document: Document) {
        self.state().inline.insert(name.to_owned(), document);
    }

    /// The inline policy, whoever it belongs to.
    pub(super) fn document(&self, name: &str) -> Option<Document> {
        self.state().inline.get(name).cloned()
    }

    /// The managed policy, attached or not.
    pub(super) fn managed_document(&self, number: u32) -> Option<Document> {
        self.state().managed.get(&number).cloned()
    }

    pub(super) fn put_managed_document(&self, number: u32, document: Document) {
        self.state().managed.insert(number, document);
    }

    /// IAM does not answer what it knows about the role.
    pub(super) fn hide_role(&self) {
        self.state().is_hidden = true;
    }

    pub(super) fn opt_in(&self) {
        self.state().has_opted_in = true;
    }

    pub(super) fn attach_foreign(&self, count: usize) {
        self.state().others = count;
    }

    pub(super) fn quota(&self, quota: usize) {
        self.state().quota = Some(quota);
    }

    pub(super) fn hide_quota(&self) {
        self.state().quota = None;
    }

    pub(super) fn inline_limit(&self, limit: usize) {
        self.state().inline_limit = limit;
    }

    pub(super) fn opt_out(&self) {
        self.state().has_opted_in = false;
    }

    pub(super) fn delete_role(&self) {
        let mut state = self.state();
        state.exists = false;
        state.inline.clear();
        state.attached.clear();
    }

    pub(super) fn detach_all(&self) {
        self.state().attached.clear();
    }

    pub(super) fn spoil_all(&self) {
        for managed in self.state().managed.values_mut() {
            *managed = document("spoilt", 0);
        }
    }

    pub(super) fn delete_all(&self) {
        self.detach_all();
        self.state().managed.clear();
    }
}

fn denied(role: &RoleName) -> AwsError {
    AwsError::Denied { action: "iam:Any", role: role.clone(), source: "no tag".into() }
}

#[async_trait]
impl Roles for FakeIam {
    async fn role(&self, name: &RoleName) -> Result<Option<Role>, AwsError> {
        let state = self.state();
        if state.is_hidden {
            return Err(denied(name));
        }
        Ok(state.exists.then(|| Role {
            name: name.clone(),
            arn: format!("arn:aws:iam::123456789012:role/{name}"),
            path: "/".to_owned(),
            id: format!("AROA{name}"),
            tags: BTreeMap::new(),
            has_opted_in: state.has_opted_in,
        }))
    }
}

#[async_trait]
impl InlinePolicies for FakeIam {
    async fn inline_names(&self, _: &RoleName) -> Result<Vec<String>, AwsError> {
        Ok(self.names())
    }

    async fn inline_size(&self, _: &RoleName, policy: &str) -> Result<usize, AwsError> {
        Ok(self.state().inline.get(policy).map_or(0, |document| size::of(document.as_str())))
    }

    async fn inline(&self, policy: &RolePolicy) -> Result<Option<Document>, AwsError> {
        Ok(self.state().inline.get(policy.policy.as_str()).cloned())
    }

    async fn put_inline(&self, policy: &RolePolicy, document: &Document) -> Result<Put, AwsError> {
        let mut state = self.state();
        let others = state.inline.iter().filter(|(name, _)| *name != policy.policy.as_str());
        let sum: usize = others.map(|(_, document)| size::of(document.as_str())).sum();
        if sum + size::of(document.as_str()) > state.inline_limit {
            return Ok(full());
        }
        state.inline.insert(policy.policy.to_string(), document.clone());
        Ok(Put::Done)
    }

    async fn delete_inline(&self, policy: &RolePolicy) -> Result<(), AwsError> {
        self.state().inline.remove(policy.policy.as_str());
        Ok(())
    }
}

#[async_trait]
impl ManagedPolicies for FakeIam {
    async fn attached(&self, _: &RoleName) -> Result<Attached, AwsError> {
        let state = self.state();
        Ok(Attached { ours: state.attached.clone(), others: state.others })
    }

    async fn quota(&self) -> Result<usize, AwsError> {
        let quota = self.state().quota;
        quota.ok_or_else(|| AwsError::Quota { is_retryable: false, source: "denied".into() })
    }

    async fn managed(&self, policy: &ManagedPolicy) -> Result<Option<Document>, AwsError> {
        Ok(self.state().managed.get(&policy.number).cloned())
    }

    async fn put_managed(&self, policy: &ManagedPolicy, document: &Document) -> Result<Put, AwsError> {
        let mut state = self.state();
        assert!(size::of(document.as_str()) <= size::MANAGED, "too large: {}", size::of(document.as_str()));
        state.managed.insert(policy.number, document.clone());
        if !state.exists {
            return Ok(Put::Rejected(Refusal::RoleMissing { role: policy.role.clone() }));
        }
        if !state.has_opted_in {
            return Ok(Put::Rejected(Refusal::RoleNotOptedIn { role: policy.role.clone() }));
        }
        if !state.attached.contains(&policy.number)
            && state.attached.len() + state.others >= state.quota.unwrap_or(10)
        {
            return Ok(full());
        }
        state.attached.insert(policy.number);
        Ok(Put::Done)
    }

    async fn replace_managed(&self, policy: &ManagedPolicy, document: &Document) -> Result<(), AwsError> {
        if let Some(existing) = self.state().managed.get_mut(&policy.number) {
            *existing = document.clone();
        }
        Ok(())
    }

    async fn delete_managed(&self, policy: &ManagedPolicy) -> Result<(), AwsError> {
        let mut state = self.state();
        if state.exists && !state.has_opted_in {
            return Err(denied(&policy.role));
        }
        state.attached.remove(&policy.number);
        state.managed.remove(&policy.number);
        Ok(())
    }
}
