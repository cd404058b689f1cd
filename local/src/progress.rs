//! What a user sees while `dmm-local` works: a spinner or bar per step on a terminal, plain lines elsewhere.
//!
//! Everything goes to standard error, so that standard output holds the result alone.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Plain lines tell of a step's detail this often at the most.
const PLAIN_INTERVAL: Duration = Duration::from_secs(5);

/// Where steps are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Spinners and bars that redraw themselves.
    Terminal,
    /// One line when a step begins, now and then while it runs, and when it ends.
    Plain,
    /// Nothing (tests).
    Silent,
}

impl Progress {
    /// [`Progress::Terminal`] when standard error is a terminal, [`Progress::Plain`] otherwise.
    #[must_use]
    pub fn detect() -> Self {
        if std::io::stderr().is_terminal() { Self::Terminal } else { Self::Plain }
    }

    /// Begins a step of unknown length.
    #[must_use]
    pub fn step(self, title: &str) -> Step {
        Step::new(self, title, None)
    }

    /// Begins a step of `total` parts.
    #[must_use]
    pub fn steps(self, title: &str, total: usize) -> Step {
        Step::new(self, title, Some(total))
    }

    /// Says one line that stays.
    pub fn line(self, text: &str) {
        if self != Self::Silent {
            eprintln!("{text}");
        }
    }
}

/// A step under way. One that is dropped without [`Step::done`] has failed and clears its bar.
#[derive(Debug)]
pub struct Step {
    progress: Progress,
    title: String,
    bar: ProgressBar,
    started: Instant,
    spoken: std::sync::Mutex<Instant>,
}

impl Step {
    fn new(progress: Progress, title: &str, total: Option<usize>) -> Self {
        let bar = match (progress, total) {
            (Progress::Terminal, Some(total)) => ProgressBar::new(total as u64)
                .with_style(style("  {spinner} {prefix} {bar:24} {pos}/{len} {msg}")),
            (Progress::Terminal, None) => {
                ProgressBar::new_spinner().with_style(style("  {spinner} {prefix} {msg} ({elapsed})"))
            }
            (Progress::Plain | Progress::Silent, _) => {
                ProgressBar::with_draw_target(total.map(|n| n as u64), ProgressDrawTarget::hidden())
            }
        };
        bar.set_prefix(title.to_owned());
        if progress == Progress::Terminal {
            bar.enable_steady_tick(Duration::from_millis(100));
        }
        if progress == Progress::Plain {
            eprintln!("{title} ...");
        }
        let now = Instant::now();
        Self { progress, title: title.to_owned(), bar, started: now, spoken: std::sync::Mutex::new(now) }
    }

    /// Says what the step is doing now.
    pub fn detail(&self, text: &str) {
        self.bar.set_message(text.to_owned());
        self.speak(text);
    }

    /// One more part of a step with a total is finished; `text` names it.
    pub fn advance(&self, text: &str) {
        self.bar.inc(1);
        self.detail(text);
    }

    /// The step is finished; the line that says so stays.
    pub fn done(&self, text: &str) {
        self.bar.finish_and_clear();
        self.progress.line(&format!(
            "{}: {text} ({:.1} s)",
            self.title,
            self.started.elapsed().as_secs_f64()
        ));
    }

    fn speak(&self, text: &str) {
        if self.progress != Progress::Plain {
            return;
        }
        // A poisoned lock only means that another thread panicked while it spoke.
        let mut spoken = self.spoken.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if spoken.elapsed() >= PLAIN_INTERVAL {
            *spoken = Instant::now();
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
    // The templates are constants of this file; a wrong one falls back to indicatif's own look.
    ProgressStyle::with_template(template)
        .unwrap_or_else(|_| ProgressStyle::default_spinner())
        .progress_chars("=> ")
}
