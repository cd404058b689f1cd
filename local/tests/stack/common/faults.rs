//! Faults: functions that are killed, and requests that are held or fail.

use dmm_local::Stack;
use dmm_proxy::{Fault, FaultHandle, FaultKind};
use dmm_simulator::AgreementKind;
use serde_json::{Value, json};
use tokio::time::timeout;

use super::{TIMEOUT, world};

/// Approves the access `a-1` and polls until everything is processed.
pub(crate) async fn grant(stack: &Stack) {
    world(stack).approve(AgreementKind::Access, "a-1").unwrap();
    quiet(stack).await;
}

/// Ends the access `a-1`.
pub(crate) fn cancel(stack: &Stack) {
    world(stack).cancel(AgreementKind::Access, "a-1").unwrap();
}

/// Polls until the feed has nothing new and everything is processed.
pub(crate) async fn quiet(stack: &Stack) {
    stack.poll(TIMEOUT).await.unwrap();
}

/// Waits until a fault has hit `count` requests.
pub(crate) async fn hits(fault: &FaultHandle, count: usize) {
    let struck = timeout(TIMEOUT, fault.wait_for_hits(count)).await;
    assert!(struck.is_ok(), "the fault struck {} requests, not {count}", fault.hits());
}

/// Kills the processes of the function that runs this binary.
pub(crate) fn kill(stack: &Stack, binary: &str) {
    stack.functions().kill(stack.function(binary).unwrap());
}

/// Runs the feed and kills it at the fault.
pub(crate) async fn kill_the_feed_at(stack: &Stack, fault: Fault) {
    let struck = stack.proxy().inject(fault.of("feed"));
    kill_the_feed_when(stack, &struck).await;
}

/// Runs the feed and kills it at this fault, which is already injected.
pub(crate) async fn kill_the_feed_when(stack: &Stack, struck: &FaultHandle) {
    let killing = async {
        hits(struck, 1).await;
        kill(stack, "feed");
    };
    let (outcome, ()) = tokio::join!(stack.feed(), killing);
    assert!(outcome.is_err(), "the feed was killed: {outcome:?}");
}

/// Polls, kills the function that runs this binary at the fault, and waits until everything is
/// processed.
pub(crate) async fn kill_at(stack: &Stack, binary: &str, fault: Fault) {
    let struck = stack.proxy().inject(fault);
    stack.feed().await.unwrap();
    hits(&struck, 1).await;
    kill(stack, binary);
    quiet(stack).await;
}

/// The function's request for this operation is held before it is forwarded.
pub(crate) fn before(binary: &str, service: &str, operation: &str) -> Fault {
    Fault::new(service, operation, FaultKind::Hold).of(binary)
}

/// The function's request for this operation is processed, but its response is held.
pub(crate) fn after(binary: &str, service: &str, operation: &str) -> Fault {
    Fault::new(service, operation, FaultKind::HoldAnswer).of(binary)
}

/// A fault for a report to Data Mesh Manager by any function: the API key does not tell them apart.
pub(crate) fn report(transition: &str, kind: FaultKind) -> Fault {
    Fault::new("dmm", &format!("POST /api/access/{{id}}/provisioning/{transition}"), kind)
}

/// An error from AWS.
pub(crate) fn error(binary: &str, service: &str, operation: &str, status: u16, code: &str) -> Fault {
    Fault::new(service, operation, FaultKind::aws_error(status, code, "by a fault of the test")).of(binary)
}

/// A new event about an agreement.
pub(crate) fn event(name: &str, id: &str) -> Value {
    json!({
        "specversion": "1.0", "id": uuid::Uuid::now_v7().to_string(), "source": "https://entropy-data.com",
        "type": format!("com.datamesh-manager.events.{name}"), "subject": id, "data": { "id": id },
    })
}

/// Puts an inline policy of this many characters on the consumer's role, as the role's owner may.
pub(crate) async fn owners_policy(stack: &Stack, role: &str, characters: usize) {
    let frame = json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Deny", "Action": "s3:DeleteBucket", "Resource": "" }] });
    let resource = "arn:aws:s3:::".to_owned();
    let resource = format!("{resource}{}", "o".repeat(characters - frame.to_string().len() - resource.len()));
    let mut document = frame;
    document["Statement"][0]["Resource"] = json!(resource);
    let iam = &stack.view().clients().iam;
    let put = iam.put_role_policy().role_name(role).policy_name("owners-own");
    put.policy_document(document.to_string()).send().await.unwrap();
}
