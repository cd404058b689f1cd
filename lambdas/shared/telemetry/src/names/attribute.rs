//! Attributes of spans and of their resource.
//!
//! Names without the prefix `dmm.` are those of OpenTelemetry's
//! [semantic conventions](https://opentelemetry.io/docs/specs/semconv/). Values never identify a person and never
//! contain a secret.

super::names! { ATTRIBUTES, "All attributes that the functions set; the AWS SDK adds `rpc.*` to the spans of its calls.";
    /// the event's `id`
    EVENT_ID = "cloudevents.event_id";
    /// the event's `type`
    EVENT_TYPE = "cloudevents.event_type";
    /// the event's `source`
    EVENT_SOURCE = "cloudevents.event_source";
    /// the event's `subject`
    EVENT_SUBJECT = "cloudevents.event_subject";

    /// the agreement's id
    AGREEMENT_ID = "dmm.agreement.id";
    /// the agreement's generation: `access`, `datausageagreement` or `datacontract`
    AGREEMENT_KIND = "dmm.agreement.kind";
    /// `active` or `ended`
    AGREEMENT_STATUS = "dmm.agreement.status";
    /// the data product that provides the data
    PROVIDER_DATA_PRODUCT_ID = "dmm.provider.data_product.id";
    /// the output port that provides the data
    PROVIDER_OUTPUT_PORT_ID = "dmm.provider.output_port.id";
    /// the data product that consumes the data
    CONSUMER_DATA_PRODUCT_ID = "dmm.consumer.data_product.id";
    /// the team that consumes the data
    CONSUMER_TEAM_ID = "dmm.consumer.team.id";
    /// the role whose policy was changed
    IAM_ROLE_NAME = "aws.iam.role.name";
    /// the policy that was changed
    IAM_POLICY_NAME = "aws.iam.policy.name";
    /// `granted`, `revoked`, `unchanged` or `refused`
    OUTCOME = "dmm.outcome";
    /// why an active agreement gets nothing
    REFUSAL_REASON = "dmm.refusal.reason";
    /// the name of the Pulumi stack
    STACK = "dmm.stack";
    /// how often the agreement was read until IAM matched it
    ROUNDS = "dmm.rounds";

    /// events that a run of feed read
    FEED_POLLED = "dmm.feed.polled";
    /// events that the queue accepted in a run of feed
    FEED_QUEUED = "dmm.feed.queued";
    /// events that a run of feed stored in quarantine
    FEED_QUARANTINED = "dmm.feed.quarantined";
    /// agreements that a run of iam-reconcile compared with IAM
    RECONCILE_CHECKED = "dmm.reconcile.checked";
    /// agreements for which a run of iam-reconcile granted or changed access
    RECONCILE_GRANTED = "dmm.reconcile.granted";
    /// agreements for which a run of iam-reconcile revoked access
    RECONCILE_REVOKED = "dmm.reconcile.revoked";
    /// active agreements of a run of iam-reconcile that get nothing
    RECONCILE_REFUSED = "dmm.reconcile.refused";
    /// agreements of a run of iam-reconcile for which IAM could not be made to match
    RECONCILE_FAILED = "dmm.reconcile.failed";

    /// `aws_sqs` or `aws_eventbridge`
    MESSAGING_SYSTEM = "messaging.system";
    /// the name of the queue or bus
    MESSAGING_DESTINATION = "messaging.destination.name";
    /// SQS's id of the message
    MESSAGING_MESSAGE_ID = "messaging.message.id";
    /// the number of messages in the batch
    MESSAGING_BATCH_SIZE = "messaging.batch.message_count";
    /// the queue's URL
    SQS_QUEUE_URL = "aws.sqs.queue.url";
    /// the bucket of a called object
    S3_BUCKET = "aws.s3.bucket";
    /// the key of a called object
    S3_KEY = "aws.s3.key";
    /// `create`, `process` or `send`
    MESSAGING_OPERATION_NAME = "messaging.operation.name";
    /// the same, as one of OpenTelemetry's types
    MESSAGING_OPERATION_TYPE = "messaging.operation.type";

    /// what started the function: `timer` or `pubsub`
    FAAS_TRIGGER = "faas.trigger";
    /// the invocation's request id
    FAAS_INVOCATION_ID = "faas.invocation_id";
    /// whether this is the process's first invocation
    FAAS_COLDSTART = "faas.coldstart";
    /// the ARN by which the function was invoked
    LAMBDA_INVOKED_ARN = "aws.lambda.invoked_arn";

    /// the HTTP method of a call
    HTTP_REQUEST_METHOD = "http.request.method";
    /// how often the call was repeated before
    HTTP_REQUEST_RESEND_COUNT = "http.request.resend_count";
    /// the HTTP status of the answer
    HTTP_RESPONSE_STATUS_CODE = "http.response.status_code";
    /// the host that was called
    SERVER_ADDRESS = "server.address";
    /// the port that was called
    SERVER_PORT = "server.port";
    /// the called address
    URL_FULL = "url.full";
    /// the called path with `{id}` in the place of the id
    URL_TEMPLATE = "url.template";
    /// the name of the system that was called, if it is not one of AWS
    PEER_SERVICE = "peer.service";
    /// AWS's id of the request
    AWS_REQUEST_ID = "aws.request_id";
    /// the kind of system that was called
    RPC_SYSTEM = "rpc.system";

    /// the kind of error: an error code, an HTTP status or the name of an error
    ERROR_TYPE = "error.type";
    /// on the event `exception`, what the error means: `throttled`, `denied`, `unavailable`, …
    EXCEPTION_TYPE = "exception.type";
    /// the error with its causes
    EXCEPTION_MESSAGE = "exception.message";

    /// the attributes of this span by which X-Ray finds its trace
    XRAY_ANNOTATIONS = "aws.xray.annotations";
    /// `LOCAL_ROOT` where a function starts its work on something: X-Ray shows the function as a node
    XRAY_SPAN_KIND = "aws.span.kind";
    /// the function, as the name of its node in X-Ray
    XRAY_LOCAL_SERVICE = "aws.local.service";
    /// the queue, or EventBridge, as the name of its node in X-Ray
    XRAY_REMOTE_SERVICE = "aws.remote.service";

    /// the function's name
    SERVICE_NAME = "service.name";
    /// `aws`
    CLOUD_PROVIDER = "cloud.provider";
    /// `aws_lambda`
    CLOUD_PLATFORM = "cloud.platform";
    /// the account in which the functions run
    CLOUD_ACCOUNT_ID = "cloud.account.id";
    /// the function's region; on a call, the region of the called service
    CLOUD_REGION = "cloud.region";
    /// the function's name in Lambda
    FAAS_NAME = "faas.name";
    /// the function's version
    FAAS_VERSION = "faas.version";
    /// the function's log stream, which identifies the process
    FAAS_INSTANCE = "faas.instance";
    /// the function's log group
    LOG_GROUP_NAMES = "aws.log.group.names";
}

