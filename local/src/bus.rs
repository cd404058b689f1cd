//! The events that were published on the bus, read from the recorded requests, in the format that targets receive.

use dmm_proxy::Request;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::clients::AwsAccount;

/// Returns the events that a request published and the bus accepted.
/// <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-events-structure.html>
#[must_use]
pub fn published(request: &Request, aws_account: &AwsAccount) -> Vec<Value> {
    if (request.service.as_str(), request.operation.as_str()) != ("events", "PutEvents") {
        return Vec::new();
    }
    // The answer of an injected fault may not be JSON. In that case nothing was accepted.
    let (Ok(sent), Ok(answer)) = (
        serde_json::from_slice::<Value>(&request.request_body),
        serde_json::from_slice::<Value>(&request.response_body),
    ) else {
        return Vec::new();
    };
    let entries = |value: &Value| value["Entries"].as_array().cloned().unwrap_or_default();
    let put = time_of_put_events(request);
    let pairs = entries(&sent).into_iter().zip(entries(&answer));
    pairs.filter_map(|(entry, result)| received(&entry, result.get("EventId")?, put, aws_account)).collect()
}

/// Returns the time of an event without its own time. The emulated bus uses the time at which the request was signed.
fn time_of_put_events(request: &Request) -> Timestamp {
    let signed = request.headers.get("x-amz-date").and_then(|date| date.to_str().ok());
    signed.and_then(|date| date.parse().ok()).unwrap_or(request.at)
}

fn received(entry: &Value, id: &Value, put: Timestamp, aws_account: &AwsAccount) -> Option<Value> {
    let detail: Value = serde_json::from_str(entry["Detail"].as_str()?).ok()?;
    #[expect(clippy::cast_possible_truncation, reason = "the bus truncates times to whole seconds")]
    let seconds = entry["Time"].as_f64().map_or(put.as_second(), |seconds| seconds as i64);
    let time = Timestamp::from_second(seconds).ok()?;
    Some(json!({
        "version": "0",
        "id": id,
        "detail-type": entry["DetailType"],
        "source": entry["Source"],
        "account": aws_account.account,
        "time": time.to_string(),
        "region": aws_account.region,
        "resources": entry.get("Resources").cloned().unwrap_or_else(|| json!([])),
        "detail": detail,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns an accepted `PutEvents` request with one entry.
    fn request(entry: &Value) -> Request {
        Request {
            seq: 1,
            at: Timestamp::UNIX_EPOCH,
            principal: None,
            service: "events".to_owned(),
            operation: "PutEvents".to_owned(),
            path: "/".to_owned(),
            status: Some(200),
            headers: [("x-amz-date".parse().unwrap(), "20260102T030405Z".parse().unwrap())]
                .into_iter()
                .collect(),
            request_body: json!({ "Entries": [entry] }).to_string().into(),
            response_body: json!({ "Entries": [{ "EventId": "1" }] }).to_string().into(),
            fault: None,
            duration: std::time::Duration::ZERO,
        }
    }

    #[test]
    fn an_event_without_a_time_has_that_of_the_request() {
        let time = |entry: &Value| published(&request(entry), &AwsAccount::default())[0]["time"].clone();
        assert_eq!(time(&json!({ "Detail": "{}", "Time": 1_700_000_000.5 })), "2023-11-14T22:13:20Z");
        assert_eq!(time(&json!({ "Detail": "{}" })), "2026-01-02T03:04:05Z");
    }
}
