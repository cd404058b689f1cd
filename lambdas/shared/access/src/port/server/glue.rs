//! Servers of the type `glue`: `account`, `database`, `location` of the data in S3. The tables are the models of the data
//! contract. The standard has no member for the region, so `region` may be a custom field.

use dmm_mesh::Server;

use super::{Reading, ServerType, s3};
use crate::origin::Origin;
use crate::port::PortKind;
use crate::refusal::Refusal;

pub(super) const TYPE: ServerType = ServerType {
    names: &["glue", "gluetable", "gluedatacatalog"],
    shared_name: None,
    kind: PortKind::GlueTable,
    needs: &["database", "location"],
    model: Some("table"),
    is_on_aws,
    read,
};

/// What a table's name has to be.
const EXPECTED: &str = "the name of a table of the Glue Data Catalog";

fn read(reading: &mut Reading<'_>) -> Result<(), Refusal> {
    add_tables(reading, "database")?;
    s3::add_location(reading)
}

/// Adds the tables of the database that a member names.
pub(super) fn add_tables(reading: &mut Reading<'_>, member: &'static str) -> Result<(), Refusal> {
    const NAME: &str = "aws-glue-table-arn";
    if reading.has_custom_field("glue", NAME) {
        return Ok(());
    }
    let Some((database, database_field)) = reading.any(&[member])? else {
        return Err(reading.missing(member, "the name of a database of the Glue Data Catalog"));
    };
    if !super::is_name(&database) {
        let expected = "the name of a database of the Glue Data Catalog";
        return Err(Refusal::MemberInvalid { field: database_field, value: database, expected });
    }
    let (region, account) = (reading.region()?, reading.account()?);
    let catalog = format!("arn:{}:glue:{region}:{account}", reading.home.partition);
    for (name, field) in reading.models("table")? {
        let table = table_of(&database, &name, &field)?;
        reading.add(NAME, &format!("{catalog}:table/{database}/{table}"), (&name, field), EXPECTED)?;
    }
    Ok(())
}

/// The table's name without its database, which may be written before it, as in SQL.
fn table_of<'a>(database: &str, name: &'a str, field: &Origin) -> Result<&'a str, Refusal> {
    let table = match name.rsplit_once('.') {
        Some((before, table)) => {
            let own = before.rsplit_once('.').map_or(before, |(_, own)| own);
            Some(table).filter(|_| own.eq_ignore_ascii_case(database))
        }
        None => Some(name),
    };
    let invalid =
        || Refusal::MemberInvalid { field: field.clone(), value: name.to_owned(), expected: EXPECTED };
    table.filter(|table| super::is_name(table)).ok_or_else(invalid)
}

fn is_on_aws(_: &Server, _: bool) -> bool {
    true
}
