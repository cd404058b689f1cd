//! What the state bucket says about a role, checked before it reaches IAM.
//!
//! The record `packs/{role}.json` holds the documents of several agreements, and a run for one of them writes all of
//! them to IAM. Whoever can write that object could give a role anything, so each document is compared with what the
//! grant record of its own agreement says. `docs/decisions/0011` explains the rules.

use std::collections::{BTreeMap, BTreeSet};

use dmm_access::document::Document;
use dmm_access::entitlement::{Place, RolePolicy};
use dmm_access::managed_policy::ManagedPolicy;
use dmm_access::name::{PolicyName, RECORDS, record_key};
use dmm_access::packing::layout::{Layout, empty_document, holds};
use dmm_access::packing::protocol::PackingState;
use dmm_access::packing::record::{self, PackRecord};
use dmm_access::policy::could_be_ours;
use dmm_access::record::{GrantState, Phase, Record};
use dmm_access::role::RoleName;
use dmm_access::size;
use dmm_state::{Object, Precondition};
use futures_util::stream::{self, StreamExt, TryStreamExt};

use super::Packing;
use super::inline::Inline;
use crate::error::AwsError;
use crate::ports::{InlinePolicies, ManagedPolicies};
use crate::rejected;

/// How many records are read at once.
const AT_ONCE: usize = 16;

/// The record of a role's managed policies.
pub(super) struct Packs {
    /// What it says; `None` if it does not exist or is not one of ours.
    pub(super) state: Option<PackingState>,
    pub(super) version: Precondition,
}

/// What the grant record of an agreement says.
pub(super) enum Recorded {
    Missing,
    /// It exists, but cannot be read. The agreement's own run fails and says why.
    Unusable,
    State(GrantState),
}

impl<R> Packing<R> {
    /// The record of this role's managed policies.
    pub(super) async fn packs(&self, role: &RoleName) -> Result<Packs, AwsError> {
        let key = record::key(role);
        let object = self.records.get(&key).await?;
        let version = Precondition::unchanged(object.as_ref());
        let state = match object.map(|object| PackRecord::read(role, &object.body, &self.stack)) {
            None => None,
            Some(Ok(record)) => Some(record.state),
            Some(Err(error)) if error.is_lost() => {
                rejected::tell(&key, &error);
                None
            }
            Some(Err(error)) => return Err(error.into()),
        };
        Ok(Packs { state, version })
    }

    /// The grant record of the agreement with this policy.
    pub(super) async fn grant_record(&self, policy: &PolicyName) -> Result<Recorded, AwsError> {
        let key = match PolicyName::agreement(policy.as_str()) {
            Some(agreement) => Some(record_key(&agreement)),
            None => self.key_of(policy).await?,
        };
        let Some(key) = key else { return Ok(Recorded::Missing) };
        let Some(object) = self.records.get(&key).await? else { return Ok(Recorded::Missing) };
        let record = self.read_grant(&key, &object);
        Ok(match record.filter(|(name, _)| name == policy) {
            Some((_, state)) => Recorded::State(state),
            None => Recorded::Unusable,
        })
    }

    /// The key of the record of the agreement whose policy has this shortened name.
    async fn key_of(&self, policy: &PolicyName) -> Result<Option<String>, AwsError> {
        let mut after: Option<String> = None;
        loop {
            let keys = self.records.keys(RECORDS, after.as_deref()).await?;
            if let Some(key) = keys.iter().find(|key| policy.is_recorded_at(key)) {
                return Ok(Some(key.clone()));
            }
            match keys.into_iter().next_back() {
                Some(last) => after = Some(last),
                None => return Ok(None),
            }
        }
    }

    /// The policy's name and the content of a grant record; `None` if the record cannot be used.
    fn read_grant(&self, key: &str, object: &Object) -> Option<(PolicyName, GrantState)> {
        let agreement = Record::agreement_of(key, &object.body, &self.stack).ok()?;
        let record = Record::read(key, &object.body, &agreement, &self.stack).ok()?;
        Some((PolicyName::of(&agreement), record.state))
    }
}

