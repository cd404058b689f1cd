//! Ports whose data contract says where the data is.

use super::world::State;
use super::*;

/// The provider's port names the data contract `orders-v1`, which names this bucket.
fn by_contract(state: &mut State, bucket: &str) {
    state.products.insert(
        "orders".to_owned(),
        json!({ "id": "orders", "info": {}, "outputPorts": [{ "id": "daily", "dataContractId": "orders-v1" }] }),
    );
    let contract = json!({ "kind": "DataContract", "id": "orders-v1", "servers": [
        { "server": "production", "type": "s3", "location": format!("s3://{bucket}") },
    ] });
    state.contracts.insert("orders-v1".to_owned(), contract);
}

#[test]
fn the_data_contract_decides_what_is_given() {
    let world = World::new(Access);
    by_contract(&mut world.state(), "orders-data");
    assert_eq!(world.run(Access).unwrap(), Outcome::Granted);
    assert_eq!(world.state().policies.values().next(), Some(&document("orders-data")));
    by_contract(&mut world.state(), "moved");
    assert_eq!(world.run(Access).unwrap(), Outcome::Granted);
    assert_eq!(world.state().policies.values().next(), Some(&document("moved")));
}

#[test]
fn a_data_contract_that_changes_during_the_run_counts_as_it_is_in_the_end() {
    let calls = {
        let world = World::new(Access);
        by_contract(&mut world.state(), "orders-data");
        world.run(Access).unwrap();
        world.state().take_calls()
    };
    let put = calls.iter().position(|call| call == "put_policy").unwrap();
    let world = World::new(Access);
    by_contract(&mut world.state(), "orders-data");
    world.state().changes.insert(put, Box::new(|state| by_contract(state, "moved")));
    world.run(Access).unwrap();
    assert_eq!(world.state().policies.values().next(), Some(&document("moved")));
}

#[test]
fn a_data_contract_that_does_not_exist_is_reported() {
    let world = World::new(Access);
    by_contract(&mut world.state(), "orders-data");
    world.state().contracts.clear();
    let outcome = world.run(Access).unwrap();
    assert!(matches!(outcome, Outcome::Refused(Refusal::ContractGone { .. })), "{outcome:?}");
    assert_eq!(reports(&world), ["provisioning-failed"]);
}

#[test]
fn while_the_data_contract_cannot_be_read_the_access_stays_and_the_run_is_retried() {
    let world = World::new(Access);
    by_contract(&mut world.state(), "orders-data");
    world.run(Access).unwrap();
    world.state().api_failure = Some(("data_contract", MeshError::Unavailable("HTTP status 500".into())));
    let error = world.run(Access).unwrap_err();
    assert!(error.is_retryable());
    assert_eq!(world.state().granted(), [OURS]);
    assert_eq!(world.run(Access).unwrap(), Outcome::Unchanged);
}

#[test]
fn a_data_contract_is_only_read_if_the_port_needs_it() {
    let world = World::new(Access);
    world.run(Access).unwrap();
    assert!(!world.state().take_calls().contains(&"data_contract".to_owned()));
}
