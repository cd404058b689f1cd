//! The world behind a lock, shared by the HTTP API and Rust callers.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};
use tokio::sync::watch;

use crate::agreement::{AgreementKind, AgreementRef};
use crate::world::{Principal, Snapshot, World, WorldError};

/// The maximum number of requests that are kept; the oldest ones are dropped first.
const REQUESTS_KEPT: usize = 10_000;

/// A request that the simulator received. The API key is not recorded.
#[derive(Clone, PartialEq, Debug)]
pub struct SeenRequest {
    /// The method, e.g. `GET`.
    pub method: String,
    /// The path, still percent-encoded.
    pub path: String,
    /// The query, without the question mark.
    pub query: Option<String>,
    /// The answer's status; `None` while the request is being processed.
    pub status: Option<u16>,
}

/// A handle to the simulated organisation. Clones share the same world.
///
/// Changes follow the same rules and emit the same events as changes through the API, except that the principal of the events
/// is a user instead of an API key.
#[derive(Clone)]
pub struct WorldHandle {
    shared: Arc<Shared>,
}

struct Shared {
    world: Mutex<World>,
    api_key: Mutex<SecretString>,
    requests: Mutex<Requests>,
    changes: watch::Sender<u64>,
}

#[derive(Default)]
struct Requests {
    seen: VecDeque<SeenRequest>,
    dropped: usize,
}

impl WorldHandle {
    pub(crate) fn new(world: World, api_key: SecretString) -> WorldHandle {
        let shared = Shared {
            world: Mutex::new(world),
            api_key: Mutex::new(api_key),
            requests: Mutex::default(),
            changes: watch::Sender::new(0),
        };
        WorldHandle { shared: Arc::new(shared) }
    }

    /// Approves an agreement that is requested, is rejected or has ended. It becomes active immediately, or on its start date if
    /// that is in the future.
    ///
    /// # Errors
    ///
    /// [`WorldError::NotFound`]; [`WorldError::Conflict`] if it is already approved.
    pub fn approve(&self, kind: AgreementKind, id: &str) -> Result<(), WorldError> {
        self.change(|world| world.approve(&AgreementRef::new(kind, id), Principal::User))
    }

    /// Rejects a requested agreement.
    ///
    /// # Errors
    ///
    /// [`WorldError::NotFound`]; [`WorldError::Conflict`] if it is not requested.
    pub fn reject(&self, kind: AgreementKind, id: &str) -> Result<(), WorldError> {
        self.change(|world| world.reject(&AgreementRef::new(kind, id), Principal::User))
    }

    /// Cancels an approved agreement. It ends today.
    ///
    /// # Errors
    ///
    /// [`WorldError::NotFound`]; [`WorldError::Conflict`] if it is not approved or has ended.
    pub fn cancel(&self, kind: AgreementKind, id: &str) -> Result<(), WorldError> {
        self.change(|world| world.cancel(&AgreementRef::new(kind, id), Principal::User))
    }

    /// Deletes an agreement, even if it is active, or a contract document.
    ///
    /// # Errors
    ///
    /// [`WorldError::NotFound`]; [`WorldError::Unprocessable`] for a contract document that an output port refers to.
    pub fn delete(&self, kind: AgreementKind, id: &str) -> Result<(), WorldError> {
        self.change(|world| world.delete_agreement(&AgreementRef::new(kind, id), Principal::User))
    }

    /// Adds or replaces an agreement. For [`AgreementKind::DataContract`], a body without provider and consumer is a contract
    /// document.
    ///
    /// # Errors
    ///
    /// [`WorldError::Invalid`] with the reasons; [`WorldError::Conflict`] and [`WorldError::Unprocessable`] for documents, as in
    /// the API.
    pub fn put_agreement(&self, kind: AgreementKind, body: Value) -> Result<(), WorldError> {
        let agreement = AgreementRef::new(kind, id_of(&body));
        self.change(|world| world.put_agreement(&agreement, body, Principal::User))
    }

