//! Tables of the Glue Data Catalog with their data in S3, to be queried with Athena: what the kinds `glue_table` and
//! `glue_database` have in common.
//!
//! Athena works with the caller's rights, so the caller needs access to everything that a query reads: the data, the
//! descriptions in Glue, the workgroup, and the location of the results. This includes the tables that a view refers to
//! ([views](https://docs.aws.amazon.com/athena/latest/ug/views.html)): a port with a view names them, too.

use std::collections::BTreeSet;

use super::fields::{ArnField, Fields, Purpose};
use super::rule::Rule;
use super::spec::Grantee;
use super::{athena, glue, kms, s3};
use crate::arn::Arn;
use crate::policy::Statement;
use crate::refusal::Refusal;

pub(super) const RULES: &[&[Rule]] =
    &[s3::RULES, s3::RESULT_RULES, glue::RULES, athena::RULES, kms::S3_RULES, kms::GLUE_RULES];

/// What the tables consist of, in AWS.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Lake {
    /// Where the data is.
    data: BTreeSet<s3::Location>,
    /// Where query results are written, in a folder for each role.
    results: BTreeSet<s3::Location>,
    /// The keys of the data.
    keys: BTreeSet<Arn>,
    /// The keys of the query results.
    result_keys: BTreeSet<Arn>,
    /// The keys of the Glue Data Catalog.
    catalog_keys: BTreeSet<Arn>,
    /// Single tables.
    pub(super) tables: BTreeSet<glue::Table>,
    /// Whole databases.
    pub(super) databases: BTreeSet<Arn>,
    /// The workgroups in which consumers query.
    workgroups: BTreeSet<Arn>,
}

impl Lake {
    /// Reads the fields. `glue` reads those with an ARN of Glue.
    pub(super) fn read<'a>(
        fields: &'a Fields,
        expected: &'static str,
        mut glue: impl FnMut(&'a ArnField, &mut Lake) -> Result<(), Refusal>,
    ) -> Result<Lake, Refusal> {
        let mut lake = Lake::default();
        for field in &fields.arns {
            match (field.arn.service(), field.purpose()?) {
                ("s3", Purpose::Results) => drop(lake.results.insert(s3::Location::of(field)?)),
                ("s3", _) => drop(lake.data.insert(s3::Location::of(field)?)),
                ("kms", Purpose::Results) => drop(lake.result_keys.insert(kms::key(field)?)),
                ("kms", Purpose::Catalog) => drop(lake.catalog_keys.insert(kms::key(field)?)),
                ("kms", Purpose::Data) => drop(lake.keys.insert(kms::key(field)?)),
                ("athena", _) => drop(lake.workgroups.insert(athena::workgroup(field)?)),
                ("glue", _) => glue(field, &mut lake)?,
                _ => return Err(field.unsupported(expected)),
            }
        }
        Ok(lake)
    }

    /// Checks that the fields name everything that a query needs, apart from the table or database.
    pub(super) fn check(&self, fields: &Fields) -> Result<(), Refusal> {
        let needs_workgroup = !self.results.is_empty() || !self.result_keys.is_empty();
        if self.data.is_empty() {
            return Err(fields.missing("the ARN of the S3 location that holds the table's data"));
        } else if needs_workgroup && self.workgroups.is_empty() {
            return Err(fields.missing("the ARN of the Athena workgroup that writes the query results"));
        } else if !self.result_keys.is_empty() && self.results.is_empty() {
            return Err(
                fields.missing("the ARN of the location of the query results (`aws-athena-results-arn`)")
            );
        }
        self.check_results()
    }

    /// A consumer may write where its query results are, so the data must not be there.
    fn check_results(&self) -> Result<(), Refusal> {
        let overlapping =
            |results: &s3::Location| self.data.iter().find(|data| data.overlaps(results)).cloned();
        match self.results.iter().find_map(|results| Some((results, overlapping(results)?))) {
            Some((results, data)) => {
                Err(Refusal::ResultsOverlapData { results: results.objects_arn(), data: data.objects_arn() })
            }
            None => Ok(()),
        }
    }

    /// The statements that let a role query the tables.
    pub(super) fn statements(&self, grantee: &Grantee<'_>) -> Vec<Statement> {
        let folder = grantee.role.as_str();
        let results: BTreeSet<s3::Location> =
            self.results.iter().map(|location| location.below(folder)).collect();
        [
            s3::list(self.data.union(&results)),
            s3::read(&self.data),
            s3::write_results(&results),
            glue::read_catalog(&self.tables, &self.databases),
            athena::query(&self.workgroups),
            athena::look_at_catalogs(self.tables.iter().map(glue::Table::arn).chain(&self.databases)),
            kms::through_s3("Decrypt", kms::DECRYPT, &self.keys, &self.data),
            kms::through_s3("ResultKey", kms::ENCRYPT_AND_DECRYPT, &self.result_keys, &results),
            kms::decrypt_catalog(&self.catalog_keys),
        ]
        .concat()
    }
}
