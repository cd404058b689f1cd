//! What stands in the emulated AWS, read from its own APIs: policies, records, queues, quarantine.

use std::collections::BTreeMap;

use aws_sdk_iam::operation::get_role_policy::GetRolePolicyError;
use aws_sdk_sqs::types::QueueAttributeName as Attribute;
use percent_encoding::percent_decode_str;
use serde::Serialize;
use serde_json::Value;

use crate::clients::Clients;
use crate::deploy::{DeployError, Deployed, aws};

mod packed;

/// How the names of the policies begin that belong to an agreement.
const POLICY_PREFIX: &str = "DMM_";
/// Where the feed keeps its place.
const CURSOR: &str = "feed/last_event_id";
/// Where grant records are kept.
const GRANTS: &str = "grants/";
/// Where the records of managed policies are kept.
const PACKS: &str = "packs/";
/// Where events are kept that can never be sent.
const QUARANTINE: &str = "quarantine/";

/// A policy of ours that stands on a role: inline, or packed into a managed policy with others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Standing {
    /// The role's name.
    pub role: String,
    /// The policy's name; of one that is packed, the name that it would have as an inline policy.
    pub policy_name: String,
    /// The policy document.
    pub document: Value,
}

/// How many messages a queue holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Depth {
    /// Ready to be received.
    pub visible: usize,
    /// Received and neither deleted nor visible again.
    pub in_flight: usize,
    /// Not ready yet.
    pub delayed: usize,
}

impl Depth {
    /// All messages of the queue.
    #[must_use]
    pub fn total(self) -> usize {
        self.visible + self.in_flight + self.delayed
    }
}

/// Looks at the deployed stack with the operator's credentials.
#[derive(Clone, Debug)]
pub struct View {
    clients: Clients,
    deployed: Deployed,
}

impl View {
    pub(crate) fn new(clients: Clients, deployed: Deployed) -> Self {
        Self { clients, deployed }
    }

    /// The operator's clients, for what this view does not answer.
    #[must_use]
    pub fn clients(&self) -> &Clients {
        &self.clients
    }

    /// Every policy of ours on every role, by role and name. A managed policy that does not say what its record says
    /// stands under its own name.
    ///
    /// # Errors
    ///
    /// When the emulator refuses to answer.
    pub async fn standing(&self) -> Result<Vec<Standing>, DeployError> {
        let iam = &self.clients.iam;
        let mut standing = Vec::new();
        let mut roles = iam.list_roles().into_paginator().items().send();
        while let Some(role) = roles.next().await {
            let role = role.map_err(aws("ListRoles"))?.role_name().to_owned();
            let names =
                iam.list_role_policies().role_name(&role).send().await.map_err(aws("ListRolePolicies"))?;
            for name in names.policy_names().iter().filter(|name| name.starts_with(POLICY_PREFIX)) {
                // It may go between the two calls.
                standing.extend(self.policy(&role, name).await?);
            }
            standing.extend(self.packed(&role).await?);
        }
        standing.sort_by(|a, b| (&a.role, &a.policy_name).cmp(&(&b.role, &b.policy_name)));
        Ok(standing)
    }

    async fn policy(&self, role: &str, name: &str) -> Result<Option<Standing>, DeployError> {
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
            message: format!("the document of {name} on {role} is not JSON: {error}"),
        })?;
        Ok(Some(Standing { role: role.to_owned(), policy_name: name.to_owned(), document }))
    }

    /// The grant records: what was given, by object key.
    ///
    /// # Errors
    ///
    /// When the emulator refuses to answer, or a record is not JSON.
    pub async fn grant_records(&self) -> Result<BTreeMap<String, Value>, DeployError> {
        self.json_objects(GRANTS).await
    }

    /// The records of roles' managed policies, by object key.
    ///
    /// # Errors
    ///
    /// When the emulator refuses to answer, or a record is not JSON.
    pub async fn pack_records(&self) -> Result<BTreeMap<String, Value>, DeployError> {
        self.json_objects(PACKS).await
    }

    /// The quarantined events: each with its reason, by object key.
    ///
    /// # Errors
    ///
    /// When the emulator refuses to answer, or an object is not JSON.
    pub async fn quarantined(&self) -> Result<BTreeMap<String, Value>, DeployError> {
        self.json_objects(QUARANTINE).await
    }

    async fn json_objects(&self, prefix: &str) -> Result<BTreeMap<String, Value>, DeployError> {
        let mut found = BTreeMap::new();
        for key in self.objects(prefix).await? {
            let value =
                serde_json::from_slice(&self.object(&key).await?).map_err(|error| DeployError::Refused {
                    operation: "GetObject",
                    message: format!("{key} is not JSON: {error}"),
                })?;
            found.insert(key, value);
        }
        Ok(found)
    }

    /// How many messages a queue holds.
    ///
    /// # Errors
    ///
    /// When the emulator refuses to answer.
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

    /// The queues of the main program that hold what could not be worked on: all but the events queue, by their names.
    ///
    /// # Errors
    ///
    /// When the emulator refuses to answer.
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

    /// The URL of the queue that the feed writes to.
    #[must_use]
    pub fn events_queue_url(&self) -> &str {
        self.deployed.outputs.get("eventsQueueUrl").and_then(Value::as_str).unwrap_or_default()
    }

    /// The events queue and the queues that stand in for rule targets, in the order of an event's way.
    pub(crate) fn queues_on_the_way(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.events_queue_url()).chain(self.deployed.stand_ins.iter().map(String::as_str))
    }

    /// The id of the last event that the feed has sent; `None` before the first.
    ///
    /// # Errors
    ///
    /// When the emulator refuses to answer.
    pub async fn cursor(&self) -> Result<Option<String>, DeployError> {
        if !self.objects(CURSOR).await?.iter().any(|key| key == CURSOR) {
            return Ok(None);
        }
        Ok(Some(String::from_utf8_lossy(&self.object(CURSOR).await?).trim().to_owned()))
    }

    /// Moves the feed's place to behind an event; without one, before the first.
    ///
    /// # Errors
    ///
    /// When the emulator refuses.
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

    /// The state bucket's name.
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
