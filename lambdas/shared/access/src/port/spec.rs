//! What each kind of port states about itself.

use super::rule::Rule;
use crate::arn::Arn;
use crate::role::RoleName;

/// What is the same for every port of a kind.
pub(super) struct Spec {
    /// Which statements the kind may write.
    pub(super) rules: &'static [&'static [Rule]],
    /// What an agreement may ask for in its `roles`.
    pub(super) roles: &'static [AccessRole],
    /// The services of the ARNs that a port of the kind may name.
    pub(super) services: &'static [Service],
}

/// A service whose ARNs a port may name.
pub(super) struct Service {
    /// Its name in ARNs.
    pub(super) name: &'static str,
    /// What a resource of the service is, for people.
    pub(super) noun: fn(&Arn) -> &'static str,
    /// The resource whose tags say who owns the resource; `None` if nobody does, because every consumer of the service reads it.
    pub(super) tagged: fn(&Arn) -> Option<Arn>,
}

impl Service {
    /// A service whose resources carry their own tags.
    pub(super) const fn tagged_itself(name: &'static str, noun: fn(&Arn) -> &'static str) -> Service {
        Service { name, noun, tagged: |arn| Some(arn.clone()) }
    }
}

/// What an agreement may ask for: an item of its `roles`. An agreement without roles asks to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum AccessRole {
    /// To use what the port offers without changing it.
    Read,
    /// To add to it, or to change it.
    Write,
}

impl AccessRole {
    /// Its text in the `roles` of an agreement.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            AccessRole::Read => "read",
            AccessRole::Write => "write",
        }
    }
}

/// Who gets access, and to do what.
pub(super) struct Grantee<'a> {
    /// The consumer's role.
    pub(super) role: &'a RoleName,
    /// What the agreement asks for.
    pub(super) roles: &'a [AccessRole],
}

impl Grantee<'_> {
    pub(super) fn reads(&self) -> bool {
        self.roles.contains(&AccessRole::Read)
    }

    pub(super) fn writes(&self) -> bool {
        self.roles.contains(&AccessRole::Write)
    }
}
