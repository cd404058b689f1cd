//! Deletes what [`Deployer`](super::Deployer) created, like `pulumi destroy`: in the reverse order, and stopping at the first
//! resource that AWS does not delete.

use std::collections::BTreeMap;

use aws_sdk_s3::types::{Delete, ObjectIdentifier};
use dmm_lambda_service::FunctionService;
use serde_json::Value;

use super::{DeployError, Deployed, aws, built};
use crate::clients::Clients;

impl Deployed {
    /// Deletes all resources.
    ///
    /// # Errors
    ///
    /// [`DeployError`], if AWS does not delete a resource, for example a bucket that contains objects. The resources that were
    /// created before it still exist.
    pub(crate) async fn destroy(
        &self,
        clients: &Clients,
        functions: &FunctionService,
    ) -> Result<(), DeployError> {
        let destroyer = Destroyer { clients, functions, queues: &self.queues };
        for resource in self.resources.iter().rev() {
            destroyer.delete(resource.token(), &resource.properties_json()).await.map_err(|source| {
                DeployError::Resource { name: resource.name().to_owned(), source: Box::new(source) }
            })?;
        }
        // They stand for targets of rules, see `events`.
        for url in &self.target_queues {
            clients.sqs.delete_queue().queue_url(url).send().await.map_err(aws("DeleteQueue"))?;
        }
        Ok(())
    }
}

pub(super) struct Destroyer<'a> {
    pub(super) clients: &'a Clients,
    pub(super) functions: &'a FunctionService,
    /// The URLs of the queues, by ARN.
    pub(super) queues: &'a BTreeMap<String, String>,
}

/// The property as text.
fn text<'p>(properties: &'p Value, name: &str) -> &'p str {
    properties.get(name).and_then(Value::as_str).unwrap_or_default()
}

