//! Servers of the type `athena`: `schema` is the database, `stagingDir` the location of the query results, `regionName` the
//! region. The standard has no members for the workgroup, the account and the location of the data, so `workgroup` and
//! `account` may be custom fields, and the location has to be one.

use dmm_mesh::Server;

use super::{Reading, ServerType, glue, s3};
use crate::port::PortKind;
use crate::port::fields::RESULTS_FIELD;
use crate::refusal::Refusal;

pub(super) const TYPE: ServerType = ServerType {
    names: &["athena"],
    shared_name: None,
    kind: PortKind::GlueTable,
    needs: &["schema"],
    model: Some("table"),
    is_on_aws,
    read,
};

/// The catalog of Athena that is the Glue Data Catalog.
const GLUE_CATALOG: &str = "awsdatacatalog";
/// The workgroup of a query that names none
/// ([workgroups](https://docs.aws.amazon.com/athena/latest/ug/workgroups-manage-queries-control-costs.html)).
const PRIMARY: &str = "primary";

fn read(reading: &mut Reading<'_>) -> Result<(), Refusal> {
    if let Some((catalog, field)) = reading.any(&["catalog"])?
        && !catalog.eq_ignore_ascii_case(GLUE_CATALOG)
    {
        let expected = "awsdatacatalog, the only catalog of Athena that this integration can give access to";
        return Err(Refusal::MemberInvalid { field, value: catalog, expected });
    }
    glue::add_tables(reading, "schema")?;
    add_results(reading)?;
    s3::add_location(reading)
}

/// Adds the location of the query results, and the workgroup that writes them.
fn add_results(reading: &mut Reading<'_>) -> Result<(), Refusal> {
    const EXPECTED: &str = "a location in S3, such as s3://bucket/prefix";
    let Some((location, field)) = reading.any(&["stagingDir", "s3_staging_dir"])? else { return Ok(()) };
    let invalid =
        || Refusal::MemberInvalid { field: field.clone(), value: location.clone(), expected: EXPECTED };
    let arn = s3::arn(reading, &location).ok_or_else(invalid)?;
    reading.add(RESULTS_FIELD, &arn, (&location, field.clone()), EXPECTED)?;
    let (workgroup, field) =
        reading.any(&["workgroup"])?.unwrap_or_else(|| (PRIMARY.to_owned(), reading.origin("workgroup")));
    let (region, account) = (reading.region()?, reading.account()?);
    let arn = format!("arn:{}:athena:{region}:{account}:workgroup/{workgroup}", reading.home.partition);
    reading.add("aws-athena-workgroup-arn", &arn, (&workgroup, field), "the name of an Athena workgroup")
}

fn is_on_aws(_: &Server, _: bool) -> bool {
    true
}
