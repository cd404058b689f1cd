//! The segments of a trace as a tree. No I/O.
//! <https://docs.aws.amazon.com/xray/latest/devguide/xray-api-segmentdocuments.html>

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

/// How X-Ray shows the result of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// No problem.
    Ok,
    /// The caller was refused (4xx).
    Error,
    /// The caller was told to slow down (429).
    Throttle,
    /// The called side failed (5xx).
    Fault,
}

/// A segment or a subsegment of a trace.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Segment {
    /// Its id, in hexadecimal.
    pub id: String,
    /// The id of the segment that caused it.
    pub parent_id: Option<String>,
    /// How many segments are above it.
    pub depth: usize,
    /// The function in whose segment it is, without the name of the stack.
    pub function: String,
    /// What was called, for example `IAM`; for a function's own segment, the function.
    pub name: String,
    /// The operation that was called, for example `PutRolePolicy` or `GET /api/access/{id}`.
    pub operation: Option<String>,
    /// When it began, in milliseconds since the trace began.
    pub offset_ms: f64,
    /// How long it took, in milliseconds; `None` if X-Ray has not received its end.
    pub duration_ms: Option<f64>,
    /// The result.
    pub outcome: Outcome,
    /// What went wrong, for example `AccessDenied`. An answer that something does not exist has a type although it is not an error.
    pub error_type: Option<String>,
    /// The attributes by which X-Ray finds the trace.
    pub annotations: BTreeMap<String, Value>,
}

/// A trace.
#[derive(Clone, Debug, PartialEq)]
pub struct Trace {
    /// Its id, as X-Ray writes it.
    pub id: String,
    /// When its first segment began.
    pub began: Option<Timestamp>,
    /// From the start of the first segment to the end of the last one, in milliseconds.
    pub duration_ms: f64,
    /// Whether X-Ray has kept only a part of it, because it is too large.
    pub is_partial: bool,
    /// Its segments, each below the one that caused it, in the order of their start.
    pub segments: Vec<Segment>,
}

/// A document, before its place in the tree is known.
struct Node<'a> {
    document: &'a Value,
    id: String,
    parent: Option<String>,
    /// Whether it is a part of the work of another segment.
    is_subsegment: bool,
    start: f64,
}

impl Trace {
    /// Builds a trace from its documents. `prefix` is the beginning of the names of the stack's functions. Returns `None` if no
    /// document has an id and a start.
    #[must_use]
    pub fn of(id: &str, prefix: &str, documents: &[Value], is_partial: bool) -> Option<Trace> {
        let mut nodes = BTreeMap::new();
        for document in documents {
            collect(document, None, &mut nodes);
        }
        let begin = nodes.values().map(|node| node.start).min_by(f64::total_cmp)?;
        let mut tree = Tree { nodes, prefix, begin, reached: BTreeSet::new(), segments: Vec::new() };
        tree.grow();
        let end = |segment: &Segment| segment.offset_ms + segment.duration_ms.unwrap_or_default();
        Some(Trace {
            id: id.to_owned(),
            began: time(begin),
            duration_ms: tree.segments.iter().map(end).fold(0.0, f64::max),
            is_partial,
            segments: tree.segments,
        })
    }

    /// The type of the event that the trace is about, without its domain; else the name of the first segment.
    #[must_use]
    pub fn title(&self) -> &str {
        let event =
            self.annotation("cloudevents.event_type").map(|name| name.rsplit('.').next().unwrap_or(name));
        event.or_else(|| self.segments.first().map(|segment| segment.name.as_str())).unwrap_or_default()
    }

    /// The first value of an annotation, if it is a text.
    #[must_use]
    pub fn annotation(&self, name: &str) -> Option<&str> {
        self.segments.iter().find_map(|segment| segment.annotations.get(name)?.as_str())
    }
}

impl Segment {
    /// What was done, on one line.
    #[must_use]
    pub fn label(&self) -> String {
        match &self.operation {
            Some(operation) => format!("{} {operation}", self.name),
            None => self.name.clone(),
        }
    }

    /// What a reader wants to know first: how it failed, or the outcome and what it applies to.
    #[must_use]
    pub fn remark(&self) -> Option<String> {
        let text = |name: &str| self.annotations.get(name).and_then(Value::as_str);
        let problem = match self.outcome {
            Outcome::Ok => None,
            Outcome::Error => Some("error"),
            Outcome::Throttle => Some("throttle"),
            Outcome::Fault => Some("fault"),
        };
        let error_type = self.error_type.as_deref();
        if let Some(problem) = problem {
            let kind = error_type.map(|kind| format!(" ({kind})")).unwrap_or_default();
            return Some(format!("✗ {problem}{kind}"));
        }
        let Some(outcome) = text("dmm.outcome") else { return error_type.map(str::to_owned) };
        let reason = text("dmm.refusal.reason").map(|reason| format!(": {reason}")).unwrap_or_default();
        let role = text("aws.iam.role.name").map(|role| format!(" on the role {role}")).unwrap_or_default();
        Some(format!("{outcome}{reason}{role}"))
    }
}

