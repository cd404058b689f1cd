//! The custom fields that users set in Data Mesh Manager; see `docs/custom-fields.md`.

use serde_json::{Value, json};

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
    let named = |meaning: &str| json!({"type": "string", "description": meaning});
    let exact = json!({
        "aws-athena-results-arn": named("The location where Athena writes query results; the name must be exact"),
        "aws-athena-results-key-arn": named("The KMS key of the query results; the name must be exact"),
        "aws-glue-catalog-key-arn": named("The KMS key of the Data Catalog; the name must be exact"),
    });
    let port = |kind: &str, services: &str, least: u32, exact: Value| {
        let mut properties = exact;
        if let Some(properties) = properties.as_object_mut() {
            properties.insert("output-port-type".to_owned(), json!({"type": "string", "enum": [kind]}));
        }
        json!({
            "type": "object",
            "required": ["output-port-type"],
            "minProperties": least,
            "properties": properties,
            "patternProperties": {
                "^aws.*arn$": {"type": "string", "pattern": ARN.replace("services", services)},
            },
        })
    };
    json!({
        "$schema": DRAFT,
        "title": "Custom fields of an output port",
        "description": "The type of the port, and the ARNs of its resources in the fields whose names start with aws and end with arn",
        "oneOf": [port("s3_bucket", "s3|kms", 2, json!({})), port("glue_table", "s3|kms|glue|athena", 3, exact)],
    })
}

fn consumer_examples() -> Vec<(&'static str, Value)> {
    vec![("", json!({"aws-role-name": "promotions-pipeline", "cost-center": "4711"}))]
}

fn team_examples() -> Vec<(&'static str, Value)> {
    vec![("", json!({"aws-role-name": "arn:aws:iam::123456789012:role/teams/marketing"}))]
}

fn provider_examples() -> Vec<(&'static str, Value)> {
    let bucket = json!({
        "output-port-type": "s3_bucket",
        "aws-s3-bucket-arn": "arn:aws:s3:::orders-data/daily",
        "aws-kms-key-arn": "arn:aws:kms:eu-central-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab",
    });
    let table = json!({
        "output-port-type": "glue_table",
        "aws-glue-table-arn": "arn:aws:glue:eu-central-1:123456789012:table/orders/daily",
        "aws-glue-database-arn": "arn:aws:glue:eu-central-1:123456789012:database/orders",
        "aws-s3-folder-arn": "arn:aws:s3:::orders-data/daily",
        "aws-athena-workgroup-arn": "arn:aws:athena:eu-central-1:123456789012:workgroup/analysts",
        "aws-athena-results-arn": "arn:aws:s3:::query-results/analysts",
    });
    vec![("s3_bucket", bucket), ("glue_table", table)]
}
