//! The environment variables, with what to set each of them to.

use crate::environment::Variable;

pub(super) const ALLOWED_RESOURCE_ACCOUNTS: Variable = Variable {
    name: "ALLOWED_RESOURCE_ACCOUNTS",
    meaning: "the ids of the AWS accounts whose resources may be shared, separated by commas, to * for any account, or \
              leave it unset for the own account",
};
pub(super) const ALLOWED_ROLES: Variable =
    Variable { name: "ALLOWED_ROLES", meaning: "the roles that may get access, separated by commas" };
pub(super) const AWS_ACCESS_KEY_ID: Variable = Variable {
    name: "AWS_ACCESS_KEY_ID",
    meaning: "the access key id of the function's role, as Lambda does",
};
pub(super) const AWS_CA_BUNDLE: Variable = Variable {
    name: "AWS_CA_BUNDLE",
    meaning: "the path of a file with the PEM certificates to trust for AWS, or leave it unset",
};
pub(super) const AWS_ENDPOINT_URL: Variable =
    Variable { name: "AWS_ENDPOINT_URL", meaning: "the address of all AWS services, or leave it unset" };
pub(super) const AWS_REGION: Variable =
    Variable { name: "AWS_REGION", meaning: "the AWS region, e.g. eu-central-1, as Lambda does" };
pub(super) const AWS_SECRET_ACCESS_KEY: Variable = Variable {
    name: "AWS_SECRET_ACCESS_KEY",
    meaning: "the secret access key of the function's role, as Lambda does",
};
pub(super) const AWS_SESSION_TOKEN: Variable = Variable {
    name: "AWS_SESSION_TOKEN",
    meaning: "the session token of the function's role, as Lambda does",
};
pub(super) const CONNECTOR_ID: Variable = Variable {
    name: "CONNECTOR_ID",
    meaning: "the id under which Data Mesh Manager lists this stack among its connectors, such as aws-production, or leave it \
              unset",
};
pub(super) const DEAD_LETTER_QUEUE_URL: Variable = Variable {
    name: "DEAD_LETTER_QUEUE_URL",
    meaning: "the URL of the SQS FIFO queue for messages that can never be published",
};
pub(super) const DMM_API_KEY_SECRET_ID: Variable = Variable {
    name: "DMM_API_KEY_SECRET_ID",
    meaning: "the name or ARN of the secret that holds Data Mesh Manager's API key",
};
pub(super) const DMM_BASE_URL: Variable = Variable {
    name: "DMM_BASE_URL",
    meaning: "the address of Data Mesh Manager, e.g. https://api.datamesh-manager.com",
};
pub(super) const EVENTS_QUEUE_URL: Variable = Variable {
    name: "EVENTS_QUEUE_URL",
    meaning: "the URL of the SQS FIFO queue for the events of the feed",
};
pub(super) const EVENT_BUS_NAME: Variable =
    Variable { name: "EVENT_BUS_NAME", meaning: "the name or ARN of the EventBridge bus" };
pub(super) const EVIDENCE_LOCK: Variable = Variable {
    name: "EVIDENCE_LOCK",
    meaning: "none, or to governance or compliance so that S3 locks each entry of the evidence",
};
pub(super) const EVIDENCE_RETENTION_DAYS: Variable = Variable {
    name: "EVIDENCE_RETENTION_DAYS",
    meaning: "the number of days for which entries of the evidence are kept, at most 9999 if they are locked",
};
pub(super) const LEGACY_GENERATIONS: Variable = Variable {
    name: "LEGACY_GENERATIONS",
    meaning: "true, or to false if all agreements in Data Mesh Manager are of the kind access",
};
pub(super) const MANAGED_POLICY_ARN_PREFIX: Variable = Variable {
    name: "MANAGED_POLICY_ARN_PREFIX",
    meaning: "the beginning of the ARNs of this stack's managed policies, e.g. \
              arn:aws:iam::123456789012:policy/my-stack/",
};
pub(super) const MODE: Variable =
    Variable { name: "MODE", meaning: "enforce, or to observe so that changes are listed and not made" };
pub(super) const OPT_IN_PATH: Variable = Variable {
    name: "OPT_IN_PATH",
    meaning: "the path of the roles that may get access without the tag, e.g. /dmm-consumers/",
};
pub(super) const ORGANIZATION: Variable = Variable {
    name: "ORGANIZATION",
    meaning: "the vanity URL of the organization in Data Mesh Manager, or leave it unset to keep to the first one",
};
pub(super) const OWN_RESOURCES: Variable = Variable {
    name: "OWN_RESOURCES",
    meaning: "the ARNs of everything that belongs to this stack, separated by commas, with * for any characters",
};
pub(super) const PROTECTED_ROLES: Variable = Variable {
    name: "PROTECTED_ROLES",
    meaning: "the roles that must never get access, such as this stack's own, separated by commas",
};
pub(super) const RESOURCE_OWNERS: Variable = Variable {
    name: "RESOURCE_OWNERS",
    meaning: "a JSON object with the owners of resources that cannot carry tags, such as \
              {\"team:sales\":[\"arn:aws:s3:::sales-*\"]}, or leave it unset",
};
pub(super) const RESOURCE_OWNERSHIP: Variable = Variable {
    name: "RESOURCE_OWNERSHIP",
    meaning: "require, report or off: whether a resource has to say who owns it",
};
pub(super) const REVOCATION_LIMIT: Variable = Variable {
    name: "REVOCATION_LIMIT",
    meaning: "the number of agreements that may lose their access at once without a confirmation, e.g. 10",
};
pub(super) const REVOCATION_LIMIT_PERCENT: Variable = Variable {
    name: "REVOCATION_LIMIT_PERCENT",
    meaning: "the percentage of the agreements that may lose their access at once without a confirmation, e.g. 5",
};
pub(super) const ROLE_OWNERSHIP: Variable = Variable {
    name: "ROLE_OWNERSHIP",
    meaning: "require, report or off: whether a role has to say that it belongs to the consumer",
};
pub(super) const SCAN_ROLES: Variable = Variable {
    name: "SCAN_ROLES",
    meaning: "true, or to false if other software in the account creates policies named DMM_…",
};
pub(super) const SERVED_ACCOUNTS: Variable = Variable {
    name: "SERVED_ACCOUNTS",
    meaning: "the ids of the AWS accounts that stacks of this organization serve, with the own one, separated by \
              commas, or leave it unset for the own account",
};
pub(super) const STATE_BUCKET: Variable =
    Variable { name: "STATE_BUCKET", meaning: "the name of the S3 bucket for the state" };
pub(super) const SIMULATE_ACCESS: Variable = Variable {
    name: "SIMULATE_ACCESS",
    meaning: "true if the functions may ask IAM's simulator whether an access is allowed, or to false",
};
/// The roots that are trusted besides the public ones, for Data Mesh Manager and OTLP endpoints.
pub(crate) const SSL_CERT_FILE: Variable = Variable {
    name: "SSL_CERT_FILE",
    meaning: "the path of a file with additional PEM root certificates to trust, or leave it unset",
};
/// The least severe level that is logged.
pub(crate) const LOG_LEVEL: Variable =
    Variable { name: "LOG_LEVEL", meaning: "error, warn, info, debug or trace" };
