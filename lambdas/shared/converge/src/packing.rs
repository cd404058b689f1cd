//! Where on its role a grant goes: an inline policy while there is room, else a managed policy of ours.
//!
//! All inline policies of a role share [10,240 characters](size::INLINE_SUM), which is about six complete grants
//! of a Glue table. A grant that does not fit goes into a customer managed policy, of [6,144
//! characters](size::MANAGED), together with other grants of the role; how many of those a role may have is a
//! quota of the account. When there is room again, the grant goes back the next time that its agreement is
//! looked at.
//!
//! For everybody else, [`Packing`] is [`Roles`]: a [`Place`] holds a document, wherever that is. Policies of
//! others are counted and never touched.
//!
//! [`dmm_access::packing`] decides; this module does it.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use dmm_state::{ObjectStore, Precondition, StateError};
use dmm_telemetry::metrics;
use jiff::Timestamp;
use uuid::Uuid;

use crate::converge::wait;
use crate::error::{RoleListError, RolesError};
use crate::ports::{Put, RoleList, Roles, Room};
use dmm_access::document::Document;
use dmm_access::name::PolicyName;
use dmm_access::prefix::ManagedPolicy;
use dmm_access::record::{Grant, Place};
use dmm_access::refusal::Refusal;
use dmm_access::role::{Role, RoleName};
use dmm_access::size;
use dmm_access::transition::ROUNDS;

use dmm_access::packing::protocol::{Held, Limits, Pack, Packed, Packer, Step};
use dmm_access::packing::record::{self, PackRecord};

/// From this share of a role's room on, operators are warned, in percent.
const WARN_FROM: f64 = 80.0;

/// Gives each grant a place on its role, inline or packed.
pub struct Packing<R> {
    /// IAM.
    pub iam: R,
    /// Where the records of the managed policies are.
    pub records: Arc<dyn ObjectStore>,
    /// The time, for records.
    pub clock: fn() -> Timestamp,
    /// As [`Converger::patience`](crate::converge::Converger::patience).
    pub patience: Duration,
}

impl<R: Roles + Room> Packing<R> {
    /// The record of this role, and its version.
    async fn record(&self, role: &RoleName) -> Result<(Option<Pack>, Precondition), RolesError> {
        let object = self.records.get(&record::key(role)).await?;
        let version = Precondition::unchanged(object.as_ref());
        let record = object.map(|object| PackRecord::read(role, &object.body)).transpose()?;
        Ok((record.map(|record| record.pack), version))
    }

    /// Packs the grant, or takes out what has this place.
    async fn pack(&self, place: &Place, grant: Option<&Document>) -> Result<Packed, RolesError> {
        let role = &place.role;
        let mut packer = Packer::new(place.policy.clone(), grant.cloned(), Limits::default());
        let mut version = Precondition::Absent;
        loop {
            match packer.next() {
                Step::ReadRecord => {
                    let (pack, read) = self.record(role).await?;
                    version = read;
                    packer.record_is(pack.unwrap_or_default());
                }
                Step::CountSlots => packer.slots_are(self.slots(role).await?),
                Step::Look(number) => packer.seen(number, self.look(role, number).await?),
                Step::Write(pack) => {
                    let body =
                        PackRecord::new(role.clone(), pack, (self.clock)(), Uuid::new_v4().to_string())
                            .to_json();
                    match self.records.put(&record::key(role), body, &version).await {
                        Ok(etag) => {
                            version = Precondition::Matches(etag);
                            packer.written();
                        }
                        Err(StateError::Conflict { .. }) => {
                            tracing::info!(%role, "somebody else works on its managed policies too; beginning again");
                            packer.conflict();
                            wait(self.patience, ROUNDS - packer.rounds()).await;
                        }
                        Err(error) => return Err(error.into()),
                    }
                }
                Step::Hold(number, document) => {
                    match self.iam.hold(&ManagedPolicy { role: role.clone(), number }, &document).await? {
                        Put::Done => {
                            tracing::info!(%role, number, "managed policy written");
                            packer.done();
                        }
                        Put::Rejected(refusal) => packer.rejected(refusal),
                    }
                }
                Step::Drop(number) => {
                    self.iam.drop(&ManagedPolicy { role: role.clone(), number }).await?;
                    tracing::info!(%role, number, "managed policy deleted");
                    packer.done();
                }
                Step::Finish(outcome) => return Ok(outcome),
                Step::GiveUp => return Err(RolesError::Restless { role: role.clone() }),
            }
        }
    }

    /// How many managed policies of ours the role may have: what others leave of the quota.
    async fn slots(&self, role: &RoleName) -> Result<usize, RolesError> {
        let others = self.iam.attached(role).await?.others;
        Ok(self.iam.quota().await?.saturating_sub(others))
    }

    async fn look(&self, role: &RoleName, number: u32) -> Result<Held, RolesError> {
        let document = self.iam.managed(&ManagedPolicy { role: role.clone(), number }).await?;
        Ok(Held { document, is_attached: self.iam.attached(role).await?.ours.contains(&number) })
    }

