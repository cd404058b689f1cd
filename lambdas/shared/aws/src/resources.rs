//! What AWS says about the resources of ports: whether they exist, who owns them, and who decides about the access to them.
//!
//! | ARN | actions | the tags are those of |
//! | --- | --- | --- |
//! | S3 bucket, or a prefix in it | `s3:GetBucketTagging` | the bucket |
//! | Glue table | `glue:GetTable`, `lakeformation:ListPermissions` | nothing: tables cannot carry tags |
//! | Glue database | `glue:GetDatabase`, `glue:GetTags` | the database |
//! | Athena workgroup | `athena:ListTagsForResource` | the workgroup |
//! | KMS key | `kms:ListResourceTags` | the key |
//! | KMS alias | `kms:DescribeKey`, `kms:ListResourceTags` | the key that it refers to |
//! | anything else | `tag:GetResources` | the resource; see the module `tagging` |
//!
//! The services in the first rows are asked with their own API: they can say that a resource does not exist, in every account
//! that allows the call. A resource of another service is looked up with the Resource Groups Tagging API.
//!
//! The region is in the ARN. The ARN of a bucket has none, so S3 is asked in the region of this function, and then in the
//! bucket's region if that is a different one.
//!
//! A call that AWS denies says nothing about the tags. In the own account, it is an error that names the permission. AWS does
//! not say who owns a key of another account, and usually not who owns a bucket or a database there. Nothing is known about
//! such a resource, which is not the same as having no tags: only the operator's map can say who owns it. The ARN of a bucket
//! does not tell in which account it is, so a bucket whose tags are denied counts as one of another account, unless S3 blames
//! the policies of this function
//! ([access denied messages](https://docs.aws.amazon.com/AmazonS3/latest/userguide/troubleshoot-403-errors.html)).

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;

use async_trait::async_trait;
use dmm_access::arn::Arn;
use dmm_access::ownership::{ResourceFacts, Tags};
use dmm_converge::error::AwsError;
use dmm_converge::ports::Resources;
use serde_json::{Value, json};

use crate::call_error::{CallError, CallErrorKind};
use crate::config::Aws;
use crate::json::JsonService;

mod glue;
mod tagging;

const ATHENA: JsonService = JsonService { name: "Athena", endpoint: "athena", target: Some("AmazonAthena") };
const KMS: JsonService = JsonService { name: "KMS", endpoint: "kms", target: Some("TrentService") };

/// The actions that read the tags.
const BUCKET_TAGS: &str = "s3:GetBucketTagging";
const WORKGROUP_TAGS: &str = "athena:ListTagsForResource";
const KEY_TAGS: &str = "kms:ListResourceTags";
/// The action that finds the key of an alias.
const KEY: &str = "kms:DescribeKey";

/// The header in which S3 says where a bucket is, if it was asked in another region.
const BUCKET_REGION: &str = "x-amz-bucket-region";

/// Reads tags and other facts.
#[derive(Clone, Debug)]
pub struct AwsResources {
    aws: Aws,
    /// The account of the credentials.
    account: String,
}

impl AwsResources {
    /// The resources that the credentials, which belong to this account, can see.
    #[must_use]
    pub fn new(aws: &Aws, account: &str) -> AwsResources {
        AwsResources { aws: aws.clone(), account: account.to_owned() }
    }

    fn ask<'a>(&'a self, action: &'static str, arn: &'a Arn, missing: &'a [&'static str]) -> Call<'a> {
        Call { action, arn, missing, is_own: arn.account() == self.account }
    }

    async fn read(&self, arn: &Arn) -> Result<Option<ResourceFacts>, AwsError> {
        match (arn.service(), arn.resource().split('/').next()) {
            ("s3", Some(bucket)) => self.bucket(arn, bucket).await,
            ("glue", Some("table")) => self.table(arn).await,
            ("glue", Some("database")) => self.database(arn).await,
            ("athena", Some("workgroup")) => self.workgroup(arn).await,
            ("kms", Some("key")) => self.key(arn).await,
            ("s3" | "glue" | "athena" | "kms", _) => {
                Err(AwsError::ResourceUnknown { resource: Box::new(arn.clone()) })
            }
            _ => self.tagged(arn).await,
        }
    }

    /// The facts about the key that an alias refers to. KMS decides about the call by the key
    /// ([`DescribeKey`](https://docs.aws.amazon.com/kms/latest/APIReference/API_DescribeKey.html)).
    async fn alias(&self, alias: &Arn) -> Result<Option<ResourceFacts>, AwsError> {
        let input = json!({ "KeyId": alias.to_string() });
        let call = self.ask(KEY, alias, &["NotFoundException"]);
        let answer = match KMS.call(self.aws.sdk_config(), alias, "DescribeKey", &input).await {
            Ok(answer) => answer,
            Err(error) => return call.failed(error),
        };
        let key = answer.pointer("/KeyMetadata/Arn").and_then(Value::as_str).and_then(|arn| arn.parse().ok());
        let key: Arn = key.ok_or_else(|| call.malformed())?;
        let facts = self.key(&key).await?;
        Ok(facts.map(|facts| ResourceFacts { key: Some(key), ..facts }))
    }

    async fn bucket(&self, arn: &Arn, bucket: &str) -> Result<Option<ResourceFacts>, AwsError> {
        let mut sent = self.aws.s3().get_bucket_tagging().bucket(bucket).send().await;
        if let Some(region) = sent.as_ref().err().and_then(|error| {
            let headers = error.raw_response()?.headers();
            headers.get(BUCKET_REGION).map(str::to_owned).filter(|region| !self.aws.is_in(region))
        }) {
            sent = self.aws.s3_in(region).get_bucket_tagging().bucket(bucket).send().await;
        }
        let call = self.ask(BUCKET_TAGS, arn, &["NoSuchBucket"]);
        match sent.map_err(CallError::new) {
            Ok(answer) => {
                let tags = answer.tag_set().iter().map(|tag| (tag.key().to_owned(), tag.value().to_owned()));
                call.tagged(Some(tags.collect()))
            }
            // S3's API has no such exception: it is a code only.
            Err(error) if error.is_code("NoSuchTagSet") => call.tagged(Some(Tags::new())),
            Err(error) => call.failed(error),
        }
    }

    async fn workgroup(&self, arn: &Arn) -> Result<Option<ResourceFacts>, AwsError> {
        let input = json!({ "ResourceARN": arn.to_string() });
        // Athena rejects the name of a workgroup that does not exist as invalid.
        let missing = &["ResourceNotFoundException", "InvalidRequestException"];
        let call = self.ask(WORKGROUP_TAGS, arn, missing);
        match ATHENA.call(self.aws.sdk_config(), arn, "ListTagsForResource", &input).await {
            Ok(answer) => call.tagged(listed(&answer, "Key", "Value")),
            Err(error) => call.failed(error),
        }
    }

    async fn key(&self, arn: &Arn) -> Result<Option<ResourceFacts>, AwsError> {
        let input = json!({ "KeyId": arn.to_string() });
        let call = self.ask(KEY_TAGS, arn, &["NotFoundException"]);
        match KMS.call(self.aws.sdk_config(), arn, "ListResourceTags", &input).await {
            Ok(answer) => call.tagged(listed(&answer, "TagKey", "TagValue")),
            Err(error) => call.failed(error),
        }
    }
}