/// The attributes of OpenTelemetry's conventions: lines of name, type, stability, and the spans that must have them. Lines that
/// begin with `#` say where they come from.
pub const CONVENTIONS: &str = include_str!("conventions.tsv");

/// The attributes that are neither in [`CONVENTIONS`] nor of this project (`dmm.`), and why.
pub const DEVIATIONS: &[(&str, &str)] = &[
    (IAM_ROLE_NAME, "there is no convention for IAM; the namespace is that of AWS's services"),
    (IAM_POLICY_NAME, "there is no convention for IAM; the namespace is that of AWS's services"),
    (RPC_SYSTEM, "the AWS SDK sets it, and the translation for X-Ray recognizes calls of AWS by it"),
    ("rpc.service", "the AWS SDK sets it, and the translation for X-Ray takes the node's name from it"),
    (
        PEER_SERVICE,
        "the translation for X-Ray takes the node's name from it, and does not know service.peer.name",
    ),
    (XRAY_ANNOTATIONS, "X-Ray's own: which attributes it indexes"),
    (XRAY_SPAN_KIND, "X-Ray's own: where a service starts its work"),
    (XRAY_LOCAL_SERVICE, "X-Ray's own: the name of a node"),
    (XRAY_REMOTE_SERVICE, "X-Ray's own: the name of a node"),
];

/// The attributes by which people search in X-Ray, where they are annotations. X-Ray indexes at most 50 annotations of a
/// trace (<https://docs.aws.amazon.com/general/latest/gr/xray.html>).
pub const ANNOTATIONS: &[&str] = &[
    EVENT_ID,
    EVENT_TYPE,
    AGREEMENT_ID,
    AGREEMENT_KIND,
    AGREEMENT_STATUS,
    PROVIDER_DATA_PRODUCT_ID,
    PROVIDER_OUTPUT_PORT_ID,
    CONSUMER_DATA_PRODUCT_ID,
    CONSUMER_TEAM_ID,
    IAM_ROLE_NAME,
    OUTCOME,
    REFUSAL_REASON,
    STACK,
];
