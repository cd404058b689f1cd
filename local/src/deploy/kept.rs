//! Deploys over the resources of an earlier deployment, like `pulumi up` updates a stack: existing resources are updated, and those
//! that are no longer in the program are deleted. What queues and buckets hold is never deleted.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_s3::types::{BucketVersioningStatus, VersioningConfiguration};
use aws_sdk_sqs::types::QueueAttributeName as Attribute;
use dmm_pulumi::{Resource, Secrets};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::destroy::Destroyer;
use super::{DeployError, Deployer, Outputs, aws, revealed};

/// The types whose outputs AWS chooses, or that keep the value with which they were created.
const WITH_OUTPUTS: [&str; 5] = [
    "aws:cloudwatch:EventArchive",
    "aws:cloudwatch:EventBus",
    "aws:iam:Role",
    "aws:secretsmanager:Secret",
    "pulumi:index:Stash",
];

/// What an update needs to know about the deployment before it. It contains no secrets: their values are masked.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Kept {
    resources: Vec<KeptResource>,
    /// The outputs of the programs, by the full name of the stack.
    stacks: BTreeMap<String, Map<String, Value>>,
    /// The names of the queues that replace rule targets.
    target_queues: Vec<String>,
    /// The names of the roles, the ARNs of the resources and the accounts that were created before the first deployment.
    pub(crate) beforehand: BTreeSet<String>,
}

/// A resource as it was deployed.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct KeptResource {
    /// Its name in the program.
    name: String,
    /// Its name among all programs.
    urn: String,
    token: String,
    properties: Value,
    #[serde(default)]
    outputs: Outputs,
}

impl Kept {
    /// Adds a resource that was deployed.
    pub(super) fn add(&mut self, resource: &Resource, outputs: &Outputs) {
        let properties = resource.properties();
        let masked: Map<String, Value> = properties
            .iter()
            .map(|(name, value)| (name.to_owned(), value.to_json(Secrets::Masked)))
            .collect();
        let has_secrets = masked != revealed(properties);
        let keeps_outputs = WITH_OUTPUTS.contains(&resource.token())
            && !(has_secrets && resource.token() == "pulumi:index:Stash");
        self.resources.push(KeptResource {
            name: resource.name().to_owned(),
            urn: resource.urn().to_owned(),
            token: resource.token().to_owned(),
            properties: Value::Object(masked),
            outputs: if keeps_outputs { outputs.clone() } else { Map::new() },
        });
    }

    /// Adds the outputs of a program.
    pub(super) fn add_stack(&mut self, stack: &str, outputs: &dmm_pulumi::Map) {
        let masked = outputs.iter().map(|(name, value)| (name.to_owned(), value.to_json(Secrets::Masked)));
        self.stacks.insert(stack.to_owned(), masked.collect());
    }

    /// Adds the queue of a rule target.
    pub(super) fn add_target_queue(&mut self, name: String) {
        self.target_queues.push(name);
    }

    /// Returns the outputs that a program had, for references of a stack to itself.
    pub(super) fn outputs_of(&self, stack: &str) -> Option<&Map<String, Value>> {
        self.stacks.get(stack)
    }

    fn find(&self, token: &str, key: &str) -> Option<&KeptResource> {
        self.resources.iter().find(|kept| kept.token == token && kept.key() == key)
    }
}

impl KeptResource {
    fn text(&self, name: &str) -> &str {
        self.properties.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    /// What identifies the resource in AWS among those of its type. If it differs, it is another resource.
    fn key(&self) -> String {
        let properties: &[&str] = match self.token.as_str() {
            "aws:cloudwatch:EventRule" => &["eventBusName", "name"],
            "aws:cloudwatch:EventTarget" => &["eventBusName", "rule", "targetId"],
            "aws:cloudwatch:EventBusPolicy" => &["eventBusName"],
            "aws:iam:RolePolicy" => &["role", "name"],
            "aws:s3:Bucket"
            | "aws:s3:BucketLifecycleConfiguration"
            | "aws:s3:BucketPolicy"
            | "aws:s3:BucketPublicAccessBlock"
            | "aws:s3:BucketServerSideEncryptionConfiguration"
            | "aws:s3:BucketVersioning" => &["bucket"],
            // The URL begins with the emulator's address.
            "aws:sqs:QueuePolicy" => return queue_name(self.text("queueUrl")).to_owned(),
            "aws:cloudwatch:EventArchive"
            | "aws:cloudwatch:EventBus"
            | "aws:iam:Role"
            | "aws:secretsmanager:Secret"
            | "aws:sqs:Queue" => &["name"],
            _ => return self.urn.clone(),
        };
        let parts: Vec<&str> = properties.iter().map(|name| self.text(name)).collect();
        parts.join("/")
    }
}

/// A resource that exists already, as it was deployed the last time.
#[derive(Clone, Debug)]
pub(super) struct Existing {
    properties: Value,
    pub(super) outputs: Outputs,
}

impl Existing {
    /// Returns a property. Secrets are masked.
    pub(super) fn property(&self, name: &str) -> Option<&Value> {
        self.properties.get(name).filter(|value| !value.is_null())
    }

