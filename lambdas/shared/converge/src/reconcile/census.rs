//! What a pass has found out about all agreements before it takes anything away.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use dmm_access::entitlement::Place;
use dmm_mesh::{AgreementKind, AgreementRef};
use dmm_state::StateError;
use serde::{Deserialize, Serialize};

use super::report::Stop;
use crate::brake::{Brake, Plan, Revocation};
use crate::gate::{Gate, MISSING};

/// What the first stages of a pass found. It is part of the [`Progress`](super::Progress) of a pass that takes several
/// runs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Census {
    /// How many agreements had access.
    pub grants: usize,
    /// The revocations that are to be carried out.
    plan: Plan,
    /// The agreements of the plan that were not found, and need a second look.
    unconfirmed: BTreeSet<String>,
    /// Where something of the agreements of the plan was found without a record.
    found: BTreeMap<String, BTreeSet<Place>>,
    /// The data products that agreements in force name as their provider, and whether they exist.
    products: BTreeMap<String, bool>,
    /// How often something could not be reconciled.
    pub(super) failures: usize,
    /// The digest of the plan that somebody confirmed.
    pub confirmed: Option<String>,
    decision: Decision,
}

/// Whether the revocations may be carried out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Decision {
    /// The first stages are not complete.
    #[default]
    Open,
    /// There are few enough.
    Allowed,
    /// Somebody confirmed them.
    Confirmed,
}

/// A revocation to carry out.
pub(super) struct Pending {
    pub(super) agreement: AgreementRef,
    /// Where something was found without a record.
    pub(super) found: BTreeSet<Place>,
    pub(super) waits_for_second_look: bool,
}

impl Census {
    /// Decides whether the revocations may be carried out, which then holds for the rest of the pass. If not, returns why.
    pub(super) fn decide(&mut self, brake: &Brake) -> Option<Stop> {
        if self.decision != Decision::Open {
            return None;
        }
        let missing_products = self.products.values().filter(|exists| !**exists).count();
        let limit = brake.allowed(self.grants);
        let is_allowed = self.plan.len() <= limit && missing_products <= brake.allowed(self.products.len());
        let digest = self.plan.digest();
        self.decision = if is_allowed {
            Decision::Allowed
        } else if self.confirmed.as_ref() == Some(&digest) {
            Decision::Confirmed
        } else {
            let revocations = self.plan.iter().cloned().collect();
            return Some(Stop { digest, limit, grants: self.grants, missing_products, revocations });
        };
        None
    }

    /// Whether somebody confirmed the plan.
    pub(super) fn is_confirmed(&self) -> bool {
        self.decision == Decision::Confirmed
    }

    /// How many agreements and other things still have access, as far as the pass has found out.
    pub(super) fn remaining(&self) -> usize {
        self.plan.len() + self.failures
    }

    /// The next revocation.
    pub(super) fn next(&self) -> Option<Pending> {
        self.plan.iter().find_map(|Revocation { agreement, .. }| {
            let (kind, id) = agreement.split_once(' ')?;
            Some(Pending {
                agreement: AgreementRef { kind: AgreementKind::named(kind)?, id: id.to_owned() },
                found: self.found.get(agreement).cloned().unwrap_or_default(),
                waits_for_second_look: self.unconfirmed.contains(agreement),
            })
        })
    }

    /// This revocation has been handled.
    pub(super) fn done(&mut self, pending: &Pending) {
        self.plan.remove(&pending.agreement.to_string());
    }
}

/// The gate of the first stages: it lets nothing pass, and takes notes.
#[derive(Default)]
pub(super) struct Collector {
    notes: Mutex<Notes>,
}

#[derive(Default)]
struct Notes {
    census: Census,
    /// The place that the present run clears besides those of the record.
    found: Option<Place>,
}

impl Collector {
    pub(super) fn new(census: Census) -> Collector {
        Collector { notes: Mutex::new(Notes { census, found: None }) }
    }

    /// What was found so far.
    pub(super) fn census(&mut self) -> &mut Census {
        &mut self.notes.get_mut().unwrap_or_else(PoisonError::into_inner).census
    }

    pub(super) fn into_census(self) -> Census {
        self.notes.into_inner().unwrap_or_else(PoisonError::into_inner).census
    }

    /// The next run clears this place besides those of the record.
    pub(super) fn looks_at(&mut self, found: Option<&Place>) {
        self.notes.get_mut().unwrap_or_else(PoisonError::into_inner).found = found.cloned();
    }

    fn notes(&self) -> MutexGuard<'_, Notes> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, revocation: &Revocation, is_confirmed: bool) {
        let Notes { census, found } = &mut *self.notes();
        census.plan.add(revocation.clone());
        if !is_confirmed {
            census.unconfirmed.insert(revocation.agreement.clone());
        }
        if let Some(place) = found {
            census.found.entry(revocation.agreement.clone()).or_default().insert(place.clone());
        }
    }
}

#[async_trait]
impl Gate for Collector {
    async fn admit(&self, revocation: &Revocation) -> Result<bool, StateError> {
        self.note(revocation, true);
        Ok(false)
    }

    fn waits_for_second_look(&self, agreement: &AgreementRef) {
        let revocation = Revocation { agreement: agreement.to_string(), reason: MISSING.to_owned() };
        self.note(&revocation, false);
    }

    fn sees_product(&self, id: &str, exists: bool) {
        self.notes().census.products.insert(id.to_owned(), exists);
    }
}
