//! The spans of a stack against OpenTelemetry's conventions.

use std::collections::{BTreeMap, BTreeSet};

use dmm_trace_collector::{Recorded, Trace, text};
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;

/// An attribute of the conventions.
struct Convention {
    kind: &'static str,
    /// The spans that must have it.
    required_on: BTreeSet<&'static str>,
}

/// The table that the names of attributes are held against, too.
fn conventions() -> BTreeMap<&'static str, Convention> {
    let table = include_str!("../../../../lambdas/shared/telemetry/src/names/conventions.tsv");
    let lines = table.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| {
            let cells: Vec<&str> = line.split('\t').collect();
            let required_on = cells[3].split(' ').filter(|it| *it != "-").collect();
            (cells[0], Convention { kind: cells[1], required_on })
        })
        .collect()
}

/// What the conventions call a span.
fn groups(recorded: &Recorded) -> BTreeSet<&'static str> {
    let span = &recorded.span;
    let name = span.name.as_str();
    let begins = |prefixes: &[&str]| prefixes.iter().any(|prefix| name.starts_with(prefix));
    let is_function = name == recorded.service;
    let mut groups = BTreeSet::new();
    let mut add = |group, is| {
        if is {
            groups.insert(group);
        }
    };
    let is_batch = begins(&["SQS.SendMessageBatch", "EventBridge.PutEvents"]);
    // A function that a schedule starts receives no message.
    let receives = is_function && text(span, "faas.trigger") == Some("pubsub");
    let is_messaging = begins(&["create ", "process ", "send ", "SQS.SendMessage"]) || is_batch || receives;
    add("messaging", is_messaging);
    // An event from EventBridge does not say from which bus it comes.
    add("destination", is_messaging && !name.contains("-iam-"));
    add("batch", is_batch || is_function && name.ends_with("-router"));
    add("http", begins(&["GET ", "POST ", "PUT "]));
    add("aws", text(span, "rpc.system") == Some("aws-api"));
    add("event", begins(&["create ", "process "]) || is_function && name.contains("-iam-"));
    add("function", is_function);
    add("failed", span.status.as_ref().is_some_and(|it| it.code == 2));
    groups
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::StringValue(_) => "string",
        Value::IntValue(_) => "int",
        Value::BoolValue(_) => "boolean",
        Value::ArrayValue(_) => "string[]",
        _ => "another type",
    }
}

/// Checks that every attribute of the conventions has the type, and that every span has the attributes that they require.
pub(crate) fn assert_conventions(traces: &[Trace]) {
    let conventions = conventions();
    let assert_types = |attributes: &[KeyValue], what: &str| {
        for attribute in attributes {
            let value = attribute.value.as_ref().unwrap().value.as_ref().unwrap();
            if let Some(convention) = conventions.get(attribute.key.as_str()) {
                assert_eq!(kind(value), convention.kind, "{} of {what}", attribute.key);
            }
        }
    };
    let assert_required = |attributes: &[KeyValue], group: &str, what: &str| {
        let required = conventions.iter().filter(|(_, convention)| convention.required_on.contains(group));
        for (name, _) in required {
            assert!(attributes.iter().any(|it| it.key == *name), "{what} is {group}, and has no {name}");
        }
    };
    let mut seen = BTreeSet::new();
    // Lambda's own segments are the local stack's imitation.
    let own = |it: &&Recorded| it.service != "AWS::Lambda";
    for recorded in traces.iter().flat_map(Trace::spans).filter(own) {
        let span = &recorded.span;
        assert_types(&span.attributes, &span.name);
        assert_types(&recorded.resource.attributes, "the resource");
        assert_required(&recorded.resource.attributes, "resource", "the resource");
        for group in groups(recorded) {
            assert_required(&span.attributes, group, &span.name);
            seen.insert(group);
        }
        for event in span.events.iter().filter(|event| event.name == "exception") {
            assert_types(&event.attributes, "an exception");
            assert_required(&event.attributes, "exception", &span.name);
            seen.insert("exception");
        }
    }
    let all =
        ["aws", "batch", "destination", "event", "exception", "failed", "function", "http", "messaging"];
    assert_eq!(seen, BTreeSet::from(all));
}
