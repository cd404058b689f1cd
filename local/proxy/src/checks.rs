//! Checks AWS limits that emulators do not check. The limits are from the services' API models and quota pages:
//!
//! - SQS, `SendMessageBatch`: 1 to 10 entries with a total of at most 1 MiB (bodies and message attributes, but not system
//!   attributes); group and deduplication ids of 1 to 128 printable ASCII characters.
//! - EventBridge, `PutEvents`: 1 to 10 entries; `DetailType` of up to 128 characters, `TraceHeader` of up to 500; up to 1 MiB for
//!   a single entry, up to 256 KiB in total for several entries.
//! - IAM: policy names of up to 128 and role names of up to 64 characters from `[\w+=,.@-]`; policy documents with the
//!   characters U+0009, U+000A, U+000D and U+0020 to U+00FF.
//!
//! Where AWS would reject a single entry of a batch (an invalid group id), the whole request is rejected here.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::call::{Call, form_field};

const SQS_MAX_BYTES: usize = 1024 * 1024;
const EVENT_MAX_BYTES: usize = 1024 * 1024;
const EVENTS_MAX_BYTES: usize = 256 * 1024;
/// The size that an entry's `Time` counts for; see "Calculating `PutEvents` event entry size" in EventBridge's user guide.
const TIME_BYTES: usize = 14;

/// The error with which AWS rejects a request.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Rejection {
    pub(crate) code: &'static str,
    pub(crate) message: String,
}

impl Rejection {
    fn new(code: &'static str, message: impl Into<String>) -> Rejection {
        Rejection { code, message: message.into() }
    }
}

/// Returns the error with which AWS would reject this request, or `None` if it would accept it.
pub(crate) fn rejection(call: &Call, body: &[u8]) -> Option<Rejection> {
    match (call.service.as_str(), call.operation.as_str()) {
        ("sqs", "SendMessage") => message_rejection(&json(body)?),
        ("sqs", "SendMessageBatch") => batch_rejection(&json(body)?),
        ("events", "PutEvents") => events_rejection(&json(body)?),
        ("iam", _) => iam_rejection(body),
        _ => None,
    }
}

/// Parses a body. Invalid JSON is left to the service to reject.
fn json(body: &[u8]) -> Option<Value> {
    serde_json::from_slice(body).ok()
}

fn text<'a>(entry: &'a Value, name: &str) -> Option<&'a str> {
    entry.get(name).and_then(Value::as_str)
}

fn length(entry: &Value, name: &str) -> usize {
    text(entry, name).map_or(0, str::len)
}

