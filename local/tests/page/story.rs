//! What a person does with the page.

use dmm_proxy::{Fault, FaultKind};
use dmm_simulator::AgreementKind;
use serde_json::{Value, json};

use crate::accessibility::assert_accessible;
use crate::browser::{Chromium, Key, TIMEOUT};
use crate::{row, running};

/// An agreement that is granted.
const GRANTED: &str = "access/order-stream-for-campaigns";
/// An agreement that is refused, because the role has not opted in.
const REFUSED: &str = "access/orders-for-fraud-detection";

#[tokio::test(flavor = "multi_thread")]
async fn a_person_approves_sees_the_grant_the_trace_and_a_remedy_and_cancels() {
    let Some(chromium) = Chromium::start().await else { return };
    let running = running().await;
    let stack = &running.stack;
    let tab = &chromium;
    tab.go(running.console.url()).await;
    tab.look("light", 1400, 1000).await;
    tab.wait("document.body.dataset.ready").await;
    let (granted, refused) = (row(GRANTED), row(REFUSED));
    tab.wait_for(&granted, "Requested").await;
    tab.wait_for("#connection", "Live").await;
    assert_accessible(tab).await;

    // With the keyboard alone: reach the button, and press it.
    let title = tab.text(&format!("{granted} h3")).await;
    let names = tab.tab_to(&format!("Approve: {title}")).await;
    assert_eq!(names[0], "Skip to the agreements");
    tab.press(Key::Enter).await;
    tab.wait_for("#notice", "approved").await;
    stack.poll(TIMEOUT).await.unwrap();
    tab.wait_for(&granted, "Access granted").await;
    tab.wait_for(&granted, "dp-campaign-performance").await;
    let focused = tab.focused().await;
    assert_eq!(focused, format!("Cancel: {title}"), "the focus stays in the row");
    tab.wait_for("#events", "DMM_Access_order-stream-for-campaigns on the role dp-campaign-performance")
        .await;
    tab.wait_for("#changes", "kafka-cluster:ReadData on").await;
    // The stages are readable as text, and count what has moved.
    tab.wait("/iam-grant: [1-9][0-9]* runs/.test(document.querySelector('#stages').innerText)").await;

    tab.wait_for("#counted", "Counted since ").await;

    // The details: the policy in words, its difference, what the rules decide, and the trace.
    tab.click(&format!("{granted} .details")).await;
    tab.wait_for("#detail-now", "Kafka (MSK): ").await;
    tab.wait_for("#detail-changes", "kafka-cluster:ReadData on").await;
    tab.wait_for("#detail-why", "gets access.").await;
    tab.wait_for("#detail-traces", "AccessActivatedEvent").await;
    tab.wait_for(".waterfall", "IAM.PutRolePolicy").await;
    let bars = tab.value("document.querySelectorAll('.waterfall .bar rect').length").await;
    assert!(bars.as_u64().unwrap() > 5, "{bars}");
    assert_accessible(tab).await;
    tab.picture("console-details.png").await;
    tab.value("document.querySelector('.waterfall').scrollIntoView()").await;
    tab.picture("console-trace.png").await;
    tab.press(Key::Escape).await;
    tab.wait("!document.querySelector('#detail').open").await;
    assert_eq!(tab.focused().await, format!("Details: {title}"), "the focus returns");

    // A refusal says what to do.
    tab.click(&format!("{refused} [data-action=approve]")).await;
    tab.wait_for("#notice", "approved").await;
    stack.poll(TIMEOUT).await.unwrap();
    tab.wait_for(&refused, "No access").await;
    tab.wait_for(&format!("{refused} .reason"), "dmm-integration").await;
    tab.wait_for("#events", "access orders-for-fraud-detection gets no access").await;
    tab.click(&format!("{refused} .details")).await;
    tab.wait_for("#detail-why", "dmm-integration").await;
    tab.press(Key::Escape).await;

    // Cancel, and see it disappear.
    tab.click(&format!("{granted} [data-action=cancel]")).await;
    tab.wait_for("#notice", "cancelled").await;
    stack.poll(TIMEOUT).await.unwrap();
    tab.wait_for(&granted, "Ended").await;
    tab.wait("!document.querySelector('#roles').innerText.includes('dp-campaign-performance')").await;
    assert_eq!(stack.view().policies().await.unwrap(), []);

    // Nothing is deleted without a question.
    tab.click(&format!("{refused} [data-action=delete]")).await;
    tab.wait("document.querySelector('#confirm').open").await;
    tab.click("#confirm-no").await;
    let world = stack.world().unwrap();
    assert!(world.agreement(AgreementKind::Access, "orders-for-fraud-detection").is_some());
    tab.click(&format!("{refused} [data-action=delete]")).await;
    tab.click("#confirm-yes").await;
    tab.wait_for("#notice", "deleted").await;
    assert!(world.agreement(AgreementKind::Access, "orders-for-fraud-detection").is_none());

    assert_eq!(tab.problems().await, Vec::<String>::new(), "the browser has no complaints");
    chromium.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_letters_and_quarantined_events_are_listed_and_sent_again() {
    let Some(chromium) = Chromium::start().await else { return };
    let running = running().await;
    let stack = &running.stack;
    let world = stack.world().unwrap();
    let tab = &chromium;
    tab.go(running.console.url()).await;
    tab.wait_for("#letter-count", "There are none.").await;

    let away = Fault::new("dmm", "GET /api/access/{id}", FaultKind::status(503)).always();
    stack.proxy().inject(away);
    world.append_raw_event(json!({ "id": "e-1", "subject": "a-1", "data": { "id": "a-1" } }));
    world.approve(AgreementKind::Access, "order-stream-for-campaigns").unwrap();
    stack.poll(TIMEOUT).await.unwrap();
    tab.wait_for("#letter-count", "1 dead letter, 1 event in quarantine").await;
    tab.wait_for("#events", "an event is a dead letter (failed): ").await;
    tab.wait_for("#events", "an event is in quarantine").await;
    tab.wait_for("#events", "failed for the first time").await;

    tab.click("#list-letters").await;
    tab.wait_for("#letters", "Retryable").await;
    let again = "#letters > li:first-child > button";
    tab.click(again).await;
    tab.wait_for("#notice", "The event is still there").await;
    stack.proxy().clear_faults();
    tab.click(again).await;
    tab.wait_for("#notice", "The event was sent again").await;
    tab.wait_for(&row(GRANTED), "Access granted").await;

    tab.click("#letters summary").await;
    tab.click("#letters details button").await;
    tab.wait_for("#notice", "`type`").await;
    let repaired =
        json!({ "id": "e-1", "type": "com.datamesh-manager.events.TagCreatedEvent", "subject": "a-1" });
    let typed =
        format!("document.querySelector('#letters textarea').value = {}", Value::from(repaired.to_string()));
    tab.value(&typed).await;
    tab.click("#letters details button").await;
    tab.wait_for("#notice", "The repaired event was sent").await;
    tab.wait_for("#letter-count", "There are none.").await;
    stack.poll(TIMEOUT).await.unwrap();
    assert!(stack.published().iter().any(|event| event["detail"]["id"] == "e-1"));
    chromium.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_is_readable_in_light_and_dark_and_from_360_to_1400_pixels() {
    let Some(chromium) = Chromium::start().await else { return };
    let running = running().await;
    let world = running.stack.world().unwrap();
    for scripted in dmm_simulator::Landscape::sample().script().agreements.iter().take(11) {
        world.approve(scripted.agreement.kind, &scripted.agreement.id).unwrap();
    }
    running.stack.poll(TIMEOUT).await.unwrap();
    let comparison = running.stack.function("iam-reconcile").unwrap();
    running.stack.functions().invoke(comparison, "{}".into()).await.unwrap();
    let tab = &chromium;
    tab.go(running.console.url()).await;
    tab.wait_for("#health", "16 checked, 4 refused").await;
    tab.wait_for("#agreement-count", "7 with access, 4 refused").await;
    for (name, scheme, width, height) in [
        ("console-light.png", "light", 1400, 1400),
        ("console-dark.png", "dark", 1400, 1400),
        ("console-narrow.png", "light", 360, 1400),
    ] {
        tab.look(scheme, width, height).await;
        let overflow = "document.documentElement.scrollWidth - document.documentElement.clientWidth";
        assert_eq!(tab.value(overflow).await, json!(0), "{name}: nothing is cut off at the side");
        assert_accessible(tab).await;
        tab.picture(name).await;
    }
    assert_eq!(tab.problems().await, Vec::<String>::new());
    chromium.close().await;
}
