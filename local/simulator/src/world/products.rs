//! Data products in both forms: the Data Product Specification and the Open Data Product Standard.

use serde_json::{Map, Value};

use super::agreements::is_active;
use super::{Principal, World, WorldError, not_found, text, validate};
use crate::agreement::AgreementKind;

impl World {
    pub(crate) fn products(&self) -> Vec<Value> {
        self.products.values().cloned().collect()
    }

    pub(crate) fn product(&self, id: &str) -> Result<Value, WorldError> {
        self.products.get(id).cloned().ok_or_else(|| not_found("data product", id))
    }

    /// Adds or replaces a data product. Emits events for the product and for each output port that was added, changed or removed.
    pub(crate) fn put_product(&mut self, id: &str, body: Value, by: Principal) -> Result<(), WorldError> {
        let violations = validate::product(&body, id);
        if !violations.is_empty() {
            let detail = WorldError::Invalid(violations).to_string();
            return Err(WorldError::Unprocessable(format!("the data product cannot be updated: {detail}")));
        }
        let before = self.products.get(id).cloned();
        let known = before.is_some();
        let before = before.unwrap_or_default();
        self.emit(if known { "DataProductUpdatedEvent" } else { "DataProductCreatedEvent" }, id, by);
        for port in ports(&body) {
            match ports(&before).find(|other| port_id(other) == port_id(port)) {
                None => self.tell_port("OutputPortCreatedEvent", id, port, by),
                Some(other) if other != port => self.tell_port("OutputPortUpdatedEvent", id, port, by),
                Some(_) => {}
            }
        }
        for port in ports(&before).filter(|port| !ports(&body).any(|other| port_id(other) == port_id(port))) {
            self.tell_port("OutputPortDeletedEvent", id, port, by);
        }
        self.products.insert(id.to_owned(), body);
        Ok(())
    }

    /// Adds a data product without emitting an event: it existed before.
    pub(crate) fn found_product(&mut self, id: &str, body: Value) {
        self.products.insert(id.to_owned(), body);
    }

    /// Adds a team without emitting an event: it existed before.
    pub(crate) fn found_team(&mut self, id: &str, body: Value) {
        self.teams.insert(id.to_owned(), body);
    }

    /// Deletes a data product, unless an active agreement uses it.
    pub(crate) fn delete_product(&mut self, id: &str, by: Principal) -> Result<(), WorldError> {
        if let Some(agreement) = self.active_agreement_of(id) {
            let detail = format!("the data product is used by the active agreement {agreement}");
            return Err(WorldError::Unprocessable(detail));
        }
        self.remove_product(id, by)
    }

    /// Deletes a data product, even if an agreement uses it.
    pub(crate) fn remove_product(&mut self, id: &str, by: Principal) -> Result<(), WorldError> {
        let removed = self.products.shift_remove(id).ok_or_else(|| not_found("data product", id))?;
        self.emit("DataProductDeletedEvent", id, by);
        for port in ports(&removed) {
            self.tell_port("OutputPortDeletedEvent", id, port, by);
        }
        Ok(())
    }

    fn active_agreement_of(&self, product: &str) -> Option<String> {
        let uses = |agreement: &Value| {
            is_active(agreement)
                && ["/provider/dataProductId", "/consumer/dataProductId"]
                    .iter()
                    .any(|pointer| text(agreement, pointer) == Some(product))
        };
        AgreementKind::ALL
            .into_iter()
            .flat_map(|kind| self.of_kind(kind))
            .find(|(_, agreement)| uses(agreement))
            .map(|(id, _)| id.clone())
    }

    /// Returns the data product that has an output port with this data contract.
    pub(super) fn product_with_contract(&self, contract: &str) -> Option<&str> {
        let uses = |port: &Value| {
            ["dataContractId", "contractId"]
                .iter()
                .any(|name| port.get(name).and_then(Value::as_str) == Some(contract))
        };
        let (id, _) = self.products.iter().find(|(_, product)| ports(product).any(uses))?;
        Some(id)
    }

    fn tell_port(&mut self, name: &str, product: &str, port: &Value, by: Principal) {
        let mut data = Map::new();
        data.insert("outputPortId".into(), port_id(port).into());
        self.emit_with(name, product, by, data);
    }
}

/// Returns whether the product has an output port with this id or name.
pub(super) fn has_port(product: &Value, id_or_name: &str) -> bool {
    ports(product).any(|port| {
        ["id", "name"].iter().any(|member| port.get(member).and_then(Value::as_str) == Some(id_or_name))
    })
}

/// Returns the id of the team that owns the product.
pub(super) fn owner(product: &Value) -> Option<&str> {
    text(product, "/info/owner").or_else(|| text(product, "/team/name"))
}

fn ports(product: &Value) -> impl Iterator<Item = &Value> {
    product.get("outputPorts").and_then(Value::as_array).into_iter().flatten()
}

/// Returns the id of a port. Ports of the Open Data Product Standard have no id, so their name is used.
fn port_id(port: &Value) -> Option<&str> {
    text(port, "/id").or_else(|| text(port, "/name"))
}
