//! How a run for one agreement ended.

use std::fmt;

use dmm_access::refusal::Refusal;

/// What a run came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Convergence {
    /// How it ended.
    pub outcome: Outcome,
    /// How often the agreement was compared with AWS until they agreed.
    pub rounds: usize,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Access was given or changed.
    Granted,
    /// Access was taken away.
    Revoked,
    /// Everything was as it should be.
    Unchanged,
    /// The agreement is in force, but gets nothing.
    Refused(Refusal),
}

impl Outcome {
    /// The outcome in one word, for spans.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Outcome::Granted => "granted",
            Outcome::Revoked => "revoked",
            Outcome::Unchanged => "unchanged",
            Outcome::Refused(_) => "refused",
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Outcome::Refused(refusal) => write!(formatter, "refused: {refusal}"),
            other => formatter.write_str(other.name()),
        }
    }
}
