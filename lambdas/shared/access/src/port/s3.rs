//! Data in S3.
//!
//! `GetObject` on the objects below the prefix, `ListBucket` on the bucket, limited to the prefix, and
//! `GetBucketLocation` ([actions and their
//! resources](https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html)).
//!
//! `aws s3 ls s3://bucket/daily` lists the prefix `daily`, without a slash, up to the next `/`. Without the delimiter, such a
//! list would also contain the objects below `daily-secrets/`, so it is a condition, as in [AWS's
//! walkthrough](https://docs.aws.amazon.com/AmazonS3/latest/userguide/walkthrough1.html).

use std::collections::{BTreeMap, BTreeSet};

use super::fields::ArnField;
use super::rule::{Condition, Expected, Rule, is_literal};
use super::spec::Service;
use crate::arn::{Arn, Partition};
use crate::policy::{Statement, numbered};
use crate::refusal::Refusal;

/// Finds out where a bucket is.
const LOCATE: &[&str] = &["s3:GetBucketLocation"];
/// Lists a bucket.
const LIST: &[&str] = &["s3:GetBucketLocation", "s3:ListBucket"];
/// Lists a part of a bucket.
const LIST_PREFIX: &[&str] = &["s3:ListBucket"];
/// Reads objects.
const READ: &[&str] = &["s3:GetObject"];
/// Adds objects, also large ones in parts. Nothing is deleted, but an object with the same name is replaced.
const WRITE: &[&str] = &["s3:AbortMultipartUpload", "s3:ListMultipartUploadParts", "s3:PutObject"];
/// Writes and reads query results.
const RESULTS: &[&str] =
    &["s3:AbortMultipartUpload", "s3:GetObject", "s3:ListMultipartUploadParts", "s3:PutObject"];

/// What the statements about data allow.
pub(super) const RULES: &[Rule] = &[
    Rule::new(LIST, is_bucket),
    Rule::new(LIST_PREFIX, is_bucket).under(&[Condition::required(
        "StringLike",
        PREFIX,
        Expected::Any(is_prefix_pattern),
    )]),
    Rule::new(LIST_PREFIX, is_bucket).under(&[
        Condition::required("StringEquals", PREFIX, Expected::Any(is_literal)),
        Condition::required("StringEquals", DELIMITER, Expected::Text("/")),
    ]),
    Rule::new(READ, is_objects),
    Rule::new(WRITE, is_objects),
];
/// What the statements about query results allow.
pub(super) const RESULT_RULES: &[Rule] = &[Rule::new(RESULTS, is_objects)];

const PREFIX: &str = "s3:prefix";
const DELIMITER: &str = "s3:delimiter";

pub(super) const SERVICE: Service =
    Service { name: "s3", noun: |_| "bucket", tagged: |arn| Some(bucket_of(arn)) };

/// The endings of names that only objects have. Without a slash behind it, such a name is taken for an object.
const FILE_ENDINGS: [&str; 21] = [
    "avro", "bz2", "csv", "doc", "docx", "gz", "html", "json", "jsonl", "log", "ndjson", "orc", "parquet",
    "pdf", "tsv", "txt", "xls", "xlsx", "xml", "zip", "zst",
];

/// A bucket, or the objects below a prefix in it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Location {
    partition: Partition,
    bucket: String,
    /// The prefix without a slash at its end; `None` is the whole bucket.
    prefix: Option<String>,
}

impl Location {
    /// The location that a field names.
    pub(super) fn of(field: &ArnField) -> Result<Location, Refusal> {
        if is_object(&field.arn) {
            return Err(Refusal::SingleObject { field: field.origin.clone(), arn: field.arn.to_string() });
        }
        Location::read(&field.arn)
            .ok_or_else(|| field.unsupported("the ARN of a bucket or of a prefix in a bucket"))
    }

