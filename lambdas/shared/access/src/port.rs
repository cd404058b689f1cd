//! What an output port's custom fields point to.
//!
//! A port says what it is in `output-port-type` (`s3_bucket` or `glue_table`) and where it is in every custom
//! field whose name begins with `aws` and ends with `arn`. The names between are the provider's choice: what
//! an ARN is for is told by its service, and for S3 and KMS by whether the field's name contains `result`:
//! then it is the place, or the key, of Athena's query results.

use std::collections::BTreeSet;

use dmm_mesh::OutputPort;

use crate::arn::{Arn, Partition};
use crate::refusal::Refusal;

/// The field that says of which type a port is.
const TYPE_FIELD: &str = "output-port-type";
/// What the name of a field for query results contains.
const RESULT: &str = "result";

const S3_BUCKET: &str = "s3_bucket";
const GLUE_TABLE: &str = "glue_table";

/// What an output port points to. Each kind is sorted and without duplicates.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resources {
    /// Where the data is in S3.
    pub data: BTreeSet<Location>,
    /// Where Athena writes the results of queries.
    pub results: BTreeSet<Location>,
    /// Tables of the Glue Data Catalog.
    pub tables: BTreeSet<Table>,
    /// Workgroups of Athena.
    pub workgroups: BTreeSet<Arn>,
    /// KMS keys that the data is encrypted with.
    pub data_keys: BTreeSet<Arn>,
    /// KMS keys that query results are encrypted with.
    pub result_keys: BTreeSet<Arn>,
    /// Every ARN with the field that holds it, as it came.
    pub fields: Vec<(String, Arn)>,
}

/// A bucket, or what lies below a prefix in it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Location {
    /// The bucket's partition.
    pub partition: Partition,
    /// The bucket's name.
    pub bucket: String,
    /// The prefix without a slash at its end; `None` is the whole bucket.
    pub prefix: Option<String>,
}

/// A table of the Glue Data Catalog.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Table {
    /// The table's ARN.
    pub arn: Arn,
    /// The name of its database.
    pub database: String,
}

impl Location {
    /// The bucket's ARN.
    #[must_use]
    pub fn bucket_arn(&self) -> String {
        format!("arn:{}:s3:::{}", self.partition, self.bucket)
    }

    /// The pattern of the ARNs of all objects in this location.
    #[must_use]
    pub fn objects_arn(&self) -> String {
        match &self.prefix {
            Some(prefix) => format!("{}/{prefix}/*", self.bucket_arn()),
            None => format!("{}/*", self.bucket_arn()),
        }
    }

    /// `bucket` or `bucket/prefix`, and not a thing of S3 that has a region and an account, such as an access
    /// point.
    fn read(arn: &Arn) -> Option<Location> {
        let (bucket, prefix) = arn.resource().split_once('/').unwrap_or((arn.resource(), ""));
        let is_name = (3..=63).contains(&bucket.len())
            && bucket.bytes().all(|byte| {
                byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'.'
            });
        let prefix = prefix.strip_suffix('/').unwrap_or(prefix);
        (is_name && arn.region().is_empty() && arn.account().is_empty()).then(|| Location {
            partition: arn.partition(),
            bucket: bucket.to_owned(),
            prefix: (!prefix.is_empty()).then(|| prefix.to_owned()),
        })
    }
}

impl Table {
    /// The ARN of the table's database.
    #[must_use]
    pub fn database_arn(&self) -> Arn {
        self.arn.sibling(format!("database/{}", self.database))
    }

    /// The ARN of the catalog's default database.
    #[must_use]
    pub fn default_database_arn(&self) -> Arn {
        self.arn.sibling("database/default".to_owned())
    }

    /// The ARN of the catalog.
    #[must_use]
    pub fn catalog_arn(&self) -> Arn {
        self.arn.sibling("catalog".to_owned())
    }

    fn read(arn: &Arn) -> Option<Table> {
        let (database, table) = arn.resource().strip_prefix("table/")?.split_once('/')?;
        let complete = !database.is_empty() && !table.is_empty() && !table.contains('/') && is_regional(arn);
        complete.then(|| Table { arn: arn.clone(), database: database.to_owned() })
    }
}

