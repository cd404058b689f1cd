//! The initial state of a simulator.

mod sample;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::agreement::{AgreementKind, AgreementRef};
use crate::world::World;

/// The initial state of a simulator.
#[derive(Clone, Default, Debug)]
pub struct Landscape {
    teams: Vec<Value>,
    products: Vec<Value>,
    agreements: Vec<(AgreementKind, Value)>,
    history: Vec<PastEvent>,
    raw: Vec<Value>,
    roles: Vec<ConsumerRole>,
    resources: Vec<Resource>,
    script: Script,
}

/// An event that happened before the simulator starts.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PastEvent {
    time: Timestamp,
    /// The type without its domain, e.g. `TeamCreatedEvent`.
    #[serde(rename = "type")]
    name: String,
    /// The id of the object that the event is about.
    subject: String,
    /// Members of `data` in addition to `id` and `timestamp`.
    #[serde(default)]
    data: Map<String, Value>,
}

/// An IAM role that a consumer of the landscape refers to in its custom fields.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ConsumerRole {
    /// The role's name.
    pub name: String,
    /// The role's path in IAM, with a leading and a trailing slash.
    pub path: String,
    /// Whether its owner has opted in to the integration with the tag `dmm-integration` = `enabled`.
    pub opted_in: bool,
    /// Its other tags, with which it says whose role it is.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
}

/// A resource in AWS that output ports of the landscape refer to.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Resource {
    /// The ARN of a bucket, a Glue database or table, an Athena workgroup, a KMS key or alias, or an SQS queue.
    pub arn: String,
    /// Its tags, with which it says who owns it. A table cannot carry tags.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
}

/// What is expected to happen when an agreement becomes active.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ExpectedOutcome {
    /// The consumer gets a policy on this role.
    Granted {
        /// The role's name.
        role: String,
    },
    /// Access is refused for this reason.
    Refused {
        /// The reason, in a few words for a reader.
        reason: String,
    },
}

/// How an agreement of the script ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Ending {
    /// It is cancelled.
    Cancelled,
    /// It is deleted while it is active.
    Deleted,
}

/// An agreement that the demonstration activates and ends.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScriptedAgreement {
    /// The agreement.
    pub agreement: AgreementRef,
    /// A short description for a reader.
    pub title: String,
    /// What its activation is expected to lead to.
    pub expected: ExpectedOutcome,
    /// How it ends.
    pub ending: Ending,
}

/// The script of a demonstration: it approves these agreements in order, and later ends them.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Script {
    /// The agreements.
    pub agreements: Vec<ScriptedAgreement>,
}

impl Landscape {
    /// Returns an empty landscape.
    #[must_use]
    pub fn empty() -> Landscape {
        Landscape::default()
    }

    /// Adds a team.
    #[must_use]
    pub fn with_team(mut self, team: Value) -> Landscape {
        self.teams.push(team);
        self
    }

    /// Adds a data product of either form.
    #[must_use]
    pub fn with_data_product(mut self, product: Value) -> Landscape {
        self.products.push(product);
        self
    }

    /// Adds an agreement in the state of its `info.status` (`requested` by default), or a contract document. Neither emits an
    /// event.
    #[must_use]
    pub fn with_agreement(mut self, kind: AgreementKind, agreement: Value) -> Landscape {
        self.agreements.push((kind, agreement));
        self
    }

    /// Appends any JSON value to the feed.
    #[must_use]
    pub fn with_raw_event(mut self, event: Value) -> Landscape {
        self.raw.push(event);
        self
    }

    /// Adds an IAM role that a consumer refers to.
    #[must_use]
    pub fn with_role(mut self, role: ConsumerRole) -> Landscape {
        self.roles.push(role);
        self
    }

    /// Adds a resource that output ports refer to. A table follows its database, and an alias its key.
    #[must_use]
    pub fn with_resource(mut self, resource: Resource) -> Landscape {
        self.resources.push(resource);
        self
    }

    /// Returns the existing resources of providers.
    #[must_use]
    pub fn resources(&self) -> &[Resource] {
        &self.resources
    }

    /// Returns the existing IAM roles of consumers.
    #[must_use]
    pub fn roles(&self) -> &[ConsumerRole] {
        &self.roles
    }

    /// Returns the script of the demonstration.
    #[must_use]
    pub fn script(&self) -> &Script {
        &self.script
    }

    pub(crate) fn into_world(self) -> World {
        let mut world = World::new();
        for team in self.teams {
            world.found_team(&id_of(&team), team);
        }
        for product in self.products {
            world.found_product(&id_of(&product), product);
        }
        for (kind, agreement) in self.agreements {
            world.found(&AgreementRef::new(kind, id_of(&agreement)), agreement);
        }
        for PastEvent { time, name, subject, data } in self.history {
            world.remember(&name, &subject, time, data);
        }
        for event in self.raw {
            world.append_raw_event(event);
        }
        world
    }
}

fn id_of(value: &Value) -> String {
    value.get("id").and_then(Value::as_str).unwrap_or_default().to_owned()
}