    /// Reads `bucket` or `bucket/prefix`. S3's ARNs with a region and an account, such as those of access points,
    /// are not locations.
    pub(super) fn read(arn: &Arn) -> Option<Location> {
        let (bucket, prefix) = arn.resource().split_once('/').unwrap_or((arn.resource(), ""));
        let is_name = (3..=63).contains(&bucket.len())
            && bucket.bytes().all(|byte| {
                byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'.'
            });
        let prefix = prefix.strip_suffix('/').unwrap_or(prefix);
        let is_s3 = arn.service() == "s3" && arn.region().is_empty() && arn.account().is_empty();
        (is_name && is_s3).then(|| Location {
            partition: arn.partition(),
            bucket: bucket.to_owned(),
            prefix: (!prefix.is_empty()).then(|| prefix.to_owned()),
        })
    }

    /// The folder with this name in the location.
    pub(super) fn below(&self, folder: &str) -> Location {
        let prefix =
            self.prefix.as_ref().map_or_else(|| folder.to_owned(), |prefix| format!("{prefix}/{folder}"));
        Location { prefix: Some(prefix), ..self.clone() }
    }

    /// Whether some object may be in both locations.
    pub(super) fn overlaps(&self, other: &Location) -> bool {
        let path = |location: &Location| match &location.prefix {
            Some(prefix) => format!("{prefix}/"),
            None => String::new(),
        };
        let (one, other_path) = (path(self), path(other));
        self.bucket == other.bucket && (one.starts_with(&other_path) || other_path.starts_with(&one))
    }

    pub(super) fn bucket_arn(&self) -> String {
        format!("arn:{}:s3:::{}", self.partition, self.bucket)
    }

    /// The pattern of the ARNs of all objects in this location.
    pub(super) fn objects_arn(&self) -> String {
        match &self.prefix {
            Some(prefix) => format!("{}/{prefix}/*", self.bucket_arn()),
            None => format!("{}/*", self.bucket_arn()),
        }
    }
}

/// Whether it is the ARN of one object, as far as its name tells.
fn is_object(arn: &Arn) -> bool {
    let name = arn.resource().split_once('/').and_then(|(_, key)| key.rsplit('/').next()).unwrap_or_default();
    name.rsplit_once('.')
        .is_some_and(|(_, ending)| FILE_ENDINGS.contains(&ending.to_ascii_lowercase().as_str()))
}

fn is_bucket(resource: &str) -> bool {
    resource.parse().is_ok_and(|arn| Location::read(&arn).is_some() && !arn.resource().contains('/'))
}

/// Whether it is the pattern of all objects in a location.
fn is_objects(resource: &str) -> bool {
    let location = resource.strip_suffix("/*").and_then(|location| location.parse().ok());
    location.is_some_and(|arn| Location::read(&arn).is_some())
}

pub(super) fn is_bucket_or_objects(resource: &str) -> bool {
    is_bucket(resource) || is_objects(resource)
}

fn is_prefix_pattern(pattern: &str) -> bool {
    pattern.strip_suffix("/*").is_some_and(is_literal)
}

/// The bucket that an ARN of a location belongs to.
fn bucket_of(arn: &Arn) -> Arn {
    let bucket = arn.resource().split_once('/').map_or(arn.resource(), |(bucket, _)| bucket);
    arn.sibling(bucket.to_owned())
}

/// Lists the objects of these locations.
///
/// If a whole bucket may be read, it may be listed completely; of other buckets, only the prefixes. Each of those needs
/// a statement of its own, because a condition applies to all resources of its statement.
pub(super) fn list<'a>(locations: impl IntoIterator<Item = &'a Location>) -> Vec<Statement> {
    let mut buckets: BTreeMap<String, BTreeSet<Option<&str>>> = BTreeMap::new();
    for location in locations {
        buckets.entry(location.bucket_arn()).or_default().insert(location.prefix.as_deref());
    }
    let (whole, limited): (Vec<_>, Vec<_>) =
        buckets.into_iter().partition(|(_, prefixes)| prefixes.contains(&None));
    let arns = |buckets: &[(String, _)]| buckets.iter().map(|(arn, _)| arn.clone()).collect();
    let mut statements = Statement::allow_any("List", LIST, arns(&whole));
    statements.extend(Statement::allow_any("Locate", LOCATE, arns(&limited)));
    for (sid, (arn, prefixes)) in numbered("ListPrefix", limited) {
        let patterns = prefixes.into_iter().flatten().map(|prefix| format!("{prefix}/*")).collect();
        statements.push(Statement::allow(&sid, LIST_PREFIX, vec![arn]).when("StringLike", PREFIX, patterns));
    }
    statements
}

