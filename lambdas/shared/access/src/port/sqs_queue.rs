//! The kind `sqs_queue`: an SQS queue whose messages a consumer receives and deletes, or to which it sends.
//!
//! The actions are those of AWS's managed policy for consumers,
//! [`AWSLambdaSQSQueueExecutionRole`](https://docs.aws.amazon.com/aws-managed-policy/latest/reference/AWSLambdaSQSQueueExecutionRole.html),
//! with those that find the queue and give a message back. IAM honours the tags of queues ([ABAC for
//! SQS](https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-abac-condition-keys.html)).

use std::collections::BTreeSet;

use super::fields::Fields;
use super::rule::Rule;
use super::spec::{AccessRole, Grantee, Service, Spec};
use super::{kms, names};
use crate::arn::Arn;
use crate::policy::Statement;
use crate::refusal::Refusal;

const READ: &[&str] = &[
    "sqs:ChangeMessageVisibility",
    "sqs:DeleteMessage",
    "sqs:GetQueueAttributes",
    "sqs:GetQueueUrl",
    "sqs:ReceiveMessage",
];
const WRITE: &[&str] = &["sqs:GetQueueAttributes", "sqs:GetQueueUrl", "sqs:SendMessage"];

const QUEUE_CONTEXT: &str = "kms:EncryptionContext:aws:sqs:arn";
const KEY_RULES: &[Rule] =
    &kms::rules(kms::ENCRYPT_AND_DECRYPT, &[kms::via("sqs"), kms::about(QUEUE_CONTEXT, is_queue_text)]);

pub(super) const SPEC: Spec = Spec {
    rules: &[&[Rule::new(READ, is_queue_text), Rule::new(WRITE, is_queue_text)], KEY_RULES],
    roles: &[AccessRole::Read, AccessRole::Write],
    services: &[Service::tagged_itself("sqs", |_| "SQS queue"), kms::SERVICE],
};

/// A port of this kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Port {
    queues: BTreeSet<Arn>,
    keys: BTreeSet<Arn>,
}

fn is_queue(arn: &Arn) -> bool {
    names::after(arn, "sqs", "").is_some()
}

fn is_queue_text(resource: &str) -> bool {
    names::is(resource, is_queue)
}

impl Port {
    pub(super) fn read(fields: &Fields) -> Result<Port, Refusal> {
        let (queues, keys) = kms::beside_resources(
            fields,
            is_queue,
            "the ARN of an SQS queue or a KMS key (a port of the type `sqs_queue` accepts no others)",
            "the ARN of an SQS queue",
        )?;
        Ok(Port { queues, keys })
    }

    pub(super) fn statements(&self, grantee: &Grantee<'_>) -> Vec<Statement> {
        let queues = names::texts(&self.queues);
        let mut statements = Vec::new();
        if grantee.reads() {
            statements.extend(Statement::allow_any("Receive", READ, queues.clone()));
        }
        if grantee.writes() {
            statements.extend(Statement::allow_any("Send", WRITE, queues.clone()));
        }
        let actions = if grantee.writes() { kms::ENCRYPT_AND_DECRYPT } else { kms::DECRYPT };
        let context = [(QUEUE_CONTEXT, queues.into_iter().collect())];
        let keys = kms::in_context("sqs", actions, &self.keys, &context);
        statements.into_iter().map(Statement::honouring_tags).chain(keys).collect()
    }
}
