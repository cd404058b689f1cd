//! What happens to agreements, and what the feed says of it.

use std::time::Duration;

use crate::caller::{Caller, access, landscape, problem};
use dmm_simulator::{AgreementKind, Landscape};
use serde_json::{Value, json};

#[tokio::test]
async fn a_new_access_is_requested_whatever_its_body_says() {
    let caller = Caller::of(landscape()).await;
    let mut body = access("a");
    body["info"]["status"] = json!("approved");
    body["info"]["active"] = json!(true);
    body["provisioning"] = json!({"status": "provisioned"});
    assert_eq!(caller.put("/api/access/a", &body).await.status(), 200);
    let stored = caller.read("/api/access/a").await;
    assert_eq!(stored["info"], json!({"purpose": "Train a model", "status": "requested", "active": false}));
    assert_eq!(stored.get("provisioning"), None);
    assert_eq!(caller.told(), ["AccessCreatedEvent", "AccessRequestedEvent"]);
}

#[tokio::test]
async fn every_generation_goes_through_its_own_events() {
    for kind in AgreementKind::ALL {
        let caller = Caller::of(landscape()).await;
        let path = format!("/api/{}/urn:a:1", kind.collection());
        assert_eq!(caller.put(&path, &access("urn:a:1")).await.status(), 200);
        assert_eq!(caller.post(&format!("{path}/approve")).await.status(), 200);
        let active = caller.read(&path).await;
        assert_eq!(active["info"]["status"], "approved");
        assert_eq!(active["info"]["active"], true);
        assert_eq!(caller.post(&format!("{path}/cancel")).await.status(), 200);
        let over = caller.read(&path).await;
        assert_eq!(over["info"]["status"], "approved");
        assert_eq!(over["info"]["active"], false);
        assert_eq!(caller.delete(&path).await.status(), 200);
        problem(caller.get(&path).await, 404).await;
        let changes = ["Created", "Requested", "Approved", "Activated", "Canceled", "Deactivated", "Deleted"];
        let expected = changes.map(|change| format!("{}{change}Event", kind.event_prefix()));
        assert_eq!(caller.told(), expected);
    }
}

#[tokio::test]
async fn deleting_an_active_access_tells_of_the_deletion_only() {
    let caller = Caller::of(landscape()).await;
    caller.put("/api/access/a", &access("a")).await;
    caller.post("/api/access/a/approve").await;
    assert_eq!(caller.delete("/api/access/a").await.status(), 200);
    assert_eq!(caller.told()[4..], ["AccessDeletedEvent"]);
}

#[tokio::test]
async fn a_rejected_access_never_becomes_active_until_it_is_approved() {
    let caller = Caller::of(landscape()).await;
    caller.put("/api/access/a", &access("a")).await;
    assert_eq!(caller.post("/api/access/a/reject").await.status(), 200);
    assert_eq!(caller.read("/api/access/a").await["info"]["status"], "rejected");
    assert_eq!(caller.told().last().unwrap(), "AccessRejectedEvent");
    caller.post("/api/access/a/approve").await;
    assert_eq!(caller.told()[3..], ["AccessApprovedEvent", "AccessActivatedEvent"]);
}

#[tokio::test]
async fn decisions_that_the_state_does_not_allow_are_conflicts() {
    let caller = Caller::of(landscape()).await;
    caller.put("/api/access/a", &access("a")).await;
    problem(caller.post("/api/access/a/cancel").await, 409).await;
    caller.post("/api/access/a/approve").await;
    problem(caller.post("/api/access/a/approve").await, 409).await;
    problem(caller.post("/api/access/a/reject").await, 409).await;
    for action in ["approve", "reject", "cancel"] {
        problem(caller.post(&format!("/api/access/nobody/{action}")).await, 404).await;
    }
}