    /// Returns an output as text.
    pub(super) fn output(&self, name: &str) -> String {
        self.outputs.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
    }

    /// Returns the keys of tags that are no longer in the program.
    pub(super) fn former_tags(&self, tags: &[(String, String)]) -> Vec<String> {
        let before = self.property("tags").and_then(Value::as_object).into_iter().flat_map(Map::keys);
        before.filter(|key| !tags.iter().any(|(tag, _)| tag == *key)).cloned().collect()
    }

    /// Returns whether a property has this value, or is missing as before.
    pub(super) fn equals(&self, name: &str, value: Option<&str>) -> bool {
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        self.property(name).map(text).as_deref() == value
    }

    /// Rejects the change of a property that AWS cannot change. Pulumi would replace the resource.
    pub(super) fn must_equal(
        &self,
        path: String,
        name: &str,
        value: Option<&str>,
    ) -> Result<(), DeployError> {
        if self.equals(name, value) {
            return Ok(());
        }
        Err(DeployError::Replaced { path })
    }
}

impl Deployer {
    /// Deploys over an earlier deployment.
    #[must_use]
    pub(crate) fn over(mut self, kept: Kept) -> Self {
        self.deployed.kept.beforehand.clone_from(&kept.beforehand);
        self.before = kept;
        self
    }

    /// Returns the resource of this type if the earlier deployment created it. `key` identifies it, see [`KeptResource::key`].
    pub(super) fn existing(&self, token: &str, key: &str) -> Option<Existing> {
        let KeptResource { properties, outputs, .. } = self.before.find(token, key)?.clone();
        Some(Existing { properties, outputs })
    }

    /// Returns whether the earlier deployment created this queue of a rule target.
    pub(super) fn has_target_queue(&self, name: &str) -> bool {
        self.before.target_queues.iter().any(|kept| kept == name)
    }

    /// Deletes what the earlier deployment created and the programs no longer contain. Refuses to delete a queue with messages and a
    /// bucket with objects.
    pub(crate) async fn delete_former(&self) -> Result<(), DeployError> {
        let now: BTreeSet<(&str, String)> =
            self.deployed.kept.resources.iter().map(|kept| (kept.token.as_str(), kept.key())).collect();
        let former = self.before.resources.iter().rev();
        for kept in former.filter(|kept| !now.contains(&(kept.token.as_str(), kept.key()))) {
            self.delete_kept(kept).await.map_err(|source| DeployError::Resource {
                name: kept.name.clone(),
                source: Box::new(source),
            })?;
        }
        for name in &self.before.target_queues {
            if !self.deployed.kept.target_queues.contains(name) {
                self.delete_queue(name).await?;
            }
        }
        Ok(())
    }

