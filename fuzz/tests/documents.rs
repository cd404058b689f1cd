//! Parsers of what Data Mesh Manager answers.

use bolero::check;
use dmm_mesh::{Agreement, AgreementKind, AgreementRef, CloudEvent, DataProduct, Team};
use serde_json::Value;

fn json(bytes: &[u8]) -> Option<Value> {
    serde_json::from_slice(bytes).ok()
}

#[test]
fn cloud_event() {
    check!().for_each(|bytes: &[u8]| {
        let Some(value) = json(bytes) else { return };
        match CloudEvent::from_value(value.clone()) {
            Ok(event) => {
                assert!(!event.id().is_empty() && !event.event_type().is_empty());
                assert!(!event.type_name().is_empty() && event.event_type().ends_with(event.type_name()));
                if let Some(agreement) = event.agreement() {
                    assert!(!agreement.id.is_empty());
                }
                let _ = (event.time(), event.subject(), event.data_id());
                assert_eq!(event.into_value(), value, "nothing is lost");
            }
            Err(error) => assert_eq!(*error.value, value, "nothing is lost"),
        }
    });
}

#[test]
fn agreement() {
    check!().for_each(|bytes: &[u8]| {
        let Some(value) = json(bytes) else { return };
        for kind in AgreementKind::ALL {
            let reference = AgreementRef { kind, id: "a".to_owned() };
            let Some(agreement) = Agreement::from_value(reference.clone(), value.clone()) else { continue };
            assert_eq!(agreement.reference, reference);
            assert_eq!(agreement.raw(), &value, "what is written back loses nothing");
            if agreement.is_in_force() {
                assert_eq!(value["info"]["active"], true);
            }
        }
    });
}

#[test]
fn data_product() {
    check!().for_each(|bytes: &[u8]| {
        let Some(product) = json(bytes).as_ref().and_then(DataProduct::from_value) else { return };
        assert!(!product.id.is_empty());
        for port in &product.output_ports {
            for name in port.id.iter().chain(&port.name) {
                assert!(product.output_port(name).is_some(), "a port is found by its id and its name");
            }
        }
    });
}

#[test]
fn team() {
    check!().for_each(|bytes: &[u8]| {
        let Some(team) = json(bytes).as_ref().and_then(Team::from_value) else { return };
        assert!(!team.id.is_empty());
    });
}
