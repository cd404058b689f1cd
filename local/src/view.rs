//! Reads the state of the emulated AWS from its APIs: policies, records, queues, quarantined events.

use std::collections::BTreeMap;

use aws_sdk_iam::operation::get_role_policy::GetRolePolicyError;
use aws_sdk_sqs::types::QueueAttributeName as Attribute;
use dmm_access::name::RECORDS;
use percent_encoding::percent_decode_str;
use serde::Serialize;
use serde_json::Value;

use crate::clients::Clients;
use crate::deploy::{DeployError, Deployed, aws};

mod managed_policies;

/// The prefix of the names of policies that belong to an agreement.
const POLICY_PREFIX: &str = "DMM_";
/// The key of the feed's cursor.
const CURSOR: &str = "feed/last_event_id";
/// The prefix of the keys of records about managed policies.
const PACKS: &str = "packs/";
/// The prefix of the keys of quarantined events.
const QUARANTINE: &str = "quarantine/";

/// A policy that the integration wrote to a role: an inline policy, or a part of a managed policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PolicyOnRole {
    /// The role's name.
    pub role: String,
    /// The policy's name. For a part of a managed policy, the name that it would have as an inline policy.
    pub policy_name: String,
    /// The policy document.
    pub document: Value,
}

/// The number of messages in a queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Depth {
    /// Messages that can be received.
    pub visible: usize,
    /// Messages that were received and are neither deleted nor visible again.
    pub in_flight: usize,
    /// Messages that are delayed.
    pub delayed: usize,
}

impl Depth {
    /// Returns the number of all messages in the queue.
    #[must_use]
    pub fn total(self) -> usize {
        self.visible + self.in_flight + self.delayed
    }
}

/// Reads the state of the deployed stack with the operator's credentials.
#[derive(Clone, Debug)]
pub struct View {
    clients: Clients,
    deployed: Deployed,
}

impl View {
    pub(crate) fn new(clients: Clients, deployed: Deployed) -> Self {
        Self { clients, deployed }
    }

    /// Returns the operator's clients, for everything that this type does not offer.
    #[must_use]
    pub fn clients(&self) -> &Clients {
        &self.clients
    }

    /// Returns the integration's policies on all roles, ordered by role and name. A managed policy that differs from its record
    /// is returned as a whole, under its own name.
    ///
    /// # Errors
    ///
    /// If a call of the emulator fails.
    pub async fn policies(&self) -> Result<Vec<PolicyOnRole>, DeployError> {
        let iam = &self.clients.iam;
        let mut policies = Vec::new();
        let mut roles = iam.list_roles().into_paginator().items().send();
        while let Some(role) = roles.next().await {
            let role = role.map_err(aws("ListRoles"))?.role_name().to_owned();
            let names =
                iam.list_role_policies().role_name(&role).send().await.map_err(aws("ListRolePolicies"))?;
            for name in names.policy_names().iter().filter(|name| name.starts_with(POLICY_PREFIX)) {
                // It may be deleted between the two calls.
                policies.extend(self.policy(&role, name).await?);
            }
            policies.extend(self.policies_in_managed_policies(&role).await?);
        }
        policies.sort_by(|a, b| (&a.role, &a.policy_name).cmp(&(&b.role, &b.policy_name)));
        Ok(policies)
    }

    async fn policy(&self, role: &str, name: &str) -> Result<Option<PolicyOnRole>, DeployError> {
        let asked = self.clients.iam.get_role_policy().role_name(role).policy_name(name);
        let found = match asked.send().await {
            Ok(found) => found,
            Err(error)
                if error.as_service_error().is_some_and(GetRolePolicyError::is_no_such_entity_exception) =>
            {
                return Ok(None);
            }
            Err(error) => return Err(aws("GetRolePolicy")(error)),
        };
        let text = percent_decode_str(found.policy_document()).decode_utf8_lossy().into_owned();
        let document = serde_json::from_str(&text).map_err(|error| DeployError::Refused {
            operation: "GetRolePolicy",
            message: format!("the document of {name} on {role} is not valid JSON: {error}"),
        })?;
        Ok(Some(PolicyOnRole { role: role.to_owned(), policy_name: name.to_owned(), document }))
    }

    /// Returns the grant records, by object key.
    ///
    /// # Errors
    ///
    /// If a call of the emulator fails, or a record is not valid JSON.
    pub async fn grant_records(&self) -> Result<BTreeMap<String, Value>, DeployError> {
        self.json_objects(RECORDS).await
    }

    /// Returns the records about managed policies, by object key.
    ///
    /// # Errors
    ///
    /// If a call of the emulator fails, or a record is not valid JSON.
    pub async fn pack_records(&self) -> Result<BTreeMap<String, Value>, DeployError> {
        self.json_objects(PACKS).await
    }

    /// Returns the quarantined events with their reasons, by object key.
    ///
    /// # Errors
    ///
    /// If a call of the emulator fails, or an object is not valid JSON.
    pub async fn quarantined(&self) -> Result<BTreeMap<String, Value>, DeployError> {
        self.json_objects(QUARANTINE).await
    }

