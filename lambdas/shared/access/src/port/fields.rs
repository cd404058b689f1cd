//! The custom fields of a port that hold ARNs.

use std::collections::BTreeMap;

use super::rule::is_literal;
use crate::arn::{Arn, ArnError};
use crate::refusal::Refusal;

/// The field with the S3 location of Athena's query results.
pub(super) const RESULTS_FIELD: &str = "aws-athena-results-arn";
/// The field with the KMS key of Athena's query results.
pub(super) const RESULTS_KEY_FIELD: &str = "aws-athena-results-key-arn";
/// The field with the KMS key of an encrypted Glue Data Catalog.
pub(super) const CATALOG_KEY_FIELD: &str = "aws-glue-catalog-key-arn";
/// The words of a field's name that leave open what kind of results the field is about.
const GENERAL_WORDS: [&str; 14] = [
    "aws", "arn", "athena", "query", "queries", "result", "results", "s3", "kms", "key", "bucket", "folder",
    "location", "output",
];

/// What the name of a field says about its ARN. The ARN's service says the rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// It is about Athena's query results.
    Results,
    /// It is about the Glue Data Catalog.
    Catalog,
    /// It is about the data.
    Data,
}

/// The field's value, unless it does not have that field or the value is blank.
pub(super) fn value<'a>(custom: &'a BTreeMap<String, String>, name: &str) -> Option<&'a str> {
    custom.get(name).map(|value| value.trim()).filter(|value| !value.is_empty())
}

/// The fields whose names say that they hold an ARN, unless they are blank.
pub(super) fn arn_fields(custom: &BTreeMap<String, String>) -> impl Iterator<Item = (&String, &str)> {
    let is_arn_field = |name: &str| name.starts_with("aws") && name.ends_with("arn");
    let fields = custom.iter().filter(move |(name, _)| is_arn_field(name));
    fields.map(|(name, value)| (name, value.trim())).filter(|(_, value)| !value.is_empty())
}

/// The fields of one port.
pub(super) struct Fields {
    port: String,
    port_type: &'static str,
    /// In the order of the names.
    pub(super) arns: Vec<ArnField>,
    custom: BTreeMap<String, String>,
}

/// A field that holds an ARN.
pub(super) struct ArnField {
    /// The field's name.
    pub(super) name: String,
    /// Its value. Names in the Glue Data Catalog are in lower case.
    pub(super) arn: Arn,
}

impl Fields {
    /// Reads the fields of the port that people know as `port`.
    pub(super) fn read(
        port: String,
        port_type: &'static str,
        custom: &BTreeMap<String, String>,
    ) -> Result<Fields, Refusal> {
        let arns = arn_fields(custom).map(|(name, value)| match read_arn(value) {
            Ok(arn) => Ok(ArnField { name: name.clone(), arn }),
            Err(problem) => {
                Err(Refusal::ArnMalformed { field: name.clone(), value: value.to_owned(), problem })
            }
        });
        let arns = arns.collect::<Result<_, _>>()?;
        Ok(Fields { port, port_type, arns, custom: custom.clone() })
    }

    /// The text of the field with this name, which a policy can contain as it is.
    ///
    /// # Errors
    ///
    /// A refusal if the text contains a wildcard, a variable, or a character that IAM does not accept.
    pub(super) fn text(&self, name: &'static str) -> Result<Option<&str>, Refusal> {
        match value(&self.custom, name) {
            Some(text) if !is_literal(text) => {
                Err(self.text_malformed(name, "a text of visible ASCII characters without `*`, `?` and `${`"))
            }
            text => Ok(text),
        }
    }

    /// The text of the field is not the `expected` one.
    pub(super) fn text_malformed(&self, field: &'static str, expected: &'static str) -> Refusal {
        let value = value(&self.custom, field).unwrap_or_default().to_owned();
        Refusal::TextMalformed { field, value, expected }
    }

    /// The port lacks a text that its kind needs.
    pub(super) fn text_missing(&self, field: &'static str, needed: &'static str) -> Refusal {
        Refusal::TextMissing { port: self.port.clone(), port_type: self.port_type, field, needed }
    }

    /// The port lacks an ARN that its kind needs.
    pub(super) fn missing(&self, needed: &'static str) -> Refusal {
        Refusal::ArnMissing { port: self.port.clone(), port_type: self.port_type, needed }
    }
}

/// Reads an ARN. Glue stores the names of databases and tables in lower case ([`TableInput`](
/// https://docs.aws.amazon.com/glue/latest/webapi/API_TableInput.html)), and asks IAM about that form.
fn read_arn(value: &str) -> Result<Arn, ArnError> {
    if value.contains("//") {
        return Err(ArnError::EmptyPart);
    }
    let arn: Arn = value.parse()?;
    Ok(if arn.service() == "glue" { arn.in_lower_case() } else { arn })
}

impl ArnField {
    /// What the field is about, according to its name.
    ///
    /// # Errors
    ///
    /// A refusal if the name reads as if it were about query results or the catalog, but is not the name of the field
    /// for it: guessing could give every consumer the right to write, or to read the results of others.
    pub(super) fn purpose(&self) -> Result<Purpose, Refusal> {
        let (is_s3, is_kms) = (self.arn.service() == "s3", self.arn.service() == "kms");
        let unclear =
            |meaning, name| Err(Refusal::FieldNameUnclear { field: self.name.clone(), meaning, name });
        match self.name.as_str() {
            RESULTS_FIELD if is_s3 => Ok(Purpose::Results),
            RESULTS_KEY_FIELD if is_kms => Ok(Purpose::Results),
            CATALOG_KEY_FIELD if is_kms => Ok(Purpose::Catalog),
            _ if is_s3 && self.is_named_like_results() => {
                unclear("the location of Athena's query results", RESULTS_FIELD)
            }
            _ if is_kms && self.is_named_like_results() => {
                unclear("the KMS key of Athena's query results", RESULTS_KEY_FIELD)
            }
            name if is_kms && name.to_ascii_lowercase().contains("catalog") => {
                unclear("the KMS key of the Glue Data Catalog", CATALOG_KEY_FIELD)
            }
            _ => Ok(Purpose::Data),
        }
    }

    /// Whether the name speaks of results, and of nothing that would say that these results are the data.
    fn is_named_like_results(&self) -> bool {
        let name = self.name.to_ascii_lowercase();
        let words = name.split(|character: char| !character.is_ascii_alphanumeric());
        let is_general = |word: &str| {
            word.is_empty() || word.bytes().all(|byte| byte.is_ascii_digit()) || GENERAL_WORDS.contains(&word)
        };
        name.contains("result") && words.into_iter().all(is_general)
    }

    /// The value is an ARN, but not the `expected` one.
    pub(super) fn unsupported(&self, expected: &'static str) -> Refusal {
        Refusal::ArnUnsupported { field: self.name.clone(), arn: self.arn.to_string(), expected }
    }
}
