//! Records the events of a run in a file.

use std::fs::{self, File};
use std::io::Write;
use std::path::PathBuf;

use dmm_proxy::Request;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::TryRecvError;

use crate::bus::published;
use crate::clients::AwsAccount;
use crate::error::StackError;
use crate::stack::Stack;

/// The file with a run's events.
pub(crate) struct Journal {
    path: PathBuf,
    file: File,
    requests: Receiver<Request>,
    /// The sequence number of the last request in the file.
    seen: u64,
    aws_account: AwsAccount,
}

impl Journal {
    /// Creates the file, replacing an existing one, with the events that were published so far.
    ///
    /// # Errors
    ///
    /// [`StackError::Journal`] if the file cannot be written.
    pub(crate) fn start(path: PathBuf, stack: &Stack) -> Result<Self, StackError> {
        let failed = |source| StackError::Journal { path: path.clone(), source };
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(failed)?;
        }
        let file = File::create(&path).map_err(failed)?;
        // Subscribe first, so that no request is missed between the past and the future ones.
        let requests = stack.proxy().subscribe();
        let mut journal = Self { path, file, requests, seen: 0, aws_account: AwsAccount::default() };
        for request in stack.proxy().requests() {
            journal.write(&request)?;
        }
        Ok(journal)
    }

    /// Writes the events that were published since the last call.
    ///
    /// # Errors
    ///
    /// [`StackError::Journal`] if the file cannot be written.
    pub(crate) fn catch_up(&mut self) -> Result<(), StackError> {
        loop {
            match self.requests.try_recv() {
                Ok(request) => self.write(&request)?,
                Err(TryRecvError::Lagged(count)) => {
                    tracing::warn!(count, file = %self.path.display(), "too many requests between two writes: events are missing in the file");
                }
                Err(TryRecvError::Empty | TryRecvError::Closed) => return Ok(()),
            }
        }
    }

    fn write(&mut self, request: &Request) -> Result<(), StackError> {
        if request.seq <= self.seen {
            return Ok(());
        }
        self.seen = request.seq;
        for event in published(request, &self.aws_account) {
            writeln!(self.file, "{event}")
                .map_err(|source| StackError::Journal { path: self.path.clone(), source })?;
        }
        Ok(())
    }
}