    /// Returns the objects of the state bucket whose keys begin with `prefix`, as they are.
    ///
    /// # Errors
    ///
    /// If a call of the emulator fails.
    pub async fn raw_objects(&self, prefix: &str) -> Result<BTreeMap<String, Vec<u8>>, DeployError> {
        let mut found = BTreeMap::new();
        for key in self.objects(prefix).await? {
            let body = self.object(&key).await?;
            found.insert(key, body);
        }
        Ok(found)
    }

    async fn json_objects(&self, prefix: &str) -> Result<BTreeMap<String, Value>, DeployError> {
        let mut found = BTreeMap::new();
        for key in self.objects(prefix).await? {
            let value =
                serde_json::from_slice(&self.object(&key).await?).map_err(|error| DeployError::Refused {
                    operation: "GetObject",
                    message: format!("{key} is not valid JSON: {error}"),
                })?;
            found.insert(key, value);
        }
        Ok(found)
    }

    /// Returns the number of messages in a queue.
    ///
    /// # Errors
    ///
    /// If a call of the emulator fails.
    pub async fn depth(&self, queue_url: &str) -> Result<Depth, DeployError> {
        let answer = self
            .clients
            .sqs
            .get_queue_attributes()
            .queue_url(queue_url)
            .attribute_names(Attribute::ApproximateNumberOfMessages)
            .attribute_names(Attribute::ApproximateNumberOfMessagesNotVisible)
            .attribute_names(Attribute::ApproximateNumberOfMessagesDelayed)
            .send()
            .await
            .map_err(aws("GetQueueAttributes"))?;
        let number = |name: Attribute| {
            answer.attributes().and_then(|all| all.get(&name)).and_then(|text| text.parse().ok()).unwrap_or(0)
        };
        Ok(Depth {
            visible: number(Attribute::ApproximateNumberOfMessages),
            in_flight: number(Attribute::ApproximateNumberOfMessagesNotVisible),
            delayed: number(Attribute::ApproximateNumberOfMessagesDelayed),
        })
    }

    /// Returns the number of messages in each dead-letter and failure queue of the main program, by name. These are all queues
    /// except the events queue.
    ///
    /// # Errors
    ///
    /// If a call of the emulator fails.
    pub async fn dead_letters(&self) -> Result<BTreeMap<String, usize>, DeployError> {
        let mut depths = BTreeMap::new();
        for (arn, url) in &self.deployed.queues {
            if *url != self.events_queue_url() && !self.deployed.is_of_an_extension(arn) {
                let name = arn.rsplit(':').next().unwrap_or(arn).to_owned();
                depths.insert(name, self.depth(url).await?.total());
            }
        }
        Ok(depths)
    }

    /// Returns the URL of the queue that the feed writes to.
    #[must_use]
    pub fn events_queue_url(&self) -> &str {
        self.deployed.outputs.get("eventsQueueUrl").and_then(Value::as_str).unwrap_or_default()
    }

    /// Returns the URLs of the events queue and of the queues for rule targets, in the order in which events pass them.
    pub(crate) fn queues_on_the_way(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.events_queue_url()).chain(self.deployed.target_queues.iter().map(String::as_str))
    }

    /// Returns the id of the last event that the feed has sent, or `None` if it has not sent any.
    ///
    /// # Errors
    ///
    /// If a call of the emulator fails.
    pub async fn cursor(&self) -> Result<Option<String>, DeployError> {
        if !self.objects(CURSOR).await?.iter().any(|key| key == CURSOR) {
            return Ok(None);
        }
        Ok(Some(String::from_utf8_lossy(&self.object(CURSOR).await?).trim().to_owned()))
    }

    /// Moves the feed's cursor to an event, so that the feed continues after it, or to the start of the feed.
    ///
    /// # Errors
    ///
    /// If a call of the emulator fails.
    pub async fn set_cursor(&self, event_id: Option<&str>) -> Result<(), DeployError> {
        let s3 = &self.clients.s3;
        if let Some(id) = event_id {
            let body = id.to_owned().into_bytes().into();
            let put = s3.put_object().bucket(self.state_bucket()).key(CURSOR).body(body);
            put.send().await.map(drop).map_err(aws("PutObject"))
        } else {
            let delete = s3.delete_object().bucket(self.state_bucket()).key(CURSOR);
            delete.send().await.map(drop).map_err(aws("DeleteObject"))
        }
    }

    /// Returns the name of the state bucket.
    #[must_use]
    pub fn state_bucket(&self) -> &str {
        self.deployed.outputs.get("stateBucket").and_then(Value::as_str).unwrap_or_default()
    }

    async fn objects(&self, prefix: &str) -> Result<Vec<String>, DeployError> {
        let mut keys = Vec::new();
        let mut pages = self
            .clients
            .s3
            .list_objects_v2()
            .bucket(self.state_bucket())
            .prefix(prefix)
            .into_paginator()
            .send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(aws("ListObjectsV2"))?;
            keys.extend(page.contents().iter().filter_map(|object| object.key().map(str::to_owned)));
        }
        Ok(keys)
    }

    async fn object(&self, key: &str) -> Result<Vec<u8>, DeployError> {
        let answer = self
            .clients
            .s3
            .get_object()
            .bucket(self.state_bucket())
            .key(key)
            .send()
            .await
            .map_err(aws("GetObject"))?;
        Ok(answer.body.collect().await.map_err(aws("GetObject"))?.to_vec())
    }
}
