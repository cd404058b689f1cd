//! The kind `glue_table`: a table of the Glue Data Catalog with its data in S3, to be queried with Athena.
//!
//! - Glue: the table *and what contains it*: database and catalog, and the catalog's default database, which Athena
//!   reads ([access to Glue from
//!   Athena](https://docs.aws.amazon.com/athena/latest/ug/fine-grained-access-to-glue-resources.html)).
//! - Athena: start a query in the workgroup, follow it, read its result ([workgroup
//!   policies](https://docs.aws.amazon.com/athena/latest/ug/example-policies-workgroup.html)). Athena works with the
//!   caller's rights, so the caller needs access to the location of the results as well.

use std::collections::BTreeSet;

use super::fields::{ArnField, Fields, Purpose};
use super::parts::Parts;
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
pub(super) struct Table {
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

    /// The database that contains the table. A table cannot carry tags
    /// ([tags in Glue](https://docs.aws.amazon.com/glue/latest/dg/monitor-tags.html)), so its owner is that of its database.
    fn database(&self) -> Arn {
        self.arn.sibling(format!("database/{}", self.database))
    }

    /// What else a query reads: the catalog, and its database `default`.
    fn surroundings(&self) -> [Arn; 2] {
        ["catalog", "database/default"].map(|resource| self.arn.sibling(resource.to_owned()))
    }
}

pub(super) fn read(fields: &Fields) -> Result<Parts, Refusal> {
    let mut parts = Parts::default();
    let mut ancestors = Vec::new();
    for field in &fields.arns {
        match (field.arn.service(), field.purpose()?) {
            ("s3", Purpose::Results) => drop(parts.results.insert(s3::Location::of(field)?)),
            ("s3", _) => drop(parts.data.insert(s3::Location::of(field)?)),
            ("kms", Purpose::Results) => drop(parts.result_keys.insert(kms::key(field)?)),
            ("kms", Purpose::Catalog) => drop(parts.catalog_keys.insert(kms::key(field)?)),
            ("kms", Purpose::Data) => drop(parts.keys.insert(kms::key(field)?)),
            ("athena", _) => drop(parts.workgroups.insert(workgroup(field)?)),
            ("glue", _) if field.arn.resource().starts_with("table/") => {
                parts.tables.insert(Table::of(field)?);
            }
            ("glue", _)
                if matches!(form_of(&field.arn), Some(ResourceForm::Catalog | ResourceForm::Database)) =>
            {
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
    check_ancestors(&ancestors, &parts.tables)?;
    let needs_workgroup = !parts.results.is_empty() || !parts.result_keys.is_empty();
    if parts.tables.is_empty() {
        return Err(fields.missing("the ARN of a Glue table"));
    } else if parts.data.is_empty() {
        return Err(fields.missing("the ARN of the S3 location that holds the table's data"));
    } else if needs_workgroup && parts.workgroups.is_empty() {
        return Err(fields.missing("the ARN of the Athena workgroup that writes the query results"));
    } else if !parts.result_keys.is_empty() && parts.results.is_empty() {
        return Err(fields.missing("the ARN of the location of the query results (`aws-athena-results-arn`)"));
    }
    check_results(&parts)?;
    Ok(parts)
}

/// A consumer may write where its query results are, so the data must not be there.
fn check_results(parts: &Parts) -> Result<(), Refusal> {
    let overlapping = |results: &s3::Location| parts.data.iter().find(|data| data.overlaps(results)).cloned();
    match parts.results.iter().find_map(|results| Some((results, overlapping(results)?))) {
        Some((results, data)) => {
            Err(Refusal::ResultsOverlapData { results: results.objects_arn(), data: data.objects_arn() })
        }
        None => Ok(()),
    }
}

/// Access to a table includes its catalog and database. A field that names another catalog or database would promise
/// access that is not given.
fn check_ancestors(ancestors: &[&ArnField], tables: &BTreeSet<Table>) -> Result<(), Refusal> {
    let stray = ancestors
        .iter()
        .find(|field| {
            !tables
                .iter()
                .any(|table| table.database() == field.arn || table.surroundings().contains(&field.arn))
        })
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

/// The database of a port that an ARN of a table belongs to; `None` if it is not the ARN of a table.
pub(super) fn database_of(arn: &Arn) -> Option<Arn> {
    Table::read(arn).map(|table| table.database())
}

/// Reads the descriptions of the tables. IAM honours the tags of databases, but tables cannot carry tags.
pub(super) fn read_catalog(tables: &BTreeSet<Table>) -> Vec<Statement> {
    let databases: BTreeSet<Arn> = tables.iter().map(Table::database).collect();
    let surroundings: BTreeSet<Arn> = tables
        .iter()
        .flat_map(|table| table.surroundings().into_iter().chain([table.arn.clone()]))
        .filter(|arn| !databases.contains(arn))
        .collect();
    let texts = |arns: BTreeSet<Arn>| arns.iter().map(Arn::to_string).collect();
    let databases = Statement::allow_any("Database", CATALOG, texts(databases));
    let databases = databases.into_iter().map(Statement::honouring_tags);
    Statement::allow_any("Catalog", CATALOG, texts(surroundings)).into_iter().chain(databases).collect()
}

/// Queries in the workgroups, whose tags IAM honours
/// ([tags of workgroups](https://docs.aws.amazon.com/athena/latest/ug/tags-access-control.html)).
pub(super) fn query(workgroups: &BTreeSet<Arn>) -> Vec<Statement> {
    let statements = Statement::allow_any("Query", QUERY, workgroups.iter().map(Arn::to_string).collect());
    statements.into_iter().map(Statement::honouring_tags).collect()
}
