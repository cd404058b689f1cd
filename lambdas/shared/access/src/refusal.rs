//! Why an active agreement gets no access, in sentences for the people who can change that.

use thiserror::Error;

use crate::arn::ArnError;
use crate::role::{RoleName, RoleNameError};

/// Why an agreement gets no access although it is active. A retry does not help: somebody has to change the data
/// product, the team, the role or the configuration.
///
/// The text is shown in Data Mesh Manager and sent by e-mail to the provider's team. It therefore says what is wrong
/// and what to do.
#[derive(Clone, Debug, Error, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// The consumer is a person.
    #[error(
        "The consumer is a user ({user}). This integration gives access to the IAM roles of data products and teams \
         only. Request the access for a data product or a team instead."
    )]
    ConsumerIsUser {
        /// The user's id.
        user: String,
    },
    /// The agreement names no consumer.
    #[error(
        "The consumer of this agreement no longer exists. Cancel the agreement, and request the access again for an \
         existing data product or team."
    )]
    ConsumerUnknown,
    /// The consumer does not exist.
    #[error(
        "The consuming {consumer} does not exist in Data Mesh Manager. Create it again, or cancel the agreement."
    )]
    ConsumerGone {
        /// `data product x` or `team x`.
        consumer: String,
    },
    /// Neither the consumer nor its owner names a role.
    #[error(
        "The consuming {consumer} does not name the IAM role that should get the access. Set its custom field \
         `aws-role-name` to the name of the role{}.",
        owner_alternative(*owner_may_name_it)
    )]
    RoleFieldMissing {
        /// `data product x` or `team x`.
        consumer: String,
        /// Whether the role may also be named by the team that owns the consumer.
        owner_may_name_it: bool,
    },
    /// The field does not name a role.
    #[error(
        "The custom field `aws-role-name` of the consuming {consumer} is `{}`, which {problem}. Set it to the name of \
         an IAM role.",
        shortened(value)
    )]
    RoleFieldMalformed {
        /// `data product x` or `team x`.
        consumer: String,
        /// The value of the field.
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
    /// The ARN in the field is not the ARN of the role with that name.
    #[error(
        "The custom field `aws-role-name` of the consumer is {given}, but the role with that name is {actual}. Only \
         roles in the AWS account of this integration can get access. Correct the field."
    )]
    RoleElsewhere {
        /// The ARN in the field.
        given: String,
        /// The role's ARN.
        actual: String,
    },
    /// The role belongs to an AWS service.
    #[error(
        "The IAM role {role} belongs to an AWS service, and only AWS can change it. Name another role in the custom \
         field `aws-role-name` of the consumer."
    )]
    RoleServiceLinked {
        /// The role.
        role: RoleName,
    },
    /// The role is protected by the configuration.
    #[error(
        "The operator of this integration has excluded the IAM role {role} from it. Name another role in the custom \
         field `aws-role-name` of the consumer."
    )]
    RoleProtected {
        /// The role.
        role: RoleName,
    },
    /// The configuration does not allow the role.
    #[error(
        "This integration may not give access to the IAM role {role}. Name another role in the custom field \
         `aws-role-name` of the consumer, or ask the operator of the integration to add this one to ALLOWED_ROLES."
    )]
    RoleNotAllowed {
        /// The role.
        role: RoleName,
    },
    /// The role does not have the tag.
    #[error(
        "The IAM role {role} has not opted in to this integration. Add the tag `dmm-integration` with the value \
         `enabled` to the role."
    )]
    RoleNotOptedIn {
        /// The role.
        role: RoleName,
    },
    /// The role and a resource are in different partitions.
    #[error(
        "The IAM role {role} and the resource in the custom field `{field}` of the output port are in different AWS \
         partitions, and AWS allows no access between partitions. Correct the field."
    )]
    OtherPartition {
        /// The role.
        role: RoleName,
        /// The output port's field.
        field: String,
    },
    /// The role has no room, neither inline nor in managed policies.
    #[error(
        "The IAM role {role} has no room for this access: IAM limits the size and the number of a role's policies. \
         Remove policies that the role no longer needs, use another role, or ask the operator of the integration to \
         raise the quota `Managed policies per role` of the AWS account."
    )]
    RoleFull {
        /// The role.
        role: RoleName,
    },
    /// The account has no room for another managed policy.
    #[error(
        "This access needs another managed policy, and the AWS account has reached its limit. Ask the operator of the \
         integration to delete managed policies that are no longer needed, or to raise the quota `Customer managed \
         policies per account`."
    )]
    AccountFull,
    /// IAM lets nobody change the role.
    #[error(
        "AWS does not allow changes to the IAM role {role}. Name another role in the custom field `aws-role-name` of \
         the consumer."
    )]
    RoleUnmodifiable {
        /// The role.
        role: RoleName,
    },
    /// IAM does not accept the policy.
    #[error(
        "IAM rejects the policy for this access: {message}. Check the ARNs in the custom fields of the output port."
    )]
    DocumentRejected {
        /// IAM's message.
        message: String,
    },
    /// The agreement names no provider.
    #[error("The data product or the output port of this agreement no longer exists. Cancel the agreement.")]
    ProviderUnknown,
    /// The providing data product does not exist.
    #[error("The providing data product {product} no longer exists. Cancel the agreement.")]
    ProductGone {
        /// The data product's id.
        product: String,
    },
    /// The output port does not exist, or several have its name.
    #[error(
        "The data product {product} does not have exactly one output port {port}. Restore the output port with that \
         id, or cancel the agreement."
    )]
    PortGone {
        /// The data product's id.
        product: String,
        /// The port, as the agreement names it.
        port: String,
    },
    /// The port has none of the fields that concern this integration.
    #[error(
        "The output port {port} does not say where its data is in AWS. Set its custom field `output-port-type` and \
         the fields for that type, for example `aws-s3-bucket-arn`."
    )]
    NotOnAws {
        /// The port.
        port: String,
    },
    /// The port does not say which type it has.
    #[error(
        "The output port {port} has ARNs in its custom fields, but `output-port-type` is not set. Set it to {choices}."
    )]
    PortTypeMissing {
        /// The port.
        port: String,
        /// The types that this software knows.
        choices: String,
    },
    /// This software does not know the type of the port.
    #[error(
        "The output port {port} has the type `{}`, which this integration does not support. Set the custom field \
         `output-port-type` to {choices}.",
        shortened(port_type)
    )]
    PortTypeUnsupported {
        /// The port.
        port: String,
        /// The field's value.
        port_type: String,
        /// The types that this software knows.
        choices: String,
    },
    /// An ARN that the type needs is missing.
    #[error(
        "The output port {port} has the type `{port_type}`, which needs {needed}. Add it as a custom field whose name \
         begins with `aws` and ends with `arn`."
    )]
    ArnMissing {
        /// The port.
        port: String,
        /// The port's type.
        port_type: &'static str,
        /// What is missing.
        needed: &'static str,
    },
    /// The value of a field is not an ARN.
    #[error(
        "The custom field `{field}` of the output port is `{}`, which {problem}. Correct it.",
        shortened(value)
    )]
    ArnMalformed {
        /// The field.
        field: String,
        /// The field's value.
        value: String,
        /// What is wrong with it.
        problem: ArnError,
    },
    /// The value of a field is the ARN of something that the port's type does not support.
    #[error(
        "The custom field `{field}` of the output port is `{}`, which is not {expected}. Correct it, or rename the \
         field so that its name does not begin with `aws`.",
        shortened(arn)
    )]
    ArnUnsupported {
        /// The field.
        field: String,
        /// The field's value.
        arn: String,
        /// What would be right.
        expected: &'static str,
    },
    /// A field names a resource of an account that is not allowed.
    #[error(
        "The custom field `{field}` of the output port names a resource in the AWS account {account}, to which this \
         integration may not give access. Correct the field, or ask the operator of the integration to add the \
         account to ALLOWED_RESOURCE_ACCOUNTS."
    )]
    AccountForbidden {
        /// The field.
        field: String,
        /// The account.
        account: String,
    },
}

