//! The brake on mass revocations: how many are too many, and which plan somebody confirmed.
//!
//! `docs/decisions/0010` says where the brake applies. This file only decides.

use std::collections::BTreeSet;

use dmm_mesh::sha256_hex;
use serde::{Deserialize, Serialize};

/// How many agreements may lose their access in one pass of iam-reconcile, or within an hour because of events. The
/// larger of the two limits counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Brake {
    /// The number of agreements that may always lose their access, however few have any (`REVOCATION_LIMIT`).
    pub limit: usize,
    /// The share of the agreements that have access, in percent (`REVOCATION_LIMIT_PERCENT`).
    pub percent: usize,
}

impl Default for Brake {
    /// 10 agreements or 5 %.
    fn default() -> Brake {
        Brake { limit: 10, percent: 5 }
    }
}

impl Brake {
    /// Never stops anything.
    pub const OFF: Brake = Brake { limit: usize::MAX, percent: 100 };

    /// How many of `all` may be lost. A share is rounded down.
    #[must_use]
    pub fn allowed(&self, all: usize) -> usize {
        // Without overflow, whatever somebody configured: 5 % of 40 are 2.
        let share = all / 100 * self.percent + all % 100 * self.percent / 100;
        self.limit.max(share)
    }
}

/// An agreement that a pass would take access away from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Revocation {
    /// The agreement as `kind id`.
    pub agreement: String,
    /// `ended`, `missing`, `elsewhere` (the role is now in an account that another stack serves), or the code of the refusal, for example `ProductGone`.
    pub reason: String,
}

/// What a pass would take away.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Plan(BTreeSet<Revocation>);

impl Plan {
    /// Adds an agreement. It is not counted twice.
    pub fn add(&mut self, revocation: Revocation) {
        self.0.insert(revocation);
    }

    /// Removes an agreement.
    pub fn remove(&mut self, agreement: &str) {
        self.0.retain(|revocation| revocation.agreement != agreement);
    }

    /// The revocations, in the order of their agreements.
    pub fn iter(&self) -> impl Iterator<Item = &Revocation> {
        self.0.iter()
    }

    /// How many agreements would lose their access.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.iter().map(|revocation| &revocation.agreement).collect::<BTreeSet<_>>().len()
    }

    /// Whether nobody would lose anything.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Identifies this plan: the SHA-256 of its sorted lines, in hexadecimal digits. Whoever confirms a plan sends it, so
    /// that no other plan is carried out instead.
    #[must_use]
    pub fn digest(&self) -> String {
        // Quoted, because an id may contain anything, even line breaks.
        let lines =
            self.0.iter().map(|Revocation { agreement, reason }| format!("{agreement:?} {reason:?}\n"));
        sha256_hex(lines.collect::<String>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(revocations: &[(&str, &str)]) -> Plan {
        let mut plan = Plan::default();
        for (agreement, reason) in revocations {
            plan.add(Revocation { agreement: (*agreement).to_owned(), reason: (*reason).to_owned() });
        }
        plan
    }

    #[test]
    fn the_larger_of_both_limits_counts() {
        let brake = Brake::default();
        for (all, allowed) in
            [(0, 10), (10, 10), (200, 10), (219, 10), (220, 11), (1_000, 50), (99_999, 4_999)]
        {
            assert_eq!(brake.allowed(all), allowed, "{all}");
        }
        let brake = Brake { limit: 0, percent: 0 };
        assert_eq!((brake.allowed(0), brake.allowed(1_000_000)), (0, 0));
        assert_eq!(Brake { limit: 0, percent: 100 }.allowed(7), 7);
    }

    #[test]
    fn a_digest_does_not_depend_on_the_order_in_which_a_plan_was_made() {
        let one = plan(&[("access a1", "ended"), ("access a2", "missing")]);
        let other = plan(&[("access a2", "missing"), ("access a1", "ended"), ("access a1", "ended")]);
        assert_eq!(one, other);
        assert_eq!(one.digest(), other.digest());
        assert_eq!(one.digest().len(), 64);
    }

    #[test]
    fn another_agreement_or_another_reason_has_another_digest() {
        let digest = plan(&[("access a1", "ended")]).digest();
        for other in [&[("access a2", "ended")][..], &[("access a1", "missing")], &[]] {
            assert_ne!(plan(other).digest(), digest);
        }
    }
}