impl<R: InlinePolicies + ManagedPolicies> Packing<R> {
    /// The same state without what no agreement was granted. `taken_out` is taken out anyway and not checked.
    ///
    /// A document stays if the grant record of its agreement says that it is granted here. While that record is being
    /// changed, or cannot be read, it does not say what was here before; then a document stays if the role has it now.
    /// Otherwise the document from the grant record replaces it, or it is left out, and operators are told. So a planted
    /// document never reaches IAM, and no agreement loses what it was granted.
    pub(super) async fn checked(
        &self,
        role: &RoleName,
        state: PackingState,
        taken_out: Option<&PolicyName>,
    ) -> Result<PackingState, AwsError> {
        let packed: Vec<(u32, PolicyName, Document)> = state
            .layout
            .entries()
            .filter(|(_, name, _)| Some(*name) != taken_out)
            .map(|(number, name, document)| (number, name.clone(), document.clone()))
            .collect();
        let reads: Vec<_> = packed.iter().map(|(_, name, _)| self.grant_record(name)).collect();
        let records: Vec<Recorded> = stream::iter(reads).buffered(AT_ONCE).try_collect().await?;
        let PackingState { mut layout, mut uncertain } = state;
        for ((number, name, document), recorded) in packed.into_iter().zip(records) {
            let place = Place::RolePolicy(RolePolicy { role: role.clone(), policy: name.clone() });
            let (granted, is_open) = match &recorded {
                Recorded::Missing => (None, false),
                Recorded::Unusable => (None, true),
                Recorded::State(state) => {
                    let is_open = state.phase == Phase::Changing && state.places().any(|one| *one == place);
                    (state.granted.at(&place).map(|permission| &permission.document), is_open)
                }
            };
            let is_ours = could_be_ours(&document).is_ok();
            if is_ours
                && (granted == Some(&document)
                    || (is_open && self.is_effective(role, number, &document).await?))
            {
                continue;
            }
            rejected::tell(&record::key(role), &"it packs a document that its agreement was not granted");
            layout = match granted {
                Some(granted) => layout.replacing(&name, granted, size::MANAGED),
                None => layout.without(&name),
            };
            uncertain.insert(number);
        }
        Ok(PackingState { layout, uncertain })
    }

    /// Whether the role has all statements of this document from the policy with this number.
    async fn is_effective(
        &self,
        role: &RoleName,
        number: u32,
        document: &Document,
    ) -> Result<bool, AwsError> {
        let managed = self.iam.managed(&ManagedPolicy { role: role.clone(), number }).await?;
        let is_held = managed.is_some_and(|managed| holds(&managed, document));
        Ok(is_held && self.iam.attached(role).await?.ours.contains(&number))
    }

    /// What the managed policies of the role should contain if there is no record: what is attached to the role and was
    /// granted to an agreement. Everything else in these policies is taken out.
    pub(super) async fn rebuilt(&self, role: &RoleName) -> Result<PackingState, AwsError> {
        let numbers = self.iam.attached(role).await?.ours;
        if numbers.is_empty() {
            return Ok(PackingState::default());
        }
        let reason =
            "managed policies are attached to the role, and the record of them is lost; it is rebuilt";
        rejected::tell(&record::key(role), &reason);
        let mut attached = BTreeMap::new();
        for number in numbers {
            let document = self.iam.managed(&ManagedPolicy { role: role.clone(), number }).await?;
            attached.insert(number, document.unwrap_or_else(empty_document));
        }
        let layout = Layout::rebuilt(&attached, &self.granted_outside_inline(role).await?);
        // So that the record is written again, even if nothing has to be taken out.
        let uncertain: BTreeSet<u32> = layout.numbers().collect();
        Ok(PackingState { layout, uncertain })
    }

    /// What the agreements of this role were granted according to their records, except what is an inline policy.
    async fn granted_outside_inline(
        &self,
        role: &RoleName,
    ) -> Result<BTreeMap<PolicyName, Document>, AwsError> {
        let mut granted = BTreeMap::new();
        let mut after: Option<String> = None;
        loop {
            let keys = self.records.keys(RECORDS, after.as_deref()).await?;
            let Some(last) = keys.last().cloned() else { break };
            let read = async |key: &String| {
                let object = self.records.get(key).await?;
                Ok::<_, AwsError>(object.and_then(|object| self.read_grant(key, &object)))
            };
            let reads: Vec<_> = keys.iter().map(read).collect();
            let records: Vec<_> = stream::iter(reads).buffered(AT_ONCE).try_collect().await?;
            for (_, state) in records.into_iter().flatten() {
                for (place, permission) in state.granted.iter() {
                    let Place::RolePolicy(policy) = place;
                    if policy.role == *role {
                        granted.insert(policy.policy.clone(), permission.document.clone());
                    }
                }
            }
            after = Some(last);
        }
        for name in self.iam.inline_names(role).await? {
            let Ok(policy) = name.parse::<PolicyName>() else { continue };
            let place = RolePolicy { role: role.clone(), policy };
            if granted.contains_key(&place.policy)
                && let Inline::Ours(_) | Inline::Earlier = self.inline(&place).await?
            {
                granted.remove(&place.policy);
            }
        }
        Ok(granted)
    }
}
