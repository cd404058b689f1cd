//! The map of a trace.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

use super::{MARGIN, WIDTH, class, escaped, text};
use crate::map::{Kind, Map, Node};
use crate::waterfall::formatted;

/// The radius of a node, in pixels.
const RADIUS: usize = 30;
/// The height of a node with its texts, in pixels.
const ROW: usize = 124;

/// The height of the map, in pixels.
pub(super) fn height(map: &Map) -> usize {
    rows(map) * ROW
}

/// The number of nodes in the fullest column.
fn rows(map: &Map) -> usize {
    let mut of_column: BTreeMap<usize, usize> = BTreeMap::new();
    for node in &map.nodes {
        *of_column.entry(node.column).or_default() += 1;
    }
    of_column.into_values().max().unwrap_or(0)
}

/// Draws the map from this height downwards.
pub(super) fn draw(map: &Map, top: usize) -> String {
    let places = places(map, top);
    let mut svg = String::new();
    for (from, to) in &map.edges {
        if let (Some(&(x, y)), Some(&(to_x, to_y))) = (places.get(from.as_str()), places.get(to.as_str())) {
            let (start, end) = (x + RADIUS + 4, to_x - RADIUS - 6);
            // Nearer to the start, so that an edge keeps away from the texts of the nodes at its end.
            let middle = start + end.saturating_sub(start) / 4;
            let _ = writeln!(
                svg,
                "<path class=\"edge\" data-edge=\"{} → {}\" d=\"M{start} {y} C{middle} {y} {middle} {to_y} {end} {to_y} \
                 m-7 -4 l7 4 l-7 4\"/>",
                escaped(from),
                escaped(to)
            );
        }
    }
    for node in &map.nodes {
        if let Some(&(x, y)) = places.get(node.name.as_str()) {
            draw_node(&mut svg, node, x, y);
        }
    }
    svg
}

fn draw_node(svg: &mut String, node: &Node, x: usize, y: usize) {
    let _ = writeln!(
        svg,
        "<circle class=\"ring {}\" data-node=\"{}\" cx=\"{x}\" cy=\"{y}\" r=\"{RADIUS}\"/>",
        class(node.outcome),
        escaped(&node.name)
    );
    let calls = u32::try_from(node.calls).unwrap_or(u32::MAX).max(1);
    let average = Duration::try_from_secs_f64(node.seconds / f64::from(calls)).unwrap_or_default();
    text(svg, x, y, "middle", &formatted(average));
    let times = if node.calls == 1 { "once".to_owned() } else { format!("{} ×", node.calls) };
    text(svg, x, y + 16, "faint middle", &times);
    text(svg, x, y + RADIUS + 20, "function middle", &node.name);
    text(svg, x, y + RADIUS + 37, "faint middle", kind(node));
}

/// What X-Ray calls the node.
fn kind(node: &Node) -> &'static str {
    match (node.kind, &*node.name) {
        (Kind::Function, _) => "Lambda function",
        (Kind::Aws, _) => "AWS service",
        (Kind::Remote, "EventBridge") => "event bus",
        (Kind::Remote, "Data Mesh Manager") => "API",
        (Kind::Remote, _) => "SQS queue",
    }
}

/// The center of each node.
fn places(map: &Map, top: usize) -> BTreeMap<&str, (usize, usize)> {
    let columns = map.nodes.iter().map(|node| node.column + 1).max().unwrap_or(1);
    let width = (WIDTH - 2 * MARGIN) / columns;
    let all = height(map);
    let mut places = BTreeMap::new();
    for column in 0..columns {
        let nodes: Vec<&Node> = map.nodes.iter().filter(|node| node.column == column).collect();
        let above = (all - nodes.len() * ROW) / 2;
        for (row, node) in nodes.into_iter().enumerate() {
            let (x, y) = (MARGIN + column * width + width / 2, top + above + row * ROW + RADIUS + 12);
            places.insert(node.name.as_str(), (x, y));
        }
    }
    places
}
