//! Events of the feed.

use jiff::Timestamp;
use serde_json::{Map, Value};
use thiserror::Error;

use crate::agreement::{AgreementKind, AgreementRef};
use crate::json;

/// A [CloudEvent](https://cloudevents.io/) of Data Mesh Manager's feed: the JSON object as received, with all members in
/// their order. Its `id` and `type` are non-empty strings.
#[derive(Clone, Debug, PartialEq)]
pub struct CloudEvent {
    id: String,
    event_type: String,
    members: Map<String, Value>,
}

/// A JSON value that is not a valid [`CloudEvent`]. It contains the value, so that nothing is lost.
#[derive(Debug, Error)]
#[error("{problem}")]
pub struct EventError {
    /// What is wrong with it.
    pub problem: EventProblem,
    /// The value as received.
    pub value: Box<Value>,
}

/// Why a JSON value is not a valid [`CloudEvent`].
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum EventProblem {
    /// The value is not a JSON object.
    #[error("the event is not a JSON object")]
    NotAnObject,
    /// `id` is missing, empty or not a string.
    #[error("the event has no `id`: a non-empty string is needed")]
    NoId,
    /// `type` is missing, empty or not a string.
    #[error("the event has no `type`: a non-empty string is needed")]
    NoType,
}

impl EventError {
    /// Whether reading it again can succeed: never.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self.problem {
            EventProblem::NotAnObject | EventProblem::NoId | EventProblem::NoType => false,
        }
    }
}

impl CloudEvent {
    /// Reads an element of the feed.
    ///
    /// # Errors
    ///
    /// [`EventError`] with the value, if it is not an object, or if its `id` or `type` is not a non-empty string.
    pub fn from_value(value: Value) -> Result<CloudEvent, EventError> {
        let Value::Object(members) = value else {
            return Err(EventError { problem: EventProblem::NotAnObject, value: Box::new(value) });
        };
        let owned = |name| json::member(&members, name).map(str::to_owned);
        let problem = match (owned("id"), owned("type")) {
            (Some(id), Some(event_type)) => return Ok(CloudEvent { id, event_type, members }),
            (None, _) => EventProblem::NoId,
            (Some(_), None) => EventProblem::NoType,
        };
        Err(EventError { problem, value: Box::new(Value::Object(members)) })
    }

    /// The event's `id`: unique in the feed, and a cursor after which the feed can be read.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The full `type`, for example `com.datamesh-manager.events.AccessActivatedEvent`.
    #[must_use]
    pub fn event_type(&self) -> &str {
        &self.event_type
    }

    /// The `type` after its last dot, for example `AccessActivatedEvent`. Only this part identifies the type, because the
    /// vendor uses several domains as prefixes. The full type if nothing follows its last dot.
    #[must_use]
    pub fn type_name(&self) -> &str {
        match self.event_type.rsplit('.').next() {
            Some(name) if !name.is_empty() => name,
            _ => &self.event_type,
        }
    }

    /// `subject`, if it is a non-empty string.
    #[must_use]
    pub fn subject(&self) -> Option<&str> {
        json::member(&self.members, "subject")
    }

    /// `data.id`, if it is a non-empty string: the id of what the event is about.
    #[must_use]
    pub fn data_id(&self) -> Option<&str> {
        self.members.get("data").and_then(|data| json::text(data, "id"))
    }

    /// `time`, if it is a timestamp (RFC 3339).
    #[must_use]
    pub fn time(&self) -> Option<Timestamp> {
        json::member(&self.members, "time")?.parse().ok()
    }

    /// All members as received.
    #[must_use]
    pub fn as_object(&self) -> &Map<String, Value> {
        &self.members
    }

    /// The JSON object as received.
    #[must_use]
    pub fn into_value(self) -> Value {
        Value::Object(self.members)
    }

    /// The agreement that the event says was activated, deactivated or deleted, in any of the three generations: its id is
    /// `data.id`, or else `subject`. `None` for any other event, and for one without such an id.
    #[must_use]
    pub fn agreement(&self) -> Option<AgreementRef> {
        let kind = agreement_kind(self.type_name())?;
        let id = self.data_id().or_else(|| self.subject())?;
        Some(AgreementRef { kind, id: id.to_owned() })
    }
}

