//! Which grants of a role are in which of its managed policies, and what to do next to change that.

pub mod layout;
pub mod protocol;
pub mod record;

#[cfg(test)]
pub(crate) mod tests {
    use dmm_mesh::{AgreementKind, AgreementRef};

    use crate::document::Document;
    use crate::name::PolicyName;

    pub(crate) fn name(id: &str) -> PolicyName {
        PolicyName::of(&AgreementRef { kind: AgreementKind::Access, id: id.to_owned() })
    }

    /// A grant of a bucket of its own, which is `length` characters longer than the shortest one.
    pub(crate) fn grant(id: &str, length: usize) -> Document {
        let more = "x".repeat(length);
        Document::read(&format!(
            r#"{{"Version":"2012-10-17","Statement":[{{"Sid":"Read","Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::bucket-{id}/{more}"}}]}}"#
        ))
    }
}
