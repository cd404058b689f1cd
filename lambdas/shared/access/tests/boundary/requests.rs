//! Everything that the consumer may try in a landscape, and whether the port is for it.

use crate::evaluator::Request;
use crate::expected::{Expected, Location};
use crate::landscape::{
    BUCKETS, DATABASES, KEYS, TABLES, WORKGROUPS, bucket, catalog_in_athena, glue, key, workgroup,
};

const OBJECTS: [&str; 10] = [
    "daily/x.parquet",
    "daily/eu/x",
    "dailyx/y",
    "analysts/consumer/q.csv",
    "analysts/other/q.csv",
    "analysts/q.csv",
    "packs/consumer.json",
    "root.csv",
    "consumer/q.csv",
    "daily/consumer/q.csv",
];
const PREFIXES: [&str; 6] = ["daily/", "daily/eu/", "dai", "", "analysts/consumer/", "analysts/other/"];

/// Every request, with whether the port is for it.
pub(crate) fn all(expected: &Expected) -> Vec<(Request, bool)> {
    let mut requests = Vec::new();
    objects(expected, &mut requests);
    listings(expected, &mut requests);
    catalog(expected, &mut requests);
    keys(expected, &mut requests);
    for name in WORKGROUPS {
        let arn = workgroup(name);
        let is_expected = expected.workgroups.iter().any(|one| one == name);
        for action in ["athena:StartQueryExecution", "athena:GetQueryResults", "athena:DeleteWorkGroup"] {
            let is_expected = is_expected && action != "athena:DeleteWorkGroup";
            requests.push((tagged(action, &arn, Vec::new()), is_expected));
        }
    }
    requests.push((plain("iam:PassRole", "arn:aws:iam::123456789012:role/consumer", Vec::new()), false));
    requests.push((plain("sqs:SendMessage", "arn:aws:sqs:eu-central-1:123456789012:dmm", Vec::new()), false));
    requests
}

fn plain(action: &'static str, resource: &str, context: Vec<(&'static str, String)>) -> Request {
    Request { action, resource: resource.to_owned(), context, tagged: None }
}

fn tagged(action: &'static str, resource: &str, context: Vec<(&'static str, String)>) -> Request {
    Request { tagged: Some(resource.to_owned()), ..plain(action, resource, context) }
}

fn within(locations: &[Location], bucket: &str, object: &str) -> bool {
    locations.iter().any(|location| location.contains(bucket, object))
}

fn objects(expected: &Expected, requests: &mut Vec<(Request, bool)>) {
    for name in BUCKETS {
        for object in OBJECTS {
            let arn = format!("{}/{object}", bucket(name));
            let (is_data, is_result) =
                (within(&expected.data, name, object), within(&expected.results, name, object));
            for (action, is_expected) in [
                ("s3:GetObject", is_data || is_result),
                ("s3:PutObject", is_result),
                ("s3:AbortMultipartUpload", is_result),
                ("s3:DeleteObject", false),
                ("s3:PutObjectTagging", false),
            ] {
                requests.push((plain(action, &arn, Vec::new()), is_expected));
            }
        }
    }
}

fn listings(expected: &Expected, requests: &mut Vec<(Request, bool)>) {
    for name in BUCKETS {
        let is_named = expected.data.iter().chain(&expected.results).any(|location| location.bucket == name);
        requests.push((plain("s3:GetBucketLocation", &bucket(name), Vec::new()), is_named));
        requests.push((plain("s3:PutBucketPolicy", &bucket(name), Vec::new()), false));
        for prefix in PREFIXES {
            let is_expected = within(&expected.data, name, prefix) || within(&expected.results, name, prefix);
            let context = vec![("s3:prefix", prefix.to_owned())];
            requests.push((plain("s3:ListBucket", &bucket(name), context), is_expected));
            // `aws s3 ls s3://bucket/daily`, without a slash at the end. Athena does not do that.
            let folder = prefix.trim_end_matches('/');
            let is_below = within(&expected.data, name, folder) || within(&expected.results, name, folder);
            let is_expected = is_below || (is_expected && expected.tables.is_empty());
            if prefix.ends_with('/') {
                let context = vec![("s3:prefix", folder.to_owned()), ("s3:delimiter", "/".to_owned())];
                requests.push((plain("s3:ListBucket", &bucket(name), context), is_expected));
            }
        }
    }
}

fn catalog(expected: &Expected, requests: &mut Vec<(Request, bool)>) {
    for database in DATABASES {
        let has_table = expected.tables.iter().any(|(one, _)| one == database);
        let is_read = has_table || (database == "default" && !expected.tables.is_empty());
        let arn = glue(&format!("database/{database}"));
        requests.push((tagged("glue:GetDatabase", &arn, Vec::new()), is_read));
        requests.push((tagged("glue:DeleteDatabase", &arn, Vec::new()), false));
        for table in TABLES {
            let is_expected = expected.tables.iter().any(|one| one.0 == database && one.1 == table);
            let arn = glue(&format!("table/{database}/{table}"));
            requests.push((plain("glue:GetTable", &arn, Vec::new()), is_expected));
            requests.push((plain("glue:GetTables", &arn, Vec::new()), is_expected));
            requests.push((plain("glue:GetPartitions", &arn, Vec::new()), is_expected));
            requests.push((plain("glue:DeleteTable", &arn, Vec::new()), false));
        }
    }
    let has_tables = !expected.tables.is_empty();
    requests.push((plain("glue:GetTable", &glue("catalog"), Vec::new()), has_tables));
    requests.push((plain("glue:GetDatabases", &glue("catalog"), Vec::new()), has_tables));
    requests.push((plain("athena:ListTableMetadata", &catalog_in_athena(), Vec::new()), has_tables));
}

fn keys(expected: &Expected, requests: &mut Vec<(Request, bool)>) {
    let via = |service: &str| ("kms:ViaService", format!("{service}.eu-central-1.amazonaws.com"));
    for id in KEYS {
        let arn = key(id);
        let is_one_of = |keys: &[String]| keys.iter().any(|one| one == id);
        let (is_data, is_result) = (is_one_of(&expected.keys), is_one_of(&expected.result_keys));
        for name in BUCKETS {
            // With a bucket key, the context is the bucket, else the object.
            let in_bucket = |locations: &[Location]| locations.iter().any(|location| location.bucket == name);
            let mut contexts = vec![(bucket(name), in_bucket(&expected.data), in_bucket(&expected.results))];
            for object in OBJECTS {
                let (data, results) =
                    (within(&expected.data, name, object), within(&expected.results, name, object));
                contexts.push((format!("{}/{object}", bucket(name)), data, results));
            }
            for (context, data, results) in contexts {
                let context = vec![via("s3"), ("kms:EncryptionContext:aws:s3:arn", context)];
                let decrypts = (is_data && data) || (is_result && results);
                requests.push((tagged("kms:Decrypt", &arn, context.clone()), decrypts));
                requests.push((tagged("kms:GenerateDataKey", &arn, context), is_result && results));
            }
        }
        requests.push((tagged("kms:Decrypt", &arn, vec![via("glue")]), is_one_of(&expected.catalog_keys)));
        requests.push((tagged("kms:Decrypt", &arn, vec![via("ec2")]), false));
        requests.push((tagged("kms:Decrypt", &arn, Vec::new()), false));
        requests.push((tagged("kms:CreateGrant", &arn, vec![via("s3")]), false));
    }
}
