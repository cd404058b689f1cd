//! The router behind the queue's event source mapping, run as the deployed binary.

use crate::common::{TIMEOUT, announce, assert_no_violations, dead_letters, published, stack, world};
use dmm_proxy::{Fault, FaultKind};
use dmm_simulator::Landscape;
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn an_event_of_an_unknown_type_is_published_with_every_member_it_came_with() {
    let stack = stack(Landscape::empty()).await;
    let event = json!({
        "specversion": "1.0", "id": "01990000-0000-7000-8000-000000000002", "source": "https://api.example.com",
        "type": "com.entropy-data.events.SomethingNewHappenedEvent", "subject": "thing-1",
        "time": "2026-01-02T03:04:05Z", "principal": "system", "extension": { "kept": true }, "data": { "id": "thing-1" },
    });
    world(&stack).append_raw_event(event.clone());
    stack.poll(TIMEOUT).await.unwrap();
    let [(detail_type, mut detail)] = <[_; 1]>::try_from(published(&stack)).unwrap();
    let added = detail.as_object_mut().unwrap().shift_remove("traceparent");
    assert!(added.is_some_and(|traceparent| traceparent.is_string()), "which trace it belongs to");
    assert_eq!((detail_type.as_str(), detail), ("SomethingNewHappenedEvent", event));
    assert_eq!(dead_letters(&stack).await, 0);
    assert_no_violations(&stack);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_message_that_fails_in_a_batch_is_retried_alone() {
    let stack = stack(Landscape::empty()).await;
    let events = announce(&stack, 10);
    // More often than the function retries by itself, so that the message goes back to the queue.
    let fault = stack.proxy().inject(
        Fault::new("events", "PutEvents", FaultKind::failed_entries(&[0], "InternalFailure")).times(8),
    );
    stack.poll(TIMEOUT).await.unwrap();
    assert!(fault.hits() > 0);
    let mut arrived: Vec<String> =
        published(&stack).into_iter().map(|(_, event)| event["id"].as_str().unwrap().to_owned()).collect();
    arrived.sort();
    arrived.dedup();
    assert_eq!(arrived, events);
    assert_eq!(dead_letters(&stack).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_can_never_be_published_goes_to_the_dead_letter_queue_with_its_reason() {
    let stack = stack(Landscape::empty()).await;
    let view = stack.view();
    view.clients()
        .sqs
        .send_message()
        .queue_url(view.events_queue_url())
        .message_body("this is not JSON")
        .message_group_id("somebody")
        .message_deduplication_id("not-json")
        .send()
        .await
        .unwrap();
    let events = announce(&stack, 1);
    stack.poll(TIMEOUT).await.unwrap();
    assert_eq!(published(&stack).len(), events.len());
    let url = stack.deployed().outputs["deadLetterQueueUrl"].as_str().unwrap();
    let received = view
        .clients()
        .sqs
        .receive_message()
        .queue_url(url)
        .message_attribute_names("All")
        .send()
        .await
        .unwrap();
    let [message] = received.messages() else { panic!("one message expected: {received:?}") };
    assert_eq!(message.body(), Some("this is not JSON"));
    let reason = message
        .message_attributes()
        .and_then(|all| all.get("reason"))
        .and_then(|reason| reason.string_value());
    assert!(reason.is_some_and(|reason| reason.contains("JSON")), "{reason:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_always_fails_goes_to_the_dead_letter_queue_and_does_not_block_other_groups() {
    let stack = stack(Landscape::empty()).await;
    stack.proxy().inject(
        Fault::new("events", "PutEvents", FaultKind::aws_error(500, "InternalException", "down")).always(),
    );
    let first = announce(&stack, 1);
    stack.feed().await.unwrap();
    let dead = stack
        .wait(TIMEOUT, async || Ok(stack.view().dead_letters().await?.values().sum::<usize>() == 1))
        .await
        .unwrap();
    assert!(dead, "the message is in the dead-letter queue after all retries");
    stack.proxy().clear_faults();
    let second = announce(&stack, 1);
    stack.poll(TIMEOUT).await.unwrap();
    assert_eq!(published(&stack).len(), second.len());
    assert_eq!(dead_letters(&stack).await, first.len());
}
