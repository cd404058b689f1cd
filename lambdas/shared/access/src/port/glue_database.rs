//! The kind `glue_database`: all tables of a database of the Glue Data Catalog, also those that are added later, with their
//! data in S3, to be queried with Athena.

use super::fields::Fields;
use super::lake::{self, Lake};
use super::spec::{AccessRole, Grantee, Spec};
use super::{athena, glue, kms, s3};
use crate::policy::Statement;
use crate::refusal::Refusal;

const EXPECTED: &str = "the ARN of a database, its catalog, an Athena workgroup, an S3 location or a KMS key (a port of the \
                        type `glue_database` accepts no others; for single tables, use `glue_table`)";

pub(super) const SPEC: Spec = Spec {
    rules: lake::RULES,
    roles: &[AccessRole::Read],
    services: &[s3::SERVICE, glue::DATABASES, athena::SERVICE, kms::SERVICE],
};

/// A port of this kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Port(Lake);

impl Port {
    pub(super) fn read(fields: &Fields) -> Result<Port, Refusal> {
        let mut catalogs = Vec::new();
        let lake = Lake::read(fields, EXPECTED, |field, lake| {
            if glue::database_name(&field.arn).is_some() {
                lake.databases.insert(field.arn.clone());
            } else if glue::is_catalog(&field.arn) {
                catalogs.push(field);
            } else {
                return Err(field.unsupported(EXPECTED));
            }
            Ok(())
        })?;
        if lake.databases.is_empty() {
            return Err(fields.missing("the ARN of a Glue database"));
        }
        let is_known =
            |catalog| lake.databases.iter().any(|database| glue::surroundings(database).contains(catalog));
        if let Some(field) = catalogs.iter().find(|field| !is_known(&field.arn)) {
            return Err(field.unsupported("the ARN of the catalog of the port's database"));
        }
        lake.check(fields)?;
        Ok(Port(lake))
    }

    pub(super) fn statements(&self, grantee: &Grantee<'_>) -> Vec<Statement> {
        self.0.statements(grantee)
    }
}
