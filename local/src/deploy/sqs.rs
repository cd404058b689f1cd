//! Queues and their policies.

use std::collections::HashMap;

use aws_sdk_sqs::types::QueueAttributeName as Attribute;
use serde_json::json;

use super::kept::Existing;
use super::properties::Properties;
use super::{DeployError, Deployer, Outputs, aws, outputs};

/// Pulumi's and SQS's names of a queue's attributes, and their default values.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html>
const ATTRIBUTES: [(&str, Attribute, &str); 14] = [
    ("contentBasedDeduplication", Attribute::ContentBasedDeduplication, "false"),
    ("deduplicationScope", Attribute::DeduplicationScope, "queue"),
    ("delaySeconds", Attribute::DelaySeconds, "0"),
    ("fifoQueue", Attribute::FifoQueue, "false"),
    ("fifoThroughputLimit", Attribute::FifoThroughputLimit, "perQueue"),
    ("kmsDataKeyReusePeriodSeconds", Attribute::KmsDataKeyReusePeriodSeconds, "300"),
    ("kmsMasterKeyId", Attribute::KmsMasterKeyId, ""),
    ("maxMessageSize", Attribute::MaximumMessageSize, "1048576"),
    ("messageRetentionSeconds", Attribute::MessageRetentionPeriod, "345600"),
    ("receiveWaitTimeSeconds", Attribute::ReceiveMessageWaitTimeSeconds, "0"),
    ("redriveAllowPolicy", Attribute::RedriveAllowPolicy, ""),
    ("redrivePolicy", Attribute::RedrivePolicy, ""),
    ("sqsManagedSseEnabled", Attribute::SqsManagedSseEnabled, "true"),
    ("visibilityTimeoutSeconds", Attribute::VisibilityTimeout, "30"),
];

impl Deployer {
    pub(super) async fn queue(&mut self, p: &mut Properties) -> Result<Outputs, DeployError> {
        let name = p.required("name")?;
        let existing = self.existing("aws:sqs:Queue", &name);
        let mut attributes = HashMap::new();
        for (property, attribute, default) in ATTRIBUTES {
            let given = p.string(property)?;
            let existed = existing.as_ref().is_some_and(|existing| existing.property(property).is_some());
            if let (Some(existing), true) = (&existing, attribute == Attribute::FifoQueue) {
                existing.must_equal(p.at(property), property, given.as_deref())?;
            } else if let Some(value) = given.or_else(|| existed.then(|| default.to_owned())) {
                attributes.insert(attribute, value);
            }
        }
        let tags = p.texts("tags")?;
        let url = if let Some(existing) = existing {
            self.update_queue(&name, &existing, attributes, &tags).await?
        } else {
            let create = self.clients.sqs.create_queue().queue_name(&name);
            let create = create.set_attributes(Some(attributes)).set_tags(Some(tags.into_iter().collect()));
            let created = create.send().await.map_err(aws("CreateQueue"))?;
            created.queue_url().unwrap_or_default().to_owned()
        };
        let arn = self.queue_arn(&name);
        self.deployed.queues.insert(arn.clone(), url.clone());
        Ok(outputs(json!({ "id": url, "url": url, "name": name, "arn": arn })))
    }

    async fn update_queue(
        &self,
        name: &str,
        existing: &Existing,
        attributes: HashMap<Attribute, String>,
        tags: &[(String, String)],
    ) -> Result<String, DeployError> {
        let (sqs, url) = (&self.clients.sqs, self.url_of_existing_queue(name).await?);
        let set = sqs.set_queue_attributes().queue_url(&url).set_attributes(Some(attributes));
        set.send().await.map_err(aws("SetQueueAttributes"))?;
        let former = existing.former_tags(tags);
        if !former.is_empty() {
            let untag = sqs.untag_queue().queue_url(&url).set_tag_keys(Some(former));
            untag.send().await.map_err(aws("UntagQueue"))?;
        }
        if !tags.is_empty() {
            let tag = sqs.tag_queue().queue_url(&url).set_tags(Some(tags.iter().cloned().collect()));
            tag.send().await.map_err(aws("TagQueue"))?;
        }
        Ok(url)
    }

    pub(super) async fn queue_policy(&self, p: &mut Properties) -> Result<Outputs, DeployError> {
        let url = p.required("queueUrl")?;
        let policy = p.document("policy")?;
        self.clients
            .sqs
            .set_queue_attributes()
            .queue_url(&url)
            .attributes(Attribute::Policy, &policy)
            .send()
            .await
            .map_err(aws("SetQueueAttributes"))?;
        Ok(outputs(json!({ "id": url, "queueUrl": url, "policy": policy })))
    }
}