impl Refusal {
    /// The reason in one word, for metrics and spans. Dashboards depend on these words.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Refusal::ConsumerIsUser { .. } => "ConsumerIsUser",
            Refusal::ConsumerUnknown => "ConsumerUnknown",
            Refusal::ConsumerGone { .. } => "ConsumerGone",
            Refusal::RoleFieldMissing { .. } => "RoleFieldMissing",
            Refusal::RoleFieldMalformed { .. } => "RoleFieldMalformed",
            Refusal::RoleMissing { .. } => "RoleMissing",
            Refusal::RoleElsewhere { .. } => "RoleElsewhere",
            Refusal::RoleServiceLinked { .. } => "RoleServiceLinked",
            Refusal::RoleProtected { .. } => "RoleProtected",
            Refusal::RoleNotAllowed { .. } => "RoleNotAllowed",
            Refusal::RoleNotOptedIn { .. } => "RoleNotOptedIn",
            Refusal::OtherPartition { .. } => "OtherPartition",
            Refusal::RoleFull { .. } => "RoleFull",
            Refusal::AccountFull => "AccountFull",
            Refusal::RoleUnmodifiable { .. } => "RoleUnmodifiable",
            Refusal::DocumentRejected { .. } => "DocumentRejected",
            Refusal::ProviderUnknown => "ProviderUnknown",
            Refusal::ProductGone { .. } => "ProductGone",
            Refusal::PortGone { .. } => "PortGone",
            Refusal::NotOnAws { .. } => "NotOnAws",
            Refusal::PortTypeMissing { .. } => "PortTypeMissing",
            Refusal::PortTypeUnsupported { .. } => "PortTypeUnsupported",
            Refusal::ArnMissing { .. } => "ArnMissing",
            Refusal::ArnMalformed { .. } => "ArnMalformed",
            Refusal::ArnUnsupported { .. } => "ArnUnsupported",
            Refusal::AccountForbidden { .. } => "AccountForbidden",
        }
    }

    /// Whether the output port may be meant for another platform's integration. Its state in Data Mesh Manager then
    /// belongs to that integration, so this one reports only if it gave access before.
    #[must_use]
    pub fn is_for_another_platform(&self) -> bool {
        matches!(self, Refusal::NotOnAws { .. })
    }
}

