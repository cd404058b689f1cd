//! What the stack wrote while the README's commands ran is what docs/telemetry.md describes.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use dmm_docs_test::markdown::{Document, Table, code};
use serde_json::Value;

/// What is in backticks in a column.
fn codes(table: &Table, column: &str) -> BTreeSet<String> {
    table.column(column).flat_map(code).map(str::to_owned).collect()
}

/// The objects in a file with one per line. The last line may still be incomplete.
fn objects(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let (complete, _) = text.rsplit_once('\n').unwrap_or_default();
    complete.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

/// The keys of the attributes in a list of OTLP's.
fn keys(attributes: &Value) -> Vec<String> {
    attributes.as_array().into_iter().flatten().map(|it| it["key"].as_str().unwrap().to_owned()).collect()
}

/// Every attribute of the last run's spans is documented by its name or by its family, and everything that is documented is
/// there.
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
    let documented = codes(Document::read("docs/telemetry.md").table("attribute"), "attribute");
    let is_in = |family: &str, name: &str| family.strip_suffix('*').is_some_and(|it| name.starts_with(it));
    for name in &recorded {
        let known = documented.contains(name) || documented.iter().any(|family| is_in(family, name));
        assert!(known, "docs/telemetry.md does not have the attribute {name}");
    }
    for name in documented.iter().filter(|it| !it.contains('*')) {
        assert!(recorded.contains(name), "docs/telemetry.md has the attribute {name}, but no span has it");
    }
    for family in documented.iter().filter(|it| it.contains('*')) {
        let is_used = recorded.iter().any(|name| !documented.contains(name) && is_in(family, name));
        assert!(is_used, "docs/telemetry.md has the attributes {family}, but no span has one");
    }
}

/// Every line of the functions' logs has the documented members, and every metric is from a documented function.
pub(crate) fn assert_logs_are_documented(folder: &str) {
    let telemetry = Document::read("docs/telemetry.md");
    let members = codes(telemetry.table("member"), "member");
    let metrics = telemetry.table("metric");
    let writers: BTreeMap<&str, &str> = metrics
        .column("metric")
        .zip(metrics.column("written by"))
        .map(|(metric, functions)| (code(metric).next().unwrap(), functions))
        .collect();
    let mut of_spans = BTreeSet::new();
    let mut lines = 0;
    for function in ["feed", "router", "iam-grant", "iam-revoke"] {
        let log = format!("aws.lambda.datamesh-manager-aws-local-{function}.log");
        for line in objects(&Path::new(folder).join(log)) {
            if let Some(metric) = line.get("_aws") {
                for metric in metric["CloudWatchMetrics"][0]["Metrics"].as_array().unwrap() {
                    let name = metric["Name"].as_str().unwrap();
                    let functions = writers.get(name).unwrap_or_else(|| panic!("{name} is not documented"));
                    assert!(
                        *functions == "all" || functions.split(", ").any(|it| it == function),
                        "{function} writes {name}; documented: {functions}"
                    );
                }
                continue;
            }
            lines += 1;
            for member in members.iter().filter(|member| !member.contains('.')) {
                assert!(line.get(member).is_some(), "{member} is missing in {line}");
            }
            let span = line["span"].as_object().unwrap();
            of_spans.extend(span.keys().map(|member| format!("span.{member}")));
        }
    }
    let documented: BTreeSet<String> =
        members.iter().filter(|member| member.starts_with("span.")).cloned().collect();
    assert_eq!(of_spans, documented, "the members of `span` in {lines} lines");
}

/// A log has a line with this text.
pub(crate) fn assert_line(path: &str, text: &str) {
    let log = fs::read_to_string(path).unwrap_or_else(|error| panic!("{path}: {error}"));
    assert!(log.contains(text), "{path} has no line with {text:?}:\n{log}");
}
