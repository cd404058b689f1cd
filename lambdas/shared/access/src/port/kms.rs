//! KMS keys that data in S3, or the Glue Data Catalog, is encrypted with. They may be used through that service only.
//!
//! S3 tells KMS which object a key is used for, in the encryption context `aws:s3:arn`: the ARN of the object, or the ARN of
//! the bucket if it has an S3 Bucket Key
//! ([encryption context](https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html#encryption-context)).
//! IAM compares it as `kms:EncryptionContext:aws:s3:arn`, so a key that several buckets share opens the objects of this
//! port only.
//!
//! Glue decrypts its catalog with the rights of the caller
//! ([encryption of the Data Catalog](https://docs.aws.amazon.com/glue/latest/dg/encrypt-glue-data-catalog.html)).

use std::collections::{BTreeMap, BTreeSet};

use super::fields::ArnField;
use super::s3::Location;
use crate::arn::Arn;
use crate::policy::{Statement, numbered};
use crate::refusal::Refusal;

/// Decrypts data.
pub(super) const DECRYPT: &[&str] = &["kms:Decrypt"];
/// Encrypts and decrypts query results.
pub(super) const RESULT_KEY: &[&str] = &["kms:Decrypt", "kms:GenerateDataKey"];

/// Whether it is the ARN of a key.
pub(super) fn is_key(arn: &Arn) -> bool {
    let id = arn.resource().strip_prefix("key/").unwrap_or_default();
    !id.is_empty() && !id.contains('/') && arn.is_regional()
}

/// The key that a field names. An alias does not do: a policy cannot grant the use of a key by its alias.
pub(super) fn key(field: &ArnField) -> Result<Arn, Refusal> {
    if !is_key(&field.arn) {
        return Err(field.unsupported(
            "the ARN of a KMS key, which reads arn:aws:kms:region:account:key/id (an alias is not accepted)",
        ));
    }
    Ok(field.arn.clone())
}

/// Decrypts the objects of these locations.
pub(super) fn decrypt(keys: &BTreeSet<Arn>, locations: &BTreeSet<Location>) -> Vec<Statement> {
    through_s3("Decrypt", DECRYPT, keys, locations)
}

/// Encrypts and decrypts the query results in these locations.
pub(super) fn use_for_results(keys: &BTreeSet<Arn>, locations: &BTreeSet<Location>) -> Vec<Statement> {
    through_s3("ResultKey", RESULT_KEY, keys, locations)
}

/// Decrypts the descriptions of tables.
pub(super) fn decrypt_catalog(keys: &BTreeSet<Arn>) -> Vec<Statement> {
    through("glue", "CatalogKey", DECRYPT, keys)
}

fn through_s3(
    sid: &str,
    actions: &[&'static str],
    keys: &BTreeSet<Arn>,
    locations: &BTreeSet<Location>,
) -> Vec<Statement> {
    let context: BTreeSet<String> =
        locations.iter().flat_map(|location| [location.bucket_arn(), location.objects_arn()]).collect();
    let statements = through("s3", sid, actions, keys).into_iter();
    statements
        .map(|statement| statement.when("StringLike", "kms:EncryptionContext:aws:s3:arn", context.clone()))
        .collect()
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
        statement.when("StringEquals", "kms:ViaService", BTreeSet::from([endpoint]))
    };
    endpoints.into_iter().map(statement).collect()
}
