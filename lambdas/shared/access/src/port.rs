//! What an output port gives access to.
//!
//! A port has a [kind](PortKind). It says in its custom fields, in its own `server` or in its data contract what its data
//! is: `port/source.rs` finds it, and turns it into ARNs with names. The custom field `output-port-type` names the kind. Every
//! field whose name begins with `aws` and ends with `arn` names a resource. The provider is free to choose the rest of the
//! name: the ARN's service tells what the resource is for. Three names have a meaning of their own:
//! `aws-athena-results-arn` and `aws-athena-results-key-arn` are about Athena's query results, and
//! `aws-glue-catalog-key-arn` is about an encrypted Data Catalog.
//!
//! To add a kind, write a file below `port/` with its `SPEC` and its `Port`, which reads the fields and writes the statements,
//! and register it in [`PortKind`]: nothing else knows the kinds by name. For a type of server with data of this kind, see
//! `port/server.rs`.

use std::collections::{BTreeMap, BTreeSet};

use dmm_mesh::{DataContract, OutputPort};

use crate::arn::Arn;
use crate::home::Home;
use crate::origin::Origin;
use crate::ownership::ResourceFacts;
use crate::policy::Statement;
use crate::refusal::Refusal;
use crate::role::RoleName;
use fields::{ArnField, Fields};
use rule::Rule;
use source::Found;
use spec::{Grantee, Spec};

mod api_gateway;
mod athena;
mod choice;
mod dynamodb_table;
mod fields;
mod glue;
mod glue_database;
mod glue_table;
mod kinesis_stream;
mod kms;
mod lake;
mod lambda_function;
mod msk_topic;
mod names;
mod opensearch;
mod redshift;
pub(crate) mod rule;
mod s3;
mod s3_bucket;
mod s3_tables;
mod server;
mod sns_topic;
mod source;
mod spec;
mod sqs_queue;

pub use spec::AccessRole;

/// The field that names the kind of a port.
const TYPE_FIELD: &str = "output-port-type";

/// Makes the enum [`PortKind`] from one line per kind: its documentation, its name in Rust, its name in the custom
/// field `output-port-type`, and its module.
macro_rules! port_kinds {
    ($($(#[$documentation:meta])* $kind:ident = $name:literal in $module:ident;)+) => {
        /// The kinds of output ports that this software can give access to.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum PortKind {
            $($(#[$documentation])* $kind,)+
        }

        impl PortKind {
            /// All kinds.
            pub const ALL: &[PortKind] = &[$(PortKind::$kind),+];

            /// The value of the custom field `output-port-type`.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $(PortKind::$kind => $name,)+
                }
            }

            fn spec(self) -> &'static Spec {
                match self {
                    $(PortKind::$kind => &$module::SPEC,)+
                }
            }

            /// Reads the fields of a port of this kind.
            fn read(self, fields: &Fields) -> Result<Port, Refusal> {
                match self {
                    $(PortKind::$kind => $module::Port::read(fields).map(Port::$kind),)+
                }
            }
        }

        /// A port of any kind.
        #[derive(Clone, Debug, PartialEq, Eq)]
        enum Port {
            $($kind($module::Port),)+
        }

        impl Port {
            fn statements(&self, grantee: &Grantee<'_>) -> Vec<Statement> {
                match self {
                    $(Port::$kind(port) => port.statements(grantee),)+
                }
            }
        }
    };
}

