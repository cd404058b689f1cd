//! The files that follow from the catalogue.

use std::fmt::Write;

use serde_json::Value;

use crate::catalogue::{EVENTS, EventType, UNKNOWN};
use crate::custom_fields::CUSTOM_FIELDS;
use crate::event::{SOURCE, example, schema};

/// A file of the repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Its path from the repository's root.
    pub path: String,
    /// What stands in it.
    pub content: String,
}

/// Every file that follows from the catalogue.
#[must_use]
pub fn files() -> Vec<File> {
    let mut files = Vec::new();
    let mut add = |path: String, value: &Value| {
        files.push(File { path, content: format!("{value:#}\n") });
    };
    for event in all() {
        add(format!("schemas/events/{}.schema.json", event.detail_type), &schema(event));
        add(format!("schemas/events/{}.example.json", event.detail_type), &example(event));
    }
    for fields in CUSTOM_FIELDS {
        let path = format!("schemas/custom-fields/{}", fields.name);
        add(format!("{path}.schema.json"), &(fields.schema)());
        for (what, example) in (fields.examples)() {
            let dot = if what.is_empty() { "" } else { "." };
            add(format!("{path}{dot}{what}.example.json"), &example);
        }
    }
    files.push(File { path: "pulumi/schemas/Pulumi.yaml".to_owned(), content: program() });
    files
}

fn all() -> impl Iterator<Item = &'static EventType> {
    EVENTS.iter().chain([&UNKNOWN])
}

/// Pulumi YAML has no loops, so the program that publishes the schemas is written from the catalogue, too.
fn program() -> String {
    let mut text = format!(
        "\
# Publishes the schemas of the events to an EventBridge schema registry, for code bindings. Deploy it once per account
# and region in which somebody writes consumers. Written by `cargo run -p dmm-schemas`: change schemas/src, not this file.
name: datamesh-manager-aws-schemas
runtime: yaml
description: The schemas of the events of Data Mesh Manager on the bus

config:
  registryName:
    type: string
    default: {SOURCE}
    description: Name of the schema registry

resources:
  registry:
    type: aws:schemas:Registry
    properties:
      name: ${{registryName}}
      description: Events of Data Mesh Manager, as they are on the bus
"
    );
    for EventType { detail_type, description, .. } in all() {
        // Writing to a String cannot fail.
        let _ = write!(
            text,
            "  {detail_type}:
    type: aws:schemas:Schema
    properties:
      registryName: ${{registry.name}}
      name: {SOURCE}@{detail_type}
      type: JSONSchemaDraft4
      description: \"{description}\"
      content:
        fn::readFile: ../../schemas/events/{detail_type}.schema.json
"
        );
    }
    text.push_str("\noutputs:\n  registryName: ${registry.name}\n");
    text
}
