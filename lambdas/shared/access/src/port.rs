//! What an output port gives access to, read from its custom fields.
//!
//! The field `output-port-type` names the [kind](PortKind) of the port. Every field whose name begins with `aws` and
//! ends with `arn` names a resource. The provider is free to choose the rest of the name: the ARN's service tells what the
//! resource is for. For S3 and KMS, a field whose name contains `result` is about Athena's query results.
//!
//! To add a kind, write a file below `port/` with a function `statements`, and register it in [`PortKind`].

use dmm_mesh::OutputPort;

use crate::arn::Arn;
use crate::policy::Statement;
use crate::refusal::Refusal;
use fields::{ArnField, Fields};

mod fields;
mod glue_table;
mod kms;
mod s3;
mod s3_bucket;

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

            /// The statements that give a consumer what a port of this kind is for.
            fn statements(self, fields: &Fields) -> Result<Vec<Statement>, Refusal> {
                match self {
                    $(PortKind::$kind => $module::statements(fields),)+
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
        match quoted.split_last() {
            Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
            _ => quoted.concat(),
        }
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
    /// The statements of the consumer's policy.
    pub statements: Vec<Statement>,
    /// Every ARN in the port's custom fields, with the field's name, in the order of the names.
    pub arns: Vec<(String, Arn)>,
}

/// Reads what a port gives access to.
///
/// # Errors
///
/// The [`Refusal`] that says what is missing or wrong.
pub fn read(port: &OutputPort) -> Result<PortAccess, Refusal> {
    let label = port.id.clone().or_else(|| port.name.clone()).unwrap_or_default();
    let has_arns = port.custom.keys().any(|name| fields::is_arn_field(name));
    let kind = match port.custom.get(TYPE_FIELD).map(|name| name.trim()) {
        None | Some("") if !has_arns => return Err(Refusal::NotOnAws { port: label }),
        None | Some("") => {
            return Err(Refusal::PortTypeMissing { port: label, choices: PortKind::choices() });
        }
        Some(name) => PortKind::named(name).ok_or_else(|| Refusal::PortTypeUnsupported {
            port: label.clone(),
            port_type: name.to_owned(),
            choices: PortKind::choices(),
        })?,
    };
    let fields = Fields::read(label, kind.as_str(), &port.custom)?;
    let statements = kind.statements(&fields)?;
    let arns = fields.arns.into_iter().map(|ArnField { name, arn }| (name, arn)).collect();
    Ok(PortAccess { statements, arns })
}

#[cfg(test)]
mod tests;
