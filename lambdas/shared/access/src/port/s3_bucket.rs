//! The kind `s3_bucket`: a bucket, or a prefix in one, and the KMS keys that it is encrypted with.

use super::fields::Fields;
use super::parts::Parts;
use super::{kms, s3};
use crate::refusal::Refusal;

/// Every action that a port of this kind gives.
pub(super) const ACTIONS: &[&[&str]] = &[s3::LIST, s3::READ, kms::DECRYPT];

pub(super) fn read(fields: &Fields) -> Result<Parts, Refusal> {
    let mut parts = Parts::default();
    for field in &fields.arns {
        match field.arn.service() {
            "s3" => drop(parts.data.insert(s3::Location::of(field)?)),
            "kms" => drop(parts.keys.insert(kms::key(field)?)),
            _ => {
                return Err(field.unsupported(
                    "the ARN of a bucket or a KMS key (a port of the type `s3_bucket` accepts no others)",
                ));
            }
        }
    }
    if parts.data.is_empty() {
        return Err(fields.missing("the ARN of a bucket, or of a prefix in one"));
    }
    Ok(parts)
}
