//! The kind `s3_tables`: a table bucket of S3 Tables, or single Iceberg tables of one.
//!
//! A client finds a table in the bucket and its namespaces, reads where its metadata is, and reads its data ([access management
//! for S3 Tables](https://docs.aws.amazon.com/AmazonS3/latest/userguide/s3-tables-setting-up.html)). The keys of an encrypted
//! table bucket are limited to this bucket by the encryption context `aws:s3:arn` ([scoping SSE-KMS for
//! tables](https://docs.aws.amazon.com/AmazonS3/latest/userguide/tables-require-kms.html)).

use std::collections::BTreeSet;

use super::fields::Fields;
use super::rule::{Condition, Expected, Rule};
use super::spec::{AccessRole, Grantee, Service, Spec};
use super::{kms, names};
use crate::arn::Arn;
use crate::policy::Statement;
use crate::refusal::Refusal;

/// Finds the tables of a bucket.
const FIND: &[&str] =
    &["s3tables:GetNamespace", "s3tables:GetTableBucket", "s3tables:ListNamespaces", "s3tables:ListTables"];
const READ: &[&str] = &["s3tables:GetTable", "s3tables:GetTableData", "s3tables:GetTableMetadataLocation"];
const WRITE: &[&str] = &[
    "s3tables:GetTable",
    "s3tables:GetTableMetadataLocation",
    "s3tables:PutTableData",
    "s3tables:UpdateTableMetadataLocation",
];

const KEY_RULES: &[Rule] = &kms::rules(
    kms::ENCRYPT_AND_DECRYPT,
    &[Condition::required("StringLike", kms::S3_CONTEXT, Expected::Any(is_bucket_or_what_is_in_it))],
);

pub(super) const SPEC: Spec = Spec {
    rules: &[
        &[Rule::new(FIND, is_bucket_text), Rule::new(READ, is_table_text), Rule::new(WRITE, is_table_text)],
        KEY_RULES,
    ],
    roles: &[AccessRole::Read, AccessRole::Write],
    services: &[Service { name: "s3tables", noun: |_| "table bucket", tagged: bucket_of }, kms::SERVICE],
};

/// A port of this kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Port {
    buckets: BTreeSet<Arn>,
    tables: BTreeSet<Arn>,
    keys: BTreeSet<Arn>,
}

fn is_bucket(arn: &Arn) -> bool {
    names::after(arn, "s3tables", "bucket/").is_some()
}

/// Whether it is a table bucket, or the pattern of everything in it.
fn is_bucket_or_what_is_in_it(text: &str) -> bool {
    names::is(text.strip_suffix("/*").unwrap_or(text), is_bucket)
}

fn is_bucket_text(resource: &str) -> bool {
    names::is(resource, is_bucket)
}

fn is_table(arn: &Arn) -> bool {
    let parts: Vec<&str> = arn.resource().split('/').collect();
    let is_one = matches!(parts.as_slice(), ["bucket", bucket, "table", id]
        if names::is_plain(bucket) && names::is_plain(id));
    arn.service() == "s3tables" && arn.is_regional() && is_one
}

fn is_table_text(resource: &str) -> bool {
    resource.strip_suffix("/table/*").map_or_else(|| names::is(resource, is_table), is_bucket_text)
}

/// The bucket of a bucket or a table.
fn bucket_of(arn: &Arn) -> Option<Arn> {
    names::container(arn, "bucket/")
}

impl Port {
    pub(super) fn read(fields: &Fields) -> Result<Port, Refusal> {
        let mut port = Port::default();
        for field in &fields.arns {
            let arn = field.arn.clone();
            match arn.service() {
                "kms" => port.keys.insert(kms::key(field)?),
                _ if is_bucket(&arn) => port.buckets.insert(arn),
                _ if is_table(&arn) => port.tables.insert(arn),
                _ => {
                    return Err(field.unsupported(
                        "the ARN of a table bucket, which ends with :bucket/name, of a table, which ends with \
                         :bucket/name/table/id, or of a KMS key (a port of the type `s3_tables` accepts no others)",
                    ));
                }
            };
        }
        if port.buckets.is_empty() && port.tables.is_empty() {
            return Err(fields.missing("the ARN of a table bucket, or of a table in one"));
        }
        Ok(port)
    }

    pub(super) fn statements(&self, grantee: &Grantee<'_>) -> Vec<Statement> {
        let buckets = names::texts(&self.buckets);
        let all_tables = buckets.iter().map(|bucket| format!("{bucket}/table/*"));
        let tables: Vec<String> = names::texts(&self.tables).into_iter().chain(all_tables).collect();
        let mut statements = Statement::allow_any("Find", FIND, buckets);
        if grantee.reads() {
            statements.extend(Statement::allow_any("Read", READ, tables.clone()));
        }
        if grantee.writes() {
            statements.extend(Statement::allow_any("Write", WRITE, tables));
        }
        let actions = if grantee.writes() { kms::ENCRYPT_AND_DECRYPT } else { kms::DECRYPT };
        let owners: BTreeSet<Arn> = self.buckets.iter().chain(&self.tables).filter_map(bucket_of).collect();
        statements.extend(use_keys(actions, &self.keys, &owners));
        statements
    }
}

/// Uses the keys for the tables in these table buckets. AWS does not document the service in `kms:ViaService`.
fn use_keys(actions: &[&'static str], keys: &BTreeSet<Arn>, buckets: &BTreeSet<Arn>) -> Vec<Statement> {
    let context = buckets.iter().flat_map(|bucket| [bucket.to_string(), format!("{bucket}/*")]).collect();
    let statements = Statement::allow_any("Key", actions, names::texts(keys)).into_iter();
    let statements = statements.map(Statement::honouring_tags);
    statements
        .map(|statement| statement.when("StringLike", kms::S3_CONTEXT, BTreeSet::clone(&context)))
        .collect()
}