    async fn delete_kept(&self, kept: &KeptResource) -> Result<(), DeployError> {
        let s3 = &self.clients.s3;
        let bucket = kept.text("bucket");
        // Of a bucket or queue that is deleted as well, nothing is left to be reset.
        let is_of_bucket = self.deployed.buckets.iter().any(|name| name == bucket);
        match kept.token.as_str() {
            "aws:sqs:Queue" => self.delete_queue(kept.text("name")).await,
            "aws:sqs:QueuePolicy" => {
                let name = queue_name(kept.text("queueUrl"));
                let Some(url) = self.deployed.queues.get(&self.queue_arn(name)) else { return Ok(()) };
                let set = self.clients.sqs.set_queue_attributes().queue_url(url);
                set.attributes(Attribute::Policy, "")
                    .send()
                    .await
                    .map(drop)
                    .map_err(aws("SetQueueAttributes"))
            }
            "aws:s3:Bucket" => {
                let versions = s3.list_object_versions().bucket(bucket).max_keys(1).send().await;
                let versions = versions.map_err(aws("ListObjectVersions"))?;
                if !versions.versions().is_empty() || !versions.delete_markers().is_empty() {
                    return Err(DeployError::Holds { what: format!("the bucket {bucket}"), held: "objects" });
                }
                s3.delete_bucket().bucket(bucket).send().await.map(drop).map_err(aws("DeleteBucket"))
            }
            "aws:s3:BucketLifecycleConfiguration" if is_of_bucket => {
                let delete = s3.delete_bucket_lifecycle().bucket(bucket);
                delete.send().await.map(drop).map_err(aws("DeleteBucketLifecycle"))
            }
            "aws:s3:BucketPublicAccessBlock" if is_of_bucket => {
                let delete = s3.delete_public_access_block().bucket(bucket);
                delete.send().await.map(drop).map_err(aws("DeletePublicAccessBlock"))
            }
            "aws:s3:BucketServerSideEncryptionConfiguration" if is_of_bucket => {
                let delete = s3.delete_bucket_encryption().bucket(bucket);
                delete.send().await.map(drop).map_err(aws("DeleteBucketEncryption"))
            }
            "aws:s3:BucketVersioning" if is_of_bucket => {
                let suspended = VersioningConfiguration::builder().status(BucketVersioningStatus::Suspended);
                let put =
                    s3.put_bucket_versioning().bucket(bucket).versioning_configuration(suspended.build());
                put.send().await.map(drop).map_err(aws("PutBucketVersioning"))
            }
            "aws:cloudwatch:EventBusPolicy" => {
                let bus = kept.text("eventBusName");
                let remove = self.clients.events.remove_permission().remove_all_permissions(true);
                let remove = remove.event_bus_name(if bus.is_empty() { "default" } else { bus });
                remove.send().await.map(drop).map_err(aws("RemovePermission"))
            }
            // The rule may have other targets.
            "aws:cloudwatch:EventTarget" => self.remove_target(kept).await,
            token => {
                let destroyer = Destroyer {
                    clients: &self.clients,
                    functions: &self.functions,
                    queues: &self.deployed.queues,
                };
                destroyer.delete(token, &kept.properties).await
            }
        }
    }

    async fn remove_target(&self, kept: &KeptResource) -> Result<(), DeployError> {
        let bus = Some(kept.text("eventBusName")).filter(|bus| !bus.is_empty()).map(str::to_owned);
        let (rule, id) = (kept.text("rule"), kept.text("targetId"));
        let id = if id.is_empty() { rule } else { id };
        let list = self.clients.events.list_targets_by_rule().rule(rule).set_event_bus_name(bus.clone());
        let targets = list.send().await.map_err(aws("ListTargetsByRule"))?;
        // A schedule's target is a trigger on this machine.
        if !targets.targets().iter().any(|target| target.id() == id) {
            return Ok(());
        }
        let remove = self.clients.events.remove_targets().rule(rule).set_event_bus_name(bus).ids(id);
        remove.send().await.map(drop).map_err(aws("RemoveTargets"))
    }

    /// Returns the URL of a queue, which differs from the one before if the emulator's address does.
    pub(super) async fn url_of_existing_queue(&self, name: &str) -> Result<String, DeployError> {
        let found = self.clients.sqs.get_queue_url().queue_name(name).send().await;
        Ok(found.map_err(aws("GetQueueUrl"))?.queue_url().unwrap_or_default().to_owned())
    }

    async fn delete_queue(&self, name: &str) -> Result<(), DeployError> {
        let sqs = &self.clients.sqs;
        let url = self.url_of_existing_queue(name).await?;
        let counts = [
            Attribute::ApproximateNumberOfMessages,
            Attribute::ApproximateNumberOfMessagesNotVisible,
            Attribute::ApproximateNumberOfMessagesDelayed,
        ];
        let get = sqs.get_queue_attributes().queue_url(&url).set_attribute_names(Some(counts.to_vec()));
        let found = get.send().await.map_err(aws("GetQueueAttributes"))?;
        let is_empty = counts
            .iter()
            .all(|count| found.attributes().and_then(|all| all.get(count)).is_none_or(|n| n == "0"));
        if !is_empty {
            return Err(DeployError::Holds { what: format!("the queue {name}"), held: "messages" });
        }
        sqs.delete_queue().queue_url(url).send().await.map(drop).map_err(aws("DeleteQueue"))
    }
}

/// The name at the end of a queue's URL.
fn queue_name(url: &str) -> &str {
    url.rsplit('/').next().unwrap_or(url)
}