/// Lists the prefixes of these locations by their names without a slash. People do that; Athena does not.
pub(super) fn list_folders(locations: &BTreeSet<Location>) -> Vec<Statement> {
    let mut buckets: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for location in locations {
        if let Some(prefix) = &location.prefix {
            buckets.entry(location.bucket_arn()).or_default().insert(prefix.clone());
        }
    }
    let folder = |(sid, (arn, prefixes)): (String, (String, BTreeSet<String>))| {
        let statement = Statement::allow(&sid, LIST_PREFIX, vec![arn]).when("StringEquals", PREFIX, prefixes);
        statement.when("StringEquals", DELIMITER, BTreeSet::from(["/".to_owned()]))
    };
    numbered("ListFolder", buckets.into_iter().collect()).into_iter().map(folder).collect()
}

/// Reads the objects of these locations.
pub(super) fn read(locations: &BTreeSet<Location>) -> Vec<Statement> {
    Statement::allow_any("Read", READ, objects(locations))
}

/// Writes objects in these locations.
pub(super) fn write(locations: &BTreeSet<Location>) -> Vec<Statement> {
    Statement::allow_any("Write", WRITE, objects(locations))
}

/// Writes and reads query results in these locations.
pub(super) fn write_results(locations: &BTreeSet<Location>) -> Vec<Statement> {
    Statement::allow_any("Results", RESULTS, objects(locations))
}

fn objects(locations: &BTreeSet<Location>) -> Vec<String> {
    locations.iter().map(Location::objects_arn).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn location(arn: &str) -> Option<(String, Option<String>)> {
        let location = Location::read(&arn.parse().unwrap())?;
        assert_eq!(location.partition, Partition::Aws);
        Some((location.bucket, location.prefix))
    }

    #[test]
    fn an_arn_names_a_bucket_or_a_prefix_in_one() {
        for (arn, prefix) in [
            ("arn:aws:s3:::orders-data", None),
            ("arn:aws:s3:::orders-data/", None),
            ("arn:aws:s3:::orders-data/daily", Some("daily")),
            ("arn:aws:s3:::orders-data/daily/2023/", Some("daily/2023")),
        ] {
            assert_eq!(location(arn), Some(("orders-data".to_owned(), prefix.map(str::to_owned))), "{arn}");
        }
    }

    #[test]
    fn locations_overlap_if_one_contains_the_other() {
        let of = |arn: &str| Location::read(&arn.parse().unwrap()).unwrap();
        for (one, other, overlaps) in [
            ("arn:aws:s3:::lab", "arn:aws:s3:::lab", true),
            ("arn:aws:s3:::lab", "arn:aws:s3:::lab/results", true),
            ("arn:aws:s3:::lab/a", "arn:aws:s3:::lab/a/b", true),
            ("arn:aws:s3:::lab/a", "arn:aws:s3:::lab/ab", false),
            ("arn:aws:s3:::lab/a", "arn:aws:s3:::lab2/a", false),
        ] {
            assert_eq!(of(one).overlaps(&of(other)), overlaps, "{one} {other}");
            assert_eq!(of(other).overlaps(&of(one)), overlaps, "{other} {one}");
        }
    }

    #[test]
    fn other_things_in_s3_are_not_locations() {
        for arn in [
            "arn:aws:s3:eu-central-1:123456789012:accesspoint/orders",
            "arn:aws:s3:::Orders_Bucket",
            "arn:aws:s3:::ab",
        ] {
            assert_eq!(location(arn), None, "{arn}");
        }
    }
}
