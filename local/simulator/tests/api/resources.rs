//! Teams and data products.

use crate::caller::{Caller, access, forecast, landscape, orders, problem};
use dmm_simulator::{AgreementKind, Landscape};
use serde_json::{Value, json};

#[tokio::test]
async fn a_data_product_tells_of_itself_and_of_its_ports() {
    let caller = Caller::of(Landscape::empty()).await;
    let mut product = orders();
    assert_eq!(caller.put("/api/dataproducts/orders", &product).await.status(), 200);
    assert_eq!(caller.read("/api/dataproducts/orders").await, product);
    product["outputPorts"][0]["custom"]["aws-s3-bucket-arn"] = json!("arn:aws:s3:::orders");
    caller.put("/api/dataproducts/orders", &product).await;
    product["outputPorts"] = json!([{"id": "orders-v2", "name": "Orders"}]);
    caller.put("/api/dataproducts/orders", &product).await;
    assert_eq!(caller.delete("/api/dataproducts/orders").await.status(), 200);
    problem(caller.get("/api/dataproducts/orders").await, 404).await;
    assert_eq!(
        caller.told(),
        [
            "DataProductCreatedEvent",
            "OutputPortCreatedEvent",
            "DataProductUpdatedEvent",
            "OutputPortUpdatedEvent",
            "DataProductUpdatedEvent",
            "OutputPortCreatedEvent",
            "OutputPortDeletedEvent",
            "DataProductDeletedEvent",
            "OutputPortDeletedEvent",
        ]
    );
    let port_event = &caller.simulator.world().events()[1];
    assert_eq!(port_event["data"]["id"], "orders");
    assert_eq!(port_event["data"]["outputPortId"], "orders-v1");
}

#[tokio::test]
async fn both_forms_of_data_products_need_their_required_members() {
    let caller = Caller::of(Landscape::empty()).await;
    let specification = ["/id", "/info/title", "/info/owner", "/outputPorts/0/id", "/outputPorts/0/name"];
    let standard = ["/id", "/apiVersion", "/status", "/outputPorts/0/name", "/outputPorts/0/version"];
    for (product, required) in [(orders(), specification), (forecast(), standard)] {
        let path = format!("/api/dataproducts/{}", product["id"].as_str().unwrap());
        for pointer in required {
            let mut incomplete = product.clone();
            *incomplete.pointer_mut(pointer).unwrap() = Value::Null;
            let refused = problem(caller.put(&path, &incomplete).await, 422).await;
            let member = pointer.rsplit('/').next().unwrap();
            assert!(refused["detail"].as_str().unwrap().contains(member), "{pointer}: {refused}");
        }
        assert_eq!(caller.put(&path, &product).await.status(), 200);
    }
    let refused = problem(caller.put("/api/dataproducts/x", &json!({"id": "x"})).await, 422).await;
    assert!(refused["detail"].as_str().unwrap().contains("dataProductSpecification"));
}

#[tokio::test]
async fn a_data_product_in_use_is_not_deleted() {
    let caller = Caller::of(landscape().with_agreement(AgreementKind::Access, access("a"))).await;
    caller.post("/api/access/a/approve").await;
    for id in ["orders", "forecast"] {
        let refused = problem(caller.delete(&format!("/api/dataproducts/{id}")).await, 422).await;
        assert!(refused["detail"].as_str().unwrap().contains("active agreement a"));
    }
    caller.post("/api/access/a/cancel").await;
    assert_eq!(caller.delete("/api/dataproducts/orders").await.status(), 200);
}

#[tokio::test]
async fn teams_are_added_changed_and_deleted() {
    let caller = Caller::of(Landscape::empty()).await;
    let team =
        json!({"id": "checkout", "name": "Checkout", "type": "Team", "custom": {"aws-role-name": "r"}});
    assert_eq!(caller.put("/api/teams/checkout", &team).await.status(), 200);
    assert_eq!(caller.put("/api/teams/checkout", &team).await.status(), 200);
    assert_eq!(caller.read("/api/teams/checkout").await, team);
    assert_eq!(caller.delete("/api/teams/checkout").await.status(), 200);
    problem(caller.delete("/api/teams/checkout").await, 404).await;
    assert_eq!(caller.told(), ["TeamCreatedEvent", "TeamUpdatedEvent", "TeamDeletedEvent"]);
    let wrong = json!({"id": "other", "name": "Checkout", "type": "Gang"});
    let refused = problem(caller.put("/api/teams/checkout", &wrong).await, 400).await;
    assert_eq!(refused["violations"][0]["field"], "id");
    assert_eq!(refused["violations"][1]["field"], "type");
}

#[tokio::test]
async fn the_sample_company_is_there_and_can_be_searched() {
    let caller = Caller::of(Landscape::sample()).await;
    let count = async |path: &str| caller.read(path).await.as_array().unwrap().len();
    assert!(count("/api/dataproducts").await >= 12);
    assert!(count("/api/teams").await >= 8);
    assert_eq!(count("/api/teams?email=NINA@example.com").await, 1);
    assert_eq!(count("/api/dataproducts?q=stock%20LEVELS").await, 1);
    assert_eq!(count("/api/dataproducts?teamId=finance&teamId=marketing").await, 3);
    assert_eq!(count("/api/dataproducts?status=retired").await, 0);
    assert_eq!(count("/api/datausageagreements").await, 2);
    // Four agreements of the oldest generation, and two documents of data contracts.
    assert_eq!(count("/api/datacontracts").await, 6);
}

#[tokio::test]
async fn the_organisation_has_a_name_and_can_become_another_one() {
    let caller = Caller::of(Landscape::empty()).await;
    let settings = caller.read("/api/organization/settings").await;
    assert_eq!(settings["vanityUrl"], "acme");
    for member in ["host", "fullName", "logoUrl"] {
        assert!(settings[member].is_string(), "{settings}");
    }
    caller.simulator.world().become_organization("other");
    assert_eq!(caller.read("/api/organization/settings").await["vanityUrl"], "other");
}

#[tokio::test]
async fn an_access_shows_its_roles_its_end_date_and_its_state_from_the_start() {
    let mut seed = access("a");
    seed["roles"] = json!(["orders.analyst"]);
    seed["info"]["endDate"] = json!("2099-12-31");
    let caller = Caller::of(Landscape::empty().with_agreement(AgreementKind::Access, seed.clone())).await;
    let shown = caller.read("/api/access/a").await;
    assert_eq!((&shown["roles"], &shown["info"]["endDate"]), (&seed["roles"], &seed["info"]["endDate"]));
    assert_eq!((&shown["id"], &shown["info"]["status"]), (&json!("a"), &json!("requested")));
    assert_eq!(shown["info"]["active"], false);
    seed["roles"] = json!("orders.analyst");
    problem(caller.put("/api/access/a", &seed).await, 400).await;
    problem(caller.get("/api/access/b").await, 404).await;
}
