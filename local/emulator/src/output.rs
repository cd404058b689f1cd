//! What an emulator's processes print, for error messages.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{BufReader, Lines};
use tokio::net::tcp::OwnedReadHalf;

/// The number of lines that are kept.
const LINES_KEPT: usize = 60;

/// The latest lines of a process's output.
#[derive(Debug, Clone, Default)]
pub(crate) struct Output(Arc<Mutex<VecDeque<String>>>);

impl Output {
    /// Keeps the lines of a server's output until the server exits.
    pub(crate) async fn follow(self, mut lines: Lines<BufReader<OwnedReadHalf>>) {
        while let Ok(Some(line)) = lines.next_line().await {
            tracing::debug!(line, "emulated AWS");
            self.add(line);
        }
    }

    pub(crate) fn add(&self, line: String) {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lines.push_back(line);
        if lines.len() > LINES_KEPT {
            lines.pop_front();
        }
    }

    pub(crate) fn text(&self) -> String {
        let lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Vec::from(lines.clone()).join("\n")
    }
}
