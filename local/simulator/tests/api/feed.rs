//! The event feed.

use crate::caller::{Caller, KEY, access, landscape, problem};
use dmm_simulator::{AgreementKind, Fault, FaultKind, Landscape, Options};
use serde_json::{Value, json};

async fn page(caller: &Caller, last: Option<&str>) -> Vec<Value> {
    let path = last.map_or("/api/events".to_owned(), |id| format!("/api/events?lastEventId={id}"));
    caller.read(&path).await.as_array().unwrap().clone()
}

fn id(event: &Value) -> &str {
    event["id"].as_str().unwrap()
}

#[tokio::test]
async fn the_feed_is_read_in_pages_up_to_an_empty_one() {
    let mut options = Options::new(KEY.into(), Landscape::sample());
    options.page_limit = 25;
    let caller = Caller::with(options).await;
    let mut read: Vec<Value> = Vec::new();
    loop {
        let next = page(&caller, read.last().map(id)).await;
        assert!(next.len() <= 25);
        if next.is_empty() {
            break;
        }
        read.extend(next);
    }
    assert_eq!(read, caller.simulator.world().events());
    assert!(read.len() >= 60);
}

#[tokio::test]
async fn an_answer_holds_at_most_a_thousand_events() {
    let caller = Caller::of(Landscape::empty()).await;
    for index in 0..1001 {
        caller.simulator.world().announce("TagUpdatedEvent", &index.to_string());
    }
    let first = page(&caller, None).await;
    assert_eq!(first.len(), 1000);
    assert_eq!(page(&caller, first.last().map(id)).await.len(), 1);
}

#[tokio::test]
async fn an_empty_feed_answers_with_an_empty_array_of_cloud_events() {
    let caller = Caller::of(Landscape::empty()).await;
    let response = caller.get("/api/events").await;
    assert_eq!(response.headers()["content-type"], "application/cloudevents-batch+json");
    assert_eq!(response.text().await.unwrap(), "[]");
}

#[tokio::test]
async fn an_event_has_the_members_of_the_api_description() {
    let caller = Caller::of(landscape()).await;
    caller.put("/api/access/a", &access("a")).await;
    let event = page(&caller, None).await.remove(0);
    assert_eq!(event["specversion"], "1.0");
    assert_eq!(event["type"], "com.datamesh-manager.events.AccessCreatedEvent");
    assert_eq!(event["source"], "https://entropy-data.com");
    assert_eq!(event["subject"], "a");
    assert_eq!(event["datacontenttype"], "application/json");
    assert_eq!(
        event["dataschema"],
        "https://app.entropy-data.com/openapi.yaml/#/components/schemas/AccessCreatedEvent"
    );
    assert!(event["principal"].as_str().unwrap().starts_with("api-key:"));
    assert_eq!(event["data"]["id"], "a");
    assert_eq!(event["data"]["timestamp"], event["time"]);
    assert!(event["time"].as_str().unwrap().parse::<jiff::Timestamp>().is_ok());
}

#[tokio::test]
async fn ids_are_uuids_that_sort_in_the_order_of_the_events() {
    let caller = Caller::of(Landscape::sample()).await;
    for index in 0..100 {
        caller.simulator.world().announce("TagUpdatedEvent", &index.to_string());
    }
    let events = caller.simulator.world().events();
    let ids: Vec<uuid::Uuid> = events.iter().map(|event| id(event).parse().unwrap()).collect();
    assert!(ids.windows(2).all(|pair| pair[0] < pair[1]));
    assert!(ids.iter().all(|id| id.get_version_num() == 7));
}

#[tokio::test]
async fn a_cursor_that_is_not_in_the_feed_stands_for_its_place_in_time() {
    let caller = Caller::of(Landscape::sample()).await;
    // A UUID of version 7 of 2024-01-01T00:00:00Z.
    let events = page(&caller, Some("018cc251-f400-7000-8000-000000000000")).await;
    assert_eq!(events[0]["time"], "2024-01-15T09:20:33Z");
    // One of the far future.
    assert!(page(&caller, Some("0fffffff-ffff-7000-8000-000000000000")).await.is_empty());
}

#[tokio::test]
async fn a_cursor_that_is_no_id_of_an_event_is_refused() {
    let caller = Caller::of(Landscape::sample()).await;
    let problem = problem(caller.get("/api/events?lastEventId=yesterday").await, 400).await;
    assert!(problem["detail"].as_str().unwrap().contains("yesterday"));
}

