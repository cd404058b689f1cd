//! What `docs/operate.md` tells an operator to do, done with the same calls.

use aws_sdk_sqs::types::Message;
use bytes::Bytes;
use dmm_local::Stack;
use serde_json::{Value, json};

/// One of the stack's outputs.
pub(crate) fn output<'a>(stack: &'a Stack, name: &str) -> &'a str {
    stack.deployed().outputs.get(name).and_then(Value::as_str).unwrap()
}

async fn arn(stack: &Stack, url: &str) -> String {
    let name = aws_sdk_sqs::types::QueueAttributeName::QueueArn;
    let sqs = &stack.view().clients().sqs;
    let answer =
        sqs.get_queue_attributes().queue_url(url).attribute_names(name.clone()).send().await.unwrap();
    answer.attributes().unwrap()[&name].clone()
}

/// "Send the dead letters again".
pub(crate) async fn redrive_dead_letters(stack: &Stack) {
    let source = arn(stack, output(stack, "deadLetterQueueUrl")).await;
    let destination = arn(stack, output(stack, "eventsQueueUrl")).await;
    let sqs = &stack.view().clients().sqs;
    sqs.start_message_move_task().source_arn(source).destination_arn(destination).send().await.unwrap();
}

/// The next message of a queue; it stays there until it is deleted.
pub(crate) async fn next_letter(stack: &Stack, url: &str) -> Option<Message> {
    let sqs = &stack.view().clients().sqs;
    // Longer than any test works on a message, so that it does not become visible again meanwhile.
    let receive =
        sqs.receive_message().queue_url(url).visibility_timeout(3600).message_attribute_names("All");
    receive.send().await.unwrap().messages.unwrap_or_default().into_iter().next()
}

async fn delete_letter(stack: &Stack, url: &str, message: &Message) {
    let handle = message.receipt_handle().unwrap();
    stack.view().clients().sqs.delete_message().queue_url(url).receipt_handle(handle).send().await.unwrap();
}

/// "Give the failed events to their functions again". Returns their number.
pub(crate) async fn redrive_failures(stack: &Stack) -> usize {
    let url = output(stack, "failureQueueUrl");
    let mut count = 0;
    while let Some(message) = next_letter(stack, url).await {
        let record: Value = serde_json::from_str(message.body().unwrap()).unwrap();
        let function = record["requestContext"]["functionArn"].as_str().unwrap().rsplit(':').nth(1).unwrap();
        let payload = Bytes::from(record["requestPayload"].to_string());
        stack.functions().invoke(function, payload).await.unwrap();
        delete_letter(stack, url, &message).await;
        count += 1;
    }
    count
}

/// "Deliver what was not". Returns the number of events.
pub(crate) async fn redrive_undelivered(stack: &Stack) -> usize {
    let url = output(stack, "undeliveredQueueUrl");
    let mut count = 0;
    while let Some(message) = next_letter(stack, url).await {
        let target = message.message_attributes().unwrap()["TARGET_ARN"].string_value().unwrap();
        let payload = Bytes::from(message.body().unwrap().to_owned());
        stack.functions().invoke(target.rsplit(':').next().unwrap(), payload).await.unwrap();
        delete_letter(stack, url, &message).await;
        count += 1;
    }
    count
}

/// "Compare everything". Returns the report or the error.
pub(crate) async fn reconcile(stack: &Stack, payload: &Value) -> Result<Value, String> {
    let payload = Bytes::from(payload.to_string());
    let answer = stack.functions().invoke(output(stack, "iamReconcileFunction"), payload).await;
    answer.map(|answer| serde_json::from_slice(&answer).unwrap()).map_err(|error| format!("{error:?}"))
}

/// "pulumi config set mode" and "pulumi up": the functions get another environment.
pub(crate) fn set_mode(stack: &Stack, mode: &str) {
    for binary in ["iam-grant", "iam-revoke", "iam-reconcile"] {
        let function = stack.function(binary).unwrap();
        let mut environment = stack.functions().configuration(function).unwrap().environment;
        assert!(environment.insert("MODE".to_owned(), mode.to_owned()).is_some(), "{binary} has a mode");
        stack.functions().set_environment(function, environment).unwrap();
    }
}

/// "Look at one agreement again".
pub(crate) async fn look_again(stack: &Stack, event_type: &str, id: &str) {
    try_to_look_again(stack, event_type, id).await.unwrap();
}

/// The same, with the function's error.
pub(crate) async fn try_to_look_again(stack: &Stack, event_type: &str, id: &str) -> Result<(), String> {
    let payload = json!({
        "source": "operator", "detail-type": event_type,
        "detail": { "id": "by-hand", "type": event_type, "data": { "id": id } },
    });
    let function = output(stack, "iamGrantFunction");
    let answer = stack.functions().invoke(function, Bytes::from(payload.to_string())).await;
    answer.map(drop).map_err(|error| format!("{error:?}"))
}

