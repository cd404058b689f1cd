//! The steps of a run, and how it ends.

use jiff::Timestamp;

use crate::entitlement::{Entitlement, Place};
use crate::record::GrantState;
use crate::target::Desired;

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// Read the record; answer with [`record_read`](super::RunState::record_read).
    ReadRecord,
    /// Read the agreement and, if it is in force, the data products, the team and the role; answer with
    /// [`target_read`](super::RunState::target_read), or with [`target_missing`](super::RunState::target_missing) if the agreement does not exist.
    ReadTarget,
    /// Look at what is at this place; answer with [`looked`](super::RunState::looked).
    Look(Place),
    /// Write the record, on the condition that it is unchanged since it was last read or written; answer with
    /// [`written`](super::RunState::written) or [`conflict`](super::RunState::conflict).
    Write(GrantState),
    /// All access of the agreement is about to be taken away for this reason; answer with [`admitted`](super::RunState::admitted) or
    /// [`postponed`](super::RunState::postponed).
    Admit(Desired),
    /// Put the entitlement; answer with [`done`](super::RunState::done), or with [`rejected`](super::RunState::rejected) if AWS will never accept it.
    Put(Entitlement),
    /// Delete what is at this place, if anything; answer with [`done`](super::RunState::done).
    Delete(Place),
    /// The agreement, the record and AWS agree.
    Finish(Finish),
    /// Everything changed more often than a run can follow. This is an error, and a retry may succeed.
    GiveUp,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Finish {
    /// What should exist, and does. If AWS rejected it, the reason.
    pub desired: Desired,
    /// Whether the run changed AWS.
    pub changed: bool,
    /// Whether access was given, now or earlier.
    pub was_known: bool,
    /// Whether what was given before remains, because AWS rejected `desired` only for lack of room.
    pub is_kept: bool,
    /// Why the run ended although access should be taken away.
    pub postponed: Option<Postponement>,
}

/// Why access is not taken away yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Postponement {
    /// The agreement was not found, and a later look has to confirm that.
    SecondLook,
    /// Too many agreements would lose their access at once.
    Brake,
}

/// The agreement was not found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Absence {
    /// When.
    pub seen: Timestamp,
    /// Whether it is certain: its deletion was announced, or an earlier look ([`GrantState::missing_since`]) agrees.
    pub is_confirmed: bool,
}
