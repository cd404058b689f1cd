//! Why an active agreement gets no access, in sentences for the people who can change that.

use thiserror::Error;

use crate::arn::ArnError;
use crate::origin::{Origin, ServerRef};
use crate::role::{RoleName, RoleNameError};
use text::{naming_alternative, owner_alternative, renaming_alternative, shortened, versions_of};

pub(crate) use text::listed;

mod code;
mod text;

/// What denies an access that a policy of the role allows. The text says what to do about it.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq, Hash)]
pub enum DeniedBy {
    /// A service control policy of the organization in AWS.
    #[error(
        "a service control policy of the AWS organization does not allow it. Ask the administrators of the AWS \
         organization to allow it for this account."
    )]
    Organization,
    /// The permissions boundary of the role.
    #[error(
        "the permissions boundary of the role does not allow it. Add the action to the boundary, or use a role with \
         another boundary."
    )]
    Boundary,
    /// A denial in a policy.
    #[error("a policy denies it explicitly. Check the other policies of the role, and remove the denial.")]
    Policy,
}

/// Why an agreement gets no access although it is active. A retry does not help: somebody has to change the data
/// product, the team, the role or the configuration.
///
/// The text is shown in Data Mesh Manager and sent by e-mail to the provider's team. It therefore says what is wrong
/// and what to do.
#[derive(Clone, Debug, Error, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// The consumer is a person.
    #[error(
        "The consumer is a user. This integration gives access to the IAM roles of data products and teams only. \
         Request the access for a data product or a team instead."
    )]
    ConsumerIsUser,
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
        "The custom field `aws-role-name` of the consumer is {given}, but the role with that name is {actual}. Correct \
         the field."
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
    /// The role is one of those that AWS manages for other services, for example for IAM Identity Center.
    #[error(
        "The IAM role {role} is under the path /aws-reserved/, so AWS manages it and nobody else can change it. Name \
         another role in the custom field `aws-role-name` of the consumer."
    )]
    RoleReserved {
        /// The role.
        role: RoleName,
    },
    /// The role belongs to this integration itself.
    #[error(
        "The IAM role {role} belongs to this integration itself, which never gives access to its own roles. Name \
         another role in the custom field `aws-role-name` of the consumer."
    )]
    RoleOfStack {
        /// The role.
        role: RoleName,
    },
    /// The role is named without its account, and several accounts are served.
    #[error(
        "The custom field `aws-role-name` of the consumer names the role {role} without its AWS account, and several \
         accounts are possible. Set it to the ARN of the role, such as arn:aws:iam::{account}:role/{role}."
    )]
    RoleAccountMissing {
        /// The role.
        role: RoleName,
        /// The stack's own account.
        account: String,
    },
    /// The role does not say that it belongs to the consumer.
    #[error("The IAM role {role} does not say that it belongs to the consumer. {remedy}")]
    RoleNotOwned {
        /// The role.
        role: RoleName,
        /// The tag to add.
        remedy: String,
    },
    /// The role was deleted and created again since it got access, and does not say that it belongs to the consumer.
    #[error(
        "The IAM role {role} is not the role that got this access before: it was deleted and created again under the \
         same name. It gets access once it says that it belongs to the consumer. {remedy}"
    )]
    RoleRecreated {
        /// The role.
        role: RoleName,
        /// The tag to add.
        remedy: String,
    },
    /// The role and a resource are in different partitions.
    #[error(
        "The IAM role {role} and the resource in the {field} are in different AWS partitions, and AWS allows no access \
         between partitions. Correct it."
    )]
    OtherPartition {
        /// The role.
        role: RoleName,
        /// Where the resource is named.
        field: Origin,
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
    /// The policy exists, but something else in AWS denies the access.
    #[error(
        "The access was granted to the IAM role {role}, but AWS denies the action {action} on {resource}, because {by}"
    )]
    AccessDenied {
        /// The role.
        role: RoleName,
        /// The first action that is denied, for example `s3:GetObject`.
        action: String,
        /// The ARN of the resource.
        resource: String,
        /// What denies it.
        by: DeniedBy,
    },
    /// IAM does not accept the policy.
    #[error(
        "IAM rejects the policy for this access. Check the ARNs in the custom fields of the output port."
    )]
    DocumentRejected,
    /// The policy can fit nowhere.
    #[error(
        "The output port names so many resources that the policy for this access is longer than the {limit} characters \
         that IAM accepts. Divide the output port into several."
    )]
    DocumentTooLarge {
        /// The largest size.
        limit: usize,
    },
    /// The agreement asks for something that the kind of the port does not offer.
    #[error(
        "This access asks for the role `{}`, which this output port of the type `{port_type}` does not offer. Request the \
         access with {choices}; without roles, it is `read`.",
        shortened(role)
    )]
    AccessRoleUnknown {
        /// The role in the agreement.
        role: String,
        /// The port's type.
        port_type: &'static str,
        /// The roles that the type offers.
        choices: String,
    },
    /// AWS names no key for an alias.
    #[error(
        "The {field} is `{}`, a KMS alias for which AWS names no key. Set the field to the ARN of the key, or create the alias.",
        shortened(alias)
    )]
    AliasWithoutKey {
        /// Where it is.
        field: Origin,
        /// The alias.
        alias: String,
    },
    /// A text that the type needs is missing.
    #[error(
        "The output port {port} has the type `{port_type}`, which needs {needed}. Set its custom field `{field}`."
    )]
    TextMissing {
        /// The port.
        port: String,
        /// The port's type.
        port_type: &'static str,
        /// The field.
        field: &'static str,
        /// What is missing.
        needed: &'static str,
    },
    /// A text cannot be written into a policy.
    #[error("The {field} is `{}`, which is not {expected}. Correct it.", shortened(value))]
    TextMalformed {
        /// Where it is.
        field: Origin,
        /// The field's value.
        value: String,
        /// What would be right.
        expected: &'static str,
    },
    /// The stack is being uninstalled, so that no agreement gives access any more.
    #[error(
        "The integration with AWS is being uninstalled: it takes away all access that it has given, and gives no new \
         access. Ask its operator what replaces it."
    )]
    Uninstalling,
    /// The agreement names no provider.
    #[error("The data product or the output port of this agreement no longer exists. Cancel the agreement.")]
    ProviderUnknown,
    /// The providing data product does not exist.
    #[error("The providing data product {product} no longer exists. Cancel the agreement.")]
    ProductGone {
        /// The data product's id.
        product: String,
    },
    /// Several output ports have the name.
    #[error(
        "The data product {product} has {} named {port}, and the agreement does not say which one it means. Give each of \
         them a name of its own, and request the access to the one that is needed.",
        versions_of(versions)
    )]
    PortAmbiguous {
        /// The data product's id.
        product: String,
        /// The port, as the agreement names it.
        port: String,
        /// The version of each of them.
        versions: Vec<Option<String>>,
    },
    /// The output port does not exist.
    #[error(
        "The data product {product} does not have an output port {port}. Restore the output port with that id, or \
         cancel the agreement."
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
    /// The type of the port says that it is in AWS, and nothing says where.
    #[error(
        "The output port {port} has the type `{}`, but it does not say where its data is. Set `{member}` in its `server`, \
         name a data contract that has a server in AWS, or set its custom field `output-port-type` and the fields for \
         that type.",
        shortened(port_type)
    )]
    LocationMissing {
        /// The port.
        port: String,
        /// The port's type.
        port_type: String,
        /// The member of `server` that says where the data is.
        member: &'static str,
    },
    /// Two spellings of a custom field have different values.
    #[error(
        "The custom fields `{first}` and `{second}` of the {owner} are the same field, but their values differ. Remove \
         one of them."
    )]
    FieldAmbiguous {
        /// What has the fields, such as `output port x`.
        owner: String,
        /// The name of one.
        first: String,
        /// The name of the other; equal if the field is listed twice.
        second: String,
    },
    /// The data contract of the port does not exist.
    #[error(
        "The output port {port} names the data contract {contract}, which does not exist. Create the data contract, or \
         correct its id in the output port."
    )]
    ContractGone {
        /// The port.
        port: String,
        /// The data contract's id.
        contract: String,
    },
    /// The document of the data contract cannot be used.
    #[error(
        "The data contract {contract}, which the output port {port} names, cannot be used: {problem}. Correct the data \
         contract."
    )]
    ContractInvalid {
        /// The port.
        port: String,
        /// The data contract's id.
        contract: String,
        /// What is wrong with it; it repeats nothing of the document.
        problem: String,
    },
    /// The port names a server that its data contract does not have.
    #[error(
        "The custom field `contractServer` of the output port is `{}`, but the data contract {contract} does not have a \
         server with that name. Set the field to the name of one of its servers: {choices}.",
        shortened(server)
    )]
    ServerUnknown {
        /// The data contract's id.
        contract: String,
        /// The name in the field.
        server: String,
        /// The names of the servers.
        choices: String,
    },
    /// Several servers of the data contract fit the port.
    #[error(
        "The data contract {contract} has several servers that fit the output port: {servers}. Set the custom field \
         `contractServer` of the output port to the name of one of them."
    )]
    ServersAmbiguous {
        /// The data contract's id.
        contract: String,
        /// Their names.
        servers: String,
    },
    /// The data contract has servers in AWS, but none of the type and the environment of the port.
    #[error(
        "No server of the data contract {contract} has the type and the environment of the output port. Correct those, \
         or set the custom field `contractServer` of the output port to the name of one of the servers: {choices}."
    )]
    NoServerFits {
        /// The data contract's id.
        contract: String,
        /// The names of the servers in AWS.
        choices: String,
    },
    /// The server is in AWS, but this software does not support its type.
    #[error(
        "The {server} has the type `{}`, which this integration does not support. Set the custom field \
         `output-port-type` of the output port to {choices} and add the fields for that type, or cancel the agreement.",
        shortened(server_type)
    )]
    ServerUnsupported {
        /// The server.
        server: ServerRef,
        /// Its type.
        server_type: String,
        /// The types that this software knows.
        choices: String,
    },
    /// A server lacks a member.
    #[error("The {server} does not have the member `{member}`. Set it to {expected}.")]
    MemberMissing {
        /// The server.
        server: ServerRef,
        /// The member.
        member: &'static str,
        /// What it has to be.
        expected: &'static str,
    },
    /// A value of a server or a data contract cannot be used.
    #[error("The {field} is `{}`, which is not {expected}. Correct it.", shortened(value))]
    MemberInvalid {
        /// Where it is.
        field: Origin,
        /// The value.
        value: String,
        /// What it has to be.
        expected: &'static str,
    },
    /// Nothing names the tables or topics of the server.
    #[error(
        "Nothing says which tables of the {server} the output port is about. Set its member `{member}`{}.",
        naming_alternative(contract.as_deref())
    )]
    ModelsMissing {
        /// The server.
        server: ServerRef,
        /// The member that can name one.
        member: &'static str,
        /// The id of the data contract, if there is one.
        contract: Option<String>,
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
    #[error("The {field} is `{}`, which {problem}. Correct it.", shortened(value))]
    ArnMalformed {
        /// The field.
        field: Origin,
        /// The field's value.
        value: String,
        /// What is wrong with it.
        problem: ArnError,
    },
    /// The value of a field is the ARN of something that the port's type does not support.
    #[error(
        "The {field} is `{}`, which is not {expected}. Correct it{}.",
        shortened(arn),
        renaming_alternative(field)
    )]
    ArnUnsupported {
        /// Where it is.
        field: Origin,
        /// The field's value.
        arn: String,
        /// What would be right.
        expected: &'static str,
    },
    /// A field names a resource of an account that is not allowed.
    #[error(
        "The {field} names a resource in the AWS account {account}, to which this integration may not give access. \
         Correct it, or ask the operator of the integration to add the account to ALLOWED_RESOURCE_ACCOUNTS."
    )]
    AccountForbidden {
        /// Where the resource is named.
        field: Origin,
        /// The account.
        account: String,
    },
    /// The ARN seems to name a single object.
    #[error(
        "The {field} is `{}`, which looks like the ARN of a single object. Set it to a bucket or a prefix. If this is a \
         prefix, add a `/` at the end.",
        shortened(arn)
    )]
    SingleObject {
        /// Where it is.
        field: Origin,
        /// The field's value.
        arn: String,
    },
    /// The name of a field reads as if it were about something for which another name is reserved.
    #[error(
        "The name of the {field} suggests that it contains {meaning}. Rename it to `{name}` if it does. Otherwise, \
         choose a name that says what the field contains."
    )]
    FieldNameUnclear {
        /// The field.
        field: Origin,
        /// What the field seems to be about.
        meaning: &'static str,
        /// The field's name in that case.
        name: &'static str,
    },
    /// Consumers could overwrite the data.
    #[error(
        "The query results of the output port ({results}) and its data ({data}) overlap, so consumers could change the \
         data. Set the custom field `aws-athena-results-arn` to a location that contains no data."
    )]
    ResultsOverlapData {
        /// The objects of the results.
        results: String,
        /// The objects of the data.
        data: String,
    },
    /// Lake Formation decides about the access.
    #[error(
        "Lake Formation controls the access to the Glue table {table}, so a policy of the role cannot give access to it. \
         Grant `IAMAllowedPrincipals` the permission Super on the table, or grant the access in Lake Formation and \
         cancel this agreement."
    )]
    TableGoverned {
        /// The table's ARN.
        table: String,
    },
    /// An operator has taken the access back.
    #[error(
        "The operator of this integration has taken this access back until further notice. Ask the operator to lift the \
         block with `dmm revoke --lift`."
    )]
    Blocked,
    /// The resource belongs to this integration itself.
    #[error(
        "The output port names {resource}, which belongs to this integration itself or contains something that does. \
         Access to it is never given. Correct the custom fields of the output port."
    )]
    ResourceOfStack {
        /// The resource.
        resource: String,
    },
    /// The resource does not say that it belongs to the provider.
    #[error("The {resource} does not say that it belongs to the providing data product. {remedy}")]
    ResourceNotOwned {
        /// What it is, and its ARN.
        resource: String,
        /// The tag to add.
        remedy: String,
    },
    /// The resource does not exist.
    #[error("The {resource} does not exist. Create it, or correct the custom fields of the output port.")]
    ResourceMissing {
        /// What it is, and its ARN.
        resource: String,
    },
    /// AWS did not say anything about the resource.
    #[error(
        "AWS does not tell this integration who owns the {resource}. If it is in another AWS account, ask the operator \
         of the integration to add it to RESOURCE_OWNERS. Otherwise, let the integration read its tags."
    )]
    ResourceUnknown {
        /// What it is, and its ARN.
        resource: String,
    },
}

#[cfg(test)]
mod all;
#[cfg(test)]
mod tests;
