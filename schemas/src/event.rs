//! The schema and the example of an event type.
//!
//! A schema states only what a consumer can rely on. Further members may be added at any time, and a member may be `null`
//! wherever the vendor's description allows it.

use serde_json::{Map, Value, json};

use crate::catalogue::{EventType, Generation};

/// `source` of every event on the bus.
pub const SOURCE: &str = "com.datamesh-manager";

const DRAFT: &str = "http://json-schema.org/draft-04/schema#";

/// Returns the schema of the event as EventBridge delivers it to targets:
/// <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-events-structure.html>.
#[must_use]
pub fn schema(event: &EventType) -> Value {
    let detail_type = match event.generation {
        Generation::Unknown => json!({"type": "string", "minLength": 1, "maxLength": 128}),
        _ => json!({"type": "string", "enum": [event.detail_type]}),
    };
    let mut definitions = Map::new();
    definitions.insert("CloudEvent".to_owned(), cloud_event(event));
    if event.generation != Generation::Unknown {
        definitions.insert("Data".to_owned(), data(event));
    }
    json!({
        "$schema": DRAFT,
        "title": event.detail_type,
        "description": format!("{}. {}", event.description, since(event.generation)),
        "x-amazon-events-source": SOURCE,
        "x-amazon-events-detail-type": event.detail_type,
        "type": "object",
        "required": ["version", "id", "detail-type", "source", "account", "time", "region", "resources", "detail"],
        "properties": {
            "version": {"type": "string"},
            "id": {"type": "string", "description": "The id that EventBridge assigned. The event's own id is detail.id"},
            "detail-type": described(detail_type, "The part of the event's type after the last dot"),
            "source": {"type": "string", "enum": [SOURCE]},
            "account": {"type": "string", "pattern": "^[0-9]{12}$"},
            "time": {"type": "string", "format": "date-time", "description": "When it happened, in whole seconds"},
            "region": {"type": "string"},
            "resources": {"type": "array", "items": {"type": "string"}},
            "detail": {"$ref": "#/definitions/CloudEvent"},
        },
        "definitions": definitions,
    })
}

fn since(generation: Generation) -> &'static str {
    match generation {
        Generation::Today => "Data Mesh Manager emits these events today.",
        Generation::DataContracts => {
            "Historical: emitted until 2023-09, so only a feed that is read from its start contains them."
        }
        Generation::DataUsageAgreements => {
            "Historical: emitted before agreements were called access, so only a feed that is read from its start contains them."
        }
        Generation::Unknown => "It requires only what all events have in common.",
    }
}

/// The attributes are defined by [CloudEvents](https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md) and its
/// [distributed tracing extension](https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/extensions/distributed-tracing.md).
fn cloud_event(event: &EventType) -> Value {
    let any = event.generation == Generation::Unknown;
    let required: &[&str] =
        if any { &["id", "type"] } else { &["specversion", "id", "source", "type", "data"] };
    let text = |description: &str| json!({"type": ["string", "null"], "description": description});
    let event_type = if any {
        json!({"type": "string", "minLength": 1})
    } else {
        json!({"type": "string", "pattern": format!("(^|\\.){}$", event.detail_type)})
    };
    let data = if any { json!({}) } else { json!({"$ref": "#/definitions/Data"}) };
    json!({
        "type": "object",
        "description": "The event as Data Mesh Manager sent it, with its trace context",
        "required": required,
        "properties": {
            "specversion": {"type": "string"},
            "id": {"type": "string", "minLength": 1, "description": "The event's id. An event that is delivered twice has the same id both times"},
            "source": {"type": "string"},
            "type": described(event_type, "The full type. Its domain may change; the part after the last dot does not"),
            "subject": text("The id of the object that the event is about"),
            "time": text("When it happened (RFC 3339)"),
            "datacontenttype": text("application/json"),
            "dataschema": text("Where the vendor documents the member data"),
            "principal": text("Who caused the event: user:…, api-key:… or system"),
            "traceparent": {
                "type": "string",
                "pattern": "^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}",
                "description": "The trace context of the event, in the format of W3C Trace Context",
            },
            "tracestate": {"type": "string"},
            "data": data,
        },
    })
}

fn data(event: &EventType) -> Value {
    let mut properties = Map::new();
    let id = format!("The id of the {}", event.subject);
    properties.insert("id".to_owned(), json!({"type": "string", "description": id}));
    let timestamp = json!({"type": "string", "format": "date-time", "description": "When it happened"});
    properties.insert("timestamp".to_owned(), timestamp);
    let mut required = vec!["id", "timestamp"];
    for member in event.members {
        let kind = if member.required { json!("string") } else { json!(["string", "null"]) };
        properties.insert(member.name.to_owned(), json!({"type": kind, "description": member.description}));
        if member.required {
            required.push(member.name);
        }
    }
    json!({"type": "object", "required": required, "properties": properties})
}

fn described(mut schema: Value, description: &str) -> Value {
    if let Some(members) = schema.as_object_mut() {
        members.insert("description".to_owned(), json!(description));
    }
    schema
}

/// Returns an example of the event type, as a target receives it.
#[must_use]
pub fn example(event: &EventType) -> Value {
    let time = match event.generation {
        Generation::DataContracts => "2023-06-29T14:05:09",
        Generation::DataUsageAgreements => "2024-03-01T00:00:02",
        Generation::Today | Generation::Unknown => "2026-04-01T08:30:15",
    };
    let detail_type = match event.generation {
        Generation::Unknown => "PolicyCreatedEvent",
        _ => event.detail_type,
    };
    let mut data = Map::new();
    data.insert("id".to_owned(), json!(event.example_id));
    for member in event.members {
        data.insert(member.name.to_owned(), json!(member.example));
    }
    data.insert("timestamp".to_owned(), json!(format!("{time}.462Z")));
    json!({
        "version": "0",
        "id": "6a7e8feb-b491-4cf7-a9f1-bf3703467718",
        "detail-type": detail_type,
        "source": SOURCE,
        "account": "123456789012",
        "time": format!("{time}Z"),
        "region": "eu-central-1",
        "resources": [],
        "detail": {
            "specversion": "1.0",
            "type": format!("com.datamesh-manager.events.{detail_type}"),
            "source": "https://entropy-data.com",
            "id": "01890a5d-ac96-774b-bcce-b302099a8057",
            "time": format!("{time}.462Z"),
            "subject": event.example_id,
            "datacontenttype": "application/json",
            "dataschema": format!("https://app.entropy-data.com/openapi.yaml/#/components/schemas/{detail_type}"),
            "principal": "user:u123123123123",
            "data": data,
            "traceparent": "00-69cdd8a75d1f7ac5b4e0b1d6f9c3a201-53995c3f42cd8ad8-01",
        },
    })
}