    /// Whether IAM holds exactly what the record says.
    async fn is_held(&self, role: &RoleName, pack: &Pack) -> Result<bool, RolesError> {
        if !pack.unsure.is_empty() {
            return Ok(false);
        }
        let mut numbers = pack.layout.numbers().peekable();
        if numbers.peek().is_none() {
            return Ok(true);
        }
        let ours = self.iam.attached(role).await?.ours;
        for number in numbers {
            let document = self.iam.managed(&ManagedPolicy { role: role.clone(), number }).await?;
            let held = Held { document, is_attached: ours.contains(&number) };
            if !held.is(pack.layout.document(number).as_ref()) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// What all inline policies of the role but this one have together, in characters.
    async fn inline_beside(&self, place: &Place) -> Result<usize, RolesError> {
        let mut sum = 0;
        for name in self.iam.inline(&place.role).await? {
            if name != place.policy.as_str() {
                sum += self.iam.size(&place.role, &name).await?;
            }
        }
        Ok(sum)
    }

    /// Warns while there still is room. What is measured is no part of the grant: where it cannot be, that is
    /// said and costs nothing else.
    async fn measure(&self, role: &RoleName, inline: usize) {
        let measured = async {
            let (pack, slots) = (self.record(role).await?.0.unwrap_or_default(), self.slots(role).await?);
            let room = size::INLINE_SUM + slots * size::MANAGED;
            Ok::<f64, RolesError>(share(inline + pack.layout.size(), room))
        };
        match measured.await {
            Ok(percent) => {
                metrics::role_policy_usage(role.as_str(), percent);
                if percent >= WARN_FROM {
                    tracing::warn!(%role, percent, "the role's policies are nearly full; then access is refused");
                }
            }
            Err(error) => {
                let error = dmm_telemetry::causes(&error);
                tracing::warn!(%role, error, "the room for policies could not be measured");
            }
        }
    }
}

#[async_trait]
impl<R: Roles + Room> Roles for Packing<R> {
    async fn role(&self, name: &RoleName) -> Result<Option<Role>, RolesError> {
        self.iam.role(name).await
    }

    /// A policy that is packed, and right, is what stands there. Where anything about the managed policies of
    /// the role is not as the record says, or a packed policy could go back, something else is said to stand
    /// at all places of the role, so that whoever looks puts or deletes its own, which repairs the whole.
    async fn policy(&self, place: &Place) -> Result<Option<Document>, RolesError> {
        let inline = self.iam.policy(place).await?;
        let (Some(pack), _) = self.record(&place.role).await? else { return Ok(inline) };
        let packed = pack.layout.grants().find(|(name, _)| **name == place.policy);
        let is_held = self.is_held(&place.role, &pack).await?;
        match (inline, packed) {
            (inline, None) if is_held => Ok(inline),
            (None, Some((_, document))) if is_held => {
                let beside = self.inline_beside(place).await?;
                let could_go_back = beside + size::of(document.as_str()) <= size::INLINE_SUM;
                Ok(Some(if could_go_back { out_of_place() } else { document.clone() }))
            }
            _ => Ok(Some(out_of_place())),
        }
    }

    async fn put(&self, grant: &Grant) -> Result<Put, RolesError> {
        let Grant { place, document } = grant;
        let beside = self.inline_beside(place).await?;
        let inline = beside + size::of(document.as_str());
        if inline <= size::INLINE_SUM {
            match self.iam.put(grant).await? {
                Put::Done => {
                    self.pack(place, None).await?;
                    // Below, no other policy comes into question, so that IAM is not asked for more.
                    if share(inline, size::INLINE_SUM) >= WARN_FROM {
                        self.measure(&place.role, inline).await;
                    }
                    return Ok(Put::Done);
                }
                // Somebody took the room meanwhile.
                Put::Rejected(Refusal::RoleFull { .. }) => {}
                rejected @ Put::Rejected(_) => return Ok(rejected),
            }
        }
        match self.pack(place, Some(document)).await? {
            Packed::Done => {
                self.iam.delete(place).await?;
                self.measure(&place.role, beside).await;
                Ok(Put::Done)
            }
            Packed::Full => Ok(Put::Rejected(Refusal::RoleFull { role: place.role.clone() })),
            Packed::Rejected(refusal) => Ok(Put::Rejected(refusal)),
        }
    }

    async fn delete(&self, place: &Place) -> Result<(), RolesError> {
        self.iam.delete(place).await?;
        match self.pack(place, None).await {
            Ok(_) => Ok(()),
            Err(RolesError::Denied { action, role, source }) => match self.iam.role(&role).await? {
                Some(found) if !found.has_opted_in => {
                    Err(RolesError::OptedOut { role, policy: place.policy.clone(), source })
                }
                _ => Err(RolesError::Denied { action, role, source }),
            },
            Err(error) => Err(error),
        }
    }
}

/// In percent. The sizes of policies are far below what a float holds exactly.
#[expect(clippy::cast_precision_loss, reason = "see above")]
fn share(used: usize, room: usize) -> f64 {
    used as f64 * 100.0 / room as f64
}

/// What is said to stand where something has to be done: it equals no policy of ours.
fn out_of_place() -> Document {
    Document::read("out of place")
}

#[async_trait]
impl<R: Roles + Room> RoleList for Packing<R> {
    async fn roles(&self) -> Result<Vec<Role>, RoleListError> {
        self.iam.roles().await
    }

    /// The inline policies and what is packed.
    async fn policies(&self, role: &RoleName) -> Result<Vec<String>, RolesError> {
        let mut names = self.iam.inline(role).await?;
        let (pack, _) = self.record(role).await?;
        let pack = pack.unwrap_or_default();
        let packed = pack.layout.grants().map(|(name, _): (&PolicyName, _)| name.to_string());
        names.extend(packed.filter(|name| !names.contains(name)).collect::<Vec<_>>());
        Ok(names)
    }
}

#[cfg(test)]
pub(crate) mod tests;