#[tokio::test]
async fn a_cancelled_access_can_be_approved_anew() {
    let caller = Caller::of(landscape()).await;
    caller.put("/api/access/a", &access("a")).await;
    for action in ["approve", "cancel", "approve"] {
        assert_eq!(caller.post(&format!("/api/access/a/{action}")).await.status(), 200);
    }
    assert_eq!(caller.read("/api/access/a").await["info"]["active"], true);
}

#[tokio::test]
async fn an_update_keeps_the_state_and_takes_over_tags_and_custom_fields() {
    let caller = Caller::of(landscape()).await;
    caller.put("/api/access/a", &access("a")).await;
    caller.post("/api/access/a/approve").await;
    caller.post("/api/access/a/provisioning/provisioning-started").await;
    let mut body = caller.read("/api/access/a").await;
    body["tags"] = json!(["mine", "aws-integration"]);
    body["custom"]["aws-policy-name"] = json!("DMM_Access_a");
    body["info"]["status"] = json!("rejected");
    body["info"]["active"] = json!(false);
    body["provisioning"] = json!({"status": "deprovisioned"});
    assert_eq!(caller.put("/api/access/a", &body).await.status(), 200);
    let stored = caller.read("/api/access/a").await;
    assert_eq!(stored["tags"], json!(["mine", "aws-integration"]));
    assert_eq!(stored["custom"], json!({"ticket": "DATA-1", "aws-policy-name": "DMM_Access_a"}));
    assert_eq!(stored["info"]["status"], "approved");
    assert_eq!(stored["info"]["active"], true);
    assert_eq!(stored["provisioning"]["status"], "provisioning");
    assert_eq!(caller.told().last().unwrap(), "AccessUpdatedEvent");
}

#[tokio::test]
async fn an_approved_access_begins_and_ends_on_its_dates() {
    let caller = Caller::of(landscape()).await;
    let world = caller.simulator.world();
    let day = |days: i64| {
        let date = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(24 * days);
        date.to_string()[..10].to_owned()
    };
    let mut body = access("a");
    body["info"]["startDate"] = json!(day(2));
    body["info"]["endDate"] = json!(day(4));
    caller.put("/api/access/a", &body).await;
    caller.post("/api/access/a/approve").await;
    assert_eq!(caller.told().last().unwrap(), "AccessApprovedEvent");
    let two_days = Duration::from_hours(48);
    world.advance(two_days);
    assert_eq!(caller.told().last().unwrap(), "AccessActivatedEvent");
    assert_eq!(world.events().last().unwrap()["principal"], "system");
    world.advance(two_days);
    assert_eq!(caller.told().last().unwrap(), "AccessDeactivatedEvent");
}

#[tokio::test]
async fn an_access_without_its_required_members_is_refused_with_every_reason() {
    let caller = Caller::of(landscape()).await;
    let body =
        json!({"id": "b", "info": {"startDate": "soon"}, "provider": {}, "consumer": {}, "custom": {"n": 1}});
    let problem = problem(caller.put("/api/access/a", &body).await, 400).await;
    let fields: Vec<&str> =
        problem["violations"].as_array().unwrap().iter().map(|one| one["field"].as_str().unwrap()).collect();
    assert_eq!(
        fields,
        [
            "consumer",
            "custom",
            "id",
            "info.purpose",
            "info.startDate",
            "provider.dataProductId",
            "provider.outputPortId"
        ]
    );
    assert!(caller.told().is_empty());
}

