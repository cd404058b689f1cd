//! Calls with several entries, of which each can fail on its own: `SendMessageBatch` of SQS and `PutEvents` of
//! EventBridge.

use thiserror::Error;

use crate::call_error::{CallError, CallErrorKind};

/// How many entries one call may have, and how large they may be together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchLimits {
    /// The maximum number of entries.
    pub entries: usize,
    /// The maximum sum of the entries' sizes, in bytes.
    pub bytes: usize,
}

impl BatchLimits {
    /// Splits entries into as few batches as their order allows. An entry that is larger than the limit gets a batch of
    /// its own.
    pub fn split<T>(self, entries: impl IntoIterator<Item = T>, size: impl Fn(&T) -> usize) -> Vec<Vec<T>> {
        let mut batches: Vec<Vec<T>> = Vec::new();
        let mut batch_size = 0;
        for entry in entries {
            let size = size(&entry);
            match batches.last_mut() {
                Some(batch) if batch.len() < self.entries && batch_size + size <= self.bytes => {
                    batch_size += size;
                    batch.push(entry);
                }
                _ => {
                    batch_size = size;
                    batches.push(vec![entry]);
                }
            }
        }
        batches
    }
}

/// What can be done about a batch, or an entry of it, that was not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureKind {
    /// It may be accepted if it is sent again.
    Transient,
    /// The content of an entry is wrong: it will never be accepted. For a batch, that of at least one entry, or the
    /// entries are too large together.
    InvalidContent,
    /// It is rejected for something that somebody has to change, for example a missing permission or resource.
    Rejected,
}

/// A batch, or an entry of it, was not accepted.
#[derive(Debug, Error)]
#[error("{error}")]
pub struct BatchError {
    /// What can be done about it.
    pub kind: FailureKind,
    /// The failed call, or the entry's failure in a call that succeeded.
    #[source]
    pub error: CallError,
}

/// An entry that was not accepted although the call succeeded.
#[derive(Debug)]
pub struct EntryFailure {
    /// Its index in the batch.
    pub index: usize,
    /// Why it was not accepted.
    pub failure: BatchError,
}

impl BatchError {
    /// Classifies a failure. `is_content_code` knows the error codes that blame an entry's content.
    pub(crate) fn new(error: CallError, is_content_code: impl Fn(&str) -> bool) -> BatchError {
        let kind = if error.is_retryable() {
            FailureKind::Transient
        } else if error.code.as_deref().is_some_and(is_content_code) {
            FailureKind::InvalidContent
        } else {
            FailureKind::Rejected
        };
        BatchError { kind, error }
    }
}

/// The failure of an entry that the answer does not confirm as accepted.
pub(crate) fn unconfirmed() -> CallError {
    let reason = "the answer does not confirm that it was accepted".to_owned();
    CallError {
        kind: CallErrorKind::Unavailable,
        code: None,
        status: None,
        message: None,
        source: reason.clone().into(),
        reason,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: BatchLimits = BatchLimits { entries: 10, bytes: 1000 };

    /// The indices of entries of these sizes, in their batches.
    fn batches(sizes: &[usize]) -> Vec<Vec<usize>> {
        let batches = LIMITS.split(sizes.iter().copied().enumerate(), |(_, size)| *size);
        batches.into_iter().map(|batch| batch.into_iter().map(|(index, _)| index).collect()).collect()
    }

    #[test]
    fn no_entries_need_no_batch() {
        assert!(batches(&[]).is_empty());
    }

    #[test]
    fn ten_small_entries_fill_a_batch_and_keep_their_order() {
        assert_eq!(batches(&[1; 10]).len(), 1);
        assert_eq!(batches(&[1; 11]), [(0..10).collect(), vec![10]]);
        let batches = batches(&[1; 23]);
        assert_eq!(batches.iter().map(Vec::len).collect::<Vec<_>>(), [10, 10, 3]);
        assert_eq!(batches.concat(), (0..23).collect::<Vec<_>>());
    }

    #[test]
    fn a_batch_is_filled_up_to_the_limit_but_not_beyond() {
        assert_eq!(batches(&[900, 100]), [vec![0, 1]]);
        assert_eq!(batches(&[900, 101]), [vec![0], vec![1]]);
    }

    #[test]
    fn the_order_is_kept_even_if_a_later_entry_would_fit_into_an_earlier_batch() {
        assert_eq!(batches(&[600, 600, 10]), [vec![0], vec![1, 2]]);
    }

    #[test]
    fn an_entry_of_the_limit_or_above_gets_a_batch_of_its_own() {
        assert_eq!(batches(&[10, 1000, 10]), [vec![0], vec![1], vec![2]]);
        assert_eq!(batches(&[10, 5000, 10, 10]), [vec![0], vec![1], vec![2, 3]]);
    }
}
