//! The three generations of agreements between a provider and a consumer.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The generation of an agreement. It determines the agreement's address and the names of its events.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AgreementKind {
    /// The first generation, `/api/datacontracts/{id}`. Today this address also has contract documents.
    DataContract,
    /// The second generation, `/api/datausageagreements/{id}`.
    DataUsageAgreement,
    /// The current generation, `/api/access/{id}`.
    Access,
}

impl AgreementKind {
    /// All generations, oldest first.
    pub const ALL: [AgreementKind; 3] =
        [AgreementKind::DataContract, AgreementKind::DataUsageAgreement, AgreementKind::Access];

    /// Returns the path segment of the generation's address, e.g. `datacontracts` in `/api/datacontracts`.
    #[must_use]
    pub fn collection(self) -> &'static str {
        match self {
            AgreementKind::DataContract => "datacontracts",
            AgreementKind::DataUsageAgreement => "datausageagreements",
            AgreementKind::Access => "access",
        }
    }

    /// Returns the generation's short name: `datacontract`, `datausageagreement` or `access`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            AgreementKind::DataContract => "datacontract",
            AgreementKind::DataUsageAgreement => "datausageagreement",
            AgreementKind::Access => "access",
        }
    }

    /// Returns the prefix of the names of the generation's events, e.g. `Access` in `AccessActivatedEvent`.
    #[must_use]
    pub fn event_prefix(self) -> &'static str {
        match self {
            AgreementKind::DataContract => "DataContract",
            AgreementKind::DataUsageAgreement => "DataUsageAgreement",
            AgreementKind::Access => "Access",
        }
    }

    /// Returns the name of an agreement of this generation in error messages.
    pub(crate) fn title(self) -> &'static str {
        match self {
            AgreementKind::DataContract => "data contract",
            AgreementKind::DataUsageAgreement => "data usage agreement",
            AgreementKind::Access => "access",
        }
    }
}

impl fmt::Display for AgreementKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A reference to an agreement: its generation and its id.
#[derive(Clone, PartialEq, Eq, Hash, Debug, PartialOrd, Ord, Serialize, Deserialize)]
pub struct AgreementRef {
    /// The generation.
    pub kind: AgreementKind,
    /// The id, a free string without a slash (UUID, URN, slug).
    pub id: String,
}

impl AgreementRef {
    /// Creates a reference to the agreement `id` of the generation `kind`.
    pub fn new(kind: AgreementKind, id: impl Into<String>) -> AgreementRef {
        AgreementRef { kind, id: id.into() }
    }
}

impl fmt::Display for AgreementRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind, self.id)
    }
}
