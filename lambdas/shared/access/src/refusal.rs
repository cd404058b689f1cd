//! Why an agreement that is active gets nothing, in sentences for the people who can change that.

use thiserror::Error;

use crate::arn::ArnError;
use crate::role::{RoleName, RoleNameError};

/// Why nothing may stand for an agreement, although it is active. No retry cures it; somebody has to change
/// the data product, the team, the role or the configuration.
///
/// The text is shown in Data Mesh Manager and mailed to the provider's team, so each says what is wrong and
/// what to do.
#[derive(Clone, Debug, Error, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// The consumer is a person.
    #[error(
        "The consumer is a user ({user}). This integration gives access to the IAM roles of data products \
         and teams: request the access for one of those instead."
    )]
    ConsumerIsUser {
        /// The user's id.
        user: String,
    },
    /// The agreement names no consumer.
    #[error(
        "The agreement names no consumer that still exists. Cancel it, and request the access again for an \
         existing data product or team."
    )]
    ConsumerUnknown,
    /// The consumer is not there.
    #[error(
        "The consuming {consumer} does not exist in Data Mesh Manager. Cancel the agreement, or add it again."
    )]
    ConsumerGone {
        /// `data product x` or `team x`.
        consumer: String,
    },
    /// Neither the consumer nor its owner names a role.
    #[error(
        "The consuming {consumer} does not say which IAM role gets the access. Set its custom field \
         `aws-role-name` to the role's name{}.",
        fallback(*owner_may_say)
    )]
    RoleFieldMissing {
        /// `data product x` or `team x`.
        consumer: String,
        /// Whether the field of the team that owns the consumer would do as well.
        owner_may_say: bool,
    },
    /// The field names no role.
    #[error("The custom field `aws-role-name` of the consuming {consumer}, `{}`, {problem}.", short(value))]
    RoleFieldMalformed {
        /// `data product x` or `team x`.
        consumer: String,
        /// What the field holds.
        value: String,
        /// What is wrong with it.
        problem: RoleNameError,
    },
    /// The role does not exist.
    #[error(
        "The IAM role {role} does not exist. Create it, or correct the custom field `aws-role-name` of the consumer."
    )]
    RoleMissing {
        /// The role.
        role: RoleName,
    },
    /// The field's ARN is not the ARN of the role with that name.
    #[error(
        "The custom field `aws-role-name` of the consumer holds {given}, but the role of that name is \
         {actual}. Only roles of the account that this integration runs in can be given access."
    )]
    RoleElsewhere {
        /// The field's ARN.
        given: String,
        /// The role's ARN.
        actual: String,
    },
    /// The role belongs to an AWS service.
    #[error(
        "The IAM role {role} belongs to an AWS service, and nobody else may change it. Name another role."
    )]
    RoleServiceLinked {
        /// The role.
        role: RoleName,
    },
    /// The role is one of this integration's own.
    #[error("The IAM role {role} is protected from this integration. Name another role.")]
    RoleProtected {
        /// The role.
        role: RoleName,
    },
    /// The configuration does not allow the role.
    #[error(
        "The IAM role {role} is not one of those that this integration may give access to. Name another \
         role, or have the operator of the integration add it to ALLOWED_ROLES."
    )]
    RoleNotAllowed {
        /// The role.
        role: RoleName,
    },
    /// The role does not carry the tag.
    #[error(
        "The IAM role {role} has not opted in. Give it the tag `dmm-integration` with the value `enabled`; \
         then this integration may give it access."
    )]
    RoleNotOptedIn {
        /// The role.
        role: RoleName,
    },
    /// The role is in a partition that this software does not know, or that the port's resources are not in.
    #[error(
        "The IAM role {role} and the resource in the custom field `{field}` are in different partitions of \
         AWS, between which no access is possible. Correct the field."
    )]
    OtherPartition {
        /// The role.
        role: RoleName,
        /// The output port's field.
        field: String,
    },
    /// The role has no room, neither inline nor in managed policies.
    #[error(
        "The policies of the IAM role {role} are full: IAM has limits to their size and number, and this \
         access does not fit any more. Remove policies from the role that are not needed, use another role, \
         or have the operator of the integration raise the quota `Managed policies per role` of the account."
    )]
    RoleFull {
        /// The role.
        role: RoleName,
    },
    /// The account has no room for another managed policy.
    #[error(
        "The AWS account holds as many managed policies as it may, and this access needs another one. Have \
         the operator of the integration delete some, or raise the quota `Customer managed policies per account`."
    )]
    AccountFull,
    /// IAM does not let anybody change the role.
    #[error("AWS does not allow changes to the IAM role {role}. Name another role.")]
    RoleUnmodifiable {
        /// The role.
        role: RoleName,
    },
    /// IAM does not take the document.
    #[error(
        "IAM does not accept the policy that the output port's custom fields lead to: {message}. Check the ARNs."
    )]
    DocumentRejected {
        /// What IAM says.
        message: String,
    },
    /// The agreement names no provider.
    #[error(
        "The data product or output port that this agreement is about no longer exists. Cancel the agreement."
    )]
    ProviderUnknown,
    /// The providing data product is not there.
    #[error("The providing data product {product} no longer exists. Cancel the agreement.")]
    ProductGone {
        /// The data product's id.
        product: String,
    },
    /// The output port is not there, or is not the only one of its name.
    #[error(
        "The data product {product} has no output port {port}, or more than one. Cancel the agreement, or \
         restore the port with that id."
    )]
    PortGone {
        /// The data product's id.
        product: String,
        /// The port, as the agreement names it.
        port: String,
    },
    /// The port has none of the fields that concern this integration.
    #[error(
        "The output port {port} has no custom field that says where its data is in AWS. Set \
         `output-port-type` and the fields that belong to it, for example `aws-s3-bucket-arn`."
    )]
    NotOnAws {
        /// The port.
        port: String,
    },
    /// The port does not say of which type it is.
    #[error(
        "The output port {port} has ARNs, but not the custom field `output-port-type`. Set it to \
         `s3_bucket` or `glue_table`."
    )]
    PortTypeMissing {
        /// The port.
        port: String,
    },
    /// The port is of a type that this software does not know.
    #[error(
        "The output port {port} is of the type `{}`, which this integration cannot give access to. The \
         custom field `output-port-type` can be `s3_bucket` or `glue_table`.",
        short(port_type)
    )]
    PortTypeUnsupported {
        /// The port.
        port: String,
        /// The field's value.
        port_type: String,
    },
    /// An ARN that the type needs is missing.
    #[error(
        "The output port {port} is of the type `{port_type}`, which needs {needed}. Add it as a custom \
         field whose name begins with `aws` and ends with `arn`."
    )]
    ArnMissing {
        /// The port.
        port: String,
        /// The port's type.
        port_type: &'static str,
        /// What is missing.
        needed: &'static str,
    },
    /// A field holds no ARN.
    #[error("The custom field `{field}` of the output port, `{}`, {problem}. Correct it.", short(value))]
    ArnMalformed {
        /// The field.
        field: String,
        /// What it holds.
        value: String,
        /// What is wrong with it.
        problem: ArnError,
    },
    /// A field holds the ARN of something that the port's type has no use for.
    #[error(
        "The custom field `{field}` of the output port, `{}`, is not {expected}. Correct it, or give the \
         field a name that does not begin with `aws`.",
        short(arn)
    )]
    ArnUnsupported {
        /// The field.
        field: String,
        /// What it holds.
        arn: String,
        /// What would be right.
        expected: &'static str,
    },
    /// A field names a resource of an account that is not allowed.
    #[error(
        "The custom field `{field}` of the output port names a resource of the AWS account {account}, and \
         this integration may not give access to that account. Correct it, or have the operator of the \
         integration add the account to ALLOWED_RESOURCE_ACCOUNTS."
    )]
    AccountForbidden {
        /// The field.
        field: String,
        /// The account.
        account: String,
    },
}

