//! The custom fields of a port that hold ARNs.

use std::collections::BTreeMap;

use crate::arn::Arn;
use crate::refusal::Refusal;

/// The name of a field about Athena's query results contains this.
const RESULT: &str = "result";

/// Whether a field with this name holds an ARN.
pub(super) fn is_arn_field(name: &str) -> bool {
    name.starts_with("aws") && name.ends_with("arn")
}

/// The fields of one port.
pub(super) struct Fields {
    port: String,
    port_type: &'static str,
    /// In the order of the names.
    pub(super) arns: Vec<ArnField>,
}

/// A field that holds an ARN.
pub(super) struct ArnField {
    /// The field's name.
    pub(super) name: String,
    /// Its value.
    pub(super) arn: Arn,
}

impl Fields {
    /// Reads the fields of the port that people know as `port`.
    pub(super) fn read(
        port: String,
        port_type: &'static str,
        custom: &BTreeMap<String, String>,
    ) -> Result<Fields, Refusal> {
        let arns = custom.iter().filter(|(name, _)| is_arn_field(name)).map(|(name, value)| {
            let value = value.trim();
            match value.parse() {
                Ok(arn) => Ok(ArnField { name: name.clone(), arn }),
                Err(problem) => {
                    Err(Refusal::ArnMalformed { field: name.clone(), value: value.to_owned(), problem })
                }
            }
        });
        Ok(Fields { port, port_type, arns: arns.collect::<Result<_, _>>()? })
    }

    /// The port lacks an ARN that its kind needs.
    pub(super) fn missing(&self, needed: &'static str) -> Refusal {
        Refusal::ArnMissing { port: self.port.clone(), port_type: self.port_type, needed }
    }
}

impl ArnField {
    /// Whether it is about Athena's query results.
    pub(super) fn is_for_results(&self) -> bool {
        self.name.to_ascii_lowercase().contains(RESULT)
    }

    /// The value is an ARN, but not the `expected` one.
    pub(super) fn unsupported(&self, expected: &'static str) -> Refusal {
        Refusal::ArnUnsupported { field: self.name.clone(), arn: self.arn.to_string(), expected }
    }
}
