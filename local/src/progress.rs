//! Displays progress while `dmm-local` works: a spinner or a bar per step on a terminal, plain lines elsewhere.
//!
//! All output goes to standard error, so that standard output contains only the result.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// The minimum interval between plain lines with a step's details.
const PLAIN_INTERVAL: Duration = Duration::from_secs(5);

/// How progress is displayed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProgressDisplay {
    /// As animated spinners and bars.
    Terminal,
    /// As lines: when a step starts, occasionally while it runs, and when it ends.
    Plain,
    /// Not at all (for tests).
    Silent,
}

impl ProgressDisplay {
    /// Returns [`ProgressDisplay::Terminal`] if standard error is a terminal, and [`ProgressDisplay::Plain`] otherwise.
    #[must_use]
    pub fn detect() -> Self {
        if std::io::stderr().is_terminal() { Self::Terminal } else { Self::Plain }
    }

    /// Starts a step of unknown length.
    #[must_use]
    pub fn step(self, title: &str) -> Step {
        Step::new(self, title, None)
    }

    /// Starts a step with `total` parts.
    #[must_use]
    pub fn steps(self, title: &str, total: usize) -> Step {
        Step::new(self, title, Some(total))
    }

    /// Prints a line.
    pub fn line(self, text: &str) {
        if self != Self::Silent {
            eprintln!("{text}");
        }
    }
}

/// A step in progress. If it is dropped without [`Step::done`], it has failed, and its bar is cleared.
#[derive(Debug)]
pub struct Step {
    progress: ProgressDisplay,
    title: String,
    bar: ProgressBar,
    started: Instant,
    last_line: std::sync::Mutex<Instant>,
}

impl Step {
    fn new(progress: ProgressDisplay, title: &str, total: Option<usize>) -> Self {
        let bar = match (progress, total) {
            (ProgressDisplay::Terminal, Some(total)) => ProgressBar::new(total as u64)
                .with_style(style("  {spinner} {prefix} {bar:24} {pos}/{len} {msg}")),
            (ProgressDisplay::Terminal, None) => {
                ProgressBar::new_spinner().with_style(style("  {spinner} {prefix} {msg} ({elapsed})"))
            }
            (ProgressDisplay::Plain | ProgressDisplay::Silent, _) => {
                ProgressBar::with_draw_target(total.map(|n| n as u64), ProgressDrawTarget::hidden())
            }
        };
        bar.set_prefix(title.to_owned());
        if progress == ProgressDisplay::Terminal {
            bar.enable_steady_tick(Duration::from_millis(100));
        }
        if progress == ProgressDisplay::Plain {
            eprintln!("{title} ...");
        }
        let now = Instant::now();
        Self { progress, title: title.to_owned(), bar, started: now, last_line: std::sync::Mutex::new(now) }
    }

    /// Displays what the step is doing.
    pub fn detail(&self, text: &str) {
        self.bar.set_message(text.to_owned());
        self.print_detail(text);
    }

    /// Marks one part as finished. `text` describes it.
    pub fn advance(&self, text: &str) {
        self.bar.inc(1);
        self.detail(text);
    }

    /// Finishes the step and prints a line with its result.
    pub fn done(&self, text: &str) {
        self.bar.finish_and_clear();
        self.progress.line(&format!(
            "{}: {text} ({:.1} s)",
            self.title,
            self.started.elapsed().as_secs_f64()
        ));
    }

    fn print_detail(&self, text: &str) {
        if self.progress != ProgressDisplay::Plain {
            return;
        }
        // If another thread panicked while it held the lock, the time is still valid.
        let mut last_line = self.last_line.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if last_line.elapsed() >= PLAIN_INTERVAL {
            *last_line = Instant::now();
            eprintln!("{}: {text}", self.title);
        }
    }
}

impl Drop for Step {
    fn drop(&mut self) {
        if !self.bar.is_finished() {
            self.bar.finish_and_clear();
        }
    }
}

fn style(template: &str) -> ProgressStyle {
    // The templates are constants in this file. An invalid one falls back to indicatif's default style.
    ProgressStyle::with_template(template)
        .unwrap_or_else(|_| ProgressStyle::default_spinner())
        .progress_chars("=> ")
}
