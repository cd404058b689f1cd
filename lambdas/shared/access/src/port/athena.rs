//! Queries with Athena.
//!
//! A query is started in a workgroup, followed, and its result is read ([workgroup
//! policies](https://docs.aws.amazon.com/athena/latest/ug/example-policies-workgroup.html)). The JDBC and ODBC drivers, and BI
//! tools, also ask Athena for the databases and tables of the data catalog `AwsDataCatalog`, which is Glue; Athena answers with
//! what the caller may read there ([data catalog
//! policies](https://docs.aws.amazon.com/athena/latest/ug/datacatalogs-example-policies.html)). `ListDataCatalogs` and
//! `ListWorkGroups` are not given: IAM cannot limit them to a resource.

use std::collections::BTreeSet;

use super::fields::ArnField;
use super::rule::Rule;
use super::spec::Service;
use crate::arn::Arn;
use crate::policy::Statement;
use crate::refusal::Refusal;

/// Queries in a workgroup.
const QUERY: &[&str] = &[
    "athena:GetQueryExecution",
    "athena:GetQueryResults",
    "athena:GetQueryResultsStream",
    "athena:GetWorkGroup",
    "athena:StartQueryExecution",
    "athena:StopQueryExecution",
];
/// Looks for databases and tables.
const METADATA: &[&str] = &[
    "athena:GetDataCatalog",
    "athena:GetDatabase",
    "athena:GetTableMetadata",
    "athena:ListDatabases",
    "athena:ListTableMetadata",
];
/// The data catalog that is Glue's.
const GLUE_CATALOG: &str = "datacatalog/AwsDataCatalog";

pub(super) const RULES: &[Rule] =
    &[Rule::new(QUERY, is_workgroup_text), Rule::new(METADATA, is_glue_catalog)];

/// IAM honours the tags of workgroups
/// ([tags of workgroups](https://docs.aws.amazon.com/athena/latest/ug/tags-access-control.html)).
pub(super) const SERVICE: Service = Service::tagged_itself("athena", |_| "Athena workgroup");

fn is_workgroup(arn: &Arn) -> bool {
    let name = arn.resource().strip_prefix("workgroup/").unwrap_or_default();
    arn.service() == "athena" && !name.is_empty() && !name.contains('/') && arn.is_regional()
}

fn is_workgroup_text(resource: &str) -> bool {
    resource.parse().is_ok_and(|arn| is_workgroup(&arn))
}

fn is_glue_catalog(resource: &str) -> bool {
    resource
        .parse::<Arn>()
        .is_ok_and(|arn| arn.service() == "athena" && arn.resource() == GLUE_CATALOG && arn.is_regional())
}

/// The workgroup that a field names.
pub(super) fn workgroup(field: &ArnField) -> Result<Arn, Refusal> {
    if is_workgroup(&field.arn) {
        Ok(field.arn.clone())
    } else {
        Err(field.unsupported("the ARN of an Athena workgroup"))
    }
}

/// Queries in the workgroups.
pub(super) fn query(workgroups: &BTreeSet<Arn>) -> Vec<Statement> {
    let statements = Statement::allow_any("Query", QUERY, workgroups.iter().map(Arn::to_string).collect());
    statements.into_iter().map(Statement::honouring_tags).collect()
}

/// Asks Athena about the catalogs that hold these tables or databases.
pub(super) fn look_at_catalogs<'a>(described: impl Iterator<Item = &'a Arn>) -> Vec<Statement> {
    let catalogs: BTreeSet<String> = described
        .map(|arn| {
            format!("arn:{}:athena:{}:{}:{GLUE_CATALOG}", arn.partition(), arn.region(), arn.account())
        })
        .collect();
    Statement::allow_any("Metadata", METADATA, catalogs.into_iter().collect())
}