/// Adds a document and the subsegments that it contains.
fn collect<'a>(document: &'a Value, parent: Option<&str>, nodes: &mut BTreeMap<String, Node<'a>>) {
    let text = |name: &str| document.get(name).and_then(Value::as_str).map(str::to_owned);
    let (Some(id), Some(start)) = (text("id"), document.get("start_time").and_then(Value::as_f64)) else {
        return;
    };
    let is_subsegment = parent.is_some() || text("type").as_deref() == Some("subsegment");
    let parent = parent.map(str::to_owned).or_else(|| text("parent_id"));
    for inner in document.get("subsegments").and_then(Value::as_array).into_iter().flatten() {
        collect(inner, Some(&id), nodes);
    }
    nodes.insert(id.clone(), Node { document, id, parent, is_subsegment, start });
}

struct Tree<'a> {
    nodes: BTreeMap<String, Node<'a>>,
    prefix: &'a str,
    begin: f64,
    reached: BTreeSet<String>,
    segments: Vec<Segment>,
}

impl Tree<'_> {
    fn grow(&mut self) {
        let is_root = |node: &Node<'_>| node.parent.as_ref().is_none_or(|id| !self.nodes.contains_key(id));
        for id in self.sorted(is_root) {
            self.add(&id, 0, "");
        }
        // What is left has parents that form a cycle. X-Ray should not return such documents, but they are shown, too.
        for id in self.sorted(|_| true) {
            self.add(&id, 0, "");
        }
    }

    /// The ids of the nodes for which `holds`, in the order of their start.
    fn sorted(&self, holds: impl Fn(&Node<'_>) -> bool) -> Vec<String> {
        let mut found: Vec<&Node<'_>> = self.nodes.values().filter(|node| holds(node)).collect();
        found.sort_by(|one, other| one.start.total_cmp(&other.start));
        found.into_iter().map(|node| node.id.clone()).collect()
    }

    fn add(&mut self, id: &str, depth: usize, function: &str) {
        if !self.reached.insert(id.to_owned()) {
            return;
        }
        let Some(node) = self.nodes.get(id) else { return };
        let segment = segment(node, depth, function, self.prefix, self.begin);
        let function = segment.function.clone();
        self.segments.push(segment);
        for child in self.sorted(|node| node.parent.as_deref() == Some(id)) {
            self.add(&child, depth + 1, &function);
        }
    }
}

fn segment(node: &Node<'_>, depth: usize, function: &str, prefix: &str, begin: f64) -> Segment {
    let document = node.document;
    let text = |pointer: &str| document.pointer(pointer).and_then(Value::as_str);
    let is = |name: &str| document.get(name).and_then(Value::as_bool) == Some(true);
    let name = text("/name").unwrap_or_default();
    let name = name.strip_prefix(prefix).and_then(|name| name.strip_prefix('-')).unwrap_or(name).to_owned();
    let is_inside = node.is_subsegment && !function.is_empty();
    let function = if is_inside { function.to_owned() } else { name.clone() };
    let of_http =
        || Some(format!("{} {}", text("/http/request/method")?, text("/metadata/default/url.template")?));
    let end = document.get("end_time").and_then(Value::as_f64);
    Segment {
        id: node.id.clone(),
        parent_id: node.parent.clone(),
        depth,
        function,
        name,
        operation: text("/aws/operation").map(str::to_owned).or_else(of_http),
        offset_ms: milliseconds(node.start - begin),
        duration_ms: end.map(|end| milliseconds(end - node.start)),
        outcome: match (is("fault"), is("throttle"), is("error")) {
            (true, _, _) => Outcome::Fault,
            (_, true, _) => Outcome::Throttle,
            (_, _, true) => Outcome::Error,
            _ => Outcome::Ok,
        },
        error_type: text("/metadata/default/error.type").map(str::to_owned),
        annotations: document
            .get("annotations")
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect(),
    }
}

/// From seconds, with the precision of microseconds: X-Ray's numbers are not exact to more.
fn milliseconds(seconds: f64) -> f64 {
    (seconds * 1e6).round().max(0.0) / 1e3
}

fn time(seconds: f64) -> Option<Timestamp> {
    Timestamp::UNIX_EPOCH.checked_add(jiff::SignedDuration::try_from_secs_f64(seconds).ok()?).ok()
}

#[cfg(test)]
mod tests;