impl Refusal {
    /// Whether the output port may well be for another platform's integration. Then it is reported only where
    /// this integration gave access before: the state in Data Mesh Manager is somebody else's.
    #[must_use]
    pub fn is_for_others(&self) -> bool {
        matches!(self, Refusal::NotOnAws { .. })
    }
}

fn fallback(owner_may_say: bool) -> &'static str {
    if owner_may_say { ", or set the field of the team that owns it" } else { "" }
}

/// The beginning of a value that somebody else wrote: a message is no place for a whole book.
fn short(value: &str) -> String {
    const LIMIT: usize = 200;
    let mut text: String = value.chars().take(LIMIT).collect();
    if text.len() < value.len() {
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_says_what_to_do() {
        let role: RoleName = "orders-consumer".parse().unwrap();
        assert_eq!(
            Refusal::RoleNotOptedIn { role }.to_string(),
            "The IAM role orders-consumer has not opted in. Give it the tag `dmm-integration` with the value \
             `enabled`; then this integration may give it access."
        );
        assert_eq!(
            Refusal::ArnMalformed {
                field: "aws-s3-bucket-arn".to_owned(),
                value: "arn:aws:s3:::*".to_owned(),
                problem: ArnError::Wildcard,
            }
            .to_string(),
            "The custom field `aws-s3-bucket-arn` of the output port, `arn:aws:s3:::*`, holds a wildcard \
             (`*`, `?`) or a variable (`${`); an ARN has to name one resource exactly. Correct it."
        );
    }

    #[test]
    fn a_long_value_is_shortened_in_the_message() {
        let refusal =
            Refusal::PortTypeUnsupported { port: "daily".to_owned(), port_type: "ü".repeat(5_000) };
        assert!(refusal.to_string().chars().count() < 450);
        assert!(refusal.to_string().contains('…'));
    }
}
