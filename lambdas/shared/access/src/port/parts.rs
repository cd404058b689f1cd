//! What a port consists of, in AWS. Each kind of port fills in what it has.

use std::collections::BTreeSet;

use super::glue_table::{self, Table};
use super::{kms, s3};
use crate::arn::Arn;
use crate::policy::Statement;
use crate::role::RoleName;

/// The parts of a port.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Parts {
    /// Where the data is.
    pub(super) data: BTreeSet<s3::Location>,
    /// Where query results are written, in a folder for each role.
    pub(super) results: BTreeSet<s3::Location>,
    /// The keys of the data.
    pub(super) keys: BTreeSet<Arn>,
    /// The keys of the query results.
    pub(super) result_keys: BTreeSet<Arn>,
    /// The keys of the Glue Data Catalog.
    pub(super) catalog_keys: BTreeSet<Arn>,
    /// The tables.
    pub(super) tables: BTreeSet<Table>,
    /// The workgroups in which consumers query.
    pub(super) workgroups: BTreeSet<Arn>,
}

impl Parts {
    /// The statements that give a role what the port is for.
    pub(super) fn statements(&self, role: &RoleName) -> Vec<Statement> {
        let results: BTreeSet<s3::Location> =
            self.results.iter().map(|location| location.below(role.as_str())).collect();
        [
            s3::list(self.data.union(&results)),
            s3::read(&self.data),
            s3::write_results(&results),
            glue_table::read_catalog(&self.tables),
            glue_table::query(&self.workgroups),
            kms::decrypt(&self.keys, &self.data),
            kms::use_for_results(&self.result_keys, &results),
            kms::decrypt_catalog(&self.catalog_keys),
        ]
        .concat()
    }
}
