//! Tests of the patches that make moto behave like AWS. IAM is not enforced in these tests.

use std::sync::LazyLock;

use aws_credential_types::Credentials;
use aws_sdk_sqs::types::{
    Message, MessageSystemAttributeName, MessageSystemAttributeNameForSends, MessageSystemAttributeValue,
    QueueAttributeName, SendMessageBatchRequestEntry,
};
use aws_types::SdkConfig;
use serde_json::json;

use crate::common::{self, ACCOUNT, REGION};

/// The proxy's URL.
static URL: LazyLock<String> = LazyLock::new(|| {
    common::start(|emulator, url| async move {
        // The emulator must run until all tests have finished.
        std::mem::forget(emulator);
        url
    })
});

/// Returns a new configuration. Each test needs its own, because connections belong to the test's runtime.
pub(crate) fn config() -> SdkConfig {
    common::sdk_config(&URL, Credentials::new("AKIDEXAMPLE", "secret", None, None, "test"))
}

pub(crate) fn sqs() -> aws_sdk_sqs::Client {
    aws_sdk_sqs::Client::new(&config())
}

fn iam() -> aws_sdk_iam::Client {
    aws_sdk_iam::Client::new(&config())
}

pub(crate) fn arn(queue: &str) -> String {
    format!("arn:aws:sqs:{REGION}:{ACCOUNT}:{queue}")
}

pub(crate) async fn queue(name: &str, attributes: &[(QueueAttributeName, &str)]) -> String {
    let mut request = sqs().create_queue().queue_name(name);
    for (name, value) in attributes {
        request = request.attributes(name.clone(), *value);
    }
    request.send().await.unwrap().queue_url.unwrap()
}

async fn fifo(name: &str) -> String {
    let attributes = [
        (QueueAttributeName::FifoQueue, "true"),
        (QueueAttributeName::DeduplicationScope, "messageGroup"),
        (QueueAttributeName::FifoThroughputLimit, "perMessageGroupId"),
    ];
    queue(&format!("{name}.fifo"), &attributes).await
}

fn entry(id: &str, group: &str) -> SendMessageBatchRequestEntry {
    SendMessageBatchRequestEntry::builder()
        .id(id)
        .message_body(id)
        .message_group_id(group)
        .message_deduplication_id(id)
        .build()
        .unwrap()
}

async fn send(url: &str, entries: Vec<SendMessageBatchRequestEntry>) {
    let sent = sqs().send_message_batch().queue_url(url).set_entries(Some(entries)).send().await.unwrap();
    assert!(sent.failed.is_empty(), "{:?}", sent.failed);
}

pub(crate) async fn receive(url: &str, wait_seconds: i32) -> Vec<Message> {
    receive_for(3600, url, wait_seconds).await
}

async fn receive_for(visibility_timeout: i32, url: &str, wait_seconds: i32) -> Vec<Message> {
    let received = sqs()
        .receive_message()
        .queue_url(url)
        .max_number_of_messages(10)
        .visibility_timeout(visibility_timeout)
        .wait_time_seconds(wait_seconds)
        .message_system_attribute_names(MessageSystemAttributeName::All)
        .send();
    received.await.unwrap().messages.unwrap_or_default()
}

fn bodies(messages: &[Message]) -> Vec<&str> {
    messages.iter().map(|message| message.body().unwrap()).collect()
}

async fn set_visible(url: &str, message: &Message) {
    let handle = message.receipt_handle().unwrap();
    let request =
        sqs().change_message_visibility().queue_url(url).receipt_handle(handle).visibility_timeout(0);
    request.send().await.unwrap();
}

async fn delete(url: &str, message: &Message) {
    let handle = message.receipt_handle().unwrap();
    sqs().delete_message().queue_url(url).receipt_handle(handle).send().await.unwrap();
}

#[tokio::test]
async fn an_in_flight_message_blocks_its_own_group_only() {
    let url = fifo("order").await;
    send(&url, vec![entry("a1", "a"), entry("a2", "a"), entry("a3", "a"), entry("b1", "b")]).await;
    let first = receive(&url, 0).await;
    assert_eq!(bodies(&first), ["a1", "a2", "a3", "b1"]);
    send(&url, vec![entry("a4", "a")]).await;

    // The messages become visible again in the wrong order.
    set_visible(&url, &first[2]).await;
    set_visible(&url, &first[3]).await;
    assert_eq!(bodies(&receive(&url, 0).await), ["b1"]);
    set_visible(&url, &first[0]).await;
    set_visible(&url, &first[1]).await;
    assert_eq!(bodies(&receive(&url, 0).await), ["a1", "a2", "a3", "a4"]);
}

#[tokio::test]
async fn messages_are_received_again_in_order_after_the_visibility_timeout() {
    let url = fifo("timed-out").await;
    send(&url, vec![entry("1", "g"), entry("2", "g"), entry("3", "g")]).await;
    assert_eq!(bodies(&receive_for(1, &url, 0).await), ["1", "2", "3"]);
    assert_eq!(bodies(&receive(&url, 10).await), ["1", "2", "3"]);
}

