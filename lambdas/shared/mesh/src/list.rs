//! Lists of agreements.

use crate::agreement::AgreementRef;

/// A page of the agreements of a generation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgreementPage {
    /// The agreements, in the order of the answer. Only their identities: a list is outdated as soon as it arrives, so each
    /// agreement is read when it is needed.
    pub agreements: Vec<AgreementRef>,
    /// The number of entries without an id, which cannot be read.
    pub nameless: usize,
    /// The number of the next page; `None` at the end of the list.
    pub next: Option<u64>,
}
