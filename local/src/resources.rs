//! The resources of data providers in the emulated AWS: buckets, Glue databases and tables, Athena workgroups, KMS keys and
//! aliases, SQS queues, MSK clusters.
//!
//! Glue, Athena and KMS are called without their SDK crates, which take minutes to compile. Requests are not signed, because
//! IAM is not enforced yet; the credential scope tells the emulator which service is meant.

use aws_sdk_s3::types::{BucketLocationConstraint, CreateBucketConfiguration, Tag, Tagging};
use dmm_simulator::Resource;
use reqwest::Url;
use serde_json::{Value, json};

use crate::clients::{AwsAccount, Clients};
use crate::deploy::{DeployError, aws, built};

/// Creates the resources. A table's database comes first in the list, and an alias follows the key that it refers to.
pub(crate) async fn create(
    clients: &Clients,
    endpoint: &str,
    aws_account: &AwsAccount,
    resources: &[Resource],
) -> Result<(), DeployError> {
    let mut last_key = None;
    for resource in resources {
        let (_, rest) = resource.arn.split_once("arn:aws:").unwrap_or_default();
        let (service, rest) = rest.split_once(':').unwrap_or_default();
        let name = rest.rsplit(':').next().unwrap_or_default();
        let service = Service { endpoint, region: &aws_account.region, name: service };
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
                last_key = Some(id);
            }
            ("kms", Some(("alias", _))) => {
                let key = last_key.ok_or_else(|| unknown(resource))?;
                let input = json!({ "AliasName": name, "TargetKeyId": key });
                service.call("TrentService.CreateAlias", &input).await?;
            }
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
        known: "buckets, Glue databases and tables, Athena workgroups, KMS keys, aliases after their keys, SQS queues, MSK \
                clusters"
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

    /// Sends a request. `target` names the operation, if the path does not.
    async fn send(
        &self,
        operation: &'static str,
        path: &str,
        target: Option<&str>,
        input: &Value,
    ) -> Result<(), DeployError> {
        let refused = |message: String| DeployError::Refused { operation, message };
        let Service { endpoint, region, name } = *self;
        let scope = format!("AWS4-HMAC-SHA256 Credential=root/20260101/{region}/{name}/aws4_request");
        let url = Url::parse(endpoint)
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