#[async_trait]
impl Resources for AwsResources {
    async fn facts(&self, arns: &BTreeSet<Arn>) -> Result<BTreeMap<Arn, ResourceFacts>, AwsError> {
        let mut facts = BTreeMap::new();
        for arn in arns {
            let known = if is_alias(arn) { self.alias(arn).await? } else { self.read(arn).await? };
            if let Some(known) = known {
                // An alias stands for its key, of which somebody asks next.
                if let Some(key) = known.key.clone() {
                    facts.insert(key, ResourceFacts { key: None, ..known.clone() });
                }
                facts.insert(arn.clone(), known);
            }
        }
        Ok(facts)
    }
}

fn is_alias(arn: &Arn) -> bool {
    arn.service() == "kms" && arn.resource().starts_with("alias/")
}

/// A call about one resource, for what its failure means.
#[derive(Clone, Copy)]
struct Call<'a> {
    action: &'static str,
    arn: &'a Arn,
    /// The codes with which the service says that the resource does not exist.
    missing: &'a [&'static str],
    /// Whether the resource is in the account of the credentials, as far as its ARN says.
    is_own: bool,
}

impl Call<'_> {
    /// A resource that exists and has these tags; an error if they could not be read from the answer.
    fn tagged(self, tags: Option<Tags>) -> Result<Option<ResourceFacts>, AwsError> {
        match tags {
            Some(tags) => Ok(Some(ResourceFacts { tags, exists: true, ..ResourceFacts::default() })),
            None => Err(self.malformed()),
        }
    }

    /// The answer does not have the form that the service documents.
    fn malformed(self) -> AwsError {
        self.error("the answer does not have the documented form".into())
    }

    /// What a failed call says about the resource; `None` if it says nothing.
    fn failed(self, error: CallError) -> Result<Option<ResourceFacts>, AwsError> {
        if error.code.as_deref().is_some_and(|code| self.missing.contains(&code)) {
            return Ok(Some(ResourceFacts::default()));
        }
        match error.kind {
            CallErrorKind::Denied if self.is_own || blames_the_caller(&error) => {
                Err(AwsError::ResourceDenied {
                    action: self.action,
                    resource: Box::new(self.arn.clone()),
                    source: error.source,
                })
            }
            CallErrorKind::Denied => Ok(None),
            _ => Err(self.error(error.source)),
        }
    }

    fn error(self, source: Box<dyn Error + Send + Sync>) -> AwsError {
        AwsError::Resource { action: self.action, resource: Box::new(self.arn.clone()), source }
    }
}

/// Whether the policies of the caller, and not those of the resource or its account, deny the call. AWS says so in the message
/// only: `… because no identity-based policy allows the s3:GetBucketTagging action`.
fn blames_the_caller(error: &CallError) -> bool {
    let policies = ["identity-based policy", "permissions boundary", "service control policy"];
    let message = error.message.as_deref().unwrap_or_default();
    policies.iter().any(|policy| message.contains(policy))
}

/// The tags in a list of objects; `None` if it is something else.
fn listed(answer: &Value, key: &str, value: &str) -> Option<Tags> {
    let text = |tag: &Value, name: &str| tag.get(name)?.as_str().map(str::to_owned);
    match answer.get("Tags") {
        None | Some(Value::Null) => Some(Tags::new()),
        Some(tags) => tags.as_array()?.iter().map(|tag| Some((text(tag, key)?, text(tag, value)?))).collect(),
    }
}

#[cfg(test)]
mod tests;