port_kinds! {
    /// An S3 bucket, or a prefix in one.
    S3Bucket = "s3_bucket" in s3_bucket;
    /// A table of the Glue Data Catalog with its data in S3, to be queried with Athena.
    GlueTable = "glue_table" in glue_table;
    /// A whole database of the Glue Data Catalog with its data in S3, to be queried with Athena.
    GlueDatabase = "glue_database" in glue_database;
    /// A DynamoDB table with its indexes, single indexes, or its stream.
    DynamodbTable = "dynamodb_table" in dynamodb_table;
    /// A Kinesis data stream.
    KinesisStream = "kinesis_stream" in kinesis_stream;
    /// An SQS queue.
    SqsQueue = "sqs_queue" in sqs_queue;
    /// An SNS topic.
    SnsTopic = "sns_topic" in sns_topic;
    /// A topic of a cluster of Amazon MSK.
    MskTopic = "msk_topic" in msk_topic;
    /// A database of Redshift or Redshift Serverless.
    Redshift = "redshift" in redshift;
    /// An API of Amazon API Gateway.
    ApiGateway = "api_gateway" in api_gateway;
    /// A Lambda function.
    LambdaFunction = "lambda_function" in lambda_function;
    /// An OpenSearch domain, an index, or a collection.
    Opensearch = "opensearch" in opensearch;
    /// A table bucket of S3 Tables.
    S3Tables = "s3_tables" in s3_tables;
}

impl PortKind {
    /// Every action that the statements of this kind may allow.
    pub fn actions(self) -> impl Iterator<Item = &'static str> {
        self.rules().flat_map(|rule| rule.actions).copied()
    }

    /// What an agreement about a port of this kind may ask for.
    #[must_use]
    pub fn roles(self) -> &'static [AccessRole] {
        self.spec().roles
    }

    /// Which statements this kind writes.
    pub(crate) fn rules(self) -> impl Iterator<Item = &'static Rule> {
        self.spec().rules.iter().copied().flatten()
    }

    fn named(name: &str) -> Option<PortKind> {
        PortKind::ALL.iter().copied().find(|kind| kind.as_str() == name)
    }

    /// All values of `output-port-type`, for people.
    fn choices() -> String {
        alternatives(PortKind::ALL.iter().map(|kind| kind.as_str()))
    }
}

/// The words for people: `` `a`, `b` or `c` ``.
fn alternatives(words: impl Iterator<Item = &'static str>) -> String {
    crate::refusal::listed(&words.map(|word| format!("`{word}`")).collect::<Vec<_>>(), "or")
}

/// What the resource is, for people: `bucket`, for example.
pub(crate) fn noun(arn: &Arn) -> &'static str {
    let mut services = PortKind::ALL.iter().flat_map(|kind| kind.spec().services);
    services.find(|service| service.name == arn.service()).map_or("resource", |service| (service.noun)(arn))
}

/// What a port gives access to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortAccess {
    /// The port's kind.
    pub kind: PortKind,
    /// Every ARN that the port gives access to, and where it is from.
    pub arns: Vec<(Origin, Arn)>,
    port: Port,
    /// What the agreement asks for.
    roles: Vec<AccessRole>,
    /// The key of each alias, by the alias.
    keys: BTreeMap<Arn, Arn>,
}

impl PortAccess {
    /// The statements of the policy of a role. Query results are limited to a folder with the name of the role.
    #[must_use]
    pub fn statements(&self, role: &RoleName) -> Vec<Statement> {
        let statements = self.port.statements(&Grantee { role, roles: &self.roles });
        let keys = self.keys.iter().map(|(alias, key)| (alias.to_string(), key.to_string())).collect();
        statements.into_iter().map(|statement| statement.renamed(&keys)).collect()
    }

    /// The same access, limited to the `roles` of an agreement. Without roles, it is the right to read.
    ///
    /// # Errors
    ///
    /// A refusal if the kind of the port does not offer one of the roles.
    pub fn limited_to(self, roles: &[String]) -> Result<PortAccess, Refusal> {
        if roles.is_empty() {
            return Ok(self);
        }
        let offered = self.kind.roles();
        let known = |name: &String| {
            offered.iter().find(|role| role.as_str() == name).copied().ok_or_else(|| {
                Refusal::AccessRoleUnknown {
                    role: name.clone(),
                    port_type: self.kind.as_str(),
                    choices: alternatives(offered.iter().map(|role| role.as_str())),
                }
            })
        };
        let mut roles = roles.iter().map(known).collect::<Result<Vec<_>, _>>()?;
        roles.sort_unstable();
        roles.dedup();
        Ok(PortAccess { roles, ..self })
    }