#[tokio::test]
async fn products_and_ports_that_are_gone_are_unknown_and_come_back() {
    let caller = Caller::of(landscape()).await;
    caller.put("/api/access/a", &access("a")).await;
    assert_eq!(caller.read("/api/access/a").await["provider"]["teamId"], "checkout");
    assert_eq!(caller.read("/api/access/a").await["consumer"]["teamId"], "data-science");

    let world = caller.simulator.world();
    world.edit_data_product("orders", |product| product["outputPorts"] = json!([])).unwrap();
    let read = caller.read("/api/access/a").await;
    assert_eq!(read["provider"]["dataProductId"], "orders");
    assert_eq!(read["provider"]["outputPortId"], "unknown");

    world.delete_data_product("orders").unwrap();
    world.delete_data_product("forecast").unwrap();
    let read = caller.read("/api/access/a").await;
    assert_eq!(read["provider"]["dataProductId"], "unknown");
    assert_eq!(read["consumer"]["dataProductId"], "unknown");

    caller.put("/api/access/a", &read).await;
    world.put_data_product(crate::caller::orders()).unwrap();
    assert_eq!(caller.read("/api/access/a").await["provider"]["dataProductId"], "orders");
    assert_eq!(caller.read("/api/access/a").await["provider"]["outputPortId"], "orders-v1");
}

#[tokio::test]
async fn contract_documents_share_the_address_of_the_first_generation() {
    let caller = Caller::of(landscape()).await;
    let document = json!({
        "apiVersion": "v3.1.0", "kind": "DataContract", "id": "d", "version": "1.0.0", "status": "active",
        "team": {"name": "checkout"},
    });
    let refused = problem(caller.put("/api/datacontracts/d", &document).await, 422).await;
    assert!(refused["detail"].as_str().unwrap().contains("checkout"));
    let world = caller.simulator.world();
    world.put_team(json!({"id": "checkout", "name": "Checkout", "type": "Team"})).unwrap();
    assert_eq!(caller.put("/api/datacontracts/d", &document).await.status(), 200);
    assert_eq!(caller.read("/api/datacontracts/d").await, document);
    problem(caller.post("/api/datacontracts/d/approve").await, 404).await;
    problem(caller.put("/api/datacontracts/d", &access("d")).await, 409).await;
    assert_eq!(caller.delete("/api/datacontracts/d").await.status(), 200);
    assert_eq!(caller.told()[1..], ["DataContractCreatedEvent", "DataContractDeletedEvent"]);
}

#[tokio::test]
async fn a_contract_document_in_use_is_not_deleted() {
    let caller = Caller::of(Landscape::sample()).await;
    problem(caller.delete("/api/datacontracts/orders-events").await, 422).await;
}

#[tokio::test]
async fn lists_come_in_pages_that_link_to_the_next_one() {
    let mut landscape = landscape();
    for index in 0..5 {
        let body = access(&format!("a{index}"));
        landscape = landscape.with_agreement(AgreementKind::Access, body);
    }
    let caller = Caller::of(landscape).await;
    let mut path = "/api/access?pageSize=2&consumerType=dataproduct".to_owned();
    let mut ids = Vec::new();
    loop {
        let response = caller.get(&path).await;
        let link = response.headers().get("link").map(|link| link.to_str().unwrap().to_owned());
        let page: Vec<Value> = response.json().await.unwrap();
        ids.extend(page.iter().map(|access| access["id"].as_str().unwrap().to_owned()));
        let Some(link) = link else { break };
        assert_eq!(page.len(), 2);
        let url = link.strip_prefix('<').unwrap().strip_suffix(">; rel=\"next\"").unwrap();
        path = url.strip_prefix(&caller.simulator.url()).unwrap().to_owned();
    }
    assert_eq!(ids, ["a0", "a1", "a2", "a3", "a4"]);
}

#[tokio::test]
async fn the_list_of_accesses_is_filtered_by_provider_and_consumer() {
    let caller = Caller::of(Landscape::sample()).await;
    let count =
        async |query: &str| caller.read(&format!("/api/access?{query}")).await.as_array().unwrap().len();
    assert_eq!(count("providerDataProductId=payments").await, 1);
    assert_eq!(count("consumerDataProductId=demand-forecast").await, 3);
    assert_eq!(count("consumerType=team").await, 2);
    assert_eq!(count("consumerType=user").await, 1);
    for wrong in ["pageSize=1", "pageSize=10001", "p=-1", "consumerType=robot"] {
        problem(caller.get(&format!("/api/access?{wrong}")).await, 400).await;
    }
}
