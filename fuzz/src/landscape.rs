//! A small world: an agreement, its provider, its consumer, the consumer's role, and the facts about resources.

use dmm_access::ownership::{ResourceFacts, Tags};
use dmm_access::role::Role;
use dmm_access::testing::role_name;
use serde_json::{Value, json};

use crate::Choice;

/// The account of most resources and of the stack.
pub const ACCOUNT: &str = "123456789012";

const AGREEMENTS: &[&str] = &["a-1", "a-2", "urn:dmm:access:1"];
const PROVIDERS: &[&str] = &["orders", "forecast", "unknown", ""];
const CONSUMERS: &[&str] = &["forecast", "orders", "unknown", ""];
const OWNERS: &[&str] = &["sales", "planning", "unknown"];
const TEAMS: &[&str] = &["planning", "sales", "unknown"];
const PORTS: &[&str] = &["orders-s3", "orders-glue"];
const ROLES: &[&str] = &[
    "forecast-job",
    "arn:aws:iam::123456789012:role/forecast-job",
    "arn:aws:iam::123456789012:role/data/forecast-job",
    "arn:aws:iam::999999999999:role/forecast-job",
    "dmm-prod-iam-grant",
];
const ARN_FIELDS: [&str; 9] = [
    "aws-s3-bucket-arn",
    "aws-glue-table-arn",
    "aws-athena-workgroup-arn",
    "aws-athena-results-arn",
    "aws-athena-query-results-arn",
    "aws-kms-key-arn",
    "aws-results-kms-key-arn",
    "aws-glue-database-arn",
    "aws-arn",
];
/// ARNs of the resources of providers, and of the stack itself.
const ARNS: &[&str] = &[
    "arn:aws:s3:::orders-data",
    "arn:aws:s3:::orders-data/daily",
    "arn:aws:s3:::orders-data/daily/part-1.parquet",
    "arn:aws:s3:::orders-results",
    "arn:aws:s3:::orders-results/athena/",
    "arn:aws:s3:::foreign-data",
    "arn:aws:s3:::dmm-prod-state",
    "arn:aws:s3:::dmm-prod-state/packs",
    "arn:aws:glue:eu-central-1:123456789012:table/orders/daily",
    "arn:aws:glue:eu-central-1:123456789012:table/Orders/Daily",
    "arn:aws:glue:eu-central-1:123456789012:database/orders",
    "arn:aws:glue:eu-central-1:123456789012:catalog",
    "arn:aws:glue:eu-central-1:999999999999:table/orders/daily",
    "arn:aws:athena:eu-central-1:123456789012:workgroup/analysts",
    "arn:aws:kms:eu-central-1:123456789012:key/1f2e",
    "arn:aws:kms:eu-central-1:999999999999:key/1f2e",
    "arn:aws:sqs:eu-central-1:123456789012:dmm_events.fifo",
    "arn:aws:iam::123456789012:role/dmm-prod-iam-grant",
];

/// An agreement with what is needed to decide about it.
#[derive(Debug)]
pub struct Landscape {
    /// The agreement that an event names.
    pub asked: String,
    /// The answer of the API to the question for it.
    pub agreement: Value,
    /// The providing data product's document.
    pub provider: Option<Value>,
    /// The consuming data product's document.
    pub consumer: Option<Value>,
    /// The consuming team's document.
    pub team: Option<Value>,
    /// The role, if it exists.
    pub role: Option<Role>,
    /// What AWS says about one resource after the other.
    pub facts: Vec<ResourceFacts>,
}

impl Landscape {
    /// The landscape that these bytes describe. Without bytes, it is one in which access is given.
    #[must_use]
    pub fn new(bytes: &[u8]) -> Landscape {
        let choice = &mut Choice::new(bytes);
        Landscape {
            asked: choice.one_of(AGREEMENTS).to_owned(),
            agreement: agreement(choice),
            provider: (!choice.rarely(12)).then(|| product(choice, PROVIDERS, OWNERS)),
            consumer: (!choice.rarely(12)).then(|| product(choice, CONSUMERS, TEAMS)),
            team: (!choice.rarely(12)).then(|| team(choice)),
            role: (!choice.rarely(12)).then(|| role(choice)),
            facts: (0..8).map(|_| facts(choice)).collect(),
        }
    }
}

fn text(choice: &mut Choice<'_>, usual: &[&str]) -> Value {
    json!(choice.text(usual))
}

