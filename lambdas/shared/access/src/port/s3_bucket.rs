//! The kind `s3_bucket`: a bucket, or a prefix in one, and the KMS keys that it is encrypted with.

use std::collections::BTreeSet;

use super::fields::Fields;
use super::{kms, s3};
use crate::policy::Statement;
use crate::refusal::Refusal;

/// Every action that a port of this kind gives.
pub(super) const ACTIONS: &[&[&str]] = &[s3::LIST, s3::READ, kms::DECRYPT];

pub(super) fn statements(fields: &Fields) -> Result<Vec<Statement>, Refusal> {
    let (mut data, mut keys) = (BTreeSet::new(), BTreeSet::new());
    for field in &fields.arns {
        match field.arn.service() {
            "s3" => drop(data.insert(s3::Location::of(field)?)),
            "kms" => drop(keys.insert(kms::key(field)?)),
            _ => {
                return Err(field.unsupported(
                    "the ARN of a bucket or a KMS key (a port of the type `s3_bucket` accepts no others)",
                ));
            }
        }
    }
    if data.is_empty() {
        return Err(fields.missing("the ARN of a bucket, or of a prefix in one"));
    }
    Ok([s3::list(&data), s3::read(&data), kms::decrypt(&keys)].concat())
}
