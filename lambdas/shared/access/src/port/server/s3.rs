//! Servers of the type `s3`: `location`, such as `s3://bucket/prefix`.

use dmm_mesh::Model;
use dmm_mesh::Server;

use super::{Reading, ServerType, is_in_aws};
use crate::origin::Origin;
use crate::port::PortKind;
use crate::refusal::Refusal;

pub(super) const TYPE: ServerType = ServerType {
    names: &["s3", "s3bucket", "simplestorageservice"],
    shared_name: None,
    kind: PortKind::S3Bucket,
    needs: &["location"],
    model: None,
    is_on_aws,
    read,
};

/// What a location has to be.
const EXPECTED: &str = "the location of data in S3, such as s3://bucket/prefix";
/// What stands for the name of each model in a location.
const PLACEHOLDERS: [&str; 2] = ["{model}", "{schema}"];

fn read(reading: &mut Reading<'_>) -> Result<(), Refusal> {
    add_location(reading)
}

/// Adds the S3 location of the data.
///
/// # Errors
///
/// The refusal if there is none, neither here nor in a custom field.
pub(super) fn add_location(reading: &mut Reading<'_>) -> Result<(), Refusal> {
    const NAME: &str = "aws-s3-bucket-arn";
    if reading.has_custom_field("s3", NAME) {
        return Ok(());
    }
    let Some((location, field)) = reading.any(&["location"])? else {
        return Err(reading.missing("location", EXPECTED));
    };
    for (location, field) in expanded(reading, &location, &field) {
        let arn = arn(reading, &location);
        let arn = arn.ok_or_else(|| Refusal::MemberInvalid {
            field: field.clone(),
            value: location.clone(),
            expected: EXPECTED,
        })?;
        reading.add(NAME, &arn, (&location, field), EXPECTED)?;
    }
    Ok(())
}

/// The locations that this one stands for: one for each model of the data contract if it contains `{model}`.
fn expanded(reading: &Reading<'_>, location: &str, field: &Origin) -> Vec<(String, Origin)> {
    let models = reading.contract.map(|contract| contract.models.as_slice()).unwrap_or_default();
    match PLACEHOLDERS.into_iter().find(|placeholder| location.contains(placeholder)) {
        Some(placeholder) if !models.is_empty() => {
            let named = models.iter().map(|Model { name, .. }| location.replace(placeholder, name));
            named.map(|location| (location, field.clone())).collect()
        }
        _ => vec![(location.to_owned(), field.clone())],
    }
}

/// The ARN of a location; `None` if the text is not a location. Of a location with a pattern, such as
/// `s3://bucket/daily/*.json`, it is the folder that contains everything that the pattern matches: the standard allows
/// patterns in locations, and access is given to folders.
pub(super) fn arn(reading: &Reading<'_>, location: &str) -> Option<String> {
    if location.starts_with("arn:") {
        return Some(location.to_owned());
    }
    let path = path(location)?;
    let pattern = path.find(['*', '?', '[', '{']).unwrap_or(path.len());
    let folder = match path.get(..pattern)?.rsplit_once('/') {
        Some((folder, _)) if pattern < path.len() => format!("{folder}/"),
        _ => path.to_owned(),
    };
    Some(format!("arn:{}:s3:::{folder}", reading.home.partition))
}

/// Whether the text is a location in S3.
pub(super) fn is_location(location: &str) -> bool {
    path(location).is_some() || location.starts_with("arn:aws:s3:::")
}

/// The bucket and the prefix of a location. Hadoop writes `s3a` and `s3n`.
fn path(location: &str) -> Option<&str> {
    let (scheme, path) = location.split_once("://")?;
    let is_s3 = ["s3", "s3a", "s3n"].iter().any(|known| scheme.eq_ignore_ascii_case(known));
    (is_s3 && !path.is_empty()).then_some(path)
}

/// Whether the server is S3 itself and not another software that is compatible with S3.
fn is_on_aws(server: &Server, _: bool) -> bool {
    server.get("endpointUrl").is_none_or(is_in_aws)
}
