//! The custom fields that users set in Data Mesh Manager; see `docs/custom-fields.md`.

use serde_json::{Map, Value, json};

mod ports;

pub use ports::{Field, Names, Need, PORTS, Port};

/// The custom fields of one kind of object.
#[derive(Clone, Copy, Debug)]
pub struct CustomFields {
    /// The kind of object: `consumer`, `provider` or `team`.
    pub name: &'static str,
    /// Returns the schema.
    pub schema: fn() -> Value,
    /// Returns the examples, each with the case that it shows; the case is empty if there is only one example.
    pub examples: fn() -> Vec<(&'static str, Value)>,
}

/// All kinds.
pub const CUSTOM_FIELDS: &[CustomFields] = &[
    CustomFields { name: "consumer", schema: consumer, examples: consumer_examples },
    CustomFields { name: "provider", schema: provider, examples: provider_examples },
    CustomFields { name: "team", schema: team, examples: team_examples },
];

const DRAFT: &str = "http://json-schema.org/draft-04/schema#";
/// The name or the ARN of a role, with optional surrounding whitespace.
const ROLE: &str = r"^\s*([A-Za-z0-9_+=,.@-]{1,64}|arn:aws(-cn|-us-gov)?:iam::[0-9]{12}:role/([!-~]+/)?[A-Za-z0-9_+=,.@-]{1,64})\s*$";
/// The ARN of one resource, without wildcards and policy variables.
const ARN: &str = r"^\s*arn:aws(-cn|-us-gov)?:(services):[a-z0-9-]*:([0-9]{12})?:[^*?$\s][^*?$]*\s*$";

/// A text that a policy can contain as it is.
const TEXT: &str = r"^\s*[^*?${}]*[^*?${}\s]\s*$";

fn role_of(what: &str, description: Option<&str>, required: &[&str]) -> Value {
    let schema = json!({
        "$schema": DRAFT,
        "title": format!("Custom fields of a {what}"),
        "type": "object",
        "properties": {
            "aws-role-name": {
                "type": "string",
                "pattern": ROLE,
                "description": "The name or the ARN of its IAM role. The role must opt in with the tag dmm-integration = enabled, and say with the tag dmm-data-product or dmm-team whose it is",
            },
        },
    });
    let Value::Object(mut schema) = schema else { return schema };
    if let Some(description) = description {
        schema.insert("description".to_owned(), json!(description));
    }
    if !required.is_empty() {
        schema.insert("required".to_owned(), json!(required));
    }
    Value::Object(schema)
}

fn consumer() -> Value {
    role_of(
        "consuming data product",
        Some("If aws-role-name is missing, the team's aws-role-name is used"),
        &[],
    )
}

fn team() -> Value {
    role_of("team that gets access", None, &["aws-role-name"])
}

fn provider() -> Value {
    json!({
        "$schema": DRAFT,
        "title": "Custom fields of an output port",
        "description": "The type of the port, and the ARNs of its resources in the fields whose names start with aws and end with arn",
        "oneOf": PORTS.iter().map(port).collect::<Vec<_>>(),
    })
}

fn port(port: &Port) -> Value {
    let arn = ARN.replace("services", &port.services.join("|"));
    let kind = json!({ "type": "string", "enum": [port.kind] });
    let mut properties = Map::from_iter([("output-port-type".to_owned(), kind)]);
    let mut required = vec!["output-port-type"];
    for field in port.fields {
        let schema = match field.names {
            Names::AnyWithArn => continue,
            Names::ExactArn => {
                json!({ "type": "string", "description": format!("{}; the name must be exact", field.about) })
            }
            Names::Text => json!({ "type": "string", "pattern": TEXT, "description": field.about }),
        };
        properties.insert(field.name.to_owned(), schema);
        if field.names == Names::Text && field.need == Need::Required {
            required.push(field.name);
        }
    }
    // Blank ARNs count as absent, but the schema cannot tell.
    let arns = port.fields.iter().filter(|field| field.names != Names::Text && field.need == Need::Required);
    json!({
        "type": "object",
        "description": port.about,
        "required": required,
        "minProperties": required.len() + arns.count().max(1),
        "properties": properties,
        "patternProperties": { "^aws.*arn$": { "type": "string", "pattern": arn } },
    })
}

fn consumer_examples() -> Vec<(&'static str, Value)> {
    vec![("", json!({"aws-role-name": "promotions-pipeline", "cost-center": "4711"}))]
}

fn team_examples() -> Vec<(&'static str, Value)> {
    vec![("", json!({"aws-role-name": "arn:aws:iam::123456789012:role/teams/marketing"}))]
}

fn provider_examples() -> Vec<(&'static str, Value)> {
    PORTS.iter().map(|port| (port.kind, port.example())).collect()
}