fn agreement_kind(type_name: &str) -> Option<AgreementKind> {
    let stem = ["ActivatedEvent", "DeactivatedEvent", "DeletedEvent"]
        .iter()
        .find_map(|change| type_name.strip_suffix(change))?;
    match stem {
        "DataContract" => Some(AgreementKind::DataContract),
        "DataUsageAgreement" => Some(AgreementKind::DataUsageAgreement),
        "Access" => Some(AgreementKind::Access),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn page() -> Vec<Value> {
        serde_json::from_str(include_str!("../tests/fixtures/feed_page.json")).expect("a JSON array")
    }

    fn event(value: Value) -> CloudEvent {
        CloudEvent::from_value(value).expect("a CloudEvent")
    }

    #[test]
    fn an_event_keeps_every_member_and_their_order() {
        for value in page().into_iter().take(3) {
            let text = value.to_string();
            assert_eq!(event(value).into_value().to_string(), text);
        }
    }

    #[test]
    fn an_events_attributes_are_read() {
        let event = event(page().swap_remove(0));
        assert_eq!(event.id(), "01890a5d-ac96-774b-bcce-b302099a8057");
        assert_eq!(event.event_type(), "com.datamesh-manager.events.DataContractActivatedEvent");
        assert_eq!(event.type_name(), "DataContractActivatedEvent");
        assert_eq!(event.subject(), Some("c9f0a2d4-6f0e-4c39-8a53-0a7b53a4d1f7"));
        assert_eq!(event.data_id(), event.subject());
        assert_eq!(event.time(), Some("2023-06-29T14:05:09.462Z".parse().expect("a time")));
        assert_eq!(event.as_object()["principal"], "user:u4711");
    }

    #[test]
    fn a_missing_subject_and_an_invalid_time_are_none() {
        let [_, without_subject, with_odd_time, ..] = &page()[..] else { panic!("a longer page") };
        assert_eq!(event(without_subject.clone()).subject(), None);
        assert_eq!(
            event(without_subject.clone()).time(),
            Some("2026-03-31T22:00:00Z".parse().expect("a time"))
        );
        assert_eq!(event(with_odd_time.clone()).time(), None);
    }

    #[test]
    fn the_error_for_an_invalid_event_has_the_whole_value_and_the_reason() {
        let cases = [
            (json!([{}]), EventProblem::NotAnObject),
            (json!("not an event"), EventProblem::NotAnObject),
            (json!({"type": "a.B"}), EventProblem::NoId),
            (json!({"id": "", "type": "a.B"}), EventProblem::NoId),
            (json!({"id": 7, "type": "a.B"}), EventProblem::NoId),
            (json!({"id": "1"}), EventProblem::NoType),
            (json!({"id": "1", "type": ""}), EventProblem::NoType),
            (json!({"id": "1", "type": null, "more": [1]}), EventProblem::NoType),
        ];
        for (value, problem) in cases {
            let error = CloudEvent::from_value(value.clone()).expect_err("not a CloudEvent");
            assert_eq!((error.problem, &*error.value), (problem, &value));
            assert!(!error.is_retryable());
        }
    }

    #[test]
    fn the_part_after_the_last_dot_identifies_a_type() {
        let named = |name: &str| event(json!({"id": "1", "type": name})).type_name().to_owned();
        assert_eq!(named("com.entropy-data.events.AccessActivatedEvent"), "AccessActivatedEvent");
        assert_eq!(named("AccessActivatedEvent"), "AccessActivatedEvent");
        assert_eq!(named("com.example."), "com.example.");
    }

    #[test]
    fn the_nine_events_of_the_three_generations_name_an_agreement() {
        let stems = [
            ("DataContract", AgreementKind::DataContract),
            ("DataUsageAgreement", AgreementKind::DataUsageAgreement),
            ("Access", AgreementKind::Access),
        ];
        for (stem, kind) in stems {
            for change in ["Activated", "Deactivated", "Deleted"] {
                for domain in ["com.datamesh-manager.events", "com.entropy-data.events"] {
                    let value = json!({"id": "1", "type": format!("{domain}.{stem}{change}Event"), "data": {"id": "a"}});
                    assert_eq!(event(value).agreement(), Some(AgreementRef { kind, id: "a".to_owned() }));
                }
            }
        }
    }

    #[test]
    fn other_events_name_no_agreement() {
        let others = [
            "AccessCreatedEvent",
            "AccessApprovedEvent",
            "AccessDeprovisionedEvent",
            "DataContractUpdatedEvent",
            "TeamDeletedEvent",
            "ActivatedEvent",
            "accessactivatedevent",
            "AccessActivatedEventV2",
        ];
        for name in others {
            assert_eq!(
                event(json!({"id": "1", "type": name, "data": {"id": "a"}})).agreement(),
                None,
                "{name}"
            );
        }
    }

    #[test]
    fn the_subject_replaces_a_missing_data_id() {
        let of = |value: Value| event(value).agreement().map(|reference| reference.id);
        let name = "x.AccessDeletedEvent";
        assert_eq!(
            of(json!({"id": "1", "type": name, "subject": "s", "data": {"id": "d"}})),
            Some("d".to_owned())
        );
        assert_eq!(
            of(json!({"id": "1", "type": name, "subject": "s", "data": {"id": ""}})),
            Some("s".to_owned())
        );
        assert_eq!(of(json!({"id": "1", "type": name, "subject": "s", "data": null})), Some("s".to_owned()));
        assert_eq!(of(json!({"id": "1", "type": name})), None);
    }
}