#[tokio::test]
async fn a_long_poll_returns_as_soon_as_a_group_is_unblocked() {
    let url = fifo("poll").await;
    send(&url, vec![entry("1", "g"), entry("2", "g")]).await;
    let first = receive(&url, 0).await;
    assert_eq!(bodies(&first), ["1", "2"]);

    let empty = fifo("empty").await;
    let waiting = tokio::spawn({
        let url = url.clone();
        async move { receive(&url, 20).await }
    });
    delete(&url, &first[0]).await;
    set_visible(&url, &first[1]).await;
    // The poll of the empty queue starts later and returns after its full 20 seconds, so the other poll must return first.
    tokio::select! {
        received = waiting => assert_eq!(bodies(&received.unwrap()), ["2"]),
        _ = receive(&empty, 20) => panic!("the poll did not return when its group was unblocked"),
    }
}

#[tokio::test]
async fn batches_keep_the_trace_headers_of_messages() {
    let url = fifo("trace").await;
    let header = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1";
    let value =
        MessageSystemAttributeValue::builder().data_type("String").string_value(header).build().unwrap();
    let mut traced = entry("1", "g");
    traced.message_system_attributes =
        Some([(MessageSystemAttributeNameForSends::AwsTraceHeader, value)].into());
    send(&url, vec![traced, entry("2", "g")]).await;

    let received = receive(&url, 0).await;
    let attributes = received[0].attributes().unwrap();
    assert_eq!(attributes[&MessageSystemAttributeName::AwsTraceHeader], header);
    let second = received[1].attributes().unwrap();
    assert!(!second.contains_key(&MessageSystemAttributeName::AwsTraceHeader));
    let sequence =
        |i: usize| received[i].attributes().unwrap()[&MessageSystemAttributeName::SequenceNumber].clone();
    assert!(sequence(0) < sequence(1));
}

#[tokio::test]
async fn a_deduplication_id_is_remembered_after_its_message_is_deleted() {
    let url = fifo("twice").await;
    send(&url, vec![entry("1", "g")]).await;
    delete(&url, &receive(&url, 0).await[0]).await;
    send(&url, vec![entry("1", "g"), entry("1-again", "g")]).await;
    assert_eq!(bodies(&receive(&url, 0).await), ["1-again"]);

    // The deduplication scope is the message group.
    send(&url, vec![entry("1", "h")]).await;
    assert_eq!(bodies(&receive(&url, 0).await), ["1"]);
}

#[tokio::test]
async fn messages_received_too_often_go_to_the_dead_letter_queue_and_can_be_moved_back() {
    let dead = fifo("dead").await;
    let policy = json!({"deadLetterTargetArn": arn("dead.fifo"), "maxReceiveCount": 1}).to_string();
    let attributes =
        [(QueueAttributeName::FifoQueue, "true"), (QueueAttributeName::RedrivePolicy, policy.as_str())];
    let url = queue("redrive.fifo", &attributes).await;
    send(&url, vec![entry("1", "g"), entry("2", "g")]).await;
    for message in receive(&url, 0).await {
        set_visible(&url, &message).await;
    }
    assert!(receive(&url, 0).await.is_empty());

    let task = sqs().start_message_move_task().source_arn(arn("dead.fifo")).send().await.unwrap();
    assert!(task.task_handle.is_some());
    assert!(receive(&dead, 0).await.is_empty());
    assert_eq!(bodies(&receive(&url, 0).await), ["1", "2"]);
    let tasks = sqs().list_message_move_tasks().source_arn(arn("dead.fifo")).send().await.unwrap();
    let task = &tasks.results()[0];
    assert_eq!((task.status(), task.approximate_number_of_messages_moved()), (Some("COMPLETED"), 2));
}

#[tokio::test]
async fn a_message_sent_directly_to_a_dead_letter_queue_can_only_be_moved_to_a_named_queue() {
    let dead = fifo("dead-direct").await;
    let policy = json!({"deadLetterTargetArn": arn("dead-direct.fifo"), "maxReceiveCount": 1}).to_string();
    let attributes =
        [(QueueAttributeName::FifoQueue, "true"), (QueueAttributeName::RedrivePolicy, policy.as_str())];
    let url = queue("source-of-none.fifo", &attributes).await;
    send(&dead, vec![entry("1", "g")]).await;

    let source = arn("dead-direct.fifo");
    sqs().start_message_move_task().source_arn(&source).send().await.unwrap();
    let tasks = sqs().list_message_move_tasks().source_arn(&source).send().await.unwrap();
    assert_eq!(tasks.results()[0].failure_reason(), Some("CouldNotDetermineMessageSource"));

    let destination = arn("source-of-none.fifo");
    sqs().start_message_move_task().source_arn(&source).destination_arn(destination).send().await.unwrap();
    assert_eq!(bodies(&receive(&url, 0).await), ["1"]);
    let no_dead_letter_queue =
        sqs().start_message_move_task().source_arn(arn("source-of-none.fifo")).send().await;
    no_dead_letter_queue.unwrap_err();
}

