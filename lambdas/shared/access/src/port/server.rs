//! What a server says about the data: the `server` of an output port, or one of the `servers` of a data contract.
//!
//! Each type of server that this software can read has a file below `server/`, which translates the members of the
//! standard ([servers of the Open Data Contract
//! Standard](https://bitol-io.github.io/open-data-contract-standard/latest/infrastructure-servers/)) into the fields of a
//! kind of port. To add one, write such a file and register it in [`TYPES`].

use dmm_mesh::custom::key;
use dmm_mesh::{DataContract, OutputPort, Server};

use super::fields::{Fields, RESULTS_FIELD, is_arn_field};
use super::{PortKind, TYPE_FIELD};
use crate::custom;
use crate::home::Home;
use crate::origin::{Origin, ServerRef};
use crate::refusal::Refusal;

mod athena;
mod glue;
mod kafka;
mod named;
mod redshift;
mod s3;

/// A type of server that this software can read.
pub(super) struct ServerType {
    /// What the type is called in `type`, as a [key], with the most usual name first.
    names: &'static [&'static str],
    /// A name that servers outside AWS have as well.
    shared_name: Option<&'static str>,
    /// The kind of port.
    pub(super) kind: PortKind,
    /// The members without which a server does not say where the data is.
    pub(super) needs: &'static [&'static str],
    /// The member that names the table or topic. If it is missing, the data contract's models are taken.
    pub(super) model: Option<&'static str>,
    /// Whether such a server is in AWS. The second argument is whether it has the shared name.
    is_on_aws: fn(&Server, bool) -> bool,
    /// Adds what it says to the fields.
    read: fn(&mut Reading<'_>) -> Result<(), Refusal>,
}

/// All types of servers that this software can read.
const TYPES: &[ServerType] = &[
    s3::TYPE,
    glue::TYPE,
    athena::TYPE,
    named::KINESIS,
    kafka::TYPE,
    redshift::TYPE,
    named::DYNAMODB,
    named::SQS,
    named::SNS,
    named::LAMBDA,
];
/// The types of servers that exist only in AWS, and that no kind of port supports.
const UNSUPPORTED: &[&str] = &[
    "apigateway",
    "docdb",
    "eventbridge",
    "firehose",
    "neptune",
    "opensearch",
    "rds",
    "s3tables",
    "timestream",
];
/// The types of servers that are never in the hands of this software, wherever they run.
const OTHER_PLATFORMS: &[&str] = &[
    "abfs",
    "adls",
    "azure",
    "azureblob",
    "bigquery",
    "clickhouse",
    "confluent",
    "databricks",
    "dremio",
    "fabric",
    "gcs",
    "googlecloudstorage",
    "motherduck",
    "onelake",
    "oracle",
    "powerbi",
    "pubsub",
    "snowflake",
    "sqlserver",
    "synapse",
    "tableau",
    "unitycatalog",
];
/// The endings of AWS's host names.
const HOSTS: [&str; 3] = [".amazonaws.com", ".amazonaws.com.cn", ".amazonaws.eu"];

