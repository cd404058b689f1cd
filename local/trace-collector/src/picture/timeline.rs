//! The timeline of a trace's segments.

use std::fmt::Write;

use super::{MARGIN, WIDTH, class, escaped, range, text, took};
use crate::segment::Segment;
use crate::waterfall::formatted;

/// The height of a segment, in pixels.
const ROW: usize = 22;
/// The width of the names, in pixels.
const NAMES: usize = 450;
/// The width of a duration, in pixels.
const DURATION: usize = 70;
/// How far a segment is to the right of its parent, in pixels.
const INDENT: usize = 12;

/// The height of the timeline, in pixels.
pub(super) fn height(segments: &[Segment]) -> usize {
    segments.len() * ROW
}

/// Draws the timeline from this height downwards.
pub(super) fn draw(segments: &[Segment], top: usize) -> String {
    let mut rows = Vec::new();
    let is_here = |id: &str| segments.iter().any(|it| it.id == id);
    for root in segments.iter().filter(|it| it.parent.as_deref().is_none_or(|id| !is_here(id))) {
        branch(segments, root, 0, &mut rows);
    }
    let (begin, end) = range(segments);
    let mut svg = String::new();
    for (index, (depth, segment)) in rows.into_iter().enumerate() {
        let y = top + index * ROW;
        if index % 2 == 0 {
            let (x, width) = (MARGIN / 2, WIDTH - MARGIN);
            let _ = writeln!(
                svg,
                "<rect class=\"band\" x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{ROW}\"/>"
            );
        }
        let x = MARGIN + depth * INDENT;
        let style = if segment.is_subsegment { "" } else { "function" };
        text(&mut svg, x, y + 16, style, &label(segment));
        text(
            &mut svg,
            MARGIN + NAMES + DURATION - 10,
            y + 16,
            "faint end",
            &formatted(took(segment.start, segment.end)),
        );
        let (from, width) = bar(segment, begin, end);
        let _ = writeln!(
            svg,
            "<rect class=\"bar {}\" data-segment=\"{}\" x=\"{from:.1}\" y=\"{}\" width=\"{width:.1}\" height=\"10\" rx=\"2\"/>",
            class(segment.outcome),
            escaped(&label(segment)),
            y + 6
        );
    }
    svg
}

fn branch<'a>(
    segments: &'a [Segment],
    segment: &'a Segment,
    depth: usize,
    rows: &mut Vec<(usize, &'a Segment)>,
) {
    rows.push((depth, segment));
    // Malformed traces could have a cycle.
    if rows.len() > segments.len() {
        return;
    }
    for child in segments.iter().filter(|it| it.parent.as_ref() == Some(&segment.id)) {
        branch(segments, child, depth + 1, rows);
    }
}

/// The name, and what was called.
fn label(segment: &Segment) -> String {
    let name = segment.short_name();
    segment.operation.as_ref().map_or_else(|| name.to_owned(), |operation| format!("{name}  {operation}"))
}

/// The left end and the width of a bar, in pixels.
fn bar(segment: &Segment, begin: f64, end: f64) -> (f64, f64) {
    let left = to_f64(MARGIN + NAMES + DURATION);
    let width = to_f64(WIDTH - MARGIN) - left;
    let whole = (end - begin).max(f64::MIN_POSITIVE);
    let at = |time: f64| (time - begin) / whole * width;
    let from = at(segment.start).min(width - 2.0);
    (left + from, (at(segment.end) - from).max(2.0))
}

fn to_f64(pixels: usize) -> f64 {
    u32::try_from(pixels).map_or(0.0, f64::from)
}
