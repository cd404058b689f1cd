use std::collections::BTreeSet;

use serde_json::json;

use super::*;
use crate::agreement::AgreementRef;
use crate::landscape::ExpectedOutcome;
use crate::world::World;

/// The event types in the vendor's API description.
const TYPES: [&str; 41] = [
    "DataProductCreatedEvent",
    "DataProductUpdatedEvent",
    "DataProductDeletedEvent",
    "OutputPortCreatedEvent",
    "OutputPortUpdatedEvent",
    "OutputPortDeletedEvent",
    "DataContractCreatedEvent",
    "DataContractUpdatedEvent",
    "DataContractDeletedEvent",
    "AccessCreatedEvent",
    "AccessUpdatedEvent",
    "AccessDeletedEvent",
    "AccessRequestedEvent",
    "AccessApprovedEvent",
    "AccessRejectedEvent",
    "AccessActivatedEvent",
    "AccessDeactivatedEvent",
    "AccessCanceledEvent",
    "AccessProvisioningStartedEvent",
    "AccessProvisionedEvent",
    "AccessProvisioningFailedEvent",
    "AccessDeprovisioningStartedEvent",
    "AccessDeprovisionedEvent",
    "AccessDeprovisioningFailedEvent",
    "SourceSystemCreatedEvent",
    "SourceSystemUpdatedEvent",
    "SourceSystemDeletedEvent",
    "TeamCreatedEvent",
    "TeamUpdatedEvent",
    "TeamDeletedEvent",
    "DefinitionCreatedEvent",
    "DefinitionUpdatedEvent",
    "DefinitionDeletedEvent",
    "TagCreatedEvent",
    "TagUpdatedEvent",
    "TagDeletedEvent",
    "AssetCreatedEvent",
    "AssetUpdatedEvent",
    "AssetDeletedEvent",
    "TestResultsCreatedEvent",
    "TestResultsDeletedEvent",
];

fn world() -> World {
    Landscape::sample().into_world()
}

#[test]
fn the_sample_is_what_the_api_would_accept() {
    let mut world = world();
    let by = crate::world::Principal::User;
    for team in Landscape::sample().teams {
        world.put_team(team["id"].as_str().unwrap(), team.clone(), by).unwrap();
    }
    for product in Landscape::sample().products {
        world.put_product(product["id"].as_str().unwrap(), product.clone(), by).unwrap();
    }
    for (kind, body) in Landscape::sample().agreements {
        let agreement = AgreementRef::new(kind, body["id"].as_str().unwrap());
        world.put_agreement(&agreement, body, by).unwrap();
    }
}

#[test]
fn nothing_in_the_sample_is_active_at_the_start_and_no_provider_is_unknown() {
    let world = world();
    let all: Vec<Value> = AgreementKind::ALL.into_iter().flat_map(|kind| world.agreements(kind)).collect();
    for agreement in all.iter().filter(|agreement| agreement.get("provider").is_some()) {
        assert_eq!(agreement["info"]["active"], json!(false), "{agreement}");
        assert_ne!(agreement["provider"]["dataProductId"], json!("unknown"), "{agreement}");
        assert_ne!(agreement["provider"]["outputPortId"], json!("unknown"), "{agreement}");
    }
    assert!(all.len() >= 13);
}

#[test]
fn both_forms_of_data_products_occur() {
    let products = Landscape::sample().products;
    let standard = products.iter().filter(|product| product["kind"] == "DataProduct").count();
    let specification =
        products.iter().filter(|product| product.get("dataProductSpecification").is_some()).count();
    assert!(standard >= 5 && specification >= 5, "{standard} and {specification}");
}

#[test]
fn the_data_contracts_that_ports_name_exist_and_some_ports_have_no_custom_field_of_ours() {
    let world = world();
    let mut by_contract = 0;
    for product in Landscape::sample().products {
        for port in product["outputPorts"].as_array().unwrap() {
            let named = ["dataContractId", "contractId"].iter().find_map(|name| port[name].as_str());
            let Some(contract) = named else { continue };
            let document =
                world.agreement(&AgreementRef::new(AgreementKind::DataContract, contract)).unwrap();
            let has_servers = document["servers"].as_array().is_some_and(|servers| !servers.is_empty());
            let has_fields =
                port.to_string().to_lowercase().contains("aws") || port.to_string().contains("output-port");
            by_contract += usize::from(has_servers && !has_fields);
        }
    }
    assert!(by_contract >= 3, "{by_contract}");
}

#[test]
fn every_agreement_of_the_script_waits_to_be_approved() {
    let world = world();
    for scripted in Landscape::sample().script.agreements {
        let agreement = world.agreement(&scripted.agreement).unwrap();
        assert_eq!(agreement["info"]["status"], json!("requested"), "{}", scripted.agreement);
    }
}

#[test]
fn the_script_grants_to_roles_that_exist_and_have_opted_in() {
    let roles = Landscape::sample().roles;
    for scripted in Landscape::sample().script.agreements {
        if let ExpectedOutcome::Granted { role } = scripted.expected {
            assert!(roles.iter().any(|known| known.name == role && known.opted_in), "{role}");
        }
    }
}

#[test]
fn one_role_that_a_consumer_names_does_not_exist() {
    let mut named = BTreeSet::new();
    for value in Landscape::sample().teams.into_iter().chain(Landscape::sample().products) {
        named.extend(value.pointer("/custom/aws-role-name").and_then(Value::as_str).map(str::to_owned));
        let properties = value.get("customProperties").and_then(Value::as_array);
        let property = properties
            .and_then(|list| {
                list.iter()
                    .find(|item| item["property"] == "aws-role-name" || item["property"] == "awsRoleName")
            })
            .and_then(|item| item["value"].as_str());
        named.extend(property.map(str::to_owned));
    }
    let known: BTreeSet<String> = Landscape::sample().roles.into_iter().map(|role| role.name).collect();
    let missing: Vec<&String> = named.difference(&known).collect();
    assert_eq!(missing, ["dp-returns-dashboard"]);
    assert!(known.is_subset(&named));
}

#[test]
fn every_line_of_the_history_becomes_an_event_in_order_of_time() {
    let events = Landscape::sample().history;
    assert_eq!(events.len(), HISTORY.lines().filter(|line| line.starts_with("- ")).count());
    assert!(events.windows(2).all(|pair| pair[0].time < pair[1].time));
    assert!(events.len() >= 60);
}

#[test]
fn every_type_of_today_and_of_the_older_generations_occurs() {
    let events = Landscape::sample().history;
    let names: BTreeSet<&str> = events.iter().map(|event| event.name.as_str()).collect();
    let older = [
        "DataContractActivatedEvent",
        "DataContractDeactivatedEvent",
        "DataUsageAgreementActivatedEvent",
        "DataUsageAgreementDeactivatedEvent",
    ];
    for name in TYPES.iter().chain(&older) {
        assert!(names.contains(name), "{name}");
    }
}
