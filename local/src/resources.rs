//! The resources of data providers in the emulated AWS: buckets, Glue databases and tables, Athena workgroups, KMS keys and
//! aliases, DynamoDB tables, Kinesis streams, Lambda functions, SNS topics, SQS queues, MSK clusters.
//!
//! Most services are called without their SDK crates, which take minutes to compile. Requests are not signed, because
//! IAM is not enforced yet; the credential scope tells the emulator which service is meant.

use std::collections::BTreeSet;

use aws_sdk_s3::types::{BucketLocationConstraint, CreateBucketConfiguration, Tag, Tagging};
use dmm_simulator::Resource;
use reqwest::Url;
use serde_json::{Value, json};

use crate::clients::{AwsAccount, Clients};
use crate::deploy::{DeployError, aws, built};

/// Creates the resources, except those in `existing`. A table's database comes first in the list, and an alias follows the key that it
/// refers to.
pub(crate) async fn create(
    clients: &Clients,
    endpoint: &str,
    aws_account: &AwsAccount,
    resources: &[Resource],
    existing: &BTreeSet<String>,
) -> Result<(), DeployError> {
    let mut last_key = None;
    for resource in resources {
        let (_, rest) = resource.arn.split_once("arn:aws:").unwrap_or_default();
        let (service, rest) = rest.split_once(':').unwrap_or_default();
        let name = rest.rsplit(':').next().unwrap_or_default();
        let service = Service { endpoint, region: &aws_account.region, name: service };
        if let ("kms", Some(("key", id))) = (service.name, name.split_once('/')) {
            last_key = Some(id);
        }
        if existing.contains(&resource.arn) {
            continue;
        }
        match (service.name, name.split_once('/')) {
            ("s3", None) => bucket(clients, &aws_account.region, name, resource).await?,
            ("glue", Some(("database", name))) => {
                let input = json!({ "DatabaseInput": { "Name": name }, "Tags": resource.tags });
                service.call("AWSGlue.CreateDatabase", &input).await?;
            }
            ("glue", Some(("table", path))) => {
                let (database, name) = path.split_once('/').ok_or_else(|| unknown(resource))?;
                let input = json!({ "DatabaseName": database, "TableInput": { "Name": name } });
                service.call("AWSGlue.CreateTable", &input).await?;
            }
            ("athena", Some(("workgroup", name))) => {
                let input = json!({ "Name": name, "Tags": tags(resource, "Key", "Value") });
                service.call("AmazonAthena.CreateWorkGroup", &input).await?;
            }
            ("kms", Some(("key", id))) => {
                // The emulator makes the description the key's id.
                let input = json!({ "Description": id, "Tags": tags(resource, "TagKey", "TagValue") });
                service.call("TrentService.CreateKey", &input).await?;
            }
            ("kms", Some(("alias", _))) => {
                let key = last_key.ok_or_else(|| unknown(resource))?;
                let input = json!({ "AliasName": name, "TargetKeyId": key });
                service.call("TrentService.CreateAlias", &input).await?;
            }
            ("dynamodb", Some(("table", name))) => {
                service.call("DynamoDB_20120810.CreateTable", &table(name, resource)).await?;
            }
            ("kinesis", Some(("stream", name))) => {
                let input = json!({ "StreamName": name, "ShardCount": 1 });
                service.call("Kinesis_20131202.CreateStream", &input).await?;
            }
            ("lambda", None) => function(clients, &service, &aws_account.account, name, resource).await?,
            ("sns", None) => service.create_topic(name, resource).await?,
            ("sqs", None) => queue(clients, name, resource).await?,
            ("kafka", Some(("cluster", name_and_id))) => {
                // The emulator makes the rest of the name the end of the ARN.
                let input = json!({ "clusterName": name_and_id, "tags": resource.tags, "serverless": { "vpcConfigs": [] } });
                service.send("CreateClusterV2", "/api/v2/clusters", None, &input).await?;
            }
            _ => return Err(unknown(resource)),
        }
    }
    Ok(())
}

fn unknown(resource: &Resource) -> DeployError {
    DeployError::UnsupportedValue {
        path: "resources".to_owned(),
        value: resource.arn.clone(),
        known: "buckets, Glue databases and tables, Athena workgroups, KMS keys, aliases after their keys, DynamoDB tables, \
                Kinesis streams, Lambda functions, SNS topics, SQS queues, MSK clusters"
            .to_owned(),
    }
}

fn tags(resource: &Resource, key: &str, value: &str) -> Value {
    resource.tags.iter().map(|(name, text)| json!({ key: name, value: text })).collect()
}

async fn bucket(clients: &Clients, region: &str, name: &str, resource: &Resource) -> Result<(), DeployError> {
    let location = BucketLocationConstraint::from(region);
    let location = CreateBucketConfiguration::builder().location_constraint(location).build();
    let create = clients.s3.create_bucket().bucket(name).create_bucket_configuration(location);
    create.send().await.map_err(aws("CreateBucket"))?;
    if resource.tags.is_empty() {
        return Ok(());
    }
    let tags = resource.tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build());
    let tags = tags.collect::<Result<_, _>>().map_err(built)?;
    let tagging = Tagging::builder().set_tag_set(Some(tags)).build().map_err(built)?;
    let put = clients.s3.put_bucket_tagging().bucket(name).tagging(tagging);
    put.send().await.map(drop).map_err(aws("PutBucketTagging"))
}