fn entries(body: &Value) -> &[Value] {
    body.get("Entries").and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn batch_rejection(body: &Value) -> Option<Rejection> {
    let entries = entries(body);
    if entries.is_empty() {
        return Some(Rejection::new(
            "AWS.SimpleQueueService.EmptyBatchRequest",
            "There should be at least one entry.",
        ));
    }
    if entries.len() > 10 {
        let message =
            format!("Maximum number of entries per request are 10. You have sent {}.", entries.len());
        return Some(Rejection::new("AWS.SimpleQueueService.TooManyEntriesInBatchRequest", message));
    }
    let bytes: usize = entries.iter().map(message_bytes).sum();
    if bytes > SQS_MAX_BYTES {
        let message =
            format!("Batch requests cannot be longer than {SQS_MAX_BYTES} bytes. You have sent {bytes}.");
        return Some(Rejection::new("AWS.SimpleQueueService.BatchRequestTooLong", message));
    }
    entries.iter().find_map(message_rejection)
}

fn message_rejection(message: &Value) -> Option<Rejection> {
    if message_bytes(message) > SQS_MAX_BYTES {
        return Some(Rejection::new(
            "InvalidParameterValue",
            format!("Message must be shorter than {SQS_MAX_BYTES} bytes."),
        ));
    }
    for name in ["MessageGroupId", "MessageDeduplicationId"] {
        let Some(id) = text(message, name) else { continue };
        let printable = id.bytes().all(|byte| byte.is_ascii_graphic());
        if id.is_empty() || id.len() > 128 || !printable {
            let message = format!(
                "Value {id} for parameter {name} is invalid. Reason: {name} can only include alphanumeric and \
                 punctuation characters. 1 to 128 in length."
            );
            return Some(Rejection::new("InvalidParameterValue", message));
        }
    }
    None
}

fn message_bytes(message: &Value) -> usize {
    let attributes = message.get("MessageAttributes").and_then(Value::as_object);
    let attributes: usize =
        attributes.into_iter().flatten().map(|(name, value)| name.len() + attribute_bytes(value)).sum();
    length(message, "MessageBody") + attributes
}

fn attribute_bytes(attribute: &Value) -> usize {
    let binary = text(attribute, "BinaryValue")
        .map_or(0, |encoded| STANDARD.decode(encoded).map_or(encoded.len(), |bytes| bytes.len()));
    length(attribute, "DataType") + length(attribute, "StringValue") + binary
}

fn events_rejection(body: &Value) -> Option<Rejection> {
    const CODE: &str = "ValidationException";
    let entries = entries(body);
    if entries.is_empty() || entries.len() > 10 {
        let message = format!("'entries' must have 1 to 10 members, not {}.", entries.len());
        return Some(Rejection::new(CODE, message));
    }
    for (name, limit) in [("DetailType", 128), ("TraceHeader", 500)] {
        let too_long = |entry: &&Value| text(entry, name).is_some_and(|value| value.chars().count() > limit);
        if let Some(entry) = entries.iter().find(too_long) {
            let length = text(entry, name).map_or(0, |value| value.chars().count());
            return Some(Rejection::new(
                CODE,
                format!("{name} must have length less than or equal to {limit}, not {length}."),
            ));
        }
    }
    let bytes: usize = entries.iter().map(event_bytes).sum();
    let limit = if entries.len() == 1 { EVENT_MAX_BYTES } else { EVENTS_MAX_BYTES };
    if bytes > limit {
        let message =
            format!("Total size of the entries in the request is over the limit: {bytes} of {limit} bytes.");
        return Some(Rejection::new(CODE, message));
    }
    None
}

fn event_bytes(entry: &Value) -> usize {
    let time = if entry.get("Time").is_some_and(|time| !time.is_null()) { TIME_BYTES } else { 0 };
    let resources = entry.get("Resources").and_then(Value::as_array);
    let resources: usize = resources.into_iter().flatten().filter_map(Value::as_str).map(str::len).sum();
    time + resources + length(entry, "Source") + length(entry, "DetailType") + length(entry, "Detail")
}

fn iam_rejection(body: &[u8]) -> Option<Rejection> {
    for (name, limit) in [("PolicyName", 128), ("RoleName", 64)] {
        let Some(value) = form_field(body, name) else { continue };
        let valid = |c: char| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c);
        if value.is_empty() || value.len() > limit || !value.chars().all(valid) {
            let message = format!(
                "The specified value for {name} is invalid. It must contain only alphanumeric characters and/or the \
                 following: +=,.@_-, 1 to {limit} of them."
            );
            return Some(Rejection::new("ValidationError", message));
        }
    }
    for name in ["PolicyDocument", "AssumeRolePolicyDocument"] {
        let Some(document) = form_field(body, name) else { continue };
        let valid = |c: char| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{FF}');
        if let Some(c) = document.chars().find(|c| !valid(*c)) {
            return Some(Rejection::new(
                "ValidationError",
                format!(
                    "The specified value for {name} is invalid: it contains {c:?}, which is outside U+0020 to U+00FF."
                ),
            ));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answer::Protocol;
    use serde_json::json;

    fn code(service: &str, operation: &str, body: &[u8]) -> Option<&'static str> {
        let call = Call {
            service: service.to_owned(),
            operation: operation.to_owned(),
            access_key_id: None,
            protocol: Protocol::AwsJson,
        };
        rejection(&call, body).map(|rejection| rejection.code)
    }

    fn send(entries: &Value) -> Option<&'static str> {
        code("sqs", "SendMessageBatch", json!({ "Entries": entries }).to_string().as_bytes())
    }

    fn put(entries: &Value) -> Option<&'static str> {
        code("events", "PutEvents", json!({ "Entries": entries }).to_string().as_bytes())
    }

    fn message(bytes: usize) -> Value {
        json!({"Id": "1", "MessageBody": "x".repeat(bytes), "MessageGroupId": "g"})
    }

    fn event(bytes: usize) -> Value {
        json!({"Source": "", "DetailType": "", "Detail": "x".repeat(bytes)})
    }

    #[test]
    fn a_batch_of_messages_has_one_to_ten_entries() {
        assert_eq!(send(&json!([])), Some("AWS.SimpleQueueService.EmptyBatchRequest"));
        assert_eq!(send(&Value::Array(vec![message(1); 10])), None);
        let eleven = Value::Array(vec![message(1); 11]);
        assert_eq!(send(&eleven), Some("AWS.SimpleQueueService.TooManyEntriesInBatchRequest"));
    }

    #[test]
    fn a_batch_of_messages_is_at_most_a_mebibyte_in_sum() {
        let half = SQS_MAX_BYTES / 2;
        assert_eq!(send(&json!([message(half), message(half)])), None);
        let mut with_attribute = message(half);
        with_attribute["MessageAttributes"] = json!({"t": {"DataType": "String", "StringValue": ""}});
        let code = send(&json!([message(half), with_attribute]));
        assert_eq!(code, Some("AWS.SimpleQueueService.BatchRequestTooLong"));
        let mut traced = message(half);
        traced["MessageSystemAttributes"] =
            json!({"AWSTraceHeader": {"DataType": "String", "StringValue": "x"}});
        assert_eq!(send(&json!([message(half), traced])), None);
    }

    #[test]
    fn binary_attributes_count_decoded() {
        assert_eq!(attribute_bytes(&json!({"DataType": "Binary", "BinaryValue": "AAAA"})), 6 + 3);
    }

    #[test]
    fn group_ids_are_printable_and_short() {
        for (id, refused) in [("urn:a:1", false), ("with space", true), ("ü", true), ("", true)] {
            let entry = json!([{"MessageBody": "x", "MessageGroupId": id}]);
            assert_eq!(send(&entry).is_some(), refused, "{id}");
        }
        let long = json!([{"MessageBody": "x", "MessageDeduplicationId": "x".repeat(129)}]);
        assert_eq!(send(&long), Some("InvalidParameterValue"));
    }

    #[test]
    fn several_events_share_256_kib_and_a_lone_one_may_have_a_mebibyte() {
        assert_eq!(put(&json!([event(EVENTS_MAX_BYTES / 2), event(EVENTS_MAX_BYTES / 2)])), None);
        assert_eq!(put(&json!([event(EVENTS_MAX_BYTES), event(1)])), Some("ValidationException"));
        assert_eq!(put(&json!([event(EVENT_MAX_BYTES)])), None);
        assert_eq!(put(&json!([event(EVENT_MAX_BYTES + 1)])), Some("ValidationException"));
        let mut timed = event(EVENT_MAX_BYTES - TIME_BYTES + 1);
        timed["Time"] = json!(0);
        assert_eq!(put(&json!([timed])), Some("ValidationException"));
        assert_eq!(put(&Value::Array(vec![event(1); 11])), Some("ValidationException"));
        assert_eq!(put(&json!([])), Some("ValidationException"));
    }

    #[test]
    fn detail_types_have_up_to_128_characters() {
        let entry =
            |length: usize| json!([{"Source": "s", "DetailType": "ä".repeat(length), "Detail": "{}"}]);
        assert_eq!(put(&entry(128)), None);
        assert_eq!(put(&entry(129)), Some("ValidationException"));
    }

    #[test]
    fn policy_names_and_documents_keep_to_iams_characters() {
        let refused = |form: &str| code("iam", "PutRolePolicy", form.as_bytes());
        assert_eq!(refused("PolicyName=DMM_Access_1-2%2B%3D%2C.%40&PolicyDocument=%7B%22%C3%A4%22%7D"), None);
        assert_eq!(refused("PolicyName=DMM_Access_urn%3Ax"), Some("ValidationError"));
        assert_eq!(refused(&format!("PolicyName={}", "x".repeat(129))), Some("ValidationError"));
        assert_eq!(refused("PolicyName=x&PolicyDocument=%E2%82%AC"), Some("ValidationError"));
        assert_eq!(refused(&format!("RoleName={}", "x".repeat(65))), Some("ValidationError"));
    }
}
