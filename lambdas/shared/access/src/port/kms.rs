//! KMS keys that data is encrypted with. A key may be used through the service of the data only, and for this data only.
//!
//! A service that encrypts calls KMS with the rights of its caller, and says so: IAM knows the service as
//! [`kms:ViaService`](https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html#conditions-kms-via-service).
//! It also says what it encrypts, in the encryption context, which IAM compares as `kms:EncryptionContext:KEY`. So a key that
//! several resources share opens those of this port only:
//!
//! | service | context | source |
//! | --- | --- | --- |
//! | S3 | `aws:s3:arn`: the object, or the bucket if it has an S3 Bucket Key | [S3](https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html#encryption-context) |
//! | DynamoDB | `aws:dynamodb:tableName`, `aws:dynamodb:subscriberId` (the account) | [DynamoDB](https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/encryption.usagenotes.html) |
//! | Kinesis | `aws:kinesis:arn`: the stream | [Kinesis](https://docs.aws.amazon.com/streams/latest/dev/permissions-user-key-KMS.html) |
//! | SQS | `aws:sqs:arn`: the queue | [SQS](https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html) |
//! | SNS | `aws:sns:topicArn`: the topic | [SNS](https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html) |
//! | S3 Tables | `aws:s3:arn`: the table bucket and what is in it | [S3 Tables](https://docs.aws.amazon.com/AmazonS3/latest/userguide/tables-require-kms.html) |
//! | Glue | not compared: Glue decrypts its whole catalog with one key | [Glue](https://docs.aws.amazon.com/glue/latest/dg/encrypt-glue-data-catalog.html) |
//!
//! A field may also name an alias. IAM does not grant the use of a key by its alias, so AWS is asked for the key before the
//! access is given.

use std::collections::{BTreeMap, BTreeSet};

use super::fields::ArnField;
use super::rule::{Condition, Expected, Rule};
use super::s3::{self, Location};
use super::spec::Service;
use super::{kinesis_stream, names, s3_tables, sns_topic, sqs_queue};
use crate::arn::Arn;
use crate::policy::{Statement, numbered};
use crate::refusal::Refusal;

/// Decrypts data.
pub(super) const DECRYPT: &[&str] = &["kms:Decrypt"];
/// Encrypts and decrypts data.
pub(super) const ENCRYPT_AND_DECRYPT: &[&str] = &["kms:Decrypt", "kms:GenerateDataKey"];

const VIA: &str = "kms:ViaService";
const S3_CONTEXT: &str = "kms:EncryptionContext:aws:s3:arn";

pub(super) const SERVICE: Service = Service::tagged_itself("kms", |_| "KMS key");

/// The keys of data in S3. Earlier versions did not write the context.
pub(super) const S3_RULES: &[Rule] = &[Rule::new(ENCRYPT_AND_DECRYPT, is_key_text).under(&[
    Condition::required("StringEquals", VIA, Expected::HostOf("s3")),
    Condition::optional("StringLike", S3_CONTEXT, Expected::Any(s3::is_bucket_or_objects)),
])];
/// The keys of a Glue Data Catalog.
pub(super) const GLUE_RULES: &[Rule] = &[Rule::new(DECRYPT, is_key_text).under(&[Condition::required(
    "StringEquals",
    VIA,
    Expected::HostOf("glue"),
)])];

/// The keys of a service that puts the resource into the encryption context.
const fn rules(actions: &'static [&'static str], conditions: &'static [Condition]) -> [Rule; 1] {
    [Rule::new(actions, is_key_text).under(conditions)]
}

const fn via(service: &'static str) -> Condition {
    Condition::required("StringEquals", VIA, Expected::HostOf(service))
}

const fn about(context: &'static str, resource: fn(&str) -> bool) -> Condition {
    Condition::required("StringEquals", context, Expected::Any(resource))
}

pub(super) const TABLE_CONTEXT: &str = "kms:EncryptionContext:aws:dynamodb:tableName";
pub(super) const SUBSCRIBER_CONTEXT: &str = "kms:EncryptionContext:aws:dynamodb:subscriberId";
pub(super) const STREAM_CONTEXT: &str = "kms:EncryptionContext:aws:kinesis:arn";
pub(super) const QUEUE_CONTEXT: &str = "kms:EncryptionContext:aws:sqs:arn";
pub(super) const TOPIC_CONTEXT: &str = "kms:EncryptionContext:aws:sns:topicArn";

pub(super) const DYNAMODB_RULES: &[Rule] = &rules(
    DECRYPT,
    &[via("dynamodb"), about(TABLE_CONTEXT, names::is_plain), about(SUBSCRIBER_CONTEXT, names::is_plain)],
);
pub(super) const KINESIS_RULES: &[Rule] =
    &rules(ENCRYPT_AND_DECRYPT, &[via("kinesis"), about(STREAM_CONTEXT, kinesis_stream::is_stream_text)]);
