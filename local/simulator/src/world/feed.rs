//! The event log, which is read as an HTTP feed.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::Principal;

/// The prefix of the types of events that the simulator emits.
const TYPE_PREFIX: &str = "com.datamesh-manager.events.";

/// The events, in the order in which they happened.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(from = "Vec<Value>", into = "Vec<Value>")]
pub(crate) struct Feed {
    events: Vec<Value>,
    last_id: u128,
    /// Events to repeat at the start of the next answer.
    resend: Vec<Value>,
}

impl From<Feed> for Vec<Value> {
    fn from(feed: Feed) -> Vec<Value> {
        feed.events
    }
}

impl From<Vec<Value>> for Feed {
    /// New events get greater ids than all of these.
    fn from(events: Vec<Value>) -> Feed {
        let last_id = events.iter().filter_map(event_uuid).max().map_or(0, |id| id.as_u128());
        Feed { events, last_id, resend: Vec::new() }
    }
}

/// An event to append.
pub(crate) struct NewEvent<'a> {
    /// The name of the type. If it has no domain, the default prefix is added.
    pub(crate) name: &'a str,
    /// The id of the object that the event is about.
    pub(crate) subject: &'a str,
    pub(crate) time: Timestamp,
    pub(crate) principal: Principal,
    /// Members of `data` in addition to `id` and `timestamp`.
    pub(crate) data: Map<String, Value>,
}

/// A cursor that is neither the id of an event nor a UUID.
pub(crate) struct UnknownCursor;

impl Feed {
    /// Appends an event and returns its id.
    pub(crate) fn append(&mut self, event: NewEvent<'_>) -> Uuid {
        let NewEvent { name, subject, time, principal, data } = event;
        let id = self.next_id(time);
        let (event_type, name) = match name.rsplit_once('.') {
            Some((_, last)) => (name.to_owned(), last),
            None => (format!("{TYPE_PREFIX}{name}"), name),
        };
        let mut content = Map::new();
        content.insert("id".into(), subject.into());
        content.extend(data);
        content.insert("timestamp".into(), time.to_string().into());
        self.events.push(json!({
            "specversion": "1.0",
            "type": event_type,
            "source": "https://entropy-data.com",
            "id": id.to_string(),
            "time": time.to_string(),
            "subject": subject,
            "datacontenttype": "application/json",
            "dataschema": format!("https://app.entropy-data.com/openapi.yaml/#/components/schemas/{name}"),
            "principal": principal.as_str(),
            "data": content,
        }));
        id
    }

    /// Appends any JSON value, well-formed or not.
    pub(crate) fn append_raw(&mut self, event: Value) {
        self.events.push(event);
    }

    /// Returns at most `limit` events after `last_event_id`, starting `back` events earlier. If several events have this id, the
    /// last one counts. A UUID that is not in the feed stands for its position in time, because ids are ordered by time: this
    /// way, a reader's cursor survives a restart of the simulator.
    pub(crate) fn page(
        &mut self,
        last_event_id: Option<&str>,
        back: usize,
        limit: usize,
    ) -> Result<Vec<Value>, UnknownCursor> {
        let start = match last_event_id {
            None => 0,
            Some(id) => self.position_after(id).ok_or(UnknownCursor)?,
        };
        let again = self.resend.len().min(limit);
        let mut page: Vec<Value> = self.resend.drain(..again).collect();
        page.extend(self.events.iter().skip(start.saturating_sub(back)).take(limit - again).cloned());
        Ok(page)
    }

    fn position_after(&self, id: &str) -> Option<usize> {
        let known = self.events.iter().rposition(|event| event_id(event) == Some(id));
        known.map(|index| index + 1).or_else(|| {
            let cursor = Uuid::parse_str(id).ok()?;
            let later = |event: &Value| event_uuid(event).is_some_and(|uuid| uuid > cursor);
            Some(self.events.iter().position(later).unwrap_or(self.events.len()))
        })
    }

    /// Repeats the events of `range` at the start of the next answer.
    pub(crate) fn resend(&mut self, range: std::ops::Range<usize>) {
        let events = self.events.iter().take(range.end).skip(range.start).cloned();
        self.resend = events.collect();
    }

    pub(crate) fn events(&self) -> &[Value] {
        &self.events
    }

    /// Returns a UUID of version 7 that is greater than all previous ones, even if the clock goes backwards.
    fn next_id(&mut self, time: Timestamp) -> Uuid {
        let millis = u64::try_from(time.as_millisecond()).unwrap_or_default();
        let [random @ .., _, _, _, _, _, _] = *Uuid::new_v4().as_bytes();
        let fresh = uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid().as_u128();
        self.last_id = fresh.max(self.last_id.saturating_add(1));
        Uuid::from_u128(self.last_id)
    }
}

fn event_id(event: &Value) -> Option<&str> {
    event.get("id")?.as_str()
}

fn event_uuid(event: &Value) -> Option<Uuid> {
    Uuid::parse_str(event_id(event)?).ok()
}
