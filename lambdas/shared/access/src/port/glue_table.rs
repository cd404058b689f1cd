//! The kind `glue_table`: tables of the Glue Data Catalog with their data in S3, to be queried with Athena.

use super::fields::{ArnField, Fields};
use super::lake::{self, Lake};
use super::spec::{AccessRole, Grantee, Spec};
use super::{athena, glue, kms, s3};
use crate::policy::Statement;
use crate::refusal::Refusal;

const EXPECTED: &str = "the ARN of a table, its database or catalog, an Athena workgroup, an S3 location or a KMS key (a \
                        port of the type `glue_table` accepts no others)";

pub(super) const SPEC: Spec = Spec {
    rules: lake::RULES,
    roles: &[AccessRole::Read],
    services: &[s3::SERVICE, glue::TABLES, athena::SERVICE, kms::SERVICE],
};

/// A port of this kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Port(Lake);

impl Port {
    pub(super) fn read(fields: &Fields) -> Result<Port, Refusal> {
        let mut ancestors = Vec::new();
        let lake = Lake::read(fields, EXPECTED, |field, lake| {
            if field.arn.resource().starts_with("table/") {
                let table = glue::Table::read(&field.arn).ok_or_else(|| {
                    field.unsupported("the ARN of a table, which ends with :table/database/table")
                })?;
                lake.tables.insert(table);
            } else if glue::is_catalog(&field.arn) || glue::database_name(&field.arn).is_some() {
                ancestors.push(field);
            } else {
                return Err(field.unsupported(EXPECTED));
            }
            Ok(())
        })?;
        check_ancestors(&ancestors, &lake)?;
        if lake.tables.is_empty() {
            return Err(fields.missing("the ARN of a Glue table"));
        }
        lake.check(fields)?;
        Ok(Port(lake))
    }

    pub(super) fn statements(&self, grantee: &Grantee<'_>) -> Vec<Statement> {
        self.0.statements(grantee)
    }
}

/// Access to a table includes its catalog and database. A field that names another catalog or database would promise
/// access that is not given.
fn check_ancestors(ancestors: &[&ArnField], lake: &Lake) -> Result<(), Refusal> {
    let is_of = |field: &ArnField, table: &glue::Table| {
        table.database() == field.arn || glue::surroundings(table.arn()).contains(&field.arn)
    };
    let stray = ancestors
        .iter()
        .find(|field| !lake.tables.iter().any(|table| is_of(field, table)))
        .filter(|_| !lake.tables.is_empty());
    match stray {
        Some(field) => Err(field.unsupported("the ARN of the catalog or the database of the port's table")),
        None => Ok(()),
    }
}