impl Destroyer<'_> {
    /// Deletes a resource of the type `token`.
    pub(super) async fn delete(&self, token: &str, properties: &Value) -> Result<(), DeployError> {
        let text = |name| text(properties, name);
        let Clients { iam, s3, events, secrets, .. } = self.clients;
        match token {
            "aws:cloudwatch:EventArchive" => {
                let delete = events.delete_archive().archive_name(text("name"));
                delete.send().await.map(drop).map_err(aws("DeleteArchive"))
            }
            "aws:cloudwatch:EventBus" => self.event_bus(text("name")).await,
            "aws:cloudwatch:EventRule" => {
                let delete = events.delete_rule().name(text("name"));
                let delete = delete.set_event_bus_name(bus(properties));
                delete.send().await.map(drop).map_err(aws("DeleteRule"))
            }
            "aws:cloudwatch:EventTarget" => self.event_targets(text("rule"), bus(properties)).await,
            "aws:iam:Role" => {
                let delete = iam.delete_role().role_name(text("name"));
                delete.send().await.map(drop).map_err(aws("DeleteRole"))
            }
            "aws:iam:RolePolicy" => {
                let delete = iam.delete_role_policy().role_name(text("role")).policy_name(text("name"));
                delete.send().await.map(drop).map_err(aws("DeleteRolePolicy"))
            }
            "aws:lambda:Function" => {
                self.functions.kill(text("name"));
                Ok(())
            }
            "aws:s3:Bucket" => {
                if properties.get("forceDestroy") == Some(&Value::Bool(true)) {
                    self.empty(text("bucket")).await?;
                }
                let delete = s3.delete_bucket().bucket(text("bucket"));
                delete.send().await.map(drop).map_err(aws("DeleteBucket"))
            }
            "aws:s3:BucketPolicy" => {
                let delete = s3.delete_bucket_policy().bucket(text("bucket"));
                delete.send().await.map(drop).map_err(aws("DeleteBucketPolicy"))
            }
            "aws:secretsmanager:Secret" => {
                let delete = secrets.delete_secret().secret_id(text("name"));
                let delete = match properties.get("recoveryWindowInDays").and_then(Value::as_i64) {
                    Some(days) if days > 0 => delete.recovery_window_in_days(days),
                    _ => delete.force_delete_without_recovery(true),
                };
                delete.send().await.map(drop).map_err(aws("DeleteSecret"))
            }
            "aws:sqs:Queue" => self.queue(text("name")).await,
            // The rest is part of one of these resources, or exists on this machine only while the stack runs.
            _ => Ok(()),
        }
    }

    /// AWS does not delete a bus with rules. The emulator does.
    async fn event_bus(&self, name: &str) -> Result<(), DeployError> {
        let events = &self.clients.events;
        let rules = events.list_rules().event_bus_name(name).send().await.map_err(aws("ListRules"))?;
        let rules: Vec<&str> = rules.rules().iter().filter_map(|rule| rule.name()).collect();
        if !rules.is_empty() {
            let message =
                format!("the event bus {name} can't be deleted since it has rules: {}", rules.join(", "));
            return Err(DeployError::Refused { operation: "DeleteEventBus", message });
        }
        events.delete_event_bus().name(name).send().await.map(drop).map_err(aws("DeleteEventBus"))
    }

    async fn event_targets(&self, rule: &str, bus: Option<String>) -> Result<(), DeployError> {
        let events = &self.clients.events;
        let list = events.list_targets_by_rule().rule(rule).set_event_bus_name(bus.clone());
        let targets = list.send().await.map_err(aws("ListTargetsByRule"))?;
        let ids: Vec<String> = targets.targets().iter().map(|target| target.id().to_owned()).collect();
        // A schedule's target is a trigger on this machine.
        if ids.is_empty() {
            return Ok(());
        }
        let remove = events.remove_targets().rule(rule).set_event_bus_name(bus).set_ids(Some(ids));
        remove.send().await.map(drop).map_err(aws("RemoveTargets"))
    }

    async fn queue(&self, name: &str) -> Result<(), DeployError> {
        let mut queues = self.queues.iter();
        let Some((_, url)) = queues.find(|(arn, _)| arn.rsplit(':').next() == Some(name)) else {
            return Ok(());
        };
        self.clients.sqs.delete_queue().queue_url(url).send().await.map(drop).map_err(aws("DeleteQueue"))
    }

    /// Deletes every version of every object. Like Pulumi's provider, it bypasses locks in governance mode.
    async fn empty(&self, bucket: &str) -> Result<(), DeployError> {
        let s3 = &self.clients.s3;
        loop {
            let found =
                s3.list_object_versions().bucket(bucket).send().await.map_err(aws("ListObjectVersions"))?;
            let versions = found.versions().iter().map(|found| (found.key(), found.version_id()));
            let markers = found.delete_markers().iter().map(|found| (found.key(), found.version_id()));
            let mut delete = Delete::builder();
            let mut count = 0;
            for (key, version) in versions.chain(markers) {
                let object = ObjectIdentifier::builder().set_key(key.map(str::to_owned));
                delete =
                    delete.objects(object.set_version_id(version.map(str::to_owned)).build().map_err(built)?);
                count += 1;
            }
            if count == 0 {
                return Ok(());
            }
            let delete = s3.delete_objects().bucket(bucket).delete(delete.build().map_err(built)?);
            let delete = delete.bypass_governance_retention(true);
            let deleted = delete.send().await.map_err(aws("DeleteObjects"))?;
            if let Some(error) = deleted.errors().first() {
                let message = format!(
                    "{}: {}",
                    error.key().unwrap_or_default(),
                    error.message().or(error.code()).unwrap_or_default()
                );
                return Err(DeployError::Refused { operation: "DeleteObjects", message });
            }
        }
    }
}

/// The bus of a rule; `None` for the default bus.
fn bus(properties: &Value) -> Option<String> {
    properties.get("eventBusName").and_then(Value::as_str).map(str::to_owned)
}