/// Where a server is, as far as its type and its members tell.
#[derive(Clone, Copy)]
pub(super) enum Platform {
    /// In AWS, and this software can read it.
    Aws(&'static ServerType),
    /// In AWS. Its custom fields say what the data is.
    Described,
    /// In AWS, and this software cannot give access to it.
    Unsupported,
    /// On another platform.
    Other,
    /// Nothing tells.
    Unknown,
}

/// The type with this name, which in ports is free text, and whether it is the name that servers outside AWS have as well.
pub(super) fn type_named(name: &str) -> Option<(&'static ServerType, bool)> {
    let name = key(name);
    let short = without_maker(&name);
    TYPES.iter().find_map(|server_type| {
        let is_shared = server_type.shared_name == Some(&name);
        (is_shared || server_type.names.contains(&short) || server_type.shared_name == Some(short))
            .then_some((server_type, is_shared))
    })
}

/// Where a port is, going by its type alone.
pub(super) fn platform_named(name: &str) -> Platform {
    match type_named(name) {
        Some((server_type, false)) => Platform::Aws(server_type),
        None if UNSUPPORTED.contains(&without_maker(&key(name))) => Platform::Unsupported,
        None if OTHER_PLATFORMS.iter().any(|other| key(name).starts_with(other)) => Platform::Other,
        _ => Platform::Unknown,
    }
}

/// Where a server is. `port_type` is the type of the port, for a server without a type of its own.
pub(super) fn platform_of(server: &Server, port_type: Option<&str>) -> Platform {
    let name = server.get("type").or(port_type);
    if let Some((server_type, is_shared)) = name.and_then(type_named) {
        let is_on_aws = (server_type.is_on_aws)(server, is_shared);
        return if is_on_aws { Platform::Aws(server_type) } else { Platform::Other };
    }
    match name.map_or(Platform::Unknown, platform_named) {
        Platform::Unknown if is_described(server) => Platform::Described,
        Platform::Unknown if server.get("location").is_some_and(s3::is_location) => Platform::Aws(&s3::TYPE),
        Platform::Unknown if server.values().any(is_in_aws) => Platform::Unsupported,
        platform => platform,
    }
}

/// Whether the custom fields of the server say what the data is.
fn is_described(server: &Server) -> bool {
    custom::is_present(&server.custom, TYPE_FIELD)
        || server.custom.iter().any(|(name, value)| is_arn_field(&key(name)) && !value.trim().is_empty())
}

/// The name of a type without `aws` or `amazon`.
fn without_maker(key: &str) -> &str {
    ["amazon", "aws"].iter().find_map(|maker| key.strip_prefix(maker)).unwrap_or(key)
}

/// Whether it can be the name of a resource in an ARN.
fn is_name(name: &str) -> bool {
    !name.is_empty() && !name.contains(['/', ':', '*', '?', '$'])
}

/// Whether a value of a server is an address in AWS.
fn is_in_aws(value: &str) -> bool {
    let host = value.split_once("://").map_or(value, |(_, rest)| rest);
    let host = host.split(['/', ',']).next().unwrap_or_default();
    let host = host.split(':').next().unwrap_or_default().to_ascii_lowercase();
    value.starts_with("arn:aws") || HOSTS.iter().any(|ending| host.ends_with(ending))
}

impl ServerType {
    /// What the type is usually called.
    pub(super) fn name(&self) -> &'static str {
        self.names.first().copied().unwrap_or_default()
    }

    /// Whether the server says where the data is.
    pub(super) fn suffices(&self, server: &Server) -> bool {
        self.needs.iter().all(|member| server.get(member).is_some())
    }
}

/// A server that is being read.
pub(super) struct Reading<'a> {
    pub(super) server: &'a Server,
    pub(super) place: ServerRef,
    /// The data contract, for its models.
    pub(super) contract: Option<&'a DataContract>,
    pub(super) home: &'a Home,
    pub(super) fields: Fields,
    /// How many of the ARNs are from custom fields.
    pub(super) from_custom_fields: usize,
}

