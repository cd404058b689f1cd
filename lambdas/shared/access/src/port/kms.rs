//! KMS keys that data in S3 is encrypted with. They may be used through S3 only.

use std::collections::{BTreeMap, BTreeSet};

use super::fields::ArnField;
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

/// Decrypts data.
pub(super) fn decrypt(keys: &BTreeSet<Arn>) -> Vec<Statement> {
    through_s3("Decrypt", DECRYPT, keys)
}

/// Encrypts and decrypts query results.
pub(super) fn use_for_results(keys: &BTreeSet<Arn>) -> Vec<Statement> {
    through_s3("ResultKey", RESULT_KEY, keys)
}

/// A key is used through S3 of its own region.
fn through_s3(sid: &str, actions: &[&'static str], keys: &BTreeSet<Arn>) -> Vec<Statement> {
    let mut services: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for key in keys {
        let service = format!("s3.{}.{}", key.region(), key.partition().dns_suffix());
        services.entry(service).or_default().push(key.to_string());
    }
    let services = numbered(sid, services.into_iter().collect());
    let statement = |(sid, (service, arns)): (String, (String, Vec<String>))| {
        Statement::allow(&sid, actions, arns).when(
            "StringEquals",
            "kms:ViaService",
            BTreeSet::from([service]),
        )
    };
    services.into_iter().map(statement).collect()
}
