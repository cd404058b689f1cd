//! The three generations of agreements, and the identity of an agreement.

use std::fmt;

/// The generation of an agreement.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Ord, PartialOrd)]
pub enum AgreementKind {
    /// Until 2023-09. Today an address of this generation holds a data contract *document*, which is not an
    /// agreement.
    DataContract,
    /// The second generation.
    DataUsageAgreement,
    /// The current generation.
    Access,
}

/// Everything that differs between the generations.
struct Generation {
    name: &'static str,
    collection: &'static str,
    event_prefix: &'static str,
    policy_prefix: &'static str,
}

impl AgreementKind {
    /// All generations, oldest first.
    pub const ALL: [AgreementKind; 3] =
        [AgreementKind::DataContract, AgreementKind::DataUsageAgreement, AgreementKind::Access];

    /// The table of generations.
    const fn generation(self) -> Generation {
        match self {
            AgreementKind::DataContract => Generation {
                name: "datacontract",
                collection: "datacontracts",
                event_prefix: "DataContract",
                policy_prefix: "DMM_Datacontract_",
            },
            AgreementKind::DataUsageAgreement => Generation {
                name: "datausageagreement",
                collection: "datausageagreements",
                event_prefix: "DataUsageAgreement",
                policy_prefix: "DMM_DataUsageAgreement_",
            },
            AgreementKind::Access => Generation {
                name: "access",
                collection: "access",
                event_prefix: "Access",
                policy_prefix: "DMM_Access_",
            },
        }
    }

    /// The name in object keys, records and logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.generation().name
    }

    /// The collection in the API's addresses: `/api/{collection}/{id}`.
    #[must_use]
    pub fn collection(self) -> &'static str {
        self.generation().collection
    }

    /// What the types of its events begin with, e.g. `Access` of `AccessActivatedEvent`.
    #[must_use]
    pub fn event_prefix(self) -> &'static str {
        self.generation().event_prefix
    }

    /// What the names of its policies in IAM begin with. The agreement's id follows.
    #[must_use]
    pub fn policy_prefix(self) -> &'static str {
        self.generation().policy_prefix
    }

    /// The generation with this [name](Self::as_str).
    #[must_use]
    pub fn named(name: &str) -> Option<AgreementKind> {
        AgreementKind::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    /// The generation before this one.
    #[must_use]
    pub fn previous(self) -> Option<AgreementKind> {
        AgreementKind::ALL.into_iter().rev().find(|kind| *kind < self)
    }
}

impl fmt::Display for AgreementKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// The identity of an agreement.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Ord, PartialOrd)]
pub struct AgreementRef {
    /// The generation.
    pub kind: AgreementKind,
    /// The id: any string, for example a UUID or a URN.
    pub id: String,
}

impl fmt::Display for AgreementRef {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.kind, self.id)
    }
}
