//! The kind `glue_table`: a table of the Glue Data Catalog with its data in S3, to be queried with Athena.
//!
//! - Glue: the table *and what contains it*: database and catalog, and the catalog's default database, which Athena
//!   reads ([access to Glue from
//!   Athena](https://docs.aws.amazon.com/athena/latest/ug/fine-grained-access-to-glue-resources.html)).
//! - Athena: start a query in the workgroup, follow it, read its result ([workgroup
//!   policies](https://docs.aws.amazon.com/athena/latest/ug/example-policies-workgroup.html)). Athena works with the
//!   caller's rights, so the caller needs access to the location of the results as well.

use std::collections::BTreeSet;

use super::fields::{ArnField, Fields};
use super::{ResourceForm, kms, s3};
use crate::arn::Arn;
use crate::policy::Statement;
use crate::refusal::Refusal;

/// Reads the description of a table.
const CATALOG: &[&str] = &[
    "glue:BatchGetPartition",
    "glue:GetDatabase",
    "glue:GetPartition",
    "glue:GetPartitions",
    "glue:GetTable",
];
/// Queries in a workgroup.
const QUERY: &[&str] = &[
    "athena:GetQueryExecution",
    "athena:GetQueryResults",
    "athena:GetQueryResultsStream",
    "athena:GetWorkGroup",
    "athena:StartQueryExecution",
    "athena:StopQueryExecution",
];
/// Every action that a port of this kind gives.
pub(super) const ACTIONS: &[&[&str]] =
    &[s3::LIST, s3::READ, s3::RESULTS, CATALOG, QUERY, kms::DECRYPT, kms::RESULT_KEY];

/// A table of the Glue Data Catalog.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Table {
    arn: Arn,
    database: String,
}

impl Table {
    fn of(field: &ArnField) -> Result<Table, Refusal> {
        Table::read(&field.arn)
            .ok_or_else(|| field.unsupported("the ARN of a table, which ends with :table/database/table"))
    }

    fn read(arn: &Arn) -> Option<Table> {
        let (database, table) = arn.resource().strip_prefix("table/")?.split_once('/')?;
        let is_table = !database.is_empty() && !table.is_empty() && !table.contains('/') && arn.is_regional();
        is_table.then(|| Table { arn: arn.clone(), database: database.to_owned() })
    }

    /// What contains the table.
    fn ancestors(&self) -> [Arn; 3] {
        let database = format!("database/{}", self.database);
        ["catalog", "database/default", &database].map(|resource| self.arn.sibling(resource.to_owned()))
    }
}

pub(super) fn statements(fields: &Fields) -> Result<Vec<Statement>, Refusal> {
    let (mut data, mut results) = (BTreeSet::new(), BTreeSet::new());
    let (mut keys, mut result_keys) = (BTreeSet::new(), BTreeSet::new());
    let (mut tables, mut workgroups) = (BTreeSet::new(), BTreeSet::new());
    let mut ancestors = Vec::new();
    for field in &fields.arns {
        match (field.arn.service(), field.arn.resource()) {
            ("s3", _) if field.is_for_results() => drop(results.insert(s3::Location::of(field)?)),
            ("s3", _) => drop(data.insert(s3::Location::of(field)?)),
            ("kms", _) if field.is_for_results() => drop(result_keys.insert(kms::key(field)?)),
            ("kms", _) => drop(keys.insert(kms::key(field)?)),
            ("athena", _) => drop(workgroups.insert(workgroup(field)?)),
            ("glue", resource) if resource.starts_with("table/") => drop(tables.insert(Table::of(field)?)),
            ("glue", resource) if resource == "catalog" || resource.starts_with("database/") => {
                ancestors.push(field);
            }
            _ => {
                return Err(field.unsupported(
                    "the ARN of a table, its database or catalog, an Athena workgroup, an S3 location or a KMS key \
                     (a port of the type `glue_table` accepts no others)",
                ));
            }
        }
    }
    check_ancestors(&ancestors, &tables)?;
    let needs_workgroup = !results.is_empty() || !result_keys.is_empty();
    if tables.is_empty() {
        return Err(fields.missing("the ARN of a Glue table"));
    } else if data.is_empty() {
        return Err(fields.missing("the ARN of the S3 location that holds the table's data"));
    } else if needs_workgroup && workgroups.is_empty() {
        return Err(fields.missing("the ARN of the Athena workgroup that writes the query results"));
    }
    Ok([
        s3::list(data.union(&results)),
        s3::read(&data),
        s3::write_results(&results),
        read_catalog(&tables),
        query(&workgroups),
        kms::decrypt(&keys),
        kms::use_for_results(&result_keys),
    ]
    .concat())
}

/// Access to a table includes its catalog and database. A field that names another catalog or database would promise
/// access that is not given.
fn check_ancestors(ancestors: &[&ArnField], tables: &BTreeSet<Table>) -> Result<(), Refusal> {
    let stray = ancestors
        .iter()
        .find(|field| !tables.iter().any(|table| table.ancestors().contains(&field.arn)))
        .filter(|_| !tables.is_empty());
    match stray {
        Some(field) => Err(field.unsupported("the ARN of the catalog or the database of the port's table")),
        None => Ok(()),
    }
}

/// What the ARN of Glue names in a statement; `None` if no statement names it.
pub(super) fn form_of(arn: &Arn) -> Option<ResourceForm> {
    if !arn.is_regional() {
        return None;
    }
    match arn.resource().split_once('/') {
        None if arn.resource() == "catalog" => Some(ResourceForm::Catalog),
        Some(("database", name)) if !name.is_empty() && !name.contains('/') => Some(ResourceForm::Database),
        Some(("table", _)) => Table::read(arn).map(|_| ResourceForm::Table),
        _ => None,
    }
}

/// Whether it is the ARN of a workgroup.
pub(super) fn is_workgroup(arn: &Arn) -> bool {
    let name = arn.resource().strip_prefix("workgroup/").unwrap_or_default();
    !name.is_empty() && !name.contains('/') && arn.is_regional()
}

fn workgroup(field: &ArnField) -> Result<Arn, Refusal> {
    if !is_workgroup(&field.arn) {
        return Err(field.unsupported("the ARN of an Athena workgroup"));
    }
    Ok(field.arn.clone())
}

fn read_catalog(tables: &BTreeSet<Table>) -> Vec<Statement> {
    let arns: BTreeSet<String> = tables
        .iter()
        .flat_map(|table| table.ancestors().into_iter().chain([table.arn.clone()]))
        .map(|arn| arn.to_string())
        .collect();
    Statement::allow_any("Catalog", CATALOG, arns.into_iter().collect())
}

fn query(workgroups: &BTreeSet<Arn>) -> Vec<Statement> {
    Statement::allow_any("Query", QUERY, workgroups.iter().map(Arn::to_string).collect())
}