fn agreement(choice: &mut Choice<'_>) -> Value {
    let status = text(choice, &["approved", "requested", "rejected", "Approved"]);
    let active = json!(!choice.rarely(6));
    let start = text(choice, &["2026-01-01", "2030-01-01"]);
    let end = text(choice, &["2026-12-31", "2026-12-31T00:00:00Z", "2020-01-01", "2026-02-30", "9999-12-31"]);
    let info =
        choice.object(vec![("status", status), ("active", active), ("startDate", start), ("endDate", end)]);
    let (product, port) = (text(choice, PROVIDERS), text(choice, PORTS));
    let owner = text(choice, OWNERS);
    let provider = choice.object(vec![("dataProductId", product), ("outputPortId", port), ("teamId", owner)]);
    let mut consumer = Vec::new();
    if choice.rarely(2) {
        consumer.push(("dataProductId", text(choice, CONSUMERS)));
    }
    if !choice.rarely(3) {
        consumer.push(("teamId", text(choice, TEAMS)));
    }
    if choice.rarely(6) {
        consumer.push(("userId", text(choice, &["u-1"])));
    }
    let consumer = choice.object(consumer);
    let id = text(choice, AGREEMENTS);
    let mut members = vec![("id", id), ("info", info), ("provider", provider), ("consumer", consumer)];
    if choice.rarely(12) {
        let member =
            choice.one_of(&["kind", "apiVersion", "dataContractSpecification", "schema", "models", "roles"]);
        members.push((member, text(choice, &["DataContract", "v3.0.0"])));
    }
    choice.object(members)
}

fn product(choice: &mut Choice<'_>, ids: &[&str], owners: &[&str]) -> Value {
    let (id, owner) = (text(choice, ids), text(choice, owners));
    let mut ports = vec![port(choice)];
    ports.extend(choice.list(1, port));
    let info = choice.object(vec![("owner", owner.clone())]);
    let is_standard = choice.rarely(4);
    let mut members = vec![("id", id), ("info", info), ("outputPorts", json!(ports))];
    if is_standard {
        members.push(("kind", json!("DataProduct")));
        members.push(("team", json!({ "name": owner })));
    }
    members.push(custom(choice, &[("aws-role-name", ROLES)]));
    choice.object(members)
}

fn port(choice: &mut Choice<'_>) -> Value {
    let (id, name) = (text(choice, PORTS), text(choice, PORTS));
    let fields = custom(choice, &ARN_FIELDS.map(|field| (field, ARNS)));
    choice.object(vec![("id", id), ("name", name), ("type", json!("s3")), fields])
}

fn team(choice: &mut Choice<'_>) -> Value {
    let id = text(choice, TEAMS);
    let custom = custom(choice, &[("aws-role-name", ROLES)]);
    choice.object(vec![("id", id), custom])
}

/// Custom fields in one of their two forms: the type of a port, the first of these fields, and some of the others.
fn custom(choice: &mut Choice<'_>, fields: &[(&str, &[&str])]) -> (&'static str, Value) {
    let mut entries = vec![("output-port-type".to_owned(), text(choice, &["s3_bucket", "glue_table", ""]))];
    for number in 0..=choice.up_to(6) {
        let (name, values) = if number == 0 { fields[0] } else { choice.one_of(fields) };
        let (name, value) = (choice.text(&[name]), text(choice, values));
        entries.push((name, choice.usually(value)));
    }
    if choice.rarely(4) {
        let entries = entries.iter().map(|(name, value)| json!({"property": name, "value": value}));
        ("customProperties", entries.collect())
    } else {
        ("custom", Value::Object(entries.into_iter().collect()))
    }
}

/// Mostly the tags of this owner.
fn tags(choice: &mut Choice<'_>, usual: &[(&str, &str)]) -> Tags {
    let mut tags: Tags = Tags::new();
    for (name, value) in usual {
        if !choice.rarely(8) {
            tags.insert(choice.text(&[name]), choice.text(&[value]));
        }
    }
    let names = ["dmm-data-product", "dmm-team", "dmm-integration", "Name"];
    let values = ["orders", "sales", "forecast", "planning", "enabled", ""];
    tags.extend(choice.list(2, |choice| (choice.text(&names), choice.text(&values))));
    tags
}

fn role(choice: &mut Choice<'_>) -> Role {
    let path = choice.one_of(&["/", "/data/", "/aws-service-role/x/", "/aws-reserved/sso/"]);
    let name = choice.one_of(&["forecast-job", "other-job", "dmm-prod-iam-grant"]);
    let account = choice.one_of(&[ACCOUNT, "999999999999"]);
    let tags = tags(choice, &[("dmm-team", "planning"), ("dmm-integration", "enabled")]);
    Role {
        name: role_name(name),
        arn: format!("arn:aws:iam::{account}:role{path}{name}"),
        path: path.to_owned(),
        id: "AROAEXAMPLE".to_owned(),
        has_opted_in: tags.get("dmm-integration").is_some_and(|value| value == "enabled"),
        tags,
    }
}

fn facts(choice: &mut Choice<'_>) -> ResourceFacts {
    let tags = tags(choice, &[("dmm-data-product", "orders")]);
    ResourceFacts { tags, exists: !choice.rarely(5), is_governed: choice.rarely(8), key: None }
}
