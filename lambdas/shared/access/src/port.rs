//! What an output port gives access to.
//!
//! A port has a [kind](PortKind). It says in its custom fields, in its own `server` or in its data contract what its data
//! is: [`source`] finds it, and turns it into ARNs with names. The custom field `output-port-type` names the kind. Every
//! field whose name begins with `aws` and ends with `arn` names a resource. The provider is free to choose the rest of the
//! name: the ARN's service tells what the resource is for. Three names have a meaning of their own:
//! `aws-athena-results-arn` and `aws-athena-results-key-arn` are about Athena's query results, and
//! `aws-glue-catalog-key-arn` is about an encrypted Data Catalog.
//!
//! To add a kind, write a file below `port/` with a function `read` and its list of actions, and register it in
//! [`PortKind`]. For a type of server with data of this kind, see `port/server.rs`.

use std::collections::{BTreeMap, BTreeSet};

use dmm_mesh::{DataContract, OutputPort};

use crate::arn::Arn;
use crate::home::Home;
use crate::origin::Origin;
use crate::policy::Statement;
use crate::refusal::Refusal;
use crate::role::RoleName;
use fields::{ArnField, Fields};
use parts::Parts;
use source::Found;

mod choice;
mod fields;
mod glue_table;
mod kms;
mod parts;
mod s3;
mod s3_bucket;
mod server;
mod source;

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

            /// Every action that the statements of this kind may allow.
            pub fn actions(self) -> impl Iterator<Item = &'static str> {
                let groups = match self {
                    $(PortKind::$kind => $module::ACTIONS,)+
                };
                groups.iter().copied().flatten().copied()
            }

            /// Reads the fields of a port of this kind.
            fn read(self, fields: &Fields) -> Result<Parts, Refusal> {
                match self {
                    $(PortKind::$kind => $module::read(fields),)+
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
}

impl PortKind {
    fn named(name: &str) -> Option<PortKind> {
        PortKind::ALL.iter().copied().find(|kind| kind.as_str() == name)
    }

    /// All values of `output-port-type`, for people: `` `a`, `b` or `c` ``.
    fn choices() -> String {
        let quoted: Vec<String> = PortKind::ALL.iter().map(|kind| format!("`{}`", kind.as_str())).collect();
        crate::refusal::listed(&quoted, "or")
    }
}

/// What a resource in a statement is. Every statement names resources of these forms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum ResourceForm {
    /// An S3 bucket.
    Bucket,
    /// All objects in a bucket or below a prefix: an ARN that ends with `/*`.
    Objects,
    /// A Glue Data Catalog.
    Catalog,
    /// A database of the Glue Data Catalog.
    Database,
    /// A table of the Glue Data Catalog.
    Table,
    /// An Athena workgroup.
    Workgroup,
    /// A KMS key.
    Key,
}

/// The form of a resource in a statement; `None` if no statement of this software names such a resource.
pub(crate) fn form_of(resource: &str) -> Option<ResourceForm> {
    if let Some(container) = resource.strip_suffix("/*") {
        let is_s3 = s3::Location::read(&container.parse().ok()?).is_some();
        return is_s3.then_some(ResourceForm::Objects);
    }
    let arn: Arn = resource.parse().ok()?;
    match arn.service() {
        "s3" => {
            s3::Location::read(&arn).filter(|_| !arn.resource().contains('/')).map(|_| ResourceForm::Bucket)
        }
        "kms" => kms::is_key(&arn).then_some(ResourceForm::Key),
        "athena" => glue_table::is_workgroup(&arn).then_some(ResourceForm::Workgroup),
        "glue" => glue_table::form_of(&arn),
        _ => None,
    }
}

/// What a port gives access to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortAccess {
    /// The port's kind.
    pub kind: PortKind,
    /// Every ARN that the port gives access to, and where it is from.
    pub arns: Vec<(Origin, Arn)>,
    parts: Parts,
}

impl PortAccess {
    /// The statements of the policy of a role. Query results are limited to a folder with the name of the role.
    #[must_use]
    pub fn statements(&self, role: &RoleName) -> Vec<Statement> {
        self.parts.statements(role)
    }

    /// What the port gives access to, by the ARN of the resource that carries the tags for it: a bucket for its
    /// prefixes, a database for its tables, else the resource itself. The catalog itself, and its database `default` if
    /// no table is there, are not among them: every query reads them.
    #[must_use]
    pub fn by_tagged_resource(&self) -> BTreeMap<Arn, BTreeSet<Arn>> {
        let mut resources: BTreeMap<Arn, BTreeSet<Arn>> = BTreeMap::new();
        for (_, arn) in &self.arns {
            let tagged = match arn.service() {
                "s3" => Some(s3::bucket_of(arn)),
                // A database in a field is the one of a table, or the catalog's own.
                "glue" => glue_table::database_of(arn),
                _ => Some(arn.clone()),
            };
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
        self.arns.iter().map(|(_, arn)| arn).filter(|arn| glue_table::database_of(arn).is_some())
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
    let parts = kind.read(&fields)?;
    let arns = fields.arns.into_iter().map(|ArnField { origin, arn, .. }| (origin, arn)).collect();
    Ok(PortAccess { kind, arns, parts })
}

#[cfg(test)]
mod tests;