#[tokio::test]
async fn malformed_events_stand_in_the_feed_as_they_came() {
    let caller = Caller::of(Landscape::empty()).await;
    let world = caller.simulator.world();
    let huge = json!({"id": "huge", "type": "x", "data": {"filler": "x".repeat(2_000_000)}});
    let raw = [json!({"type": "no-id"}), json!("no object"), json!(null), huge, json!({"id": "last"})];
    for event in &raw {
        world.append_raw_event(event.clone());
    }
    assert_eq!(page(&caller, None).await, raw);
    assert_eq!(page(&caller, Some("huge")).await, [json!({"id": "last"})]);
    assert!(page(&caller, Some("last")).await.is_empty());
}

#[tokio::test]
async fn repeated_events_come_once_more_and_the_reader_still_reaches_the_end() {
    let caller = Caller::of(Landscape::empty()).await;
    let world = caller.simulator.world();
    for subject in ["a", "b", "c"] {
        world.announce("TagUpdatedEvent", subject);
    }
    let all = page(&caller, None).await;
    world.repeat_events(0..2);
    assert_eq!(page(&caller, all.last().map(id)).await, all[..2]);
    assert_eq!(page(&caller, all.last().map(id)).await, [] as [Value; 0]);
}

#[tokio::test]
async fn a_fault_lets_one_answer_begin_too_early() {
    let caller = Caller::of(Landscape::empty()).await;
    for subject in ["a", "b", "c"] {
        caller.simulator.world().announce("TagUpdatedEvent", subject);
    }
    let all = page(&caller, None).await;
    let repeat = FaultKind::RepeatEvents { count: 2 };
    caller.simulator.faults().inject(Fault::on("GET", "/api/events", repeat));
    assert_eq!(page(&caller, all.last().map(id)).await, all[1..]);
    assert_eq!(page(&caller, all.last().map(id)).await, [] as [Value; 0]);
}

#[tokio::test]
async fn an_announced_event_may_name_another_domain() {
    let caller = Caller::of(Landscape::empty()).await;
    caller.simulator.world().announce("com.entropy-data.events.AccessActivatedEvent", "a");
    let event = page(&caller, None).await.remove(0);
    assert_eq!(event["type"], "com.entropy-data.events.AccessActivatedEvent");
    assert!(event["dataschema"].as_str().unwrap().ends_with("/AccessActivatedEvent"));
}

#[tokio::test]
async fn changes_from_rust_are_told_as_a_users() {
    let caller = Caller::of(landscape()).await;
    let world = caller.simulator.world();
    world.put_agreement(AgreementKind::Access, access("a")).unwrap();
    world.approve(AgreementKind::Access, "a").unwrap();
    let events = world.events();
    assert_eq!(events.len(), 4);
    assert!(events.iter().all(|event| event["principal"].as_str().unwrap().starts_with("user:")));
}

#[tokio::test]
async fn a_simulator_continues_with_the_snapshot_of_another_one() {
    let first = Caller::of(landscape()).await;
    first.put("/api/access/a", &access("a")).await;
    let world = first.simulator.world();
    world.approve(AgreementKind::Access, "a").unwrap();
    // The clock of the organisation is ahead of this machine's, and stays ahead.
    world.advance(std::time::Duration::from_hours(24 * 365));
    let written = serde_json::to_string(&world.snapshot()).unwrap();
    assert!(!written.contains(KEY));

    let mut options = Options::new(KEY.into(), Landscape::empty());
    options.snapshot = Some(serde_json::from_str(&written).unwrap());
    let second = Caller::with(options).await;
    for path in
        ["/api/teams", "/api/dataproducts", "/api/access", "/api/datacontracts", "/api/datausageagreements"]
    {
        assert_eq!(second.read(path).await, first.read(path).await, "{path}");
    }
    let before = world.events();
    assert_eq!(page(&second, None).await, before);
    let last = before.last().map(id);
    assert_eq!(page(&second, last).await, [] as [Value; 0]);
    second.simulator.world().cancel(AgreementKind::Access, "a").unwrap();
    let new = page(&second, last).await;
    assert!(
        new.iter().all(|event| Some(id(event)) > last && event["time"].as_str() > before[0]["time"].as_str())
    );
    assert_eq!(new.len(), 2, "cancelled and deactivated: {new:#?}");
}
