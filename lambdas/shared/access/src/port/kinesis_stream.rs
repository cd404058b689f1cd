//! The kind `kinesis_stream`: a Kinesis data stream.
//!
//! Consumers poll the shards of the stream, or receive its records through the enhanced fan-out of a registered consumer,
//! whose ARN the port names as well ([permissions of
//! consumers](https://docs.aws.amazon.com/streams/latest/dev/controlling-access.html)). Registering a consumer is up to the
//! provider, who pays for it. IAM honours the tags of streams ([tags of
//! streams](https://docs.aws.amazon.com/streams/latest/dev/tagging.html)); for `SubscribeToShard`, those of the registered
//! consumer would count.

use std::collections::BTreeSet;

use super::fields::Fields;
use super::rule::Rule;
use super::spec::{AccessRole, Grantee, Service, Spec};
use super::{kms, names};
use crate::arn::Arn;
use crate::policy::Statement;
use crate::refusal::Refusal;

/// Finds the shards of a stream.
const DESCRIBE: &[&str] = &["kinesis:DescribeStream", "kinesis:DescribeStreamSummary", "kinesis:ListShards"];
const READ: &[&str] = &["kinesis:GetRecords", "kinesis:GetShardIterator"];
const FAN_OUT: &[&str] = &["kinesis:DescribeStreamConsumer", "kinesis:SubscribeToShard"];
const WRITE: &[&str] = &["kinesis:PutRecord", "kinesis:PutRecords"];

const STREAM_CONTEXT: &str = "kms:EncryptionContext:aws:kinesis:arn";
const KEY_RULES: &[Rule] =
    &kms::rules(kms::ENCRYPT_AND_DECRYPT, &[kms::via("kinesis"), kms::about(STREAM_CONTEXT, is_stream_text)]);

pub(super) const SPEC: Spec = Spec {
    rules: &[
        &[
            Rule::new(DESCRIBE, is_stream_text),
            Rule::new(READ, is_stream_text),
            Rule::new(WRITE, is_stream_text),
            Rule::new(FAN_OUT, is_consumer_text),
        ],
        KEY_RULES,
    ],
    roles: &[AccessRole::Read, AccessRole::Write],
    services: &[Service { name: "kinesis", noun: |_| "Kinesis stream", tagged: stream_of }, kms::SERVICE],
};

/// A port of this kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Port {
    streams: BTreeSet<Arn>,
    consumers: BTreeSet<Arn>,
    keys: BTreeSet<Arn>,
}

/// The stream of a stream or a registered consumer.
fn stream_of(arn: &Arn) -> Option<Arn> {
    names::container(arn, "stream/")
}

fn is_stream(arn: &Arn) -> bool {
    names::after(arn, "kinesis", "stream/").is_some()
}

/// `stream/orders/consumer/name:1609459200`: the number is the time of the registration.
fn is_consumer(arn: &Arn) -> bool {
    let parts: Vec<&str> = arn.resource().split('/').collect();
    let is_one = matches!(parts.as_slice(), ["stream", stream, "consumer", name]
        if names::is_plain(stream) && !name.is_empty());
    arn.service() == "kinesis" && arn.is_regional() && is_one
}

fn is_stream_text(resource: &str) -> bool {
    names::is(resource, is_stream)
}

fn is_consumer_text(resource: &str) -> bool {
    names::is(resource, is_consumer)
}

impl Port {
    pub(super) fn read(fields: &Fields) -> Result<Port, Refusal> {
        let mut port = Port::default();
        for field in &fields.arns {
            let arn = field.arn.clone();
            match arn.service() {
                "kms" => port.keys.insert(kms::key(field)?),
                _ if is_stream(&arn) => port.streams.insert(arn),
                _ if is_consumer(&arn) => port.consumers.insert(arn),
                _ => {
                    return Err(field.unsupported(
                        "the ARN of a Kinesis stream, of its registered consumer, or of a KMS key (a port of the type \
                         `kinesis_stream` accepts no others)",
                    ));
                }
            };
        }
        if port.streams.is_empty() && port.consumers.is_empty() {
            return Err(fields.missing("the ARN of a Kinesis stream"));
        }
        Ok(port)
    }

    pub(super) fn statements(&self, grantee: &Grantee<'_>) -> Vec<Statement> {
        let described: BTreeSet<Arn> =
            self.streams.iter().cloned().chain(self.consumers.iter().filter_map(stream_of)).collect();
        let of_streams = |sid: &str, actions: &[&'static str], streams: &BTreeSet<Arn>| {
            let statements = Statement::allow_any(sid, actions, names::texts(streams));
            statements.into_iter().map(Statement::honouring_tags).collect::<Vec<_>>()
        };
        let mut statements = Vec::new();
        if grantee.reads() {
            statements.extend(of_streams("Read", READ, &self.streams));
            statements.extend(Statement::allow_any("FanOut", FAN_OUT, names::texts(&self.consumers)));
        }
        if grantee.writes() {
            statements.extend(of_streams("Write", WRITE, &self.streams));
        }
        if !statements.is_empty() {
            let actions = if grantee.writes() { kms::ENCRYPT_AND_DECRYPT } else { kms::DECRYPT };
            let context = [(STREAM_CONTEXT, names::texts(&described).into_iter().collect())];
            statements.extend(of_streams("Describe", DESCRIBE, &described));
            statements.extend(kms::in_context("kinesis", actions, &self.keys, &context));
        }
        statements
    }
}
