//! What is remembered from run to run beside the position: how long a pass takes, and which agreements fail again and again.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::report::Report;

/// The pass in progress and the one before it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct History {
    /// When the pass in progress began; `None` between two passes.
    started: Option<Timestamp>,
    /// What could not be reconciled in the pass in progress.
    failing: BTreeSet<String>,
    /// What could not be reconciled in the last complete pass.
    failed: BTreeSet<String>,
}

impl History {
    /// A run begins at `now`. `continues` says whether it continues a pass.
    #[must_use]
    pub fn begin(self, continues: bool, now: Timestamp) -> History {
        match self.started {
            Some(_) if continues => self,
            _ => History { started: Some(now), failing: BTreeSet::new(), failed: self.failed },
        }
    }

    /// A run ends at `now` with this report. If the pass is complete, the report gets its duration and what is
    /// [stuck](Report::stuck).
    #[must_use]
    pub fn end(mut self, report: &mut Report, now: Timestamp) -> History {
        self.failing.extend(report.failed.iter().map(|failure| failure.agreement.clone()));
        if !report.complete {
            // After the brake, the next pass begins anew.
            let started = self.started.filter(|_| report.brake.is_none());
            return History { started, ..self };
        }
        report.stuck = self.failing.intersection(&self.failed).cloned().collect();
        report.seconds =
            self.started.map(|started| now.duration_since(started).as_secs().max(0).unsigned_abs());
        History { started: None, failing: BTreeSet::new(), failed: self.failing }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reconcile::report::Failure;

    fn report(failed: &[&str], complete: bool) -> Report {
        let failure =
            |agreement: &&str| Failure { agreement: (*agreement).to_owned(), reason: "denied".to_owned() };
        Report { failed: failed.iter().map(failure).collect(), complete, ..Report::default() }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_pass_lasts_from_its_first_run_to_its_last() {
        let history = History::default().begin(false, at(100));
        let mut first = report(&[], false);
        let history = history.end(&mut first, at(160));
        assert_eq!(first.seconds, None);
        let mut last = report(&[], true);
        let history = history.begin(true, at(3700)).end(&mut last, at(3710));
        assert_eq!(last.seconds, Some(3610));
        let mut next = report(&[], true);
        let _ = history.begin(false, at(7300)).end(&mut next, at(7305));
        assert_eq!(next.seconds, Some(5));
    }

    #[test]
    fn what_fails_in_two_complete_passes_is_stuck() {
        let run = |history: History, report: &mut Report, continues| {
            history.begin(continues, at(0)).end(report, at(0))
        };
        let mut first = report(&["access a", "access b"], true);
        let history = run(History::default(), &mut first, false);
        assert!(first.stuck.is_empty());
        // The second pass takes two runs.
        let history = run(history, &mut report(&["access b"], false), false);
        let mut second = report(&["access c"], true);
        let history = run(history, &mut second, true);
        assert_eq!(second.stuck, ["access b"]);
        let mut third = report(&[], true);
        let history = run(history, &mut third, false);
        assert!(third.stuck.is_empty());
        assert_eq!(history, History::default(), "nothing has to be remembered");
    }
}