async fn queue(clients: &Clients, name: &str, resource: &Resource) -> Result<(), DeployError> {
    let tags = resource.tags.clone().into_iter().collect();
    let create = clients.sqs.create_queue().queue_name(name).set_tags(Some(tags));
    create.send().await.map(drop).map_err(aws("CreateQueue"))
}

/// A function that does nothing, with a role of its own.
async fn function(
    clients: &Clients,
    service: &Service<'_>,
    account: &str,
    name: &str,
    resource: &Resource,
) -> Result<(), DeployError> {
    let role = format!("{name}-function");
    let trust = json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow", "Principal": { "Service": "lambda.amazonaws.com" }, "Action": "sts:AssumeRole",
        }],
    });
    let create = clients.iam.create_role().role_name(&role).assume_role_policy_document(trust.to_string());
    create.send().await.map_err(aws("CreateRole"))?;
    let input = json!({
        "FunctionName": name, "Runtime": "provided.al2023", "Handler": "bootstrap", "Tags": resource.tags,
        "Role": format!("arn:aws:iam::{account}:role/{role}"), "Code": { "ZipFile": EMPTY_ARCHIVE },
    });
    service.send("CreateFunction", "/2015-03-31/functions", None, &input).await
}

/// A table with the partition key `id` and the index `by-day`.
fn table(name: &str, resource: &Resource) -> Value {
    let key = |attribute: &str| json!([{ "AttributeName": attribute, "KeyType": "HASH" }]);
    let text = |attribute: &str| json!({ "AttributeName": attribute, "AttributeType": "S" });
    json!({
        "TableName": name,
        "AttributeDefinitions": [text("id"), text("day")],
        "KeySchema": key("id"),
        "GlobalSecondaryIndexes": [{
            "IndexName": "by-day", "KeySchema": key("day"), "Projection": { "ProjectionType": "ALL" },
        }],
        "BillingMode": "PAY_PER_REQUEST",
        "Tags": tags(resource, "Key", "Value"),
    })
}

/// A ZIP archive without files, in Base64.
const EMPTY_ARCHIVE: &str = "UEsFBgAAAAAAAAAAAAAAAAAAAAAAAA==";

/// A service that speaks AWS JSON.
struct Service<'a> {
    endpoint: &'a str,
    region: &'a str,
    name: &'a str,
}

impl Service<'_> {
    /// Calls an operation, which is named with its prefix, such as `AWSGlue.CreateTable`.
    async fn call(&self, operation: &'static str, input: &Value) -> Result<(), DeployError> {
        self.send(operation, "/", Some(operation), input).await
    }

    /// Creates a topic of SNS, which takes forms instead of JSON.
    async fn create_topic(&self, name: &str, resource: &Resource) -> Result<(), DeployError> {
        let mut form =
            vec![("Action".to_owned(), "CreateTopic".to_owned()), ("Name".to_owned(), name.to_owned())];
        for (index, (key, value)) in resource.tags.iter().enumerate() {
            let member = format!("Tags.member.{}", index + 1);
            form.push((format!("{member}.Key"), key.clone()));
            form.push((format!("{member}.Value"), value.clone()));
        }
        let refused = |message: String| DeployError::Refused { operation: "CreateTopic", message };
        let mut url = Url::parse(self.endpoint).map_err(|error| refused(error.to_string()))?;
        url.query_pairs_mut().extend_pairs(form);
        let client = dmm_proxy::client(&url).map_err(|error| refused(error.to_string()))?;
        let request = client.post(url).header("authorization", self.scope());
        let answer = request.send().await.map_err(|error| refused(error.to_string()))?;
        if answer.status().is_success() {
            return Ok(());
        }
        Err(refused(answer.text().await.unwrap_or_default()))
    }

    /// Names the service for the emulator.
    fn scope(&self) -> String {
        let Service { region, name, .. } = self;
        format!("AWS4-HMAC-SHA256 Credential=root/20260101/{region}/{name}/aws4_request")
    }

    /// Sends a request. `target` names the operation, if the path does not.
    async fn send(
        &self,
        operation: &'static str,
        path: &str,
        target: Option<&str>,
        input: &Value,
    ) -> Result<(), DeployError> {
        let refused = |message: String| DeployError::Refused { operation, message };
        let scope = self.scope();
        let url = Url::parse(self.endpoint)
            .and_then(|url| url.join(path))
            .map_err(|error| refused(error.to_string()))?;
        let client = dmm_proxy::client(&url).map_err(|error| refused(error.to_string()))?;
        let mut request = client.post(url).body(input.to_string()).header("authorization", scope);
        request = match target {
            Some(target) => {
                request.header("content-type", "application/x-amz-json-1.1").header("x-amz-target", target)
            }
            None => request.header("content-type", "application/json"),
        };
        let answer = request.send().await.map_err(|error| refused(error.to_string()))?;
        if answer.status().is_success() {
            return Ok(());
        }
        Err(refused(answer.text().await.unwrap_or_default()))
    }
}
