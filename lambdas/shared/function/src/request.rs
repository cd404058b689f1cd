//! What `iam-grant` and `iam-revoke` are asked for: to handle an event, or to explain an agreement.

use aws_lambda_events::event::eventbridge::EventBridgeEvent;
use dmm_access::explain::Explanation;
use dmm_mesh::{AgreementKind, AgreementRef};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::answer::Answer;

/// The payload of an invocation. Feeds cannot ask for an explanation: their events are in the member `detail`.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub enum Request {
    /// `{"explain": "access ID"}`: nothing is changed.
    Explain(ExplainRequest),
    /// An event from the bus.
    Event(Box<EventBridgeEvent<Value>>),
}

/// The agreement to explain.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExplainRequest {
    /// The agreement as `kind id`.
    #[serde(deserialize_with = "agreement")]
    pub explain: AgreementRef,
}

/// What an invocation answers.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Reply {
    /// What was done about an event.
    Done(Answer),
    /// Why an agreement gives what it gives. This repeats what documents say, so it is for the caller only.
    Explained {
        /// The explanation; `None` if Data Mesh Manager has no such agreement.
        explanation: Option<Explanation>,
        /// The same as text.
        text: Option<String>,
        /// The mode of the functions: `enforce`, `observe` or `uninstall`.
        mode: &'static str,
    },
}

fn agreement<'de, D: Deserializer<'de>>(deserializer: D) -> Result<AgreementRef, D::Error> {
    let text = String::deserialize(deserializer)?;
    let parts = text.split_once(' ').and_then(|(kind, id)| Some((AgreementKind::named(kind)?, id)));
    match parts {
        Some((kind, id)) if !id.trim().is_empty() => Ok(AgreementRef { kind, id: id.to_owned() }),
        _ => Err(serde::de::Error::custom("`explain` is not an agreement such as `access ID`")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_a_payload_of_its_own_asks_for_an_explanation() {
        let explain: Request = serde_json::from_value(json!({ "explain": "access a 1" })).unwrap();
        let wanted = AgreementRef { kind: AgreementKind::Access, id: "a 1".to_owned() };
        assert!(matches!(explain, Request::Explain(ExplainRequest { explain }) if explain == wanted));
        let event = json!({ "detail-type": "t", "source": "s", "detail": { "explain": "access a1" } });
        assert!(matches!(serde_json::from_value(event).unwrap(), Request::Event(_)));
        for wrong in
            [json!({ "explain": "a1" }), json!({ "explain": "contract a1" }), json!({ "explain": "access " })]
        {
            let read = serde_json::from_value::<Request>(wrong.clone());
            assert!(!matches!(read, Ok(Request::Explain(_))), "{wrong}");
        }
    }
}