/// Puts an object into the state bucket.
pub(crate) async fn put_object(stack: &Stack, key: &str, body: impl Into<Vec<u8>>) {
    let s3 = &stack.view().clients().s3;
    let put = s3.put_object().bucket(stack.view().state_bucket()).key(key);
    put.body(body.into().into()).send().await.unwrap();
}

/// Lets the time pass after which a second look at missing agreements is believed: moves the first look, which is in their
/// records, to an hour earlier.
pub(crate) async fn let_an_hour_pass(stack: &Stack) {
    for (key, mut record) in stack.view().grant_records().await.unwrap() {
        let Some(missing_since) = record["missing_since"].as_str() else { continue };
        let earlier = missing_since.parse::<jiff::Timestamp>().unwrap() - jiff::SignedDuration::from_hours(1);
        record["missing_since"] = json!(earlier);
        put_object(stack, &key, record.to_string()).await;
    }
}

/// Reads an object of the state bucket.
pub(crate) async fn read_object(stack: &Stack, key: &str) -> String {
    let s3 = &stack.view().clients().s3;
    let found = s3.get_object().bucket(stack.view().state_bucket()).key(key).send().await.unwrap();
    String::from_utf8(found.body.collect().await.unwrap().into_bytes().to_vec()).unwrap()
}

/// Deletes an object of the state bucket.
pub(crate) async fn delete_object(stack: &Stack, key: &str) {
    let s3 = &stack.view().clients().s3;
    s3.delete_object().bucket(stack.view().state_bucket()).key(key).send().await.unwrap();
}

/// "Restore an earlier version": the one before the last.
pub(crate) async fn restore_object(stack: &Stack, key: &str) {
    let (s3, bucket) = (&stack.view().clients().s3, stack.view().state_bucket());
    let versions = s3.list_object_versions().bucket(bucket).prefix(key).send().await.unwrap();
    let before = versions.versions().iter().find(|version| version.is_latest() == Some(false)).unwrap();
    let version = before.version_id().unwrap();
    let found = s3.get_object().bucket(bucket).key(key).version_id(version).send().await.unwrap();
    put_object(stack, key, found.body.collect().await.unwrap().into_bytes()).await;
}

/// Puts the simulated Data Mesh Manager's new key into the secret.
pub(crate) async fn put_secret(stack: &Stack, key: &str) {
    let secrets = &stack.view().clients().secrets;
    let listed = secrets.list_secrets().send().await.unwrap();
    assert_eq!(listed.secret_list().len(), 1, "{listed:?}");
    let secret = &listed.secret_list()[0];
    secrets.put_secret_value().secret_id(secret.arn().unwrap()).secret_string(key).send().await.unwrap();
}

/// Adds the tag by which a role opts in.
pub(crate) async fn opt_in(stack: &Stack, role: &str) {
    tag_role(stack, role, "dmm-integration", "enabled").await;
}

async fn tag_role(stack: &Stack, role: &str, key: &str, value: &str) {
    let tag = aws_sdk_iam::types::Tag::builder().key(key).value(value).build().unwrap();
    stack.view().clients().iam.tag_role().role_name(role).tags(tag).send().await.unwrap();
}

/// Removes the tag from a role.
pub(crate) async fn opt_out(stack: &Stack, role: &str) {
    stack.view().clients().iam.untag_role().role_name(role).tag_keys("dmm-integration").send().await.unwrap();
}

/// Deletes a role with its policies.
pub(crate) async fn delete_role(stack: &Stack, role: &str) {
    let iam = &stack.view().clients().iam;
    let policies = iam.list_role_policies().role_name(role).send().await.unwrap();
    for policy in policies.policy_names() {
        iam.delete_role_policy().role_name(role).policy_name(policy).send().await.unwrap();
    }
    let attached = iam.list_attached_role_policies().role_name(role).send().await.unwrap();
    for policy in attached.attached_policies() {
        let arn = policy.policy_arn().unwrap();
        iam.detach_role_policy().role_name(role).policy_arn(arn).send().await.unwrap();
    }
    iam.delete_role().role_name(role).send().await.unwrap();
}

/// Creates a role of the team `planning` that has opted in.
pub(crate) async fn create_role(stack: &Stack, role: &str) {
    let trust = json!({
        "Version": "2012-10-17",
        "Statement": [
            { "Effect": "Allow", "Principal": { "Service": "glue.amazonaws.com" }, "Action": "sts:AssumeRole" },
        ],
    });
    let iam = &stack.view().clients().iam;
    iam.create_role().role_name(role).assume_role_policy_document(trust.to_string()).send().await.unwrap();
    tag_role(stack, role, "dmm-team", "planning").await;
    opt_in(stack, role).await;
}
