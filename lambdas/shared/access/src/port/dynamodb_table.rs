//! The kind `dynamodb_table`: a DynamoDB table with its indexes, single indexes, or the stream of a table.
//!
//! - The ARN of a table gives its items and those of its indexes, the ARN of an index only what the index contains, and the
//!   ARN of a stream its changes ([resources of
//!   DynamoDB](https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/security_iam_service-with-iam.html)).
//! - The field `aws-dynamodb-leading-keys` limits all of it to items with these partition keys ([fine-grained
//!   access](https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/specifying-conditions.html)). A scan and a
//!   stream read all items, so they are not given then.
//! - IAM knows the tags of a table only if attribute-based access control is switched on in the account
//!   ([ABAC](https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/abac-enable-ddb.html)), so they are not a
//!   condition.

use std::collections::BTreeSet;

use super::fields::Fields;
use super::rule::{Condition, Expected, Rule, is_literal};
use super::spec::{AccessRole, Grantee, Service, Spec};
use super::{kms, names};
use crate::arn::Arn;
use crate::policy::Statement;
use crate::refusal::Refusal;

const DESCRIBE: &[&str] = &["dynamodb:DescribeTable"];
const READ: &[&str] = &[
    "dynamodb:BatchGetItem",
    "dynamodb:GetItem",
    "dynamodb:PartiQLSelect",
    "dynamodb:Query",
    "dynamodb:Scan",
];
const READ_INDEX: &[&str] = &["dynamodb:PartiQLSelect", "dynamodb:Query", "dynamodb:Scan"];
/// Reads items with certain partition keys.
const READ_KEYS: &[&str] = &["dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:Query"];
const QUERY_KEYS: &[&str] = &["dynamodb:Query"];
const STREAM: &[&str] = &["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"];
const WRITE: &[&str] =
    &["dynamodb:BatchWriteItem", "dynamodb:DeleteItem", "dynamodb:PutItem", "dynamodb:UpdateItem"];

const KEYS_FIELD: &str = "aws-dynamodb-leading-keys";
const LEADING_KEYS: &str = "dynamodb:LeadingKeys";
/// The request names partition keys, and all of them are in the list. Without the second condition, the first one also holds
/// for a request that names none.
const IN_KEYS: &str = "ForAllValues:StringEquals";

const LIMITED: &[Condition] = &[
    Condition::optional(IN_KEYS, LEADING_KEYS, Expected::Any(is_literal)),
    Condition::optional("Null", LEADING_KEYS, Expected::Text("false")),
];

const TABLE_CONTEXT: &str = "kms:EncryptionContext:aws:dynamodb:tableName";
const SUBSCRIBER_CONTEXT: &str = "kms:EncryptionContext:aws:dynamodb:subscriberId";
const KEY_RULES: &[Rule] = &kms::rules(
    kms::DECRYPT,
    &[
        kms::via("dynamodb"),
        kms::about(TABLE_CONTEXT, names::is_plain),
        kms::about(SUBSCRIBER_CONTEXT, names::is_plain),
    ],
);

pub(super) const SPEC: Spec = Spec {
    rules: &[
        &[
            Rule::new(DESCRIBE, is_table_text),
            Rule::new(READ, is_item_text).under(LIMITED),
            Rule::new(WRITE, is_table_text).under(LIMITED),
            Rule::new(STREAM, is_stream_text),
        ],
        KEY_RULES,
    ],
    roles: &[AccessRole::Read, AccessRole::Write],
    services: &[Service { name: "dynamodb", noun: |_| "DynamoDB table", tagged: table_of }, kms::SERVICE],
};

/// A port of this kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Port {
    tables: BTreeSet<Arn>,
    indexes: BTreeSet<Arn>,
    streams: BTreeSet<Arn>,
    keys: BTreeSet<Arn>,
    /// Empty means all items.
    leading_keys: BTreeSet<String>,
}

/// The table of a table, an index or a stream.
fn table_of(arn: &Arn) -> Option<Arn> {
    names::container(arn, "table/")
}

fn is_table(arn: &Arn) -> bool {
    names::after(arn, "dynamodb", "table/").is_some()
}

/// Whether it is what `kind` names below a table: `table/orders/KIND/name`. The name of a stream contains colons.
fn is_below_table(arn: &Arn, kind: &str) -> bool {
    let parts: Vec<&str> = arn.resource().split('/').collect();
    let is_of_kind = matches!(parts.as_slice(), ["table", table, found, name]
        if names::is_plain(table) && *found == kind && !name.is_empty());
    arn.service() == "dynamodb" && arn.is_regional() && is_of_kind
}

