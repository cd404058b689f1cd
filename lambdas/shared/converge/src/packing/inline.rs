//! Whose an inline policy is.
//!
//! All stacks give the policy of an agreement the same name, so the name does not say who wrote it. The policy itself
//! does ([`Stack::mark`]). Policies of earlier versions do not, and belong to this stack only if the record of the
//! agreement names their place.

use dmm_access::document::Document;
use dmm_access::entitlement::{Observed, Place, RolePolicy};
use dmm_access::stack::{Stack, Writer};

use super::Packing;
use super::stored::Recorded;
use crate::error::AwsError;
use crate::ports::InlinePolicies;

/// What is at the place of an inline policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Inline {
    None,
    /// A policy of this stack; its document without the mark.
    Ours(Document),
    /// A policy that an earlier version of this software wrote. It has no mark yet.
    Earlier,
    /// A policy of another stack, or of somebody else.
    Foreign,
}

impl From<Inline> for Observed {
    fn from(inline: Inline) -> Observed {
        match inline {
            Inline::None | Inline::Foreign => Observed::Absent,
            Inline::Ours(document) => Observed::Present(document),
            Inline::Earlier => Observed::Misplaced,
        }
    }
}

impl<R: InlinePolicies> Packing<R> {
    /// What is at this place, as an inline policy.
    pub(super) async fn inline(&self, place: &RolePolicy) -> Result<Inline, AwsError> {
        let Some(found) = self.iam.inline(place).await? else { return Ok(Inline::None) };
        Ok(match Stack::unmark(&found) {
            (document, Writer::Stack(stack)) if stack == self.stack => Inline::Ours(document),
            (_, Writer::Unknown) if self.adopts_unmarked || self.is_recorded(place).await? => Inline::Earlier,
            (_, Writer::Stack(_) | Writer::Unknown) => Inline::Foreign,
        })
    }

    /// Whether the record of the agreement names this place.
    async fn is_recorded(&self, place: &RolePolicy) -> Result<bool, AwsError> {
        let recorded = self.grant_record(&place.policy).await?;
        let place = Place::RolePolicy(place.clone());
        Ok(matches!(recorded, Recorded::State(state) if state.places().any(|one| *one == place)))
    }
}