    /// Edits an agreement like the web page: reads it, changes it and writes it.
    ///
    /// # Errors
    ///
    /// [`WorldError::NotFound`]; [`WorldError::Invalid`] if the result is not valid.
    pub fn edit_agreement(
        &self,
        kind: AgreementKind,
        id: &str,
        edit: impl FnOnce(&mut Value),
    ) -> Result<(), WorldError> {
        let agreement = AgreementRef::new(kind, id);
        self.change(|world| {
            let mut body = world.agreement(&agreement)?;
            edit(&mut body);
            world.put_agreement(&agreement, body, Principal::User)
        })
    }

    /// Adds or replaces a data product of either form.
    ///
    /// # Errors
    ///
    /// [`WorldError::Unprocessable`] with the reasons.
    pub fn put_data_product(&self, body: Value) -> Result<(), WorldError> {
        let id = id_of(&body);
        self.change(|world| world.put_product(&id, body, Principal::User))
    }

    /// Edits a data product: reads it, changes it and writes it.
    ///
    /// # Errors
    ///
    /// [`WorldError::NotFound`]; [`WorldError::Unprocessable`] if the result is not valid.
    pub fn edit_data_product(&self, id: &str, edit: impl FnOnce(&mut Value)) -> Result<(), WorldError> {
        self.change(|world| {
            let mut body = world.product(id)?;
            edit(&mut body);
            world.put_product(id, body, Principal::User)
        })
    }

    /// Deletes a data product even if an active agreement uses it, which the API would refuse. The agreement then refers to
    /// `unknown`.
    ///
    /// # Errors
    ///
    /// [`WorldError::NotFound`].
    pub fn delete_data_product(&self, id: &str) -> Result<(), WorldError> {
        self.change(|world| world.remove_product(id, Principal::User))
    }

    /// Adds or replaces a team.
    ///
    /// # Errors
    ///
    /// [`WorldError::Invalid`] with the reasons.
    pub fn put_team(&self, body: Value) -> Result<(), WorldError> {
        let id = id_of(&body);
        self.change(|world| world.put_team(&id, body, Principal::User))
    }

    /// Edits a team: reads it, changes it and writes it.
    ///
    /// # Errors
    ///
    /// [`WorldError::NotFound`]; [`WorldError::Invalid`] if the result is not valid.
    pub fn edit_team(&self, id: &str, edit: impl FnOnce(&mut Value)) -> Result<(), WorldError> {
        self.change(|world| {
            let mut body = world.team(id)?;
            edit(&mut body);
            world.put_team(id, body, Principal::User)
        })
    }

    /// Returns an agreement as the API shows it.
    #[must_use]
    pub fn agreement(&self, kind: AgreementKind, id: &str) -> Option<Value> {
        self.read(|world| world.agreement(&AgreementRef::new(kind, id)).ok())
    }

    /// Returns all agreements of a generation as the API shows them, oldest first. The first generation includes contract
    /// documents.
    #[must_use]
    pub fn agreements(&self, kind: AgreementKind) -> Vec<Value> {
        self.read(|world| world.agreements(kind))
    }

    /// Returns the last reported provisioning state of an access agreement.
    #[must_use]
    pub fn provisioning(&self, access_id: &str) -> Option<Value> {
        self.read(|world| world.provisioning(access_id).ok().flatten())
    }

    /// Returns a data product.
    #[must_use]
    pub fn data_product(&self, id: &str) -> Option<Value> {
        self.read(|world| world.product(id).ok())
    }

    /// Returns a team.
    #[must_use]
    pub fn team(&self, id: &str) -> Option<Value> {
        self.read(|world| world.team(id).ok())
    }

    /// Returns the connectors that have registered.
    #[must_use]
    pub fn connectors(&self) -> Vec<Value> {
        self.read(World::connectors)
    }

