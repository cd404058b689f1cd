//! How this software shows in Data Mesh Manager's list of connectors.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

/// The type of the connector.
const TYPE: &str = "aws";
/// Its description.
const DESCRIPTION: &str = "Data Mesh Manager AWS integration";

/// A connector as Data Mesh Manager keeps it: who it is, and how far it has read the feed. One operation creates and updates it
/// and replaces everything that was there, so each heartbeat is a complete registration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connector {
    /// Its id, which is unique in the organization.
    pub id: String,
    /// The version of this software.
    pub version: &'static str,
    /// The kinds of output ports that it gives access to.
    pub capabilities: Vec<&'static str>,
    /// The id of the last event of the feed that is done; `None` before the first one.
    pub last_event_id: Option<String>,
    /// The time of this heartbeat.
    pub last_heartbeat: Timestamp,
}

impl Connector {
    /// The body of the registration.
    #[must_use]
    pub fn body(&self) -> Value {
        let mut state = Map::new();
        if let Some(id) = &self.last_event_id {
            state.insert("lastEventId".to_owned(), id.as_str().into());
        }
        state.insert("lastHeartbeat".to_owned(), self.last_heartbeat.to_string().into());
        json!({
            "id": self.id,
            "info": { "type": TYPE, "description": DESCRIPTION, "connectorVersion": self.version },
            "state": state,
            "custom": { "capabilities": self.capabilities },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registration_says_who_it_is_and_how_far_it_has_read() {
        let mut connector = Connector {
            id: "aws-integration".to_owned(),
            version: "1.2.3",
            capabilities: vec!["s3_bucket", "sqs_queue"],
            last_event_id: Some("e1".to_owned()),
            last_heartbeat: "2026-01-31T12:00:00Z".parse().unwrap(),
        };
        let body = json!({
            "id": "aws-integration",
            "info": {
                "type": "aws",
                "description": "Data Mesh Manager AWS integration",
                "connectorVersion": "1.2.3",
            },
            "state": { "lastEventId": "e1", "lastHeartbeat": "2026-01-31T12:00:00Z" },
            "custom": { "capabilities": ["s3_bucket", "sqs_queue"] },
        });
        assert_eq!(connector.body(), body);
        connector.last_event_id = None;
        assert_eq!(connector.body()["state"], json!({ "lastHeartbeat": "2026-01-31T12:00:00Z" }));
    }
}
