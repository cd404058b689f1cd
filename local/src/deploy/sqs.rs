//! Queues and their policies.

use aws_sdk_sqs::types::QueueAttributeName as Attribute;
use serde_json::json;

use super::properties::Properties;
use super::{DeployError, Deployer, Outputs, aws, outputs};

/// Pulumi's and SQS's names of a queue's attributes.
const ATTRIBUTES: [(&str, Attribute); 14] = [
    ("contentBasedDeduplication", Attribute::ContentBasedDeduplication),
    ("deduplicationScope", Attribute::DeduplicationScope),
    ("delaySeconds", Attribute::DelaySeconds),
    ("fifoQueue", Attribute::FifoQueue),
    ("fifoThroughputLimit", Attribute::FifoThroughputLimit),
    ("kmsDataKeyReusePeriodSeconds", Attribute::KmsDataKeyReusePeriodSeconds),
    ("kmsMasterKeyId", Attribute::KmsMasterKeyId),
    ("maxMessageSize", Attribute::MaximumMessageSize),
    ("messageRetentionSeconds", Attribute::MessageRetentionPeriod),
    ("receiveWaitTimeSeconds", Attribute::ReceiveMessageWaitTimeSeconds),
    ("redriveAllowPolicy", Attribute::RedriveAllowPolicy),
    ("redrivePolicy", Attribute::RedrivePolicy),
    ("sqsManagedSseEnabled", Attribute::SqsManagedSseEnabled),
    ("visibilityTimeoutSeconds", Attribute::VisibilityTimeout),
];

impl Deployer {
    pub(super) async fn queue(&mut self, p: &mut Properties) -> Result<Outputs, DeployError> {
        let name = p.required("name")?;
        let mut create = self.clients.sqs.create_queue().queue_name(&name);
        for (property, attribute) in ATTRIBUTES {
            if let Some(value) = p.string(property)? {
                create = create.attributes(attribute, value);
            }
        }
        for (key, value) in p.texts("tags")? {
            create = create.tags(key, value);
        }
        let created = create.send().await.map_err(aws("CreateQueue"))?;
        let url = created.queue_url().unwrap_or_default().to_owned();
        let arn = self.queue_arn(&name);
        self.deployed.queues.insert(arn.clone(), url.clone());
        Ok(outputs(json!({ "id": url, "url": url, "name": name, "arn": arn })))
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