    /// Whether the port offers each role that the agreement asks for. A stream cannot be written, for example, although a
    /// table can.
    ///
    /// # Errors
    ///
    /// The refusal for the first role for which there is nothing to give.
    pub(crate) fn check_roles(&self, role: &RoleName) -> Result<(), Refusal> {
        let gives =
            |asked: &AccessRole| !self.port.statements(&Grantee { role, roles: &[*asked] }).is_empty();
        match self.roles.iter().find(|asked| !gives(asked)) {
            None => Ok(()),
            Some(asked) => Err(Refusal::AccessRoleUnknown {
                role: asked.as_str().to_owned(),
                port_type: self.kind.as_str(),
                choices: alternatives(
                    self.kind.roles().iter().filter(|role| gives(role)).map(|role| role.as_str()),
                ),
            }),
        }
    }

    /// The same access, with the keys of the KMS aliases that the port names.
    ///
    /// # Errors
    ///
    /// A refusal if AWS did not say which key an alias refers to.
    pub fn with_keys(mut self, facts: &BTreeMap<Arn, ResourceFacts>) -> Result<PortAccess, Refusal> {
        for (field, arn) in self.arns.iter_mut().filter(|(_, arn)| kms::is_alias(arn)) {
            let is_near = |key: &&Arn| {
                let one = |arn: &Arn| (arn.partition(), arn.region().to_owned(), arn.account().to_owned());
                kms::is_key(key) && one(key) == one(arn)
            };
            let key = facts.get(arn).and_then(|facts| facts.key.as_ref()).filter(is_near).cloned();
            let key =
                key.ok_or_else(|| Refusal::AliasWithoutKey { field: field.clone(), alias: arn.to_string() })?;
            self.keys.insert(std::mem::replace(arn, key.clone()), key);
        }
        Ok(self)
    }

    /// What the port gives access to, by the ARN of the resource that carries the tags for it: a bucket for its
    /// prefixes, a database for its tables, else the resource itself. The catalog itself, and its database `default` if
    /// no table is there, are not among them: every query reads them.
    #[must_use]
    pub fn by_tagged_resource(&self) -> BTreeMap<Arn, BTreeSet<Arn>> {
        let mut resources: BTreeMap<Arn, BTreeSet<Arn>> = BTreeMap::new();
        for (_, arn) in &self.arns {
            let service = self.kind.spec().services.iter().find(|service| service.name == arn.service());
            let tagged = service.map_or_else(|| Some(arn.clone()), |service| (service.tagged)(arn));
            if let Some(tagged) = tagged {
                resources.entry(tagged).or_default().insert(arn.clone());
            }
        }
        resources
    }

    /// The id of the data contract that an ARN is from.
    #[must_use]
    pub fn contract(&self) -> Option<&str> {
        self.arns.iter().find_map(|(origin, _)| origin.contract())
    }

    /// The tables of the Glue Data Catalog.
    pub fn tables(&self) -> impl Iterator<Item = &Arn> {
        self.arns.iter().map(|(_, arn)| arn).filter(|arn| glue::database_of(arn).is_some())
    }
}

/// The id of the data contract that has to be known before the port can be [read]; `None` if the port says where its data
/// is itself.
#[must_use]
pub fn contract_id(port: &OutputPort) -> Option<&str> {
    source::contract_id(port)
}

/// Reads what a port gives access to. `contract` is the data contract of [`contract_id`]; `None` if it does not exist.
///
/// # Errors
///
/// The [`Refusal`] that says what is missing or wrong.
pub fn read(port: &OutputPort, contract: Option<&DataContract>, home: &Home) -> Result<PortAccess, Refusal> {
    let Found { kind, fields } = source::find(port, contract, home)?;
    let port = kind.read(&fields)?;
    let arns = fields.arns.into_iter().map(|ArnField { origin, arn, .. }| (origin, arn)).collect();
    Ok(PortAccess { kind, arns, port, roles: vec![AccessRole::Read], keys: BTreeMap::new() })
}

#[cfg(test)]
mod tests;
