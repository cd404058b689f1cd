//! What a simulator starts with.

mod sample;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::agreement::{AgreementKind, AgreementRef};
use crate::world::World;

/// What exists before the first request.
#[derive(Clone, Default, Debug)]
pub struct Landscape {
    teams: Vec<Value>,
    products: Vec<Value>,
    agreements: Vec<(AgreementKind, Value)>,
    history: Vec<PastEvent>,
    raw: Vec<Value>,
    roles: Vec<ConsumerRole>,
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

/// An IAM role that a consumer of the landscape names in its custom fields.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ConsumerRole {
    /// The role's name.
    pub name: String,
    /// The role's path in IAM, beginning and ending with a slash.
    pub path: String,
    /// Whether its owner lets the integration manage it: the tag `dmm-integration` is `enabled`.
    pub opted_in: bool,
}

/// What becomes of an agreement once it is active.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ExpectedOutcome {
    /// Its consumer gets a policy on this role.
    Granted {
        /// The role's name.
        role: String,
    },
    /// Nothing is granted, for this reason.
    Refused {
        /// The reason, in a few words for people.
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

/// One agreement that a demonstration activates and ends.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScriptedAgreement {
    /// Which agreement.
    pub agreement: AgreementRef,
    /// What it is about, for people.
    pub title: String,
    /// What its activation leads to.
    pub expected: ExpectedOutcome,
    /// How it ends.
    pub ending: Ending,
}

/// What a demonstration does, in order: it approves all of these, and later ends them.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Script {
    /// The agreements.
    pub agreements: Vec<ScriptedAgreement>,
}

impl Landscape {
    /// Nothing at all.
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

    /// Adds an agreement in the state that its `info` names (requested if it names none), or a contract
    /// document. Neither writes an event.
    #[must_use]
    pub fn with_agreement(mut self, kind: AgreementKind, agreement: Value) -> Landscape {
        self.agreements.push((kind, agreement));
        self
    }

    /// Adds an event to the feed as it is.
    #[must_use]
    pub fn with_raw_event(mut self, event: Value) -> Landscape {
        self.raw.push(event);
        self
    }

    /// Adds an IAM role that a consumer names.
    #[must_use]
    pub fn with_role(mut self, role: ConsumerRole) -> Landscape {
        self.roles.push(role);
        self
    }

    /// The IAM roles that consumers of the landscape name and that exist.
    #[must_use]
    pub fn roles(&self) -> &[ConsumerRole] {
        &self.roles
    }

    /// What a demonstration does with it.
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
