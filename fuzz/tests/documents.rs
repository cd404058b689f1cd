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

/// The id of a document, with which the API was asked for it.
fn id(value: &Value) -> Option<&str> {
    value.get("id")?.as_str()
}

#[test]
fn agreement() {
    check!().for_each(|bytes: &[u8]| {
        let Some(value) = json(bytes) else { return };
        for kind in AgreementKind::ALL {
            let reference = AgreementRef { kind, id: id(&value).unwrap_or("a").to_owned() };
            let agreement = match Agreement::read(reference.clone(), bytes) {
                Ok(agreement) => agreement,
                Err(error) => {
                    assert!(!error.to_string().is_empty());
                    continue;
                }
            };
            assert_eq!((&agreement.reference, id(&value)), (&reference, Some(reference.id.as_str())));
            assert_eq!(agreement.raw(), &value, "nothing is lost");
            let info = &value["info"];
            assert_eq!(agreement.is_in_force(), info["active"] == true && info["status"] == "approved");
        }
    });
}

#[test]
fn data_product() {
    check!().for_each(|bytes: &[u8]| {
        let Some(value) = json(bytes) else { return };
        // The API has no address for an empty id.
        let Some(id) = id(&value).filter(|id| !id.is_empty()) else { return };
        let Ok(product) = DataProduct::read(id, bytes) else { return };
        assert_eq!(product.id, id);
        for port in &product.output_ports {
            for name in port.id.iter().chain(&port.name) {
                // None if several ports have this name.
                let Some(found) = product.output_port(name) else { continue };
                assert!(found.id.as_ref() == Some(name) || found.name.as_ref() == Some(name));
            }
        }
    });
}

#[test]
fn team() {
    check!().for_each(|bytes: &[u8]| {
        let Some(value) = json(bytes) else { return };
        let Some(id) = id(&value).filter(|id| !id.is_empty()) else { return };
        let Ok(team) = Team::read(id, bytes) else { return };
        assert_eq!(team.id, id);
    });
}
