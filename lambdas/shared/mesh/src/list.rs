//! Lists of agreements.

use crate::agreement::AgreementRef;

/// One page of the agreements of a generation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgreementPage {
    /// The agreements, in the order of the answer. Each agreement's document is read when it is needed, because a
    /// list is out of date as soon as it arrives.
    pub agreements: Vec<AgreementRef>,
    /// The number of entries without an id, which nobody can ask for.
    pub nameless: usize,
    /// The number of the next page; `None` at the end of the list.
    pub next: Option<u64>,
}
