//! The descriptions of tables in the Glue Data Catalog.
//!
//! Access to a table needs the same actions on the table *and what contains it*, its database and its catalog, and on the
//! catalog's default database, which Athena reads ([access to Glue from
//! Athena](https://docs.aws.amazon.com/athena/latest/ug/fine-grained-access-to-glue-resources.html)). Drivers and BI tools list
//! databases and tables first. `GetTables` answers with the tables that the caller may read and leaves out the others
//! ([filter tables by GetTables
//! permission](https://docs.aws.amazon.com/glue/latest/dg/security_iam_id-based-policy-examples.html)).

use std::collections::BTreeSet;

use super::rule::Rule;
use super::spec::Service;
use crate::arn::Arn;
use crate::policy::Statement;

/// Reads the description of a table, and finds it in a list.
const CATALOG: &[&str] = &[
    "glue:BatchGetPartition",
    "glue:GetCatalogImportStatus",
    "glue:GetDatabase",
    "glue:GetDatabases",
    "glue:GetPartition",
    "glue:GetPartitions",
    "glue:GetTable",
    "glue:GetTables",
];

pub(super) const RULES: &[Rule] = &[Rule::new(CATALOG, is_described)];

/// A table.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Table {
    arn: Arn,
    database: String,
}

impl Table {
    pub(super) fn read(arn: &Arn) -> Option<Table> {
        let (database, table) = arn.resource().strip_prefix("table/")?.split_once('/')?;
        let is_table = !database.is_empty() && !table.is_empty() && !table.contains('/') && arn.is_regional();
        is_table.then(|| Table { arn: arn.clone(), database: database.to_owned() })
    }

    pub(super) fn arn(&self) -> &Arn {
        &self.arn
    }

    /// The database that contains the table. A table cannot carry tags
    /// ([tags in Glue](https://docs.aws.amazon.com/glue/latest/dg/monitor-tags.html)), so its owner is that of its database.
    pub(super) fn database(&self) -> Arn {
        self.arn.sibling(format!("database/{}", self.database))
    }
}

/// What else a query reads: the catalog, and its database `default`.
pub(super) fn surroundings(arn: &Arn) -> [Arn; 2] {
    ["catalog", "database/default"].map(|resource| arn.sibling(resource.to_owned()))
}

/// The name of a database; `None` if it is not the ARN of one.
pub(super) fn database_name(arn: &Arn) -> Option<&str> {
    let name = arn.resource().strip_prefix("database/")?;
    (!name.is_empty() && !name.contains('/') && arn.is_regional()).then_some(name)
}

pub(super) fn is_catalog(arn: &Arn) -> bool {
    arn.resource() == "catalog" && arn.is_regional()
}

/// The pattern of the ARNs of all tables in a database.
fn tables_in(database: &Arn) -> Option<String> {
    let name = database_name(database)?;
    Some(format!("{}/*", database.sibling(format!("table/{name}"))))
}

/// What a resource of Glue is, for people.
fn noun(arn: &Arn) -> &'static str {
    if arn.resource().starts_with("database/") { "Glue database" } else { "Glue table" }
}

/// Glue, for ports that name tables. A database in a field is the one of a table, or the catalog's own.
pub(super) const TABLES: Service = Service { name: "glue", noun, tagged: database_of };
/// Glue, for ports that name databases.
pub(super) const DATABASES: Service =
    Service { name: "glue", noun, tagged: |arn| database_name(arn).map(|_| arn.clone()) };

/// The database that a table belongs to; `None` if it is not the ARN of a table.
pub(super) fn database_of(arn: &Arn) -> Option<Arn> {
    if arn.service() == "glue" { Table::read(arn).map(|table| table.database()) } else { None }
}

/// Whether statements name this resource.
fn is_described(resource: &str) -> bool {
    let is_glue = |arn: &Arn| arn.service() == "glue";
    if let Some(tables) = resource.strip_suffix("/*") {
        let database = tables.parse::<Arn>().ok().filter(is_glue);
        let name = database
            .as_ref()
            .and_then(|arn| arn.resource().strip_prefix("table/").filter(|_| arn.is_regional()));
        return name.is_some_and(|name| !name.is_empty() && !name.contains('/'));
    }
    resource
        .parse::<Arn>()
        .ok()
        .filter(is_glue)
        .is_some_and(|arn| is_catalog(&arn) || database_name(&arn).is_some() || Table::read(&arn).is_some())
}

/// Reads the descriptions of the tables, and of all tables of the databases. IAM honours the tags of databases, but tables
/// cannot carry tags.
pub(super) fn read_catalog(tables: &BTreeSet<Table>, databases: &BTreeSet<Arn>) -> Vec<Statement> {
    let parents: BTreeSet<Arn> =
        tables.iter().map(Table::database).chain(databases.iter().cloned()).collect();
    let surroundings = parents.iter().flat_map(surroundings).filter(|arn| !parents.contains(arn));
    let untagged: BTreeSet<String> = surroundings
        .map(|arn| arn.to_string())
        .chain(tables.iter().map(|table| table.arn.to_string()))
        .chain(databases.iter().filter_map(tables_in))
        .collect();
    let untagged = Statement::allow_any("Catalog", CATALOG, untagged.into_iter().collect());
    let tagged = Statement::allow_any("Database", CATALOG, parents.iter().map(Arn::to_string).collect());
    untagged.into_iter().chain(tagged.into_iter().map(Statement::honouring_tags)).collect()
}
