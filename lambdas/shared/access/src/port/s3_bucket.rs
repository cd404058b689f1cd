//! The kind `s3_bucket`: a bucket, or a prefix in one, and the KMS keys that it is encrypted with.

use std::collections::BTreeSet;

use super::fields::Fields;
use super::spec::{AccessRole, Grantee, Spec};
use super::{kms, s3};
use crate::arn::Arn;
use crate::policy::Statement;
use crate::refusal::Refusal;

pub(super) const SPEC: Spec = Spec {
    rules: &[s3::RULES, kms::S3_RULES],
    roles: &[AccessRole::Read, AccessRole::Write],
    services: &[s3::SERVICE, kms::SERVICE],
};

/// A port of this kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Port {
    data: BTreeSet<s3::Location>,
    keys: BTreeSet<Arn>,
}

impl Port {
    pub(super) fn read(fields: &Fields) -> Result<Port, Refusal> {
        let mut port = Port { data: BTreeSet::new(), keys: BTreeSet::new() };
        for field in &fields.arns {
            match field.arn.service() {
                "s3" => drop(port.data.insert(s3::Location::of(field)?)),
                "kms" => drop(port.keys.insert(kms::key(field)?)),
                _ => {
                    return Err(field.unsupported(
                        "the ARN of a bucket or a KMS key (a port of the type `s3_bucket` accepts no others)",
                    ));
                }
            }
        }
        if port.data.is_empty() {
            return Err(fields.missing("the ARN of a bucket, or of a prefix in one"));
        }
        Ok(port)
    }

    pub(super) fn statements(&self, grantee: &Grantee<'_>) -> Vec<Statement> {
        let mut statements = s3::list(&self.data);
        statements.extend(s3::list_folders(&self.data));
        if grantee.reads() {
            statements.extend(s3::read(&self.data));
        }
        if grantee.writes() {
            statements.extend(s3::write(&self.data));
        }
        let actions = if grantee.writes() { kms::ENCRYPT_AND_DECRYPT } else { kms::DECRYPT };
        statements.extend(kms::through_s3("Decrypt", actions, &self.keys, &self.data));
        statements
    }
}