impl Reading<'_> {
    /// The custom fields of the port and of the server, and what else the server says. Custom fields can say what a server
    /// cannot, such as keys. Where both say the same, they take precedence.
    pub(super) fn read(
        mut self,
        server_type: Option<&ServerType>,
        port: &OutputPort,
    ) -> Result<Fields, Refusal> {
        self.fields.add_port(port)?;
        let place = self.place.clone();
        for field in custom::fields(&self.server.custom, &place.to_string(), is_ours)? {
            let origin = |name: &str| Origin::Server { server: place.clone(), member: name.to_owned() };
            self.fields.add_custom(field, origin)?;
        }
        self.from_custom_fields = self.fields.arns.len();
        if let Some(server_type) = server_type {
            (server_type.read)(&mut self)?;
        }
        Ok(self.fields)
    }

    /// The value of a member of the standard.
    fn member(&self, name: &str) -> Option<&str> {
        self.server.get(name)
    }

    /// The value of one of these members, or else of the custom field of the server with one of these names.
    fn any(&self, names: &[&str]) -> Result<Option<(String, Origin)>, Refusal> {
        if let Some((name, value)) = names.iter().find_map(|name| Some((name, self.member(name)?))) {
            return Ok(Some((value.to_owned(), self.origin(name))));
        }
        for name in names {
            if let Some(field) = custom::field(&self.server.custom, &self.place.to_string(), name)? {
                return Ok(Some((field.value.to_owned(), self.origin(field.name))));
            }
        }
        Ok(None)
    }

    fn origin(&self, member: &str) -> Origin {
        Origin::Server { server: self.place.clone(), member: member.to_owned() }
    }

    /// The server lacks a member.
    fn missing(&self, member: &'static str, expected: &'static str) -> Refusal {
        Refusal::MemberMissing { server: self.place.clone(), member, expected }
    }

    /// The region of the server, or else the one that this integration runs in.
    fn region(&self) -> Result<String, Refusal> {
        let region = self.any(&["regionName", "region"])?;
        Ok(region.map_or_else(|| self.home.region.clone(), |(region, _)| region))
    }

    /// The account of the server, without the hyphens in which people write it, or else the one of this integration.
    fn account(&self) -> Result<String, Refusal> {
        let Some((text, field)) = self.any(&["account"])? else { return Ok(self.home.account.clone()) };
        let digits: String = text.chars().filter(|character| *character != '-').collect();
        if digits.len() == 12 && digits.bytes().all(|byte| byte.is_ascii_digit()) {
            Ok(digits)
        } else {
            Err(Refusal::MemberInvalid { field, value: text, expected: "an AWS account id of twelve digits" })
        }
    }

    /// The names of the tables or topics: the member of the server if it has it, else the models of the data contract.
    ///
    /// # Errors
    ///
    /// [`Refusal::ModelsMissing`] if nothing names one.
    fn models(&self, member: &'static str) -> Result<Vec<(String, Origin)>, Refusal> {
        if let Some(named) = self.any(&[member])? {
            return Ok(vec![named]);
        }
        let models = self.contract_models();
        if models.is_empty() {
            let contract = self.contract.map(|contract| contract.id.clone());
            return Err(Refusal::ModelsMissing { server: self.place.clone(), member, contract });
        }
        Ok(models)
    }

    /// The names of the data contract's models on the server.
    fn contract_models(&self) -> Vec<(String, Origin)> {
        let Some(contract) = self.contract else { return Vec::new() };
        let named =
            contract.models.iter().map(dmm_mesh::Model::name_on_server).filter(|name| !name.is_empty());
        named
            .map(|name| {
                let origin = Origin::Model { contract: contract.id.clone(), name: name.to_owned() };
                (name.to_owned(), origin)
            })
            .collect()
    }

    /// Adds the ARN of a resource under the name that the custom field for it would have, unless a custom field names one
    /// of the same purpose. `value` is what `field` says.
    fn add(
        &mut self,
        name: &str,
        arn: &str,
        (value, field): (&str, Origin),
        expected: &'static str,
    ) -> Result<(), Refusal> {
        let service = arn.split(':').nth(2).unwrap_or_default();
        if self.has_custom_field(service, name) {
            return Ok(());
        }
        self.add_always(name, arn, (value, field), expected)
    }

    /// The same, whatever custom fields name.
    fn add_always(
        &mut self,
        name: &str,
        arn: &str,
        (value, field): (&str, Origin),
        expected: &'static str,
    ) -> Result<(), Refusal> {
        let added = Fields::arn_field(name, arn, field.clone());
        let added = added.map_err(|_| Refusal::MemberInvalid { field, value: value.to_owned(), expected })?;
        self.fields.arns.push(added);
        Ok(())
    }

    /// Whether a custom field names a resource of this service for the same purpose as the field with this name.
    fn has_custom_field(&self, service: &str, name: &str) -> bool {
        let is_results = |name: &str| key(name) == key(RESULTS_FIELD);
        let by_custom_fields = self.fields.arns.iter().take(self.from_custom_fields);
        let mut same = by_custom_fields.filter(|field| field.arn.service() == service);
        same.any(|field| is_results(&field.name) == is_results(name))
    }
}

/// Whether the [key] of a custom field's name says that it is one of ours.
pub(super) fn is_ours(key: &str) -> bool {
    key.starts_with("aws")
}
