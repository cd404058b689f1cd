//! Why a run could not be completed.

use dmm_access::arn::Arn;
use dmm_access::name::PolicyName;
use dmm_access::packing::record::PackRecordError;
use dmm_access::record::RecordError;
use dmm_access::role::RoleName;
use dmm_mesh::EventError;
use dmm_state::StateError;
use dmm_telemetry::ErrorClass;
use thiserror::Error;

use crate::organization::OrganizationError;

/// AWS could not be made to match an agreement. The grant record holds what was done so far, so the same event can
/// simply be handled again.
#[derive(Debug, Error)]
pub enum Error {
    /// The detail of the event is not one of the feed's events.
    #[error(transparent)]
    Event(#[from] EventError),
    /// The event is about an agreement, but does not name it.
    #[error("the {event_type} {id} does not name its agreement: `data.id` and `subject` are missing")]
    NoAgreement {
        /// The event's id.
        id: String,
        /// The event's type.
        event_type: String,
    },
    /// A call to Data Mesh Manager failed.
    #[error(transparent)]
    Mesh(#[from] MeshError),
    /// A call to AWS failed.
    #[error(transparent)]
    Aws(#[from] AwsError),
    /// The state bucket could not be read or written.
    #[error(transparent)]
    State(#[from] StateError),
    /// A grant record cannot be used.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// An entry of the evidence cannot be written as JSON.
    #[error("the entry {key} of the evidence cannot be written as JSON")]
    Evidence {
        /// The object's key.
        key: String,
        /// The cause.
        #[source]
        source: serde_json::Error,
    },
    /// It is not known which organization this stack serves.
    #[error(transparent)]
    Organization(#[from] OrganizationError),
    /// The agreement or its record changed again and again.
    #[error("{agreement} or its grant record changed too often during this run; a retry continues")]
    TooManyConflicts {
        /// The agreement.
        agreement: String,
    },
    /// The policy was written, but AWS does not show it yet. The access is not reported as provisioned.
    #[error("AWS does not show the policy of {agreement} yet; a retry looks again")]
    NotYetInEffect {
        /// The agreement.
        agreement: String,
    },
    /// The run took longer than it may.
    #[error("there was not enough time for {agreement}; a retry continues")]
    OutOfTime {
        /// The agreement.
        agreement: String,
    },
}

impl Error {
    /// Whether a retry may succeed.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Error::Mesh(error) => error.is_retryable(),
            Error::Aws(error) => error.is_retryable(),
            Error::State(error) => error.is_retryable(),
            Error::Organization(error) => error.is_retryable(),
            Error::Event(_) | Error::NoAgreement { .. } | Error::Record(_) | Error::Evidence { .. } => false,
            Error::TooManyConflicts { .. } | Error::NotYetInEffect { .. } | Error::OutOfTime { .. } => true,
        }
    }

    /// `Retryable` or `Permanent`, for logs and for sorting failed events.
    #[must_use]
    pub fn class(&self) -> &'static str {
        class(self.is_retryable())
    }
}

impl ErrorClass for Error {
    fn error_class(&self) -> &'static str {
        match self {
            Error::Event(_) | Error::NoAgreement { .. } | Error::Record(_) | Error::Evidence { .. } => {
                "invalid"
            }
            Error::Mesh(error) => error.error_class(),
            Error::Aws(error) => error.error_class(),
            Error::State(error) => error.class(),
            Error::Organization(error) => error.error_class(),
            Error::TooManyConflicts { .. } => "conflict",
            Error::NotYetInEffect { .. } => "unavailable",
            Error::OutOfTime { .. } => "timeout",
        }
    }
}

pub(crate) fn class(is_retryable: bool) -> &'static str {
    if is_retryable { "Retryable" } else { "Permanent" }
}

/// The error of the client that made a call, kept as the cause.
pub type Source = Box<dyn std::error::Error + Send + Sync>;

/// A call to Data Mesh Manager failed.
#[derive(Debug, Error)]
pub enum MeshError {
    /// It answers that the document does not exist.
    #[error(transparent)]
    NotFound(Source),
    /// It did not answer, or not as expected; a retry may succeed.
    #[error(transparent)]
    Unavailable(Source),
    /// There is no API key that may do this. A retry reads the key again.
    #[error(transparent)]
    Denied(Source),
    /// It rejects the request; a retry fails in the same way.
    #[error(transparent)]
    Rejected(Source),
}

impl ErrorClass for MeshError {
    fn error_class(&self) -> &'static str {
        match self {
            MeshError::NotFound(_) => "not_found",
            MeshError::Unavailable(_) => "unavailable",
            MeshError::Denied(_) => "denied",
            MeshError::Rejected(_) => "invalid",
        }
    }
}

impl MeshError {
    /// Whether a retry may succeed.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(self, MeshError::Unavailable(_) | MeshError::Denied(_))
    }

    /// Whether the document does not exist.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        matches!(self, MeshError::NotFound(_))
    }
}

