//! The tables of docs/telemetry.md against the code and `pulumi/Pulumi.yaml`.

use std::collections::BTreeSet;

use dmm_docs_test::markdown::{Document, Table, code};
use dmm_docs_test::program;
use dmm_telemetry::names::attribute::ATTRIBUTES;
use dmm_telemetry::names::log::LOG_FIELDS;
use dmm_telemetry::names::metric::{METRICS, SERVICE};

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
        .zip(table.column("dimensions").zip(table.column("meaning")))
        .map(|((metric, unit), (dimensions, meaning))| format!("{metric} {unit} {dimensions} {meaning}"))
        .collect();
    let declared: Vec<String> = METRICS
        .iter()
        .map(|metric| {
            let dimensions: Vec<String> =
                [SERVICE].iter().chain(metric.dimensions).map(|name| format!("`{name}`")).collect();
            format!("`{}` {} {} {}", metric.name, metric.unit, dimensions.join(", "), metric.meaning)
        })
        .collect();
    assert_eq!(documented, declared);
}

/// The prefixes of the attributes that the document names one by one. It names others by their family, for example `faas.*`.
const ONE_BY_ONE: [&str; 3] = ["aws.iam.", "cloudevents.", "dmm."];
/// The families of which the OpenTelemetry SDK and the AWS SDK set attributes.
const OF_SDKS: [&str; 2] = ["rpc.*", "telemetry.sdk.*"];

#[test]
fn the_table_of_attributes_has_every_attribute_of_the_code_and_no_other() {
    let documented = first(telemetry().table("attribute"));
    let (families, names): (Vec<&String>, Vec<&String>) = documented.iter().partition(|it| it.ends_with('*'));
    let is_of = |family: &str, name: &str| name.starts_with(family.trim_end_matches('*'));
    for attribute in ATTRIBUTES {
        let name = attribute.name;
        let is_documented = if ONE_BY_ONE.iter().any(|prefix| name.starts_with(prefix)) {
            documented.contains(name)
        } else {
            documented.contains(name) || families.iter().any(|family| is_of(family, name))
        };
        assert!(is_documented, "docs/telemetry.md does not have the attribute {name}");
    }
    for name in names {
        assert!(ATTRIBUTES.iter().any(|it| it.name == name), "no code sets the attribute {name}");
    }
    for family in families {
        let is_used =
            ATTRIBUTES.iter().any(|it| is_of(family, it.name)) || OF_SDKS.contains(&family.as_str());
        assert!(is_used, "no code sets an attribute of {family}");
    }
}

#[test]
fn the_tables_of_log_members_are_the_list_of_the_code() {
    let telemetry = telemetry();
    let documented: Vec<String> = ["member", "field"]
        .iter()
        .flat_map(|first| {
            let table = telemetry.table(first);
            table.column(first).zip(table.column("meaning")).collect::<Vec<_>>()
        })
        .map(|(name, meaning)| format!("{name}: {meaning}"))
        .collect();
    let declared: Vec<String> =
        LOG_FIELDS.iter().map(|field| format!("`{}`: {}", field.name, field.meaning)).collect();
    assert_eq!(documented, declared);
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
            // The value itself, or a function of it.
            let values: Vec<String> = code(variables).map(|name| environment[name].to_string()).collect();
            assert!(
                values.iter().any(|value| value.contains(&format!("\"${{{key}}}\""))),
                "{variables} is not set from {key}: {values:?}"
            );
        }
    }
}
