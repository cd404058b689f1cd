//! The demonstration's live table: one row per agreement, with a spinner until its result is known. Without a terminal, it prints
//! plain lines.

use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use crate::progress::ProgressDisplay;

/// The table of one phase of the demonstration.
pub(crate) struct DemoTable {
    progress: ProgressDisplay,
    rows: Vec<Row>,
    started: Instant,
}

struct Row {
    title: String,
    bar: ProgressBar,
    settled: bool,
}

impl DemoTable {
    /// Creates a table with a waiting row for each title.
    pub(crate) fn new(progress: ProgressDisplay, heading: &str, titles: &[String]) -> Self {
        progress.line(&format!("\n{heading}"));
        let table = MultiProgress::new();
        let width = titles.iter().map(|title| title.chars().count()).max().unwrap_or(0);
        let rows = titles
            .iter()
            .map(|title| {
                let title = format!("{title:width$}");
                let bar = match progress {
                    ProgressDisplay::Terminal => table.add(ProgressBar::new_spinner()),
                    ProgressDisplay::Plain | ProgressDisplay::Silent => ProgressBar::hidden(),
                };
                bar.set_style(style("  {spinner} {prefix}  {msg}"));
                bar.set_prefix(title.clone());
                bar.set_message("waiting");
                bar.enable_steady_tick(Duration::from_millis(100));
                Row { title, bar, settled: false }
            })
            .collect();
        Self { progress, rows, started: Instant::now() }
    }

    /// Sets the result of row `index`: a mark and a text.
    pub(crate) fn settle(&mut self, index: usize, mark: char, text: &str) {
        let seconds = self.started.elapsed().as_secs_f64();
        let Some(row) = self.rows.get_mut(index).filter(|row| !row.settled) else { return };
        row.settled = true;
        row.bar.set_style(style(&format!("  {mark} {{prefix}}  {{msg}}")));
        row.bar.finish_with_message(format!("{text} ({seconds:.1} s)"));
        if self.progress == ProgressDisplay::Plain {
            eprintln!("  {mark} {}  {text} ({seconds:.1} s)", row.title);
        }
    }

    /// Returns the titles of the rows without a result.
    pub(crate) fn waiting(&self) -> Vec<&str> {
        self.rows.iter().filter(|row| !row.settled).map(|row| row.title.trim_end()).collect()
    }
}

fn style(template: &str) -> ProgressStyle {
    // The templates are constants in this file. An invalid one falls back to indicatif's default style.
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner())
}
