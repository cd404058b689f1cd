//! What was published on the bus, taken from the traffic: each event as the targets of rules receive it.

use dmm_proxy::Request;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::clients::Place;

/// The events that a request published: those that the bus accepted.
/// <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-events-structure.html>
#[must_use]
pub fn published(request: &Request, place: &Place) -> Vec<Value> {
    if (request.service.as_str(), request.operation.as_str()) != ("events", "PutEvents") {
        return Vec::new();
    }
    // What an injected fault answers need not be JSON; then nothing was accepted.
    let (Ok(sent), Ok(answer)) = (
        serde_json::from_slice::<Value>(&request.request_body),
        serde_json::from_slice::<Value>(&request.response_body),
    ) else {
        return Vec::new();
    };
    let entries = |value: &Value| value["Entries"].as_array().cloned().unwrap_or_default();
    let pairs = entries(&sent).into_iter().zip(entries(&answer));
    pairs.filter_map(|(entry, result)| received(&entry, result.get("EventId")?, request.at, place)).collect()
}

fn received(entry: &Value, id: &Value, at: Timestamp, place: &Place) -> Option<Value> {
    let detail: Value = serde_json::from_str(entry["Detail"].as_str()?).ok()?;
    #[expect(clippy::cast_possible_truncation, reason = "the bus tells the time in whole seconds")]
    let seconds = entry["Time"].as_f64().map_or(at.as_second(), |seconds| seconds as i64);
    let time = Timestamp::from_second(seconds).ok()?;
    Some(json!({
        "version": "0",
        "id": id,
        "detail-type": entry["DetailType"],
        "source": entry["Source"],
        "account": place.account,
        "time": time.to_string(),
        "region": place.region,
        "resources": entry.get("Resources").cloned().unwrap_or_else(|| json!([])),
        "detail": detail,
    }))
}
