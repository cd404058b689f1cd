//! Whether access may be taken away now.

use async_trait::async_trait;
use dmm_access::target::Desired;
use dmm_mesh::AgreementRef;
use dmm_state::StateError;

use crate::brake::Revocation;

/// Is asked before all access of an agreement is taken away.
#[async_trait]
pub trait Gate: Send + Sync {
    /// Whether this revocation may be carried out now.
    ///
    /// # Errors
    ///
    /// [`StateError`]. Nothing is taken away then.
    async fn admit(&self, revocation: &Revocation) -> Result<bool, StateError>;

    /// The agreement was not found, has access, and waits for a second look.
    fn waits_for_second_look(&self, _agreement: &AgreementRef) {}

    /// An agreement in force names this data product as its provider.
    fn sees_product(&self, _id: &str, _exists: bool) {}

    /// Whether one look is enough to believe that an agreement does not exist, because somebody has confirmed it.
    fn trusts_first_look(&self) -> bool {
        false
    }
}

/// Lets everything pass.
#[derive(Clone, Copy, Debug, Default)]
pub struct Open {
    /// Whether one look is enough to believe that an agreement does not exist.
    pub trusts_first_look: bool,
}

#[async_trait]
impl Gate for Open {
    async fn admit(&self, _: &Revocation) -> Result<bool, StateError> {
        Ok(true)
    }

    fn trusts_first_look(&self) -> bool {
        self.trusts_first_look
    }
}

/// The reason in [`Revocation::reason`] of an agreement that does not exist.
pub(crate) const MISSING: &str = "missing";

/// The revocation of an agreement that gives this from now on.
pub(crate) fn revocation(agreement: &AgreementRef, desired: &Desired, is_missing: bool) -> Revocation {
    let reason = match desired {
        Desired::Refused(refusal) => refusal.code(),
        Desired::Elsewhere => "elsewhere",
        _ if is_missing => MISSING,
        _ => "ended",
    };
    Revocation { agreement: agreement.to_string(), reason: reason.to_owned() }
}
