//! What the stack wrote while the README's commands ran is what docs/telemetry.md describes.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use dmm_docs_test::markdown::{Document, Table, code};
use serde_json::Value;

use crate::shell::PATIENCE;

/// What is in backticks in a column.
fn codes(table: &Table, column: &str) -> BTreeSet<String> {
    table.column(column).flat_map(code).map(str::to_owned).collect()
}

/// The objects in a file with one per line; none if the file does not exist yet. The last line may still be incomplete.
fn objects(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap_or_default();
    let (complete, _) = text.rsplit_once('\n').unwrap_or_default();
    complete.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

/// The keys of the attributes in a list of OTLP's.
fn keys(attributes: &Value) -> Vec<String> {
    attributes.as_array().into_iter().flatten().map(|it| it["key"].as_str().unwrap().to_owned()).collect()
}

/// Every attribute of the last run's spans is documented, by its name or by its family. That the document has no other is a
/// test of `documents`: a run does not have to come by all of them.
pub(crate) fn assert_attributes_are_documented() {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let mut recorded = BTreeSet::new();
    for request in objects(&target.join("dmm-local/traces.jsonl")) {
        for resource in request["resourceSpans"].as_array().unwrap() {
            recorded.extend(keys(&resource["resource"]["attributes"]));
            let scopes = resource["scopeSpans"].as_array().unwrap();
            let spans = scopes.iter().flat_map(|scope| scope["spans"].as_array().unwrap());
            recorded.extend(spans.flat_map(|span| keys(&span["attributes"])));
        }
    }
    assert!(!recorded.is_empty(), "no spans were recorded");
    let documented = codes(Document::read("docs/telemetry.md").table("attribute"), "attribute");
    let is_in = |family: &str, name: &str| family.strip_suffix('*').is_some_and(|it| name.starts_with(it));
    for name in &recorded {
        let is_known = documented.contains(name) || documented.iter().any(|family| is_in(family, name));
        assert!(is_known, "docs/telemetry.md does not have the attribute {name}");
    }
}

/// The picture of the trace that the README shows has the nodes and edges of the one that its command has drawn, except for Secrets
/// Manager: a function reads the API key only when its environment is new.
pub(crate) fn assert_picture_is_that_of_the_readme() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let edges = |path: &str| -> BTreeSet<String> {
        let picture = fs::read_to_string(root.join(path)).unwrap();
        let edges = picture.split("data-edge=\"").skip(1).map(|it| it.split('"').next().unwrap());
        edges.filter(|edge| !edge.ends_with("Secrets Manager")).map(str::to_owned).collect()
    };
    assert_eq!(edges("docs/trace.svg"), edges("target/trace.svg"));
}

/// Every metric in the functions' logs is from a documented function, every member of `span` is documented, and every
/// documented member is there before long.
pub(crate) fn assert_logs_are_documented(folder: &str) {
    let telemetry = Document::read("docs/telemetry.md");
    let members = codes(telemetry.table("member"), "member");
    let metrics = telemetry.table("metric");
    let writers: BTreeMap<&str, &str> = metrics
        .column("metric")
        .zip(metrics.column("written by"))
        .map(|(metric, functions)| (code(metric).next().unwrap(), functions))
        .collect();
    wait_until("the logs have every documented member", || {
        let mut seen = BTreeSet::new();
        for function in ["feed", "router", "iam-grant", "iam-revoke"] {
            let log = format!("aws.lambda.datamesh-manager-aws-local-{function}.log");
            for line in objects(&Path::new(folder).join(log)) {
                match line.get("_aws") {
                    Some(metrics) => assert_writers(metrics, function, &writers),
                    None => seen.extend(line_members(&line)),
                }
            }
        }
        let unknown = seen.iter().find(|it| it.starts_with("span.") && !members.contains(*it));
        assert_eq!(unknown, None, "docs/telemetry.md does not have this member");
        members.is_subset(&seen)
    });
}

/// The members of a line, and those of `span` with that before them.
fn line_members(line: &Value) -> Vec<String> {
    let own = line.as_object().into_iter().flatten().map(|(name, _)| name.clone());
    let span = line["span"].as_object().into_iter().flatten().map(|(name, _)| format!("span.{name}"));
    own.chain(span).collect()
}

fn assert_writers(metrics: &Value, function: &str, writers: &BTreeMap<&str, &str>) {
    for metric in metrics["CloudWatchMetrics"][0]["Metrics"].as_array().unwrap() {
        let name = metric["Name"].as_str().unwrap();
        let documented = writers.get(name).unwrap_or_else(|| panic!("{name} is not documented"));
        let is_one = *documented == "all" || documented.split(", ").any(|writer| writer == function);
        assert!(is_one, "{function} writes {name}; documented: {documented}");
    }
}

/// A log has a line with this text before long.
pub(crate) fn assert_line(path: &str, text: &str) {
    wait_until(&format!("{path} has a line with {text:?}"), || {
        fs::read_to_string(path).is_ok_and(|log| log.contains(text))
    });
}

/// Looks again until it is so, for as long as [`PATIENCE`].
fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < PATIENCE, "it does not come to pass that {what}");
        std::thread::sleep(Duration::from_millis(200));
    }
}
