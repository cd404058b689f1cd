//! A trace as text: a line for each segment, below the one that caused it, with a bar for its duration.

use std::fmt;

use super::Trace;
use super::segments::Segment;
use crate::terminal::shown;

/// The width of a bar, in columns.
const BAR: usize = 24;
/// The most columns for what was called.
const LABEL: usize = 64;

impl fmt::Display for Trace {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}  {}", self.id, self.title())?;
        if let Some(event) = self.annotation("cloudevents.event_id") {
            write!(formatter, " {event}")?;
        }
        if let Some(began) = self.began {
            write!(formatter, "  {}", shown(began))?;
        }
        writeln!(formatter, "  {}", duration(self.duration_ms))?;
        let labels: Vec<String> = branches(&self.segments).iter().map(|label| cut(label)).collect();
        let width = |texts: &mut dyn Iterator<Item = &str>| texts.map(|text| text.chars().count()).max();
        let label = width(&mut labels.iter().map(String::as_str)).unwrap_or_default();
        let function = width(&mut self.segments.iter().map(|segment| &*segment.function)).unwrap_or_default();
        // X-Ray shows the outcome of a function at the function and at the bus or queue that started it; once is enough here.
        let mut above: Vec<Option<String>> = Vec::new();
        for (segment, name) in self.segments.iter().zip(&labels) {
            above.truncate(segment.depth);
            let remark = segment.remark();
            let is_new = above.last() != Some(&remark);
            let shown = remark.as_deref().filter(|_| is_new).unwrap_or_default();
            let took = segment.duration_ms.map_or_else(|| "…".to_owned(), duration);
            let line = format!(
                "{name:label$}  {:function$}  {:>10}  ▕{}▏{took:>8}  {shown}",
                segment.function,
                format!("+{}", duration(segment.offset_ms)),
                bar(segment, self.duration_ms)
            );
            writeln!(formatter, "{}", line.trim_end())?;
            above.push(remark);
        }
        Ok(())
    }
}

/// The label of each segment, with lines to the one that caused it.
fn branches(segments: &[Segment]) -> Vec<String> {
    let is_last = |index: usize, depth: usize| {
        let after = segments.iter().skip(index + 1).map(|segment| segment.depth);
        after.take_while(|other| *other >= depth).all(|other| other > depth)
    };
    // For each depth, whether the line to the next sibling goes on.
    let mut goes_on: Vec<bool> = Vec::new();
    let mut labels = Vec::new();
    for (index, segment) in segments.iter().enumerate() {
        goes_on.truncate(segment.depth);
        let mut label = String::new();
        for depth in 1..segment.depth {
            label.push_str(if goes_on.get(depth) == Some(&true) { "│  " } else { "   " });
        }
        let last = is_last(index, segment.depth);
        if segment.depth > 0 {
            label.push_str(if last { "└─ " } else { "├─ " });
        }
        goes_on.push(!last);
        labels.push(label + &segment.label());
    }
    labels
}

/// A bar of at least one column that stays within the width.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a column between 0 and the width"
)]
fn bar(segment: &Segment, whole: f64) -> String {
    let column = |at: f64| ((at / whole.max(0.001)) * BAR as f64).clamp(0.0, BAR as f64) as usize;
    let from = column(segment.offset_ms).min(BAR - 1);
    let to = column(segment.offset_ms + segment.duration_ms.unwrap_or_default()).max(from + 1);
    format!("{}{}{}", " ".repeat(from), "█".repeat(to - from), " ".repeat(BAR - to))
}

fn cut(label: &str) -> String {
    if label.chars().count() <= LABEL {
        return label.to_owned();
    }
    label.chars().take(LABEL - 1).chain(['…']).collect()
}

fn duration(milliseconds: f64) -> String {
    match milliseconds {
        ..10.0 => format!("{milliseconds:.1} ms"),
        ..1000.0 => format!("{milliseconds:.0} ms"),
        _ => format!("{:.2} s", milliseconds / 1000.0),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn every_segment_is_below_the_one_that_caused_it() {
        let document = |id: &str, parent: Option<&str>, name: &str, from: f64, to: f64| -> Value {
            json!({ "id": id, "parent_id": parent, "name": name, "start_time": from, "end_time": to })
        };
        let documents = [
            document("1", None, "p-feed", 1000.0, 1000.004),
            document("2", Some("1"), "p-router", 1000.01, 1000.03),
            document("3", Some("2"), "p-iam-grant", 1000.02, 1001.0),
            document("4", Some("1"), "p-router", 1000.5, 1000.6),
        ];
        let trace = Trace::of("1-000003e8-1", "p", &documents, false).unwrap();
        let expected = "\
1-000003e8-1  feed  1970-01-01 00:16:40Z  1.00 s
feed             feed          +0.0 ms  ▕█                       ▏  4.0 ms
├─ router        router         +10 ms  ▕█                       ▏   20 ms
│  └─ iam-grant  iam-grant      +20 ms  ▕████████████████████████▏  980 ms
└─ router        router        +500 ms  ▕            ██          ▏  100 ms
";
        assert_eq!(trace.to_string(), expected);
    }

    #[test]
    fn an_outcome_is_shown_once() {
        let document = |id: &str, parent: &str, members: Value| {
            let mut document =
                json!({ "id": id, "parent_id": parent, "name": id, "start_time": 1.0, "end_time": 2.0 });
            document.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
            document
        };
        let refused = json!({ "annotations": { "dmm.outcome": "refused" } });
        let documents = [
            document("grant", "-", refused.clone()),
            document("bus", "grant", refused.clone()),
            document("iam", "bus", json!({ "fault": true })),
            document("other", "-", refused),
        ];
        let shown = Trace::of("1-00000001-1", "p", &documents, false).unwrap().to_string();
        assert_eq!((shown.matches("refused").count(), shown.matches("✗ fault").count()), (2, 1), "{shown}");
    }

    #[test]
    fn a_long_label_is_cut() {
        assert_eq!(cut(&"ä".repeat(LABEL)).chars().count(), LABEL);
        assert_eq!(cut(&"ä".repeat(LABEL + 1)).chars().last(), Some('…'));
    }
}
