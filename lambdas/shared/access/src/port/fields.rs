//! What a port says about its data, whichever source it is from: ARNs and texts by the names of custom fields.

use dmm_mesh::OutputPort;
use dmm_mesh::custom::key;

use super::rule::is_literal;
use crate::arn::{Arn, ArnError};
use crate::custom::{self, Field};
use crate::origin::Origin;
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

/// Whether the [key] of a field's name says that it holds an ARN.
pub(super) fn is_arn_field(key: &str) -> bool {
    key.starts_with("aws") && key.ends_with("arn")
}

/// What one port says about its data.
pub(super) struct Fields {
    port: String,
    port_type: &'static str,
    /// The ARNs: those of a server first, then those of custom fields in the order of their names.
    pub(super) arns: Vec<ArnField>,
    texts: Vec<TextField>,
}

/// An ARN.
pub(super) struct ArnField {
    /// The name of a custom field in some spelling. A value from a server has the name that the custom field for it would
    /// have.
    pub(super) name: String,
    /// The ARN. Names in the Glue Data Catalog are in lower case.
    pub(super) arn: Arn,
    /// Where it is from.
    pub(super) origin: Origin,
}

/// A value that is not an ARN, such as the name of a database.
struct TextField {
    /// The name, as for [`ArnField::name`].
    name: String,
    /// The value without spaces around it.
    value: String,
    /// Where it is from.
    origin: Origin,
}

impl Fields {
    /// No fields yet, of the port that people know as `port`.
    pub(super) fn new(port: String, port_type: &'static str) -> Fields {
        Fields { port, port_type, arns: Vec::new(), texts: Vec::new() }
    }

    /// Adds a custom field. `origin` says where a field with this name is.
    ///
    /// # Errors
    ///
    /// A refusal if its name says that it holds an ARN, but its value is not one.
    pub(super) fn add_custom(
        &mut self,
        field: Field<'_>,
        origin: impl Fn(&str) -> Origin,
    ) -> Result<(), Refusal> {
        let (name, origin) = (field.name.to_owned(), origin(field.name));
        if !is_arn_field(&key(field.name)) {
            self.add_text(&name, field.value, origin);
            return Ok(());
        }
        match read_arn(field.value) {
            Ok(arn) => self.arns.push(ArnField { name, arn, origin }),
            Err(problem) => {
                return Err(Refusal::ArnMalformed { field: origin, value: field.value.to_owned(), problem });
            }
        }
        Ok(())
    }

    /// Adds the custom fields of the port.
    ///
    /// # Errors
    ///
    /// As for [`add_custom`](Self::add_custom), and if two spellings of a field differ.
    pub(super) fn add_port(&mut self, port: &OutputPort) -> Result<(), Refusal> {
        let owner = format!("output port {}", port.label());
        for field in custom::fields(&port.custom, &owner, |key| key.starts_with("aws"))? {
            self.add_custom(field, |name| Origin::Field(name.to_owned()))?;
        }
        Ok(())
    }

    /// An ARN under the name that the custom field for it would have.
    ///
    /// # Errors
    ///
    /// [`ArnError`] if it is not one.
    pub(super) fn arn_field(name: &str, arn: &str, origin: Origin) -> Result<ArnField, ArnError> {
        Ok(ArnField { name: name.to_owned(), arn: read_arn(arn)?, origin })
    }

    /// Adds a text under the name that the custom field for it would have. A text that was added earlier under this name
    /// counts.
    pub(super) fn add_text(&mut self, name: &str, value: &str, origin: Origin) {
        if self.text_field(name).is_none() {
            self.texts.push(TextField { name: name.to_owned(), value: value.to_owned(), origin });
        }
    }

    /// The text with this name, in any spelling, which a policy can contain as it is.
    ///
    /// # Errors
    ///
    /// A refusal if the text contains a wildcard, a variable, or a character that IAM does not accept.
    pub(super) fn text(&self, name: &'static str) -> Result<Option<&str>, Refusal> {
        match self.text_field(name).map(|field| field.value.as_str()) {
            Some(text) if !is_literal(text) => {
                Err(self.text_malformed(name, "a text of visible ASCII characters without `*`, `?` and `${`"))
            }
            text => Ok(text),
        }
    }

    fn text_field(&self, name: &str) -> Option<&TextField> {
        self.texts.iter().find(|field| key(&field.name) == key(name))
    }

    /// The text of the field is not the `expected` one.
    pub(super) fn text_malformed(&self, field: &'static str, expected: &'static str) -> Refusal {
        let (field, value) = match self.text_field(field) {
            Some(text) => (text.origin.clone(), text.value.clone()),
            None => (Origin::Field(field.to_owned()), String::new()),
        };
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
            |meaning, name| Err(Refusal::FieldNameUnclear { field: self.origin.clone(), meaning, name });
        let is = |name: &str| key(&self.name) == key(name);
        if is(RESULTS_FIELD) && is_s3 || is(RESULTS_KEY_FIELD) && is_kms {
            Ok(Purpose::Results)
        } else if is(CATALOG_KEY_FIELD) && is_kms {
            Ok(Purpose::Catalog)
        } else if is_s3 && self.is_named_like_results() {
            unclear("the location of Athena's query results", RESULTS_FIELD)
        } else if is_kms && self.is_named_like_results() {
            unclear("the KMS key of Athena's query results", RESULTS_KEY_FIELD)
        } else if is_kms && key(&self.name).contains("catalog") {
            unclear("the KMS key of the Glue Data Catalog", CATALOG_KEY_FIELD)
        } else {
            Ok(Purpose::Data)
        }
    }

    /// Whether the name speaks of results, and of nothing that would say that these results are the data.
    fn is_named_like_results(&self) -> bool {
        let is_general = |word: &String| {
            word.bytes().all(|byte| byte.is_ascii_digit()) || GENERAL_WORDS.contains(&word.as_str())
        };
        key(&self.name).contains("result") && custom::words(&self.name).iter().all(is_general)
    }

    /// The value is an ARN, but not the `expected` one.
    pub(super) fn unsupported(&self, expected: &'static str) -> Refusal {
        Refusal::ArnUnsupported { field: self.origin.clone(), arn: self.arn.to_string(), expected }
    }
}
