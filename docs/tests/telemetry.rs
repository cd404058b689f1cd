//! The tables of docs/telemetry.md against the code and `pulumi/Pulumi.yaml`.

use std::collections::BTreeSet;

use dmm_docs_test::markdown::{Document, Table, code};
use dmm_docs_test::{program, sources};
use dmm_telemetry::names::metric::METRICS;

fn telemetry() -> Document {
    Document::read("docs/telemetry.md")
}

/// What is in backticks in the first column.
fn first(table: &Table) -> BTreeSet<String> {
    let column = table.header.first().unwrap();
    table.column(column).flat_map(code).map(str::to_owned).collect()
}

#[test]
fn the_table_of_metrics_is_the_list_of_the_code() {
    let telemetry = telemetry();
    let table = telemetry.table("metric");
    let documented: Vec<String> = table
        .column("metric")
        .zip(table.column("unit"))
        .zip(table.column("dimensions"))
        .map(|((metric, unit), dimensions)| format!("{metric} {unit} {dimensions}"))
        .collect();
    let declared: Vec<String> = METRICS
        .iter()
        .map(|metric| {
            let dimensions: Vec<String> =
                ["service"].iter().chain(metric.dimensions).map(|name| format!("`{name}`")).collect();
            format!("`{}` {} {}", metric.name, metric.unit, dimensions.join(", "))
        })
        .collect();
    assert_eq!(documented, declared);
}

/// The prefixes of the attributes that documents name one by one.
const OWN: [&str; 3] = ["aws.iam.", "cloudevents.", "dmm."];

#[test]
fn the_table_of_attributes_has_each_attribute_of_our_own() {
    let documented: BTreeSet<String> = first(telemetry().table("attribute"))
        .into_iter()
        .filter(|name| OWN.iter().any(|own| name.starts_with(own)))
        .collect();
    let declared: BTreeSet<String> = sources()
        .iter()
        .flat_map(|(_, text)| {
            text.lines().filter(|line| !is_comment(line)).map(str::to_owned).collect::<Vec<_>>()
        })
        .flat_map(|line| {
            let words = line.split(|c: char| !(c.is_ascii_lowercase() || c == '_' || c == '.'));
            words.map(str::to_owned).collect::<Vec<_>>()
        })
        .filter(|word| OWN.iter().any(|own| word.starts_with(own) && word.len() > own.len()))
        .collect();
    assert_eq!(documented, declared);
}

fn is_comment(line: &str) -> bool {
    line.trim_start().starts_with("//")
}

#[test]
fn the_table_of_settings_has_each_variable_with_its_config_key() {
    let telemetry = telemetry();
    let table = telemetry.table("environment variable of the functions");
    let stack = program("pulumi/Pulumi.yaml");
    let config = stack["config"].as_object().unwrap();
    // The three IAM functions share a variable of the program.
    let environments: Vec<&serde_json::Value> = stack["resources"]
        .as_object()
        .unwrap()
        .values()
        .filter(|resource| resource["type"] == "aws:lambda:Function")
        .map(|function| match &function["properties"]["environment"]["variables"] {
            serde_json::Value::String(name) => {
                &stack["variables"][name.trim_start_matches("${").trim_end_matches('}')]
            }
            variables => variables,
        })
        .collect();
    assert!(!environments.is_empty());
    let documented = first(table);
    for environment in &environments {
        for variable in environment.as_object().unwrap().keys().filter(|name| name.starts_with("OTEL_")) {
            assert!(documented.contains(variable), "{variable} is not documented");
        }
    }
    for (variables, key) in
        table.column("environment variable of the functions").zip(table.column("config key"))
    {
        let Some(key) = code(key).next() else { continue };
        assert!(config.contains_key(key), "{key} is not a config key");
        for environment in &environments {
            let values: Vec<&str> = code(variables)
                .map(|name| environment[name].as_str().unwrap_or_else(|| panic!("{name}")))
                .collect();
            assert!(
                values.contains(&format!("${{{key}}}").as_str()),
                "{variables} is not set from {key}: {values:?}"
            );
        }
    }
}
