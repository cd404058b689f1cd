//! What users write into Data Mesh Manager: see `docs/custom-fields.md`.

use serde_json::{Value, json};

/// The custom fields of one kind of thing.
#[derive(Clone, Copy, Debug)]
pub struct CustomFields {
    /// Whose fields they are: `consumer`, `provider`, `team`.
    pub name: &'static str,
    /// Their schema.
    pub schema: fn() -> Value,
    /// Examples, each with what it is an example of; empty where there is but one.
    pub examples: fn() -> Vec<(&'static str, Value)>,
}

/// All of them.
pub const CUSTOM_FIELDS: &[CustomFields] = &[
    CustomFields { name: "consumer", schema: consumer, examples: consumer_examples },
    CustomFields { name: "provider", schema: provider, examples: provider_examples },
    CustomFields { name: "team", schema: team, examples: team_examples },
];

const DRAFT: &str = "http://json-schema.org/draft-04/schema#";
/// A role's name, or its ARN. Blanks around it do not count.
const ROLE: &str = r"^\s*([A-Za-z0-9_+=,.@-]{1,64}|arn:aws(-cn|-us-gov)?:iam::[0-9]{12}:role/([!-~]+/)?[A-Za-z0-9_+=,.@-]{1,64})\s*$";
/// The ARN of one resource: no wildcard and no policy variable.
const ARN: &str = r"^\s*arn:aws(-cn|-us-gov)?:(services):[a-z0-9-]*:([0-9]{12})?:[^*?$\s][^*?$]*\s*$";

fn role_of(what: &str, required: &[&str]) -> Value {
    let mut schema = json!({
        "$schema": DRAFT,
        "title": format!("Custom fields of a {what}"),
        "type": "object",
        "properties": {
            "aws-role-name": {
                "type": "string",
                "pattern": ROLE,
                "description": "The name or the ARN of its IAM role, which opted in by the tag dmm-integration = enabled",
            },
        },
    });
    if !required.is_empty() {
        schema["required"] = json!(required);
    }
    schema
}

fn consumer() -> Value {
    let mut schema = role_of("consuming data product", &[]);
    schema["description"] = json!("Without aws-role-name, that of the team counts");
    schema
}

fn team() -> Value {
    role_of("team that gets access", &["aws-role-name"])
}

fn provider() -> Value {
    let port = |kind: &str, services: &str, least: u32| {
        json!({
            "type": "object",
            "required": ["output-port-type"],
            "minProperties": least,
            "properties": {"output-port-type": {"type": "string", "enum": [kind]}},
            "patternProperties": {
                "^aws.*arn$": {"type": "string", "pattern": ARN.replace("services", services)},
            },
        })
    };
    json!({
        "$schema": DRAFT,
        "title": "Custom fields of an output port",
        "description": "What the port is, and in every field from aws to arn where it is",
        "oneOf": [port("s3_bucket", "s3|kms", 2), port("glue_table", "s3|kms|glue|athena", 3)],
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