fn document(length: usize) -> String {
    let empty = json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::"}]})
    .to_string();
    empty.replace(":::", &format!(":::{}", "x".repeat(length - empty.len())))
}

#[tokio::test]
async fn the_total_size_of_a_roles_inline_policies_is_limited_not_counting_white_space() {
    let trust = json!({"Version": "2012-10-17", "Statement": []}).to_string();
    iam().create_role().role_name("full").assume_role_policy_document(trust).send().await.unwrap();
    let put = async |name: &str, document: String| {
        let request = iam().put_role_policy().role_name("full").policy_name(name);
        request.policy_document(document).send().await
    };
    put("first", document(10_000)).await.unwrap();
    put("first", document(10_001)).await.unwrap();
    put("second", document(239).replace("{\"Effect", "  {\n \"Effect")).await.unwrap();
    let error = put("third", document(200)).await.unwrap_err().into_service_error();
    assert!(error.is_limit_exceeded_exception(), "{error:?}");
    let names = iam().list_role_policies().role_name("full").send().await.unwrap().policy_names;
    assert_eq!(names, ["first", "second"]);
}

#[tokio::test]
async fn the_size_of_a_managed_policy_is_limited() {
    let create = async |name: &str, length| {
        iam().create_policy().policy_name(name).policy_document(document(length)).send().await
    };
    let policy = create("largest", 6_144).await.unwrap().policy.unwrap();
    let error = create("too-large", 6_145).await.unwrap_err().into_service_error();
    assert!(error.is_limit_exceeded_exception(), "{error:?}");
    let version =
        iam().create_policy_version().policy_arn(policy.arn().unwrap()).policy_document(document(6_145));
    assert!(version.send().await.unwrap_err().into_service_error().is_limit_exceeded_exception());
}

#[tokio::test]
async fn only_one_of_many_concurrent_conditional_writes_succeeds() {
    let s3 = common::s3(&config());
    let location =
        aws_sdk_s3::types::CreateBucketConfiguration::builder().location_constraint(REGION.into()).build();
    s3.create_bucket().bucket("races").create_bucket_configuration(location).send().await.unwrap();
    let writers: Vec<_> = (0..12)
        .map(|i: u8| {
            let request =
                s3.put_object().bucket("races").key("urn:a/b c").if_none_match("*").body(vec![i].into());
            tokio::spawn(request.send())
        })
        .collect();
    let mut won = 0;
    for writer in writers {
        match writer.await.unwrap() {
            Ok(_) => won += 1,
            Err(error) => assert_eq!(error.raw_response().unwrap().status().as_u16(), 412),
        }
    }
    assert_eq!(won, 1);
}

#[tokio::test]
async fn iam_enforces_the_quota_for_managed_policies_per_role_that_service_quotas_returns() {
    let quotas = aws_sdk_servicequotas::config::Builder::from(&config());
    let quotas = |region: &'static str| {
        let region = aws_sdk_servicequotas::config::Region::new(region);
        aws_sdk_servicequotas::Client::from_conf(quotas.clone().region(region).build())
    };
    let quota = async |region| {
        let asked = quotas(region).get_service_quota().service_code("iam").quota_code("L-0DA4ABF3");
        asked.send().await.map(|answer| answer.quota.unwrap().value.unwrap())
    };
    assert!((quota("us-east-1").await.unwrap() - 10.0).abs() < f64::EPSILON);
    assert!(quota(common::REGION).await.is_err(), "Service Quotas returns IAM's quotas in us-east-1 only");

    iam().create_role().role_name("many").assume_role_policy_document("{}").send().await.unwrap();
    let attach = async |index: usize| {
        let create =
            iam().create_policy().policy_name(format!("many-{index}")).policy_document(document(200));
        let arn = create.send().await.unwrap().policy.unwrap().arn.unwrap();
        iam().attach_role_policy().role_name("many").policy_arn(&arn).send().await.map(|_| arn)
    };
    let mut arns = Vec::new();
    for index in 0..10 {
        arns.push(attach(index).await.unwrap());
    }
    // Attaching a policy again has no effect and does not count towards the quota.
    iam().attach_role_policy().role_name("many").policy_arn(&arns[9]).send().await.unwrap();
    iam().detach_role_policy().role_name("many").policy_arn(&arns[9]).send().await.unwrap();
    iam().delete_policy().policy_arn(&arns[9]).send().await.unwrap();
    arns[9] = attach(12).await.unwrap();
    let error = attach(10).await.unwrap_err().into_service_error();
    assert!(error.is_limit_exceeded_exception(), "{error:?}");
    let error = iam().delete_policy().policy_arn(&arns[0]).send().await.unwrap_err().into_service_error();
    assert!(error.is_delete_conflict_exception(), "an attached policy cannot be deleted: {error:?}");

    let raise =
        quotas("us-east-1").request_service_quota_increase().service_code("iam").quota_code("L-0DA4ABF3");
    raise.desired_value(12.0).send().await.unwrap();
    assert!((quota("us-east-1").await.unwrap() - 12.0).abs() < f64::EPSILON);
    attach(11).await.unwrap();
}
