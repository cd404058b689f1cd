//! Records what an AWS call is about in its span: the object, the queue or the bus.
//!
//! The attributes are those of OpenTelemetry's conventions for
//! [S3](https://opentelemetry.io/docs/specs/semconv/object-stores/s3/),
//! [SQS](https://opentelemetry.io/docs/specs/semconv/messaging/sqs/) and
//! [messaging](https://opentelemetry.io/docs/specs/semconv/messaging/messaging-spans/). Keys of objects contain ids of
//! agreements, and nothing about people.

use aws_sdk_eventbridge::operation::put_events::PutEventsInput;
use aws_sdk_s3::operation::get_bucket_tagging::GetBucketTaggingInput;
use aws_sdk_s3::operation::get_object::GetObjectInput;
use aws_sdk_s3::operation::list_objects_v2::ListObjectsV2Input;
use aws_sdk_s3::operation::put_object::PutObjectInput;
use aws_sdk_sqs::operation::send_message::SendMessageInput;
use aws_sdk_sqs::operation::send_message_batch::SendMessageBatchInput;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::{
    BeforeSerializationInterceptorContextRef, Input,
};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;
use opentelemetry::trace::TraceContextExt;
use opentelemetry::{Context, KeyValue, Value};

/// The operation of calls that send messages or events.
const SEND: &str = "send";

/// Records the input of every call in the call's span.
#[derive(Debug)]
pub(crate) struct Described;

impl Intercept for Described {
    fn name(&self) -> &'static str {
        "Described"
    }

    fn read_before_serialization(
        &self,
        context: &BeforeSerializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let current = Context::current();
        let span = current.span();
        if span.is_recording() {
            span.set_attributes(attributes(context.input()));
        }
        Ok(())
    }
}

/// What the span says about a call with this input; nothing about an unknown one.
fn attributes(input: &Input) -> Vec<KeyValue> {
    if let Some(input) = input.downcast_ref::<GetObjectInput>() {
        object(input.bucket(), input.key())
    } else if let Some(input) = input.downcast_ref::<PutObjectInput>() {
        object(input.bucket(), input.key())
    } else if let Some(input) = input.downcast_ref::<ListObjectsV2Input>() {
        object(input.bucket(), None)
    } else if let Some(input) = input.downcast_ref::<GetBucketTaggingInput>() {
        object(input.bucket(), None)
    } else if let Some(input) = input.downcast_ref::<SendMessageInput>() {
        queue(input.queue_url())
    } else if let Some(input) = input.downcast_ref::<SendMessageBatchInput>() {
        let mut all = queue(input.queue_url());
        all.push(batch_size(input.entries().len()));
        all
    } else if let Some(input) = input.downcast_ref::<PutEventsInput>() {
        let mut all = messaging("aws_eventbridge");
        // All entries of a call are for the same bus.
        let bus = input.entries().iter().find_map(|entry| entry.event_bus_name());
        all.extend(bus.map(|bus| text("messaging.destination.name", bus)));
        all.push(batch_size(input.entries().len()));
        all
    } else {
        Vec::new()
    }
}

fn object(bucket: Option<&str>, key: Option<&str>) -> Vec<KeyValue> {
    let bucket = bucket.map(|bucket| text("aws.s3.bucket", bucket));
    bucket.into_iter().chain(key.map(|key| text("aws.s3.key", key))).collect()
}

fn queue(url: Option<&str>) -> Vec<KeyValue> {
    let mut all = messaging("aws_sqs");
    if let Some(url) = url {
        all.push(text("aws.sqs.queue.url", url));
        all.push(text("messaging.destination.name", url.rsplit('/').next().unwrap_or(url)));
    }
    all
}

fn messaging(system: &'static str) -> Vec<KeyValue> {
    vec![
        KeyValue::new("messaging.system", system),
        KeyValue::new("messaging.operation.name", SEND),
        KeyValue::new("messaging.operation.type", SEND),
    ]
}

fn batch_size(count: usize) -> KeyValue {
    let count = i64::try_from(count).unwrap_or(i64::MAX);
    KeyValue::new("messaging.batch.message_count", Value::I64(count))
}

fn text(name: &'static str, value: &str) -> KeyValue {
    KeyValue::new(name, value.to_owned())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use aws_sdk_eventbridge::types::PutEventsRequestEntry;
    use aws_sdk_sqs::types::SendMessageBatchRequestEntry;

    use super::*;

    fn described(input: &Input) -> BTreeMap<String, String> {
        attributes(input).into_iter().map(|it| (it.key.to_string(), it.value.to_string())).collect()
    }

    fn expected(all: &[(&str, &str)]) -> BTreeMap<String, String> {
        all.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn a_call_of_s3_names_the_bucket_and_the_object() {
        let both = expected(&[("aws.s3.bucket", "state"), ("aws.s3.key", "grants/access/a-1.json")]);
        let get = GetObjectInput::builder().bucket("state").key("grants/access/a-1.json").build().unwrap();
        let put = PutObjectInput::builder().bucket("state").key("grants/access/a-1.json").build().unwrap();
        assert_eq!(described(&Input::erase(get)), both);
        assert_eq!(described(&Input::erase(put)), both);
        let bucket = expected(&[("aws.s3.bucket", "data")]);
        let list = ListObjectsV2Input::builder().bucket("data").prefix("p").build().unwrap();
        let tagging = GetBucketTaggingInput::builder().bucket("data").build().unwrap();
        assert_eq!(described(&Input::erase(list)), bucket);
        assert_eq!(described(&Input::erase(tagging)), bucket);
        assert!(described(&Input::erase("something else")).is_empty());
    }

    #[test]
    fn a_call_that_sends_messages_says_where_to_and_how_many() {
        let url = "https://sqs.eu-central-1.amazonaws.com/123456789012/dmm_events.fifo";
        let entry = SendMessageBatchRequestEntry::builder().id("0").message_body("b").build().unwrap();
        let batch = SendMessageBatchInput::builder().queue_url(url).entries(entry.clone()).entries(entry);
        let mut wanted = expected(&[
            ("messaging.system", "aws_sqs"),
            ("messaging.operation.name", "send"),
            ("messaging.operation.type", "send"),
            ("messaging.destination.name", "dmm_events.fifo"),
            ("aws.sqs.queue.url", url),
        ]);
        let single = SendMessageInput::builder().queue_url(url).message_body("b").build().unwrap();
        assert_eq!(described(&Input::erase(single)), wanted);
        wanted.extend(expected(&[("messaging.batch.message_count", "2")]));
        assert_eq!(described(&Input::erase(batch.build().unwrap())), wanted);
    }

    #[test]
    fn a_call_that_publishes_events_names_the_bus() {
        let entry = PutEventsRequestEntry::builder().event_bus_name("dmm").build();
        let events = PutEventsInput::builder().entries(entry).build().unwrap();
        let wanted = expected(&[
            ("messaging.system", "aws_eventbridge"),
            ("messaging.operation.name", "send"),
            ("messaging.operation.type", "send"),
            ("messaging.destination.name", "dmm"),
            ("messaging.batch.message_count", "1"),
        ]);
        assert_eq!(described(&Input::erase(events)), wanted);
    }
}
