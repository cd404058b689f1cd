//! The objects of the simulated organisation, and the rules for changing them.
//!
//! Every change emits its events to the [`feed`]. This module is independent of HTTP and locks.

mod agreements;
mod connectors;
mod feed;
mod products;
mod provisioning;
mod requests;
mod validate;
mod view;

use std::collections::BTreeMap;
use std::ops::Range;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::agreement::{AgreementKind, AgreementRef};
pub(crate) use feed::UnknownCursor;
use feed::{Feed, NewEvent};
pub(crate) use provisioning::Transition;
pub use validate::Violation;

/// Why a change was refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WorldError {
    /// The object does not exist.
    #[error("the {what} {id:?} does not exist")]
    NotFound {
        /// The kind of object, e.g. `access`.
        what: &'static str,
        /// Its id.
        id: String,
    },
    /// Required members are missing or have the wrong format.
    #[error("validation failed: {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Invalid(Vec<Violation>),
    /// The object's state does not allow the change.
    #[error("{0}")]
    Conflict(String),
    /// The change contradicts other objects.
    #[error("{0}")]
    Unprocessable(String),
}

/// Who caused an event.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Principal {
    /// A caller of the HTTP API.
    ApiKey,
    /// A user of the web page; here, a Rust caller.
    User,
    /// The calendar: an agreement starts or ends.
    System,
}

impl Principal {
    fn as_str(self) -> &'static str {
        match self {
            Principal::ApiKey => "api-key:8db3b740-1099-475b-b82a-18a0f7a73aa9",
            Principal::User => "user:u123123123123",
            Principal::System => "system",
        }
    }
}

/// The whole simulated organisation at a moment: its objects, its clock and its feed, with the ids of the events. It does not contain
/// the API key.
#[derive(Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Snapshot(pub(crate) World);

impl std::fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Snapshot").finish_non_exhaustive()
    }
}

/// Objects by id, in the order of their creation.
type Collection = Map<String, Value>;

/// The simulated organisation.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct World {
    /// The name of the organisation in the address of its web page.
    vanity_url: String,
    /// How far the world's clock is ahead of the machine's clock.
    ahead: jiff::SignedDuration,
    feed: Feed,
    teams: Collection,
    products: Collection,
    connectors: Collection,
    /// The agreements. [`AgreementKind::DataContract`] includes contract documents, which have the same address.
    agreements: BTreeMap<AgreementKind, Collection>,
}

impl World {
    pub(crate) fn new() -> World {
        World {
            vanity_url: "acme".to_owned(),
            ahead: jiff::SignedDuration::ZERO,
            feed: Feed::default(),
            teams: Collection::new(),
            products: Collection::new(),
            connectors: Collection::new(),
            agreements: BTreeMap::new(),
        }
    }

    /// Returns the settings of the organisation that the API key belongs to.
    pub(crate) fn organization(&self) -> Value {
        let Self { vanity_url, .. } = self;
        json!({
            "vanityUrl": vanity_url, "host": format!("https://{vanity_url}.example.com"), "fullName": vanity_url, "logoUrl": "",
        })
    }

    /// Becomes another organisation, of this name.
    pub(crate) fn become_organization(&mut self, vanity_url: &str) {
        vanity_url.clone_into(&mut self.vanity_url);
    }

    /// Advances the world's clock.
    pub(crate) fn advance(&mut self, by: std::time::Duration) {
        let by = jiff::SignedDuration::try_from(by).unwrap_or(jiff::SignedDuration::MAX);
        self.ahead = self.ahead.saturating_add(by);
    }

    fn now(&self) -> Timestamp {
        let now = Timestamp::now();
        now.saturating_add(self.ahead).unwrap_or(now)
    }

    fn today(&self) -> Date {
        TimeZone::UTC.to_datetime(self.now()).date()
    }

    fn emit(&mut self, name: &str, subject: &str, by: Principal) {
        self.emit_with(name, subject, by, Map::new());
    }

    fn emit_with(&mut self, name: &str, subject: &str, by: Principal, data: Map<String, Value>) {
        let time = self.now();
        self.feed.append(NewEvent { name, subject, time, principal: by, data });
    }

    /// Adds an event that happened in the past.
    pub(crate) fn remember(&mut self, name: &str, subject: &str, time: Timestamp, data: Map<String, Value>) {
        self.feed.append(NewEvent { name, subject, time, principal: Principal::User, data });
    }

    /// Emits an event with any name, although nothing has changed.
    pub(crate) fn announce(&mut self, name: &str, subject: &str) {
        self.emit(name, subject, Principal::User);
    }

    pub(crate) fn append_raw_event(&mut self, event: Value) {
        self.feed.append_raw(event);
    }

    pub(crate) fn resend(&mut self, range: Range<usize>) {
        self.feed.resend(range);
    }

    pub(crate) fn events(&self) -> &[Value] {
        self.feed.events()
    }

    pub(crate) fn page(
        &mut self,
        last_event_id: Option<&str>,
        back: usize,
        limit: usize,
    ) -> Result<Vec<Value>, UnknownCursor> {
        self.feed.page(last_event_id, back, limit)
    }

    pub(crate) fn teams(&self) -> Vec<Value> {
        self.teams.values().cloned().collect()
    }

    pub(crate) fn team(&self, id: &str) -> Result<Value, WorldError> {
        self.teams.get(id).cloned().ok_or_else(|| not_found("team", id))
    }

    pub(crate) fn put_team(&mut self, id: &str, team: Value, by: Principal) -> Result<(), WorldError> {
        validate::accept(validate::team(&team, id))?;
        let known = self.teams.insert(id.to_owned(), team).is_some();
        self.emit(if known { "TeamUpdatedEvent" } else { "TeamCreatedEvent" }, id, by);
        Ok(())
    }

    pub(crate) fn delete_team(&mut self, id: &str, by: Principal) -> Result<(), WorldError> {
        self.teams.shift_remove(id).ok_or_else(|| not_found("team", id))?;
        self.emit("TeamDeletedEvent", id, by);
        Ok(())
    }

    fn of_kind(&self, kind: AgreementKind) -> impl Iterator<Item = (&String, &Value)> {
        self.agreements.get(&kind).into_iter().flatten()
    }

    fn stored(&self, agreement: &AgreementRef) -> Option<&Value> {
        self.agreements.get(&agreement.kind)?.get(&agreement.id)
    }

    fn store(&mut self, agreement: &AgreementRef, value: Value) {
        self.agreements.entry(agreement.kind).or_default().insert(agreement.id.clone(), value);
    }
}

fn not_found(what: &'static str, id: &str) -> WorldError {
    WorldError::NotFound { what, id: id.to_owned() }
}

/// Returns the string at a JSON pointer.
fn text<'a>(value: &'a Value, pointer: &str) -> Option<&'a str> {
    value.pointer(pointer)?.as_str()
}