/// Reads what a port points to.
///
/// # Errors
///
/// The [`Refusal`] that says what is missing or wrong.
pub fn read(port: &OutputPort) -> Result<Resources, Refusal> {
    let label = || port.id.clone().or_else(|| port.name.clone()).unwrap_or_default();
    let is_arn_field = |name: &str| name.starts_with("aws") && name.ends_with("arn");
    let has_arns = port.custom.keys().any(|name| is_arn_field(name));
    let port_type = match port.custom.get(TYPE_FIELD).map(|text| text.trim()) {
        Some(S3_BUCKET) => S3_BUCKET,
        Some(GLUE_TABLE) => GLUE_TABLE,
        None | Some("") if !has_arns => return Err(Refusal::NotOnAws { port: label() }),
        None | Some("") => return Err(Refusal::PortTypeMissing { port: label() }),
        Some(other) => {
            return Err(Refusal::PortTypeUnsupported { port: label(), port_type: other.to_owned() });
        }
    };
    let mut resources = Resources::default();
    let mut ancestors = Vec::new();
    for (field, value) in port.custom.iter().filter(|(name, _)| is_arn_field(name)) {
        let value = value.trim();
        let arn: Arn = value.parse().map_err(|problem| Refusal::ArnMalformed {
            field: field.clone(),
            value: value.to_owned(),
            problem,
        })?;
        resources.fields.push((field.clone(), arn.clone()));
        let taken = match port_type {
            S3_BUCKET => resources.take_for_bucket(&arn),
            _ => resources.take_for_table(field, &arn, &mut ancestors),
        };
        taken.map_err(|expected| Refusal::ArnUnsupported {
            field: field.clone(),
            arn: value.to_owned(),
            expected,
        })?;
    }
    resources.check_ancestors(&ancestors)?;
    match resources.missing(port_type) {
        Some(needed) => Err(Refusal::ArnMissing { port: label(), port_type, needed }),
        None => Ok(resources),
    }
}

impl Resources {
    fn take_for_bucket(&mut self, arn: &Arn) -> Result<(), &'static str> {
        match arn.service() {
            "s3" => {
                self.data.insert(Location::read(arn).ok_or("the ARN of a bucket, or of a prefix in one")?);
            }
            "kms" => {
                self.data_keys.insert(key(arn)?);
            }
            _ => return Err("of use for a port of the type `s3_bucket`: a bucket or a KMS key"),
        }
        Ok(())
    }

    fn take_for_table(
        &mut self,
        field: &str,
        arn: &Arn,
        ancestors: &mut Vec<(String, Arn)>,
    ) -> Result<(), &'static str> {
        let is_result = field.to_ascii_lowercase().contains(RESULT);
        match arn.service() {
            "s3" => {
                let location = Location::read(arn).ok_or("the ARN of a bucket, or of a prefix in one")?;
                if is_result { &mut self.results } else { &mut self.data }.insert(location);
            }
            "kms" => {
                if is_result { &mut self.result_keys } else { &mut self.data_keys }.insert(key(arn)?);
            }
            "athena" => {
                let name = arn.resource().strip_prefix("workgroup/").unwrap_or_default();
                if name.is_empty() || name.contains('/') || !is_regional(arn) {
                    return Err("the ARN of a workgroup of Athena");
                }
                self.workgroups.insert(arn.clone());
            }
            "glue" if arn.resource().starts_with("table/") => {
                self.tables.insert(Table::read(arn).ok_or("the ARN of a table: …:table/database/table")?);
            }
            "glue" if arn.resource() == "catalog" || arn.resource().starts_with("database/") => {
                ancestors.push((field.to_owned(), arn.clone()));
            }
            _ => {
                return Err("of use for a port of the type `glue_table`: a table, its database or catalog, \
                            a workgroup of Athena, an S3 location or a KMS key");
            }
        }
        Ok(())
    }

    /// Catalogs and databases come with their table. A field that names others would promise what is not
    /// given.
    fn check_ancestors(&self, ancestors: &[(String, Arn)]) -> Result<(), Refusal> {
        for (field, arn) in ancestors {
            let known = self.tables.iter().any(|table| {
                [table.catalog_arn(), table.database_arn(), table.default_database_arn()].contains(arn)
            });
            if !known && !self.tables.is_empty() {
                return Err(Refusal::ArnUnsupported {
                    field: field.clone(),
                    arn: arn.to_string(),
                    expected: "the catalog or the database of the port's table",
                });
            }
        }
        Ok(())
    }

    fn missing(&self, port_type: &str) -> Option<&'static str> {
        let athena_is_used = !self.results.is_empty() || !self.result_keys.is_empty();
        if port_type == GLUE_TABLE && self.tables.is_empty() {
            Some("the ARN of a Glue table")
        } else if self.data.is_empty() && port_type == GLUE_TABLE {
            Some("the ARN of the S3 location that holds the table's data")
        } else if self.data.is_empty() {
            Some("the ARN of a bucket, or of a prefix in one")
        } else if athena_is_used && self.workgroups.is_empty() {
            Some("the ARN of the Athena workgroup that the query results are of")
        } else {
            None
        }
    }
}

/// A key itself: a policy cannot give rights on one by its alias.
fn key(arn: &Arn) -> Result<Arn, &'static str> {
    let id = arn.resource().strip_prefix("key/").unwrap_or_default();
    if id.is_empty() || id.contains('/') || !is_regional(arn) {
        return Err("the ARN of a KMS key (arn:aws:kms:region:account:key/id; an alias does not do)");
    }
    Ok(arn.clone())
}

fn is_regional(arn: &Arn) -> bool {
    !arn.region().is_empty() && !arn.account().is_empty()
}

#[cfg(test)]
mod tests;
