//! Servers whose resource has nothing but a name: `kinesis`, and the types `dynamodb`, `sqs`, `sns` and `lambda`, which the
//! standard does not know. The name is a member of the server, or else the data contract's models are the names: a Kinesis
//! server of the standard has only a region.

use dmm_mesh::Server;

use super::{Reading, ServerType};
use crate::port::PortKind;
use crate::refusal::Refusal;

pub(super) const KINESIS: ServerType = ServerType {
    names: &["kinesis", "kinesisstream", "kinesisdatastreams", "kinesisdatastream"],
    kind: PortKind::KinesisStream,
    needs: &["stream"],
    model: Some("stream"),
    read: |reading| add(reading, "stream", "aws-kinesis-stream-arn", "kinesis", "stream/"),
    ..NAMED
};

pub(super) const DYNAMODB: ServerType = ServerType {
    names: &["dynamodb", "dynamodbtable"],
    kind: PortKind::DynamodbTable,
    needs: &["table"],
    model: Some("table"),
    read: |reading| add(reading, "table", "aws-dynamodb-table-arn", "dynamodb", "table/"),
    ..NAMED
};

pub(super) const SQS: ServerType = ServerType {
    names: &["sqs", "sqsqueue", "simplequeueservice"],
    kind: PortKind::SqsQueue,
    needs: &["queue"],
    model: Some("queue"),
    read: |reading| add(reading, "queue", "aws-sqs-queue-arn", "sqs", ""),
    ..NAMED
};

pub(super) const SNS: ServerType = ServerType {
    names: &["sns", "snstopic", "simplenotificationservice"],
    kind: PortKind::SnsTopic,
    needs: &["topic"],
    model: Some("topic"),
    read: |reading| add(reading, "topic", "aws-sns-topic-arn", "sns", ""),
    ..NAMED
};

pub(super) const LAMBDA: ServerType = ServerType {
    names: &["lambda", "lambdafunction"],
    kind: PortKind::LambdaFunction,
    needs: &["function"],
    model: Some("function"),
    read: |reading| add(reading, "function", "aws-lambda-function-arn", "lambda", "function:"),
    ..NAMED
};

const NAMED: ServerType = ServerType {
    names: &[],
    shared_name: None,
    kind: PortKind::KinesisStream,
    needs: &[],
    model: None,
    is_on_aws: |_: &Server, _| true,
    read: |_| Ok(()),
};

/// Adds the ARN of each resource that the `member` or the data contract names.
fn add(
    reading: &mut Reading<'_>,
    member: &'static str,
    field: &str,
    service: &str,
    prefix: &str,
) -> Result<(), Refusal> {
    const EXPECTED: &str = "the name of the resource, without `/`, `:`, `*` and `?`";
    if reading.has_custom_field(service, field) {
        return Ok(());
    }
    let (region, account) = (reading.region()?, reading.account()?);
    for (name, origin) in reading.models(member)? {
        if !super::is_name(&name) {
            return Err(Refusal::MemberInvalid { field: origin, value: name, expected: EXPECTED });
        }
        let arn = format!("arn:{}:{service}:{region}:{account}:{prefix}{name}", reading.home.partition);
        reading.add(field, &arn, (&name, origin), EXPECTED)?;
    }
    Ok(())
}
