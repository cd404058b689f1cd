//! The world behind a lock, shared by the HTTP API and by Rust callers.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};
use tokio::sync::watch;

use crate::agreement::{AgreementKind, AgreementRef};
use crate::world::{Principal, World, WorldError};

/// How many requests are remembered; older ones are forgotten first.
const REMEMBERED: usize = 10_000;

/// A request as the simulator saw it. The API key is not kept.
#[derive(Clone, PartialEq, Debug)]
pub struct SeenRequest {
    /// The method, e.g. `GET`.
    pub method: String,
    /// The path, still percent-encoded.
    pub path: String,
    /// The query without its question mark.
    pub query: Option<String>,
    /// The answer's status; none while it is being worked on.
    pub status: Option<u16>,
}

/// The simulated organisation, seen from Rust. Clones share one world.
///
/// Changes made here follow the same rules and write the same events as those made through the API; the
/// events name a user as their principal instead of an API key.
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
    forgotten: usize,
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

    /// Approves an agreement that is requested or rejected, or has ended. It becomes active at once, or on
    /// its start date if that is still to come.
    ///
    /// # Errors
    /// [`WorldError::NotFound`]; [`WorldError::Conflict`] if it is approved already.
    pub fn approve(&self, kind: AgreementKind, id: &str) -> Result<(), WorldError> {
        self.change(|world| world.approve(&AgreementRef::new(kind, id), Principal::User))
    }

    /// Rejects a requested agreement.
    ///
    /// # Errors
    /// [`WorldError::NotFound`]; [`WorldError::Conflict`] if it is not a request.
    pub fn reject(&self, kind: AgreementKind, id: &str) -> Result<(), WorldError> {
        self.change(|world| world.reject(&AgreementRef::new(kind, id), Principal::User))
    }

    /// Ends an approved agreement today.
    ///
    /// # Errors
    /// [`WorldError::NotFound`]; [`WorldError::Conflict`] if it is not approved or has ended.
    pub fn cancel(&self, kind: AgreementKind, id: &str) -> Result<(), WorldError> {
        self.change(|world| world.cancel(&AgreementRef::new(kind, id), Principal::User))
    }

    /// Deletes an agreement, active or not, or a contract document.
    ///
    /// # Errors
    /// [`WorldError::NotFound`]; [`WorldError::Unprocessable`] for a contract document that an output port
    /// names.
    pub fn delete(&self, kind: AgreementKind, id: &str) -> Result<(), WorldError> {
        self.change(|world| world.delete_agreement(&AgreementRef::new(kind, id), Principal::User))
    }

    /// Adds or replaces an agreement. Under [`AgreementKind::DataContract`], a body without provider and
    /// consumer is a contract document.
    ///
    /// # Errors
    /// [`WorldError::Invalid`] with the reasons; [`WorldError::Conflict`] and [`WorldError::Unprocessable`]
    /// for documents, see the API.
    pub fn put_agreement(&self, kind: AgreementKind, body: Value) -> Result<(), WorldError> {
        let agreement = AgreementRef::new(kind, id_of(&body));
        self.change(|world| world.put_agreement(&agreement, body, Principal::User))
    }

    /// Edits an agreement as its page would: read, change, write.
    ///
    /// # Errors
    /// [`WorldError::NotFound`], or [`WorldError::Invalid`] for what the edit left.
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
    /// [`WorldError::Unprocessable`] with the reasons.
    pub fn put_data_product(&self, body: Value) -> Result<(), WorldError> {
        let id = id_of(&body);
        self.change(|world| world.put_product(&id, body, Principal::User))
    }

    /// Edits a data product: read, change, write.
    ///
    /// # Errors
    /// [`WorldError::NotFound`], or [`WorldError::Unprocessable`] for what the edit left.
    pub fn edit_data_product(&self, id: &str, edit: impl FnOnce(&mut Value)) -> Result<(), WorldError> {
        self.change(|world| {
            let mut body = world.product(id)?;
            edit(&mut body);
            world.put_product(id, body, Principal::User)
        })
    }

    /// Deletes a data product even while an active agreement needs it, which the API refuses: this is how an
    /// agreement comes to name `unknown`.
    ///
    /// # Errors
    /// [`WorldError::NotFound`].
    pub fn delete_data_product(&self, id: &str) -> Result<(), WorldError> {
        self.change(|world| world.remove_product(id, Principal::User))
    }

    /// Adds or replaces a team.
    ///
    /// # Errors
    /// [`WorldError::Invalid`] with the reasons.
    pub fn put_team(&self, body: Value) -> Result<(), WorldError> {
        let id = id_of(&body);
        self.change(|world| world.put_team(&id, body, Principal::User))
    }

    /// Edits a team: read, change, write.
    ///
    /// # Errors
    /// [`WorldError::NotFound`], or [`WorldError::Invalid`] for what the edit left.
    pub fn edit_team(&self, id: &str, edit: impl FnOnce(&mut Value)) -> Result<(), WorldError> {
        self.change(|world| {
            let mut body = world.team(id)?;
            edit(&mut body);
            world.put_team(id, body, Principal::User)
        })
    }

    /// The agreement as the API shows it.
    #[must_use]
    pub fn agreement(&self, kind: AgreementKind, id: &str) -> Option<Value> {
        self.read(|world| world.agreement(&AgreementRef::new(kind, id)).ok())
    }

    /// Every agreement of a generation as the API shows it, oldest first; among the first generation also contract
    /// documents.
    #[must_use]
    pub fn agreements(&self, kind: AgreementKind) -> Vec<Value> {
        self.read(|world| world.agreements(kind))
    }

    /// What was last reported about the grant behind an access.
    #[must_use]
    pub fn provisioning(&self, access_id: &str) -> Option<Value> {
        self.read(|world| world.provisioning(access_id).ok().flatten())
    }

    /// The data product.
    #[must_use]
    pub fn data_product(&self, id: &str) -> Option<Value> {
        self.read(|world| world.product(id).ok())
    }

    /// The team.
    #[must_use]
    pub fn team(&self, id: &str) -> Option<Value> {
        self.read(|world| world.team(id).ok())
    }

    /// The whole feed.
    #[must_use]
    pub fn events(&self) -> Vec<Value> {
        self.read(|world| world.events().to_vec())
    }

    /// Writes an event about `subject`, though nothing changed: one that came late, or of a type yet unknown. `name`
    /// is the type's name, or the whole type if it holds a dot (`com.entropy-data.events.AccessActivatedEvent`).
    pub fn announce(&self, name: &str, subject: &str) {
        self.change(|world| world.announce(name, subject));
    }

    /// Writes anything to the feed, as it is: events without an id, oversized ones, what is no object.
    pub fn append_raw_event(&self, event: Value) {
        self.change(|world| world.append_raw_event(event));
    }

    /// Lets the next answer of the feed begin with these events, by their index in [`WorldHandle::events`],
    /// though they were read before.
    pub fn repeat_events(&self, range: Range<usize>) {
        self.change(|world| world.resend(range));
    }

    /// Moves the world's clock forward, so that agreements begin and end.
    pub fn advance(&self, by: Duration) {
        self.change(|world| {
            world.advance(by);
            world.keep_calendar();
        });
    }

    /// Replaces the API key; the old one is wrong from now on.
    pub fn set_api_key(&self, api_key: SecretString) {
        *lock(&self.shared.api_key) = api_key;
    }

    /// The requests to the API so far, oldest first; the latest 10,000 are kept.
    #[must_use]
    pub fn requests_seen(&self) -> Vec<SeenRequest> {
        lock(&self.shared.requests).seen.iter().cloned().collect()
    }

    /// Waits until `holds` is true of the world; it is asked again after every change and every request.
    /// False when `limit` has passed first.
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

    /// Remembers a request and returns its number, for [`WorldHandle::answered`].
    pub(crate) fn seen(&self, request: SeenRequest) -> usize {
        let number = {
            let mut requests = lock(&self.shared.requests);
            requests.seen.push_back(request);
            if requests.seen.len() > REMEMBERED {
                requests.seen.pop_front();
                requests.forgotten += 1;
            }
            requests.forgotten + requests.seen.len() - 1
        };
        self.notify();
        number
    }

    pub(crate) fn answered(&self, number: usize, status: u16) {
        {
            let mut requests = lock(&self.shared.requests);
            let index = number.checked_sub(requests.forgotten);
            if let Some(request) = index.and_then(|index| requests.seen.get_mut(index)) {
                request.status = Some(status);
            }
        }
        self.notify();
    }

    fn notify(&self) {
        self.shared.changes.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// A summary for people: how much there is, and where each agreement stands.
    pub(crate) fn overview(&self) -> Map<String, Value> {
        let requests = {
            let requests = lock(&self.shared.requests);
            requests.forgotten + requests.seen.len()
        };
        let mut overview = self.read(World::overview);
        overview.insert("requests".into(), requests.into());
        overview
    }
}

/// A panic while the lock was held is the test's own; the world is still there to look at.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn id_of(body: &Value) -> String {
    body.get("id").and_then(Value::as_str).unwrap_or_default().to_owned()
}
