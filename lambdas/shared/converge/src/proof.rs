//! Whether a grant has reached IAM.
//!
//! IAM is eventually consistent: what was written is not in effect everywhere at once
//! (<https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html#troubleshoot_general_eventual-consistency>). An access is
//! therefore reported as provisioned only after the policy could be read back and, if the operator permits it, after IAM's
//! simulator has confirmed that nothing else denies the access.

use std::collections::BTreeMap;

use dmm_access::entitlement::{Entitlements, Place, RolePolicy};
use dmm_access::provisioning::Mechanism;
use dmm_access::refusal::Refusal;
use dmm_budget::Backoff;
use tokio::time::sleep;

use crate::error::AwsError;
use crate::ports::{Decision, ReadBack, Simulation};

/// How a grant is looked at after it was written.
#[derive(Clone, Copy)]
pub struct Proof<'a> {
    /// Reads back what was written.
    pub read_back: &'a dyn ReadBack,
    /// Asks IAM what it would allow; `None` if the operator does not permit it.
    pub simulation: Option<&'a dyn Simulation>,
    /// The waits until AWS shows what was written.
    pub backoff: Backoff,
}

/// What is known about a grant.
#[derive(Debug)]
pub(crate) enum Proven {
    /// It is in effect, as far as can be known; how it is stored at each place.
    InEffect(BTreeMap<Place, Mechanism>),
    /// It is written, but something else in AWS denies the access.
    Denied(Refusal),
    /// AWS does not show it yet.
    NotYet,
}

impl Proof<'_> {
    /// Looks until AWS shows these entitlements, or until the attempts are used up.
    pub(crate) async fn of(&self, entitlements: &Entitlements) -> Result<Proven, AwsError> {
        let mut attempt = 1;
        loop {
            match self.look(entitlements).await? {
                Proven::NotYet => {}
                proven => return Ok(proven),
            }
            let Some(wait) = self.backoff.wait(attempt) else { return Ok(Proven::NotYet) };
            sleep(wait).await;
            attempt += 1;
        }
    }

    async fn look(&self, entitlements: &Entitlements) -> Result<Proven, AwsError> {
        let mut mechanisms = BTreeMap::new();
        for (place, permission) in entitlements.iter() {
            let Some(mechanism) = self.read_back.mechanism(place, &permission.document).await? else {
                return Ok(Proven::NotYet);
            };
            mechanisms.insert(place.clone(), mechanism);
        }
        let Some(simulation) = self.simulation else { return Ok(Proven::InEffect(mechanisms)) };
        for (Place::RolePolicy(RolePolicy { role, .. }), permission) in entitlements.iter() {
            match simulation.decide(role, &permission.document).await? {
                Decision::Allowed => {}
                Decision::NotYet => return Ok(Proven::NotYet),
                Decision::Denied(refusal) => return Ok(Proven::Denied(refusal)),
            }
        }
        Ok(Proven::InEffect(mechanisms))
    }
}
