//! The map of a trace: which service called which.

use std::collections::{BTreeMap, BTreeSet};

use crate::segment::{Outcome, Segment};

/// The map that X-Ray draws of a trace: a node for each service, queue or bus, from left to right.
#[derive(Clone, Debug, PartialEq)]
pub struct Map {
    /// The nodes, the leftmost first.
    pub nodes: Vec<Node>,
    /// Pairs of names: who called whom.
    pub edges: BTreeSet<(String, String)>,
}

/// A service, queue or bus.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// Its place from left to right, from 0.
    pub column: usize,
    /// The number of its segments: how often it was called.
    pub calls: usize,
    /// How long they took together, in seconds.
    pub seconds: f64,
    /// The worst of their results.
    pub outcome: Outcome,
}

/// What a node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// One that sends segments of its own.
    Function,
    /// A service of AWS that was called.
    Aws,
    /// Another system that was called.
    Remote,
}

impl Map {
    /// Draws up the map of these segments, which are those of one trace.
    #[must_use]
    pub fn of(segments: &[Segment]) -> Map {
        let by_id: BTreeMap<&str, &Segment> = segments.iter().map(|it| (it.id.as_str(), it)).collect();
        let owners: BTreeMap<&str, String> =
            segments.iter().map(|it| (it.id.as_str(), owner(it, &by_id))).collect();
        let mut nodes: Vec<Node> = Vec::new();
        let mut edges = BTreeSet::new();
        for segment in segments {
            let Some(name) = owners.get(segment.id.as_str()) else { continue };
            let caller = segment.parent.as_deref().and_then(|id| owners.get(id));
            edges.extend(caller.filter(|it| *it != name).map(|caller| (caller.clone(), name.clone())));
            if segment.short_name() != name {
                // The receiving side of a queue or bus: its sending side has the node.
                continue;
            }
            let found = nodes.iter_mut().find(|node| node.name == *name);
            let seconds = segment.end - segment.start;
            match found {
                Some(node) => {
                    node.calls += 1;
                    node.seconds += seconds;
                    node.outcome = node.outcome.max(segment.outcome);
                    if !segment.is_subsegment {
                        node.kind = Kind::Function;
                    }
                }
                None => nodes.push(Node {
                    name: name.clone(),
                    kind: kind(segment),
                    column: 0,
                    calls: 1,
                    seconds,
                    outcome: segment.outcome,
                }),
            }
        }
        let columns = columns(&nodes, &edges);
        for node in &mut nodes {
            node.column = columns.get(&node.name).copied().unwrap_or(0);
        }
        // Stable, so that nodes of a column stay in the order of their first call.
        nodes.sort_by_key(|node| node.column);
        Map { nodes, edges }
    }
}

fn kind(segment: &Segment) -> Kind {
    match segment.namespace.as_deref() {
        _ if !segment.is_subsegment => Kind::Function,
        Some("aws") => Kind::Aws,
        _ => Kind::Remote,
    }
}

/// The node to which a segment belongs. Who receives from a queue or bus has a subsegment for it; X-Ray shows that as part of
/// the receiver, because the queue or bus is already the node from which the receiver was reached.
fn owner(segment: &Segment, by_id: &BTreeMap<&str, &Segment>) -> String {
    let ancestors = ancestors(segment, by_id);
    let is_known = segment.is_subsegment && ancestors.iter().any(|it| it.name == segment.name);
    let is_part = segment.is_subsegment && segment.namespace.is_none();
    match ancestors.first() {
        Some(parent) if is_known || is_part => owner(parent, by_id),
        _ => segment.short_name().to_owned(),
    }
}

/// From the parent to the root.
fn ancestors<'a>(segment: &Segment, by_id: &BTreeMap<&str, &'a Segment>) -> Vec<&'a Segment> {
    let mut found: Vec<&Segment> = Vec::new();
    let mut next = segment.parent.as_deref();
    while let Some(parent) = next.and_then(|id| by_id.get(id)) {
        // Malformed traces could have a cycle.
        if found.len() > by_id.len() {
            break;
        }
        found.push(parent);
        next = parent.parent.as_deref();
    }
    found
}

/// The column of each node: one to the right of all that lead to it.
fn columns(nodes: &[Node], edges: &BTreeSet<(String, String)>) -> BTreeMap<String, usize> {
    let mut columns: BTreeMap<String, usize> = nodes.iter().map(|node| (node.name.clone(), 0)).collect();
    // As many rounds as there are nodes suffice, and end even if edges form a circle.
    for _ in nodes {
        for (from, to) in edges {
            let right = columns.get(from).map_or(0, |column| column + 1);
            if let Some(column) = columns.get_mut(to) {
                *column = (*column).max(right.min(nodes.len()));
            }
        }
    }
    columns
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::grant;

    #[test]
    fn the_map_shows_the_path_of_an_event_from_left_to_right() {
        let map = Map::of(&grant().segments());
        let shown: Vec<(&str, usize, usize)> =
            map.nodes.iter().map(|node| (node.name.as_str(), node.column, node.calls)).collect();
        let expected = [
            ("feed", 0, 1),
            ("dmm_events", 1, 1),
            ("router", 2, 1),
            ("EventBridge", 3, 1),
            ("iam-grant", 4, 2),
            ("Data Mesh Manager", 5, 1),
            ("IAM", 5, 2),
        ];
        assert_eq!(shown, expected);
        let edge = |from: &str, to: &str| (from.to_owned(), to.to_owned());
        let edges = [
            edge("feed", "dmm_events"),
            edge("dmm_events", "router"),
            edge("router", "EventBridge"),
            edge("EventBridge", "iam-grant"),
            edge("iam-grant", "Data Mesh Manager"),
            edge("iam-grant", "IAM"),
        ];
        assert_eq!(map.edges, BTreeSet::from(edges));
        let iam = map.nodes.iter().find(|node| node.name == "IAM").unwrap();
        assert_eq!((iam.kind, iam.outcome), (Kind::Aws, Outcome::Throttle));
    }
}