pub(super) const SQS_RULES: &[Rule] =
    &rules(ENCRYPT_AND_DECRYPT, &[via("sqs"), about(QUEUE_CONTEXT, sqs_queue::is_queue_text)]);
pub(super) const SNS_RULES: &[Rule] =
    &rules(ENCRYPT_AND_DECRYPT, &[via("sns"), about(TOPIC_CONTEXT, sns_topic::is_topic_text)]);
/// The keys of table buckets.
pub(super) const TABLE_BUCKET_RULES: &[Rule] = &rules(
    ENCRYPT_AND_DECRYPT,
    &[Condition::required("StringLike", S3_CONTEXT, Expected::Any(is_table_bucket))],
);

/// Whether it is a table bucket, or the pattern of everything in it.
fn is_table_bucket(text: &str) -> bool {
    names::is(text.strip_suffix("/*").unwrap_or(text), s3_tables::is_bucket)
}

/// Whether it is the ARN of a key.
pub(super) fn is_key(arn: &Arn) -> bool {
    is_named(arn, "key/")
}

fn is_key_text(resource: &str) -> bool {
    resource.parse().is_ok_and(|arn| is_key(&arn))
}

/// Whether it is the ARN of an alias. An alias may contain slashes: `alias/data/orders`.
pub(super) fn is_alias(arn: &Arn) -> bool {
    let name = arn.resource().strip_prefix("alias/").unwrap_or_default();
    arn.service() == "kms" && !name.is_empty() && arn.is_regional()
}

fn is_named(arn: &Arn, prefix: &str) -> bool {
    let id = arn.resource().strip_prefix(prefix).unwrap_or_default();
    arn.service() == "kms" && !id.is_empty() && !id.contains('/') && arn.is_regional()
}

/// The key or alias that a field names.
pub(super) fn key(field: &ArnField) -> Result<Arn, Refusal> {
    if !is_key(&field.arn) && !is_alias(&field.arn) {
        return Err(field.unsupported(
            "the ARN of a KMS key or alias, which reads arn:aws:kms:region:account:key/id or \
             arn:aws:kms:region:account:alias/name",
        ));
    }
    Ok(field.arn.clone())
}

/// Uses the keys for the objects of these locations.
pub(super) fn through_s3(
    sid: &str,
    actions: &[&'static str],
    keys: &BTreeSet<Arn>,
    locations: &BTreeSet<Location>,
) -> Vec<Statement> {
    let context: BTreeSet<String> =
        locations.iter().flat_map(|location| [location.bucket_arn(), location.objects_arn()]).collect();
    let statements = through("s3", sid, actions, keys).into_iter();
    statements.map(|statement| statement.when("StringLike", S3_CONTEXT, context.clone())).collect()
}

/// Decrypts the descriptions of tables.
pub(super) fn decrypt_catalog(keys: &BTreeSet<Arn>) -> Vec<Statement> {
    through("glue", "CatalogKey", DECRYPT, keys)
}

/// Uses the keys through the service, for the resources in this encryption context.
pub(super) fn in_context(
    service: &str,
    actions: &[&'static str],
    keys: &BTreeSet<Arn>,
    context: &[(&'static str, BTreeSet<String>)],
) -> Vec<Statement> {
    let limit = |statement: Statement| {
        context.iter().fold(statement, |one, (key, values)| one.when("StringEquals", key, values.clone()))
    };
    through(service, "Key", actions, keys).into_iter().map(limit).collect()
}

/// Uses the keys for the tables in these table buckets. AWS does not document the service in `kms:ViaService`.
pub(super) fn of_table_buckets(
    actions: &[&'static str],
    keys: &BTreeSet<Arn>,
    buckets: &BTreeSet<Arn>,
) -> Vec<Statement> {
    let context = buckets.iter().flat_map(|bucket| [bucket.to_string(), format!("{bucket}/*")]).collect();
    let statements = Statement::allow_any("Key", actions, names::texts(keys)).into_iter();
    let statements = statements.map(Statement::honouring_tags);
    statements.map(|statement| statement.when("StringLike", S3_CONTEXT, BTreeSet::clone(&context))).collect()
}

/// A key is used through a service of its own region. IAM honours the tags of keys
/// ([ABAC for KMS](https://docs.aws.amazon.com/kms/latest/developerguide/abac.html)).
fn through(service: &str, sid: &str, actions: &[&'static str], keys: &BTreeSet<Arn>) -> Vec<Statement> {
    let mut endpoints: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for key in keys {
        let endpoint = format!("{service}.{}.{}", key.region(), key.partition().dns_suffix());
        endpoints.entry(endpoint).or_default().push(key.to_string());
    }
    let endpoints = numbered(sid, endpoints.into_iter().collect());
    let statement = |(sid, (endpoint, arns)): (String, (String, Vec<String>))| {
        let statement = Statement::allow(&sid, actions, arns).honouring_tags();
        statement.when("StringEquals", VIA, BTreeSet::from([endpoint]))
    };
    endpoints.into_iter().map(statement).collect()
}
