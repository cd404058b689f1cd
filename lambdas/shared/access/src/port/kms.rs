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

use super::fields::{ArnField, Fields};
use super::rule::{Condition, Expected, Rule};
use super::s3::{self, Location};
use super::spec::Service;
use crate::arn::Arn;
use crate::policy::{Statement, numbered};
use crate::refusal::Refusal;

/// Decrypts data.
pub(super) const DECRYPT: &[&str] = &["kms:Decrypt"];
/// Encrypts and decrypts data.
pub(super) const ENCRYPT_AND_DECRYPT: &[&str] = &["kms:Decrypt", "kms:GenerateDataKey"];

const VIA: &str = "kms:ViaService";
pub(super) const S3_CONTEXT: &str = "kms:EncryptionContext:aws:s3:arn";

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
pub(super) const fn rules(actions: &'static [&'static str], conditions: &'static [Condition]) -> [Rule; 1] {
    [Rule::new(actions, is_key_text).under(conditions)]
}

/// Through this service.
pub(super) const fn via(service: &'static str) -> Condition {
    Condition::required("StringEquals", VIA, Expected::HostOf(service))
}

/// For a resource that the encryption context names.
pub(super) const fn about(context: &'static str, resource: fn(&str) -> bool) -> Condition {
    Condition::required("StringEquals", context, Expected::Any(resource))
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

/// The resources of a port that names nothing else but keys, and these keys.
///
/// # Errors
///
/// A refusal if an ARN is neither, saying what was `expected`; or if there is no resource, saying what is `needed`.
pub(super) fn beside_resources(
    fields: &Fields,
    is_resource: fn(&Arn) -> bool,
    expected: &'static str,
    needed: &'static str,
) -> Result<(BTreeSet<Arn>, BTreeSet<Arn>), Refusal> {
    let (mut resources, mut keys) = (BTreeSet::new(), BTreeSet::new());
    for field in &fields.arns {
        match field.arn.service() {
            "kms" => drop(keys.insert(key(field)?)),
            _ if is_resource(&field.arn) => drop(resources.insert(field.arn.clone())),
            _ => return Err(field.unsupported(expected)),
        }
    }
    if resources.is_empty() {
        return Err(fields.missing(needed));
    }
    Ok((resources, keys))
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