fn owner_alternative(owner_may_name_it: bool) -> &'static str {
    if owner_may_name_it { ", or set this field for the team that owns the data product" } else { "" }
}

/// The beginning of a value that somebody else wrote, so that a message stays short.
fn shortened(value: &str) -> String {
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
            "The IAM role orders-consumer has not opted in to this integration. Add the tag `dmm-integration` with \
             the value `enabled` to the role."
        );
        assert_eq!(
            Refusal::ArnMalformed {
                field: "aws-s3-bucket-arn".to_owned(),
                value: "arn:aws:s3:::*".to_owned(),
                problem: ArnError::Wildcard,
            }
            .to_string(),
            "The custom field `aws-s3-bucket-arn` of the output port is `arn:aws:s3:::*`, which contains a wildcard \
             (`*` or `?`) or a variable (`${`); the ARN has to name exactly one resource. Correct it."
        );
    }

    #[test]
    fn a_long_value_is_shortened_in_the_message() {
        let refusal = Refusal::PortTypeUnsupported {
            port: "daily".to_owned(),
            port_type: "ü".repeat(5_000),
            choices: "`s3_bucket`".to_owned(),
        };
        assert!(refusal.to_string().chars().count() < 450);
        assert!(refusal.to_string().contains('…'));
    }

    #[test]
    fn the_code_is_the_name_of_the_variant() {
        let role: RoleName = "orders-consumer".parse().unwrap();
        assert_eq!(Refusal::RoleNotOptedIn { role }.code(), "RoleNotOptedIn");
        assert_eq!(Refusal::AccountFull.code(), "AccountFull");
    }
}
