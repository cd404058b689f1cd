//! The kind `sns_topic`: an SNS topic to which a consumer subscribes its queues, functions and delivery streams, or publishes.
//!
//! Only deliveries that stay in AWS may be subscribed (`sns:Protocol`): an e-mail address or a web server is not under the
//! control of IAM ([condition keys of
//! SNS](https://docs.aws.amazon.com/sns/latest/dg/sns-using-identity-based-policies.html#sns-policy-keys)). A subscription
//! outlives the right to subscribe, because SNS asks IAM when somebody subscribes and not when it delivers. Access that outlives the
//! agreement is given only if the provider accepts it with a field of the port.

use std::collections::BTreeSet;

use super::fields::Fields;
use super::rule::{Condition, Expected, Rule};
use super::spec::{AccessRole, Grantee, Service, Spec};
use super::{kms, names};
use crate::arn::Arn;
use crate::policy::Statement;
use crate::refusal::Refusal;

const DESCRIBE: &[&str] = &["sns:GetTopicAttributes"];
const READ: &[&str] = &["sns:Subscribe"];
const WRITE: &[&str] = &["sns:Publish"];

/// Whether subscriptions may outlive the agreement.
const SUBSCRIPTIONS_FIELD: &str = "aws-sns-subscriptions";
/// Consumers may subscribe.
const OUTLIVE: &str = "outlive-agreements";
/// Consumers may only publish.
const NONE: &str = "none";

const PROTOCOL: &str = "sns:Protocol";
const PROTOCOLS: [&str; 3] = ["firehose", "lambda", "sqs"];

const TOPIC_CONTEXT: &str = "kms:EncryptionContext:aws:sns:topicArn";
const KEY_RULES: &[Rule] =
    &kms::rules(kms::ENCRYPT_AND_DECRYPT, &[kms::via("sns"), kms::about(TOPIC_CONTEXT, is_topic_text)]);

pub(super) const SPEC: Spec = Spec {
    rules: &[
        &[
            Rule::new(DESCRIBE, is_topic_text),
            Rule::new(WRITE, is_topic_text),
            Rule::new(READ, is_topic_text).under(&[Condition::required(
                "StringEquals",
                PROTOCOL,
                Expected::Any(is_protocol),
            )]),
        ],
        KEY_RULES,
    ],
    roles: &[AccessRole::Read, AccessRole::Write],
    services: &[Service::tagged_itself("sns", |_| "SNS topic"), kms::SERVICE],
};

/// A port of this kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Port {
    topics: BTreeSet<Arn>,
    keys: BTreeSet<Arn>,
    /// Whether consumers may subscribe.
    may_be_subscribed: bool,
}

fn is_protocol(protocol: &str) -> bool {
    PROTOCOLS.contains(&protocol)
}

fn is_topic(arn: &Arn) -> bool {
    names::after(arn, "sns", "").is_some()
}

fn is_topic_text(resource: &str) -> bool {
    names::is(resource, is_topic)
}

impl Port {
    pub(super) fn read(fields: &Fields) -> Result<Port, Refusal> {
        let (topics, keys) = kms::beside_resources(
            fields,
            is_topic,
            "the ARN of an SNS topic or a KMS key (a port of the type `sns_topic` accepts no others)",
            "the ARN of an SNS topic",
        )?;
        let may_be_subscribed = match fields.text(SUBSCRIPTIONS_FIELD)? {
            Some(OUTLIVE) => true,
            Some(NONE) => false,
            Some(_) => {
                return Err(fields.text_malformed(SUBSCRIPTIONS_FIELD, "`outlive-agreements` or `none`"));
            }
            None => {
                return Err(fields.text_missing(
                    SUBSCRIPTIONS_FIELD,
                    "`outlive-agreements` if a subscription may stay when the agreement ends (SNS does not end it), or `none` if \
                     consumers only publish",
                ));
            }
        };
        Ok(Port { topics, keys, may_be_subscribed })
    }

    pub(super) fn statements(&self, grantee: &Grantee<'_>) -> Vec<Statement> {
        let topics = names::texts(&self.topics);
        let subscribes = grantee.reads() && self.may_be_subscribed;
        if !subscribes && !grantee.writes() {
            return Vec::new();
        }
        let mut statements = Statement::allow_any("Describe", DESCRIBE, topics.clone());
        if subscribes {
            let protocols: BTreeSet<String> = PROTOCOLS.map(str::to_owned).into();
            let subscribe = Statement::allow("Subscribe", READ, topics.clone());
            statements.push(subscribe.when("StringEquals", PROTOCOL, protocols));
        }
        if grantee.writes() {
            statements.push(Statement::allow("Publish", WRITE, topics.clone()));
            // Only a publisher encrypts. SNS decrypts by itself to deliver.
            let context = [(TOPIC_CONTEXT, topics.into_iter().collect())];
            statements.extend(kms::in_context("sns", kms::ENCRYPT_AND_DECRYPT, &self.keys, &context));
        }
        statements
    }
}
