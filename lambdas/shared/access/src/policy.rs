//! The policy document for what an output port points to.
//!
//! Complete, so that the data can really be used, and nothing beyond it:
//!
//! - S3: `GetObject` on what lies below the prefix, `ListBucket` on the bucket, limited to the prefix
//!   ([actions and their
//!   resources](https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html)),
//!   and `GetBucketLocation`.
//! - Glue: the table *and its ancestors*: database and catalog, and the catalog's default database, which
//!   Athena looks at ([access to Glue from
//!   Athena](https://docs.aws.amazon.com/athena/latest/ug/fine-grained-access-to-glue-resources.html)).
//! - Athena: start a query in the workgroup, follow it, read its result ([workgroup
//!   policies](https://docs.aws.amazon.com/athena/latest/ug/example-policies-workgroup.html)); Athena works
//!   with the caller's rights, so that the results' location belongs to it.
//! - KMS: `Decrypt`, and for results `GenerateDataKey`, through S3 only.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use crate::arn::Arn;
use crate::document::Document;
use crate::port::{Location, Resources};

/// The document. The same resources always give the same text.
///
/// `accounts`, unless it is empty, are those whose buckets may be read: an S3 ARN names no account, so that
/// the statements about S3 get a condition.
#[must_use]
pub fn document(resources: &Resources, accounts: &[String]) -> Document {
    let mut statements = Statements { list: Vec::new(), account: of_accounts(accounts) };
    statements.listing(resources.data.union(&resources.results));
    statements.objects("Read", &["s3:GetObject"], &resources.data);
    statements.objects(
        "Results",
        &["s3:AbortMultipartUpload", "s3:GetObject", "s3:ListMultipartUploadParts", "s3:PutObject"],
        &resources.results,
    );
    statements.catalog(resources);
    statements.query(&resources.workgroups);
    statements.keys("Decrypt", &["kms:Decrypt"], &resources.data_keys);
    statements.keys("ResultKey", &["kms:Decrypt", "kms:GenerateDataKey"], &resources.result_keys);
    Document::from(json!({ "Version": "2012-10-17", "Statement": statements.list }))
}

/// Condition operators with what they compare, as in a statement's `Condition`.
type Condition = BTreeMap<&'static str, BTreeMap<&'static str, Vec<String>>>;

fn of_accounts(accounts: &[String]) -> Condition {
    let accounts: BTreeSet<_> = accounts.iter().cloned().collect();
    let mut condition = Condition::new();
    if !accounts.is_empty() {
        let keys = BTreeMap::from([("aws:ResourceAccount", accounts.into_iter().collect())]);
        condition.insert("StringEquals", keys);
    }
    condition
}

struct Statements {
    list: Vec<Value>,
    account: Condition,
}

impl Statements {
    /// A bucket of which all may be read is listed whole; of the others only the prefixes are, each bucket in
    /// a statement of its own, because a condition holds for all the resources of its statement.
    fn listing<'a>(&mut self, locations: impl Iterator<Item = &'a Location>) {
        let mut buckets: BTreeMap<String, BTreeSet<Option<&str>>> = BTreeMap::new();
        for location in locations {
            buckets.entry(location.bucket_arn()).or_default().insert(location.prefix.as_deref());
        }
        let (whole, limited): (Vec<_>, Vec<_>) =
            buckets.into_iter().partition(|(_, prefixes)| prefixes.contains(&None));
        let names = |buckets: &[(String, _)]| buckets.iter().map(|(arn, _)| arn.clone()).collect();
        let account = self.account.clone();
        self.add("List", &["s3:GetBucketLocation", "s3:ListBucket"], names(&whole), account.clone());
        self.add("Locate", &["s3:GetBucketLocation"], names(&limited), account.clone());
        for (sid, (arn, prefixes)) in numbered("ListPrefix", limited) {
            let mut condition = account.clone();
            let patterns = prefixes.into_iter().flatten().map(|prefix| format!("{prefix}/*")).collect();
            condition.insert("StringLike", BTreeMap::from([("s3:prefix", patterns)]));
            self.add(&sid, &["s3:ListBucket"], vec![arn], condition);
        }
    }

    fn objects(&mut self, sid: &str, actions: &[&str], locations: &BTreeSet<Location>) {
        let condition = self.account.clone();
        self.add(sid, actions, locations.iter().map(Location::objects_arn).collect(), condition);
    }

    fn catalog(&mut self, resources: &Resources) {
        let arns: BTreeSet<String> = resources
            .tables
            .iter()
            .flat_map(|table| {
                [table.catalog_arn(), table.default_database_arn(), table.database_arn(), table.arn.clone()]
            })
            .map(|arn| arn.to_string())
            .collect();
        let actions = [
            "glue:BatchGetPartition",
            "glue:GetDatabase",
            "glue:GetPartition",
            "glue:GetPartitions",
            "glue:GetTable",
        ];
        self.add("Catalog", &actions, arns.into_iter().collect(), Condition::new());
    }

    fn query(&mut self, workgroups: &BTreeSet<Arn>) {
        let actions = [
            "athena:GetQueryExecution",
            "athena:GetQueryResults",
            "athena:GetQueryResultsStream",
            "athena:GetWorkGroup",
            "athena:StartQueryExecution",
            "athena:StopQueryExecution",
        ];
        self.add("Query", &actions, workgroups.iter().map(Arn::to_string).collect(), Condition::new());
    }

    /// Keys are used through S3 of their own region only.
    fn keys(&mut self, sid: &str, actions: &[&str], keys: &BTreeSet<Arn>) {
        let mut services: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for key in keys {
            let service = format!("s3.{}.{}", key.region(), key.partition().dns_suffix());
            services.entry(service).or_default().push(key.to_string());
        }
        for (sid, (service, arns)) in numbered(sid, services.into_iter().collect()) {
            let condition =
                BTreeMap::from([("StringEquals", BTreeMap::from([("kms:ViaService", vec![service])]))]);
            self.add(&sid, actions, arns, condition);
        }
    }

    fn add(&mut self, sid: &str, actions: &[&str], resources: Vec<String>, condition: Condition) {
        if resources.is_empty() {
            return;
        }
        let mut statement = Map::new();
        statement.insert("Sid".to_owned(), Value::from(sid));
        statement.insert("Effect".to_owned(), Value::from("Allow"));
        statement.insert(
            "Action".to_owned(),
            one_or_many(actions.iter().map(|action| (*action).to_owned()).collect()),
        );
        statement.insert("Resource".to_owned(), one_or_many(resources));
        if !condition.is_empty() {
            let operators = condition.into_iter().map(|(operator, keys)| {
                let keys: Map<_, _> =
                    keys.into_iter().map(|(key, values)| (key.to_owned(), one_or_many(values))).collect();
                (operator.to_owned(), Value::Object(keys))
            });
            statement.insert("Condition".to_owned(), Value::Object(operators.collect()));
        }
        self.list.push(Value::Object(statement));
    }
}

/// A number behind the name where there is more than one: `Sid`s are unique in a document.
fn numbered<T>(name: &str, items: Vec<T>) -> Vec<(String, T)> {
    let alone = items.len() == 1;
    let number = |at: usize| if alone { name.to_owned() } else { format!("{name}{}", at + 1) };
    items.into_iter().enumerate().map(|(at, item)| (number(at), item)).collect()
}

fn one_or_many(mut values: Vec<String>) -> Value {
    match values.pop() {
        Some(only) if values.is_empty() => Value::from(only),
        Some(last) => {
            values.push(last);
            Value::from(values)
        }
        None => Value::Array(Vec::new()),
    }
}

#[cfg(test)]
mod tests;
