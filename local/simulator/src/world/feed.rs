//! The event log, read as an HTTP feed.

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::Principal;

/// The domain in front of the names of the events that the simulator writes.
const TYPE_PREFIX: &str = "com.datamesh-manager.events.";

/// Events in the order they happened.
#[derive(Default)]
pub(crate) struct Feed {
    events: Vec<Value>,
    last_id: u128,
    /// Events to be sent once more at the start of the next answer.
    resend: Vec<Value>,
}

/// An event about to be written.
pub(crate) struct NewEvent<'a> {
    /// Name of the type; without a domain, the usual one is put in front.
    pub(crate) name: &'a str,
    /// Id of the thing the event is about.
    pub(crate) subject: &'a str,
    pub(crate) time: Timestamp,
    pub(crate) principal: Principal,
    /// Members of `data` beside `id` and `timestamp`.
    pub(crate) data: Map<String, Value>,
}

/// A cursor that is neither the id of an event nor a UUID, so that nothing comes after it.
pub(crate) struct UnknownCursor;

impl Feed {
    /// Writes an event and returns its id.
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

    /// Writes anything as it is, well-formed or not.
    pub(crate) fn append_raw(&mut self, event: Value) {
        self.events.push(event);
    }

    /// At most `limit` events after `last_event_id`, or from `back` events before it. An event is found by
    /// its id (the last one, if there are several). An id that is not in the feed but is a UUID stands for
    /// its place in time, as ids sort by time: so a reader's cursor survives a restart of the simulator.
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

    /// Lets the next answer begin with the events of `range` again.
    pub(crate) fn resend(&mut self, range: std::ops::Range<usize>) {
        let events = self.events.iter().take(range.end).skip(range.start).cloned();
        self.resend = events.collect();
    }

    pub(crate) fn events(&self) -> &[Value] {
        &self.events
    }

    /// A UUID of version 7 that sorts after all earlier ones, also when the clock does not.
    fn next_id(&mut self, time: Timestamp) -> Uuid {
        let millis = u64::try_from(time.as_millisecond()).unwrap_or_default();
        let mut random = [0; 10];
        random.copy_from_slice(&Uuid::new_v4().as_bytes()[..10]);
        let fresh = uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid().as_u128();
        self.last_id = fresh.max(self.last_id + 1);
        Uuid::from_u128(self.last_id)
    }
}

fn event_id(event: &Value) -> Option<&str> {
    event.get("id")?.as_str()
}

fn event_uuid(event: &Value) -> Option<Uuid> {
    Uuid::parse_str(event_id(event)?).ok()
}