fn is_table_text(resource: &str) -> bool {
    names::is(resource, is_table)
}

fn is_item_text(resource: &str) -> bool {
    resource.strip_suffix("/index/*").map_or_else(
        || names::is(resource, |arn| is_table(arn) || is_below_table(arn, "index")),
        is_table_text,
    )
}

fn is_stream_text(resource: &str) -> bool {
    names::is(resource, |arn| is_below_table(arn, "stream"))
}

impl Port {
    pub(super) fn read(fields: &Fields) -> Result<Port, Refusal> {
        let mut port = Port::default();
        for field in &fields.arns {
            let arn = field.arn.clone();
            match arn.service() {
                "kms" => port.keys.insert(kms::key(field)?),
                _ if is_table(&arn) => port.tables.insert(arn),
                _ if is_below_table(&arn, "index") => port.indexes.insert(arn),
                _ if is_below_table(&arn, "stream") => port.streams.insert(arn),
                _ => {
                    return Err(field.unsupported(
                        "the ARN of a DynamoDB table, of its index or stream, or of a KMS key (a port of the type \
                         `dynamodb_table` accepts no others)",
                    ));
                }
            };
        }
        if port.tables.is_empty() && port.indexes.is_empty() && port.streams.is_empty() {
            return Err(fields.missing("the ARN of a DynamoDB table, or of its index or stream"));
        }
        let keys = fields.text(KEYS_FIELD)?.unwrap_or_default();
        port.leading_keys =
            keys.split(',').map(|key| key.trim().to_owned()).filter(|key| !key.is_empty()).collect();
        if !port.leading_keys.is_empty()
            && let Some(field) = fields.arns.iter().find(|field| port.streams.contains(&field.arn))
        {
            return Err(field.unsupported(
                "something that IAM can limit to the keys in `aws-dynamodb-leading-keys` (a stream contains all items)",
            ));
        }
        Ok(port)
    }

    pub(super) fn statements(&self, grantee: &Grantee<'_>) -> Vec<Statement> {
        let (tables, indexes) = (names::texts(&self.tables), names::texts(&self.indexes));
        let mut statements = Vec::new();
        if grantee.reads() || grantee.writes() {
            statements.extend(Statement::allow_any("Describe", DESCRIBE, tables.clone()));
        }
        if grantee.reads() {
            let all_indexes = tables.iter().map(|table| format!("{table}/index/*"));
            let with_indexes = tables.iter().cloned().chain(all_indexes).collect();
            let is_limited = !self.leading_keys.is_empty();
            let (read, read_index) = if is_limited { (READ_KEYS, QUERY_KEYS) } else { (READ, READ_INDEX) };
            statements.extend(self.limited(Statement::allow_any("Read", read, with_indexes)));
            statements.extend(self.limited(Statement::allow_any("ReadIndex", read_index, indexes)));
            statements.extend(Statement::allow_any("Stream", STREAM, names::texts(&self.streams)));
        }
        if grantee.writes() {
            statements.extend(self.limited(Statement::allow_any("Write", WRITE, tables)));
        }
        if !statements.is_empty() {
            statements.extend(self.decrypt());
        }
        statements
    }

    fn limited(&self, statements: Vec<Statement>) -> Vec<Statement> {
        if self.leading_keys.is_empty() {
            return statements;
        }
        let limit = |statement: Statement| {
            let statement = statement.when(IN_KEYS, LEADING_KEYS, self.leading_keys.clone());
            statement.when("Null", LEADING_KEYS, BTreeSet::from(["false".to_owned()]))
        };
        statements.into_iter().map(limit).collect()
    }

    /// DynamoDB decrypts the key of a table with the rights of the caller, also for a caller that writes.
    fn decrypt(&self) -> Vec<Statement> {
        let resources = || self.tables.iter().chain(&self.indexes).chain(&self.streams);
        let tables: BTreeSet<String> = resources()
            .filter_map(|arn| Some(table_of(arn)?.resource().strip_prefix("table/")?.to_owned()))
            .collect();
        let accounts: BTreeSet<String> = resources().map(|arn| arn.account().to_owned()).collect();
        let context = [(TABLE_CONTEXT, tables), (SUBSCRIBER_CONTEXT, accounts)];
        kms::in_context("dynamodb", kms::DECRYPT, &self.keys, &context)
    }
}