/// A call to AWS failed.
#[derive(Debug, Error)]
pub enum AwsError {
    /// The role of this function may not do this. The text is shown to people.
    #[error(
        "This integration is not allowed to call {action} on the IAM role {role}. Ask the operator of the integration \
         to check the policies of its functions, permissions boundaries and service control policies."
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
    /// The role opted out, but still has a policy. The text is shown to people.
    #[error(
        "The IAM role {role} still has the policy {policy}, but no longer has the tag `dmm-integration` with the value \
         `enabled`. Without the tag, this integration may not delete the policy. Either add the tag to the role again \
         and ask the operator of the integration to send the event again, or delete the policy yourself."
    )]
    OptedOut {
        /// The role.
        role: RoleName,
        /// The policy.
        policy: PolicyName,
        /// The cause.
        #[source]
        source: Source,
    },
    /// The role opted out, but still has a managed policy of ours, which is empty now. The text is shown to people.
    #[error(
        "The IAM role {role} still has the managed policy number {number} of this integration, which gives nothing any more, \
         but no longer has the tag `dmm-integration` with the value `enabled`. Without the tag, this integration may not \
         detach the policy. Either add the tag to the role again, or detach the policy yourself."
    )]
    StillAttached {
        /// The role.
        role: RoleName,
        /// The policy's number.
        number: u32,
        /// The cause.
        #[source]
        source: Source,
    },
    /// The configuration forbids to change the role, but the role still has a policy. The text is shown to people.
    #[error(
        "The IAM role {role} still has the policy {policy}, but the configuration of this integration does not allow it \
         to change the role. Either ask the operator of the integration to allow the role (allowedRoles and \
         protectedRoles) and to send the event again, or delete the policy yourself."
    )]
    RoleForbidden {
        /// The role.
        role: RoleName,
        /// The policy.
        policy: PolicyName,
    },
    /// AWS lets nobody change the role. The text is shown to people.
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
    /// AWS did not answer, throttled the call, or failed.
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
    /// The role of this function may not ask who owns a resource of its account. The text is shown to people.
    #[error(
        "This integration is not allowed to call {action} on {resource}. Ask the operator of the integration to check \
         the policies of its functions, permissions boundaries and service control policies."
    )]
    ResourceDenied {
        /// The action.
        action: &'static str,
        /// The resource.
        resource: Box<Arn>,
        /// The cause.
        #[source]
        source: Source,
    },
    /// AWS did not say who owns a resource: it did not answer, throttled the call, or failed.
    #[error("{action} on {resource} failed")]
    Resource {
        /// The action.
        action: &'static str,
        /// The resource.
        resource: Box<Arn>,
        /// The cause.
        #[source]
        source: Source,
    },
    /// It is not known how to ask AWS about such a resource. A kind of port that names it needs an adapter that asks.
    #[error("this integration does not know how to read the tags of {resource}")]
    ResourceUnknown {
        /// The resource.
        resource: Box<Arn>,
    },
    /// The record of the role's managed policies changed again and again.
    #[error(
        "the record of the managed policies of the IAM role {role} changed too often during this run; a retry continues"
    )]
    TooManyConflicts {
        /// The role.
        role: RoleName,
    },
    /// The number of managed policies that a role may have is unknown.
    #[error("the quota `Managed policies per role` cannot be read: servicequotas:GetServiceQuota failed")]
    Quota {
        /// Whether a retry may succeed.
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

impl ErrorClass for AwsError {
    fn error_class(&self) -> &'static str {
        match self {
            AwsError::Denied { .. }
            | AwsError::OptedOut { .. }
            | AwsError::StillAttached { .. }
            | AwsError::RoleForbidden { .. }
            | AwsError::Unmodifiable { .. }
            | AwsError::ResourceDenied { .. } => "denied",
            AwsError::Failed { .. } | AwsError::Resource { .. } | AwsError::Quota { .. } => "unavailable",
            AwsError::TooManyConflicts { .. } => "conflict",
            AwsError::State(error) => error.class(),
            AwsError::ResourceUnknown { .. } | AwsError::Record(_) => "invalid",
        }
    }
}

impl AwsError {
    /// Whether a retry may succeed.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            AwsError::Quota { is_retryable, .. } => *is_retryable,
            AwsError::State(error) => error.is_retryable(),
            AwsError::Failed { .. } | AwsError::Resource { .. } | AwsError::TooManyConflicts { .. } => true,
            AwsError::Denied { .. }
            | AwsError::OptedOut { .. }
            | AwsError::StillAttached { .. }
            | AwsError::RoleForbidden { .. }
            | AwsError::Unmodifiable { .. }
            | AwsError::ResourceDenied { .. }
            | AwsError::ResourceUnknown { .. }
            | AwsError::Record(_) => false,
        }
    }

    /// Whether people are told in Data Mesh Manager, because somebody has to do something. Temporary failures are not
    /// reported.
    pub(crate) fn is_for_people(&self) -> bool {
        match self {
            AwsError::Denied { .. }
            | AwsError::OptedOut { .. }
            | AwsError::StillAttached { .. }
            | AwsError::RoleForbidden { .. }
            | AwsError::Unmodifiable { .. }
            | AwsError::ResourceDenied { .. } => true,
            AwsError::Failed { .. }
            | AwsError::Resource { .. }
            | AwsError::ResourceUnknown { .. }
            | AwsError::TooManyConflicts { .. }
            | AwsError::Quota { .. }
            | AwsError::State(_)
            | AwsError::Record(_) => false,
        }
    }
}

/// The roles or managed policies of the account could not be listed.
#[derive(Debug, Error)]
pub enum ListError {
    /// The role of this function may not do this.
    #[error(
        "this integration is not allowed to call {action}: check the policies of the function, permissions boundaries and \
         service control policies, or set SCAN_ROLES to false"
    )]
    Denied {
        /// The IAM action.
        action: &'static str,
        /// The cause.
        #[source]
        source: Source,
    },
    /// AWS did not answer, throttled the call, or failed.
    #[error("{action} failed")]
    Failed {
        /// The IAM action.
        action: &'static str,
        /// The cause.
        #[source]
        source: Source,
    },
}

impl ListError {
    /// Whether a retry may succeed.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            ListError::Denied { .. } => false,
            ListError::Failed { .. } => true,
        }
    }
}
