//! The file that records the events of a run.

use std::fs::{self, File};
use std::io::Write;
use std::path::PathBuf;

use dmm_proxy::Request;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::TryRecvError;

use crate::bus::published;
use crate::clients::Place;
use crate::error::StackError;
use crate::stack::Stack;

/// The file of a run's events.
pub(crate) struct Journal {
    path: PathBuf,
    file: File,
    requests: Receiver<Request>,
    /// The last request that is in the file.
    seen: u64,
    place: Place,
}

impl Journal {
    /// Begins the file anew with what was published so far.
    ///
    /// # Errors
    ///
    /// [`StackError::Journal`] when it cannot be written.
    pub(crate) fn start(path: PathBuf, stack: &Stack) -> Result<Self, StackError> {
        let failed = |source| StackError::Journal { path: path.clone(), source };
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(failed)?;
        }
        let file = File::create(&path).map_err(failed)?;
        // First, so that nothing is between what is there and what is still to come.
        let requests = stack.proxy().subscribe();
        let mut journal = Self { path, file, requests, seen: 0, place: Place::default() };
        for request in stack.proxy().requests() {
            journal.keep(&request)?;
        }
        Ok(journal)
    }

    /// Writes what was published since.
    ///
    /// # Errors
    ///
    /// [`StackError::Journal`] when it cannot be written.
    pub(crate) fn catch_up(&mut self) -> Result<(), StackError> {
        loop {
            match self.requests.try_recv() {
                Ok(request) => self.keep(&request)?,
                Err(TryRecvError::Lagged(count)) => {
                    tracing::warn!(count, file = %self.path.display(), "more requests than could be kept: events are missing");
                }
                Err(TryRecvError::Empty | TryRecvError::Closed) => return Ok(()),
            }
        }
    }

    fn keep(&mut self, request: &Request) -> Result<(), StackError> {
        if request.seq <= self.seen {
            return Ok(());
        }
        self.seen = request.seq;
        for event in published(request, &self.place) {
            writeln!(self.file, "{event}")
                .map_err(|source| StackError::Journal { path: self.path.clone(), source })?;
        }
        Ok(())
    }
}
