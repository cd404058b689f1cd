//! Why a run did not come to its end.

use dmm_mesh::EventError;
use dmm_state::StateError;
use thiserror::Error;

use dmm_access::name::PolicyName;
use dmm_access::packing::record::PackRecordError;
use dmm_access::record::RecordError;
use dmm_access::role::RoleName;

/// Bringing IAM in line with an agreement failed. What was done by then is in the grant record, so that the
/// same event can simply come again.
#[derive(Debug, Error)]
pub enum Error {
    /// The detail of the event is not one of the feed's events.
    #[error(transparent)]
    Event(#[from] EventError),
    /// The event is about an agreement and does not say about which.
    #[error("the {event_type} {id} names no agreement: neither `data.id` nor `subject` is there")]
    NoAgreement {
        /// The event's id.
        id: String,
        /// The event's type.
        event_type: String,
    },
    /// Data Mesh Manager could not be asked or told.
    #[error(transparent)]
    Mesh(#[from] MeshError),
    /// IAM could not be read or changed.
    #[error(transparent)]
    Roles(#[from] RolesError),
    /// The state bucket could not be read or written.
    #[error(transparent)]
    State(#[from] StateError),
    /// A grant record cannot be used.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// The agreement, or its record, changed again and again.
    #[error("{agreement} changes faster than it can be followed; a retry goes on")]
    Restless {
        /// The agreement.
        agreement: String,
    },
    /// The time that the run has is over.
    #[error("the time for {agreement} is over; a retry goes on")]
    OutOfTime {
        /// The agreement.
        agreement: String,
    },
}

impl Error {
    /// Whether a retry can cure it.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Error::Event(error) => error.is_retryable(),
            Error::Mesh(error) => error.is_retryable(),
            Error::Roles(error) => error.is_retryable(),
            Error::State(error) => error.is_retryable(),
            Error::Record(error) => error.is_retryable(),
            Error::NoAgreement { .. } => false,
            Error::Restless { .. } | Error::OutOfTime { .. } => true,
        }
    }
}

impl Error {
    /// In one word, for logs and for those who sort failed events.
    #[must_use]
    pub fn class(&self) -> &'static str {
        if self.is_retryable() { "Retryable" } else { "Permanent" }
    }
}

/// What IAM's client says when it fails, kept as a cause.
pub type Source = Box<dyn std::error::Error + Send + Sync>;

/// Data Mesh Manager could not be asked or told.
#[derive(Debug, Error)]
pub enum MeshError {
    /// It answers that there is no such document.
    #[error(transparent)]
    NotFound(Source),
    /// It did not answer, or not as it should; a retry may succeed.
    #[error(transparent)]
    Unavailable(Source),
    /// It rejects the request; a retry fails in the same way.
    #[error(transparent)]
    Rejected(Source),
}

impl MeshError {
    /// Whether a retry may succeed.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(self, MeshError::Unavailable(_))
    }

    /// Whether there is no such document.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        matches!(self, MeshError::NotFound(_))
    }
}

/// IAM could not be read or changed.
#[derive(Debug, Error)]
pub enum RolesError {
    /// The integration's own role is not allowed to. Written for people: it is reported.
    #[error(
        "This integration's own role may not {action} on the IAM role {role}. Have the operator of the \
         integration check the policies of its functions, permissions boundaries and service control \
         policies."
    )]
    Denied {
        /// The IAM action.
        action: &'static str,
        /// The role.
        role: RoleName,
        /// The cause.
        #[source]
        source: Source,
    },
    /// The role opted out while a policy stands on it. Written for people: it is reported.
    #[error(
        "The IAM role {role} holds the policy {policy}, but has no tag `dmm-integration` with the value `enabled` any \
         more, and without it this integration may not take the policy away. Give the role the tag again and have the \
         operator of the integration send the event again, or delete the policy yourself."
    )]
    OptedOut {
        /// The role.
        role: RoleName,
        /// The policy that stands.
        policy: PolicyName,
        /// The cause.
        #[source]
        source: Source,
    },
    /// IAM does not let anybody change the role. Written for people: it is reported.
    #[error("AWS does not allow {action} on the IAM role {role}.")]
    Unmodifiable {
        /// The IAM action.
        action: &'static str,
        /// The role.
        role: RoleName,
        /// The cause.
        #[source]
        source: Source,
    },
    /// IAM did not answer, asked to come again, or failed.
    #[error("{action} on the IAM role {role} failed")]
    Failed {
        /// The IAM action.
        action: &'static str,
        /// The role.
        role: RoleName,
        /// The cause.
        #[source]
        source: Source,
    },
    /// The record of the role's managed policies changed again and again.
    #[error(
        "the managed policies of the IAM role {role} change faster than can be followed; a retry goes on"
    )]
    Restless {
        /// The role.
        role: RoleName,
    },
    /// Service Quotas does not say how many managed policies a role may have.
    #[error("the quota `Managed policies per role` cannot be read: servicequotas:GetServiceQuota failed")]
    Quota {
        /// Whether it may be said later.
        is_retryable: bool,
        /// The cause.
        #[source]
        source: Source,
    },
    /// The state bucket could not be read or written.
    #[error(transparent)]
    State(#[from] StateError),
    /// The record of the role's managed policies cannot be used.
    #[error(transparent)]
    Record(#[from] PackRecordError),
}

impl RolesError {
    /// Whether a retry can cure it.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            RolesError::Denied { .. }
            | RolesError::OptedOut { .. }
            | RolesError::Unmodifiable { .. }
            | RolesError::Record(_) => false,
            RolesError::Quota { is_retryable, .. } => *is_retryable,
            RolesError::State(error) => error.is_retryable(),
            RolesError::Failed { .. } | RolesError::Restless { .. } => true,
        }
    }
}

/// The roles of the account could not be listed.
#[derive(Debug, Error)]
pub enum RoleListError {
    /// The integration's own role is not allowed to.
    #[error(
        "this integration's own role may not iam:ListRoles: check its policies, permissions boundary and \
         service control policies, or set SCAN_ROLES to false"
    )]
    Denied {
        /// The cause.
        #[source]
        source: Source,
    },
    /// IAM did not answer, asked to come again, or failed.
    #[error("iam:ListRoles failed")]
    Failed {
        /// The cause.
        #[source]
        source: Source,
    },
}

impl RoleListError {
    /// Whether a retry can cure it.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            RoleListError::Denied { .. } => false,
            RoleListError::Failed { .. } => true,
        }
    }
}