    /// Returns the whole organisation as it is now, to start a simulator with it later.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        self.read(|world| Snapshot(world.clone()))
    }

    /// Returns all events of the feed.
    #[must_use]
    pub fn events(&self) -> Vec<Value> {
        self.read(|world| world.events().to_vec())
    }

    /// Emits an event about `subject` although nothing has changed, to simulate a late event or an unknown type. `name` is the
    /// name of the type, or the full type if it contains a dot (`com.entropy-data.events.AccessActivatedEvent`).
    pub fn announce(&self, name: &str, subject: &str) {
        self.change(|world| world.announce(name, subject));
    }

    /// Appends any JSON value to the feed: events without an id, oversized events, values that are not objects.
    pub fn append_raw_event(&self, event: Value) {
        self.change(|world| world.append_raw_event(event));
    }

    /// Makes the next answer of the feed start with these events again, given by their index in [`WorldHandle::events`].
    pub fn repeat_events(&self, range: Range<usize>) {
        self.change(|world| world.resend(range));
    }

    /// Advances the world's clock, so that agreements start and end.
    pub fn advance(&self, by: Duration) {
        self.change(|world| {
            world.advance(by);
            world.keep_calendar();
        });
    }

    /// Replaces the API key. The old key is no longer accepted.
    pub fn set_api_key(&self, api_key: SecretString) {
        *lock(&self.shared.api_key) = api_key;
    }

    /// Returns the requests to the API, oldest first; at most the latest 10,000.
    #[must_use]
    pub fn requests_seen(&self) -> Vec<SeenRequest> {
        lock(&self.shared.requests).seen.iter().cloned().collect()
    }

    /// Waits until `holds` returns true. It is called again after every change and every request. Returns false if `limit` has
    /// passed before that.
    pub async fn wait_until(&self, limit: Duration, mut holds: impl FnMut(&WorldHandle) -> bool) -> bool {
        let mut changes = self.shared.changes.subscribe();
        let holding = async {
            while !holds(self) {
                if changes.changed().await.is_err() {
                    return;
                }
            }
        };
        tokio::time::timeout(limit, holding).await.is_ok()
    }

    /// Makes the API key belong to another organisation, of this name, as if an operator had stored the wrong key. The objects
    /// stay the same: tests delete those that the other organisation does not have.
    pub fn become_organization(&self, vanity_url: &str) {
        self.change(|world| world.become_organization(vanity_url));
    }

    pub(crate) fn change<T>(&self, act: impl FnOnce(&mut World) -> T) -> T {
        let result = {
            let mut world = lock(&self.shared.world);
            world.keep_calendar();
            act(&mut world)
        };
        self.notify();
        result
    }

    pub(crate) fn read<T>(&self, look: impl FnOnce(&World) -> T) -> T {
        let mut world = lock(&self.shared.world);
        world.keep_calendar();
        look(&world)
    }

    pub(crate) fn accepts(&self, api_key: &str) -> bool {
        lock(&self.shared.api_key).expose_secret() == api_key
    }

    /// Records a request and returns its number, for [`WorldHandle::answered`].
    pub(crate) fn seen(&self, request: SeenRequest) -> usize {
        let number = {
            let mut requests = lock(&self.shared.requests);
            requests.seen.push_back(request);
            if requests.seen.len() > REQUESTS_KEPT {
                requests.seen.pop_front();
                requests.dropped += 1;
            }
            requests.dropped + requests.seen.len() - 1
        };
        self.notify();
        number
    }

    pub(crate) fn answered(&self, number: usize, status: u16) {
        {
            let mut requests = lock(&self.shared.requests);
            let index = number.checked_sub(requests.dropped);
            if let Some(request) = index.and_then(|index| requests.seen.get_mut(index)) {
                request.status = Some(status);
            }
        }
        self.notify();
    }

    fn notify(&self) {
        self.shared.changes.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// Returns a summary: the number of objects, the connectors, and the state of each agreement.
    pub(crate) fn overview(&self) -> Map<String, Value> {
        let requests = {
            let requests = lock(&self.shared.requests);
            requests.dropped + requests.seen.len()
        };
        let mut overview = self.read(World::overview);
        overview.insert("requests".into(), requests.into());
        overview
    }
}

/// Locks a mutex. If a test panicked while it held the lock, the data can still be inspected.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn id_of(body: &Value) -> String {
    body.get("id").and_then(Value::as_str).unwrap_or_default().to_owned()
}
