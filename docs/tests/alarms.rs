//! The tables of docs/operate.md against `pulumi/Pulumi.yaml` and the code.

use std::collections::BTreeSet;

use dmm_docs_test::markdown::{Document, code};
use dmm_docs_test::{program, sources};
use serde_json::{Map, Value};

/// A row of the table of alarms: name, metric, and when it goes off.
type Row = [String; 3];

#[test]
fn every_alarm_is_documented_with_its_metric_and_its_condition() {
    let stack = program("pulumi/Pulumi.yaml");
    let resources = stack["resources"].as_object().unwrap();
    let declared: BTreeSet<Row> = resources
        .values()
        .filter(|resource| resource["type"] == "aws:cloudwatch:MetricAlarm")
        .map(|alarm| declared(&alarm["properties"]))
        .collect();
    let operate = Document::read("docs/operate.md");
    let table = operate.table("alarm");
    let documented: Vec<Row> = table
        .column("alarm")
        .zip(table.column("metric"))
        .zip(table.column("goes off"))
        .map(|((name, metric), condition)| [code(name).collect(), metric.to_owned(), condition.to_owned()])
        .collect();
    assert_eq!(documented.len(), declared.len(), "each alarm has one row");
    assert_eq!(documented.into_iter().collect::<BTreeSet<_>>(), declared);
}

fn declared(alarm: &Value) -> Row {
    let name = alarm["name"].as_str().unwrap().strip_prefix("${prefix}-").unwrap();
    // An alarm has one metric, or an expression over one metric of several functions.
    let metrics: Vec<&Value> = match alarm["metricQueries"].as_array() {
        Some(queries) => queries.iter().filter_map(|query| query.get("metric")).collect(),
        None => vec![alarm],
    };
    let [first, ..] = metrics.as_slice() else { panic!("{name} has no metric") };
    let about: Vec<String> = metrics.iter().map(|metric| format!("`{}`", about(metric))).collect();
    let metric = format!(
        "`{}` `{}` of {}",
        first["namespace"].as_str().unwrap(),
        first["metricName"].as_str().unwrap(),
        about.join(", ")
    );
    [name.to_owned(), metric, condition(alarm, first)]
}

/// The resource that a metric is about, by its name in the program.
fn about(metric: &Value) -> String {
    let dimensions: &Map<String, Value> = metric["dimensions"].as_object().unwrap();
    let value = dimensions.values().next().unwrap().as_str().unwrap();
    value.trim_start_matches("${").trim_end_matches(".name}").to_owned()
}

fn condition(alarm: &Value, metric: &Value) -> String {
    let comparison = match alarm["comparisonOperator"].as_str().unwrap() {
        "GreaterThanThreshold" => ">",
        "GreaterThanOrEqualToThreshold" => "≥",
        "LessThanThreshold" => "<",
        other => panic!("{other} needs a sign in the table"),
    };
    let minutes = metric["period"].as_u64().unwrap() / 60;
    let periods = alarm["evaluationPeriods"].as_u64().unwrap();
    let needed = alarm["datapointsToAlarm"].as_u64().unwrap_or(periods);
    let threshold = &alarm["threshold"];
    if alarm["treatMissingData"] == "missing" {
        // A metric that is only written while all is well.
        assert!(alarm["insufficientDataActions"].is_string(), "{alarm}");
        return format!("no data in {} min", minutes * periods);
    }
    if periods == 1 {
        format!("{comparison} {threshold} in {minutes} min")
    } else {
        format!("{comparison} {threshold} in {needed} of {periods} periods of {minutes} min")
    }
}

#[test]
fn every_alarm_sends_the_operator_to_its_documentation() {
    let stack = program("pulumi/Pulumi.yaml");
    let alarms: Vec<&Value> = stack["resources"]
        .as_object()
        .unwrap()
        .values()
        .filter(|resource| resource["type"] == "aws:cloudwatch:MetricAlarm")
        .collect();
    assert!(!alarms.is_empty());
    for alarm in alarms {
        let description = alarm["properties"]["alarmDescription"].as_str().unwrap();
        assert!(description.ends_with("(docs/operate.md)"), "{description}");
    }
}

#[test]
fn every_documented_message_of_the_log_is_written_with_its_fields() {
    let operate = Document::read("docs/operate.md");
    let table = operate.table("function");
    let code_base = sources();
    let rows: Vec<(&str, &str)> =
        table.column("message of a successful run").zip(table.column("fields")).collect();
    assert!(!rows.is_empty());
    for (message, fields) in rows {
        let message = code(message).next().unwrap();
        let literal = format!("\"{message}\"");
        let written: Vec<&str> = code_base
            .iter()
            .filter_map(|(_, text)| text.split_once(&literal))
            // The arguments of the macro that ends with the message.
            .map(|(before, _)| before.rsplit("tracing::").next().unwrap())
            .collect();
        let [arguments] = written[..] else { panic!("{literal} is written in {} places", written.len()) };
        // A field is named in the macro, or by its constant in `names`.
        let arguments = arguments.to_lowercase();
        let words: BTreeSet<&str> =
            arguments.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == '.')).collect();
        for field in code(fields) {
            assert!(words.contains(field), "{literal} has no field {field}: {arguments}");
        }
    }
}
