//! Agreements as the API shows them.

use serde_json::{Map, Value, json};

use super::agreements::{is_active, is_document};
use super::products::{has_port, owner};
use super::{World, WorldError, not_found, text};
use crate::agreement::{AgreementKind, AgreementRef};

impl World {
    /// Returns all agreements of a generation as the API shows them. The first generation includes contract documents.
    pub(crate) fn agreements(&self, kind: AgreementKind) -> Vec<Value> {
        self.of_kind(kind).map(|(_, agreement)| self.shown(agreement.clone())).collect()
    }

    /// Returns an agreement or a contract document as the API shows it.
    pub(crate) fn agreement(&self, agreement: &AgreementRef) -> Result<Value, WorldError> {
        let stored = self.stored(agreement).cloned();
        let found = stored.ok_or_else(|| not_found(agreement.kind.title(), &agreement.id))?;
        Ok(self.shown(found))
    }

    /// Returns the number of objects, the connectors, and the state of each agreement.
    pub(crate) fn overview(&self) -> Map<String, Value> {
        let agreements = AgreementKind::ALL.into_iter().flat_map(|kind| {
            let agreements = self.of_kind(kind).filter(|(_, agreement)| !is_document(agreement));
            agreements.map(move |(id, agreement)| {
                json!({
                    "kind": kind,
                    "id": id,
                    "purpose": text(agreement, "/info/purpose"),
                    "status": text(agreement, "/info/status"),
                    "active": is_active(agreement),
                    "provisioning": text(agreement, "/provisioning/status"),
                })
            })
        });
        let mut overview = Map::new();
        overview.insert("events".into(), self.events().len().into());
        overview.insert("teams".into(), self.teams.len().into());
        overview.insert("dataProducts".into(), self.products.len().into());
        overview.insert("connectors".into(), self.connectors().into());
        overview.insert("agreements".into(), agreements.collect());
        overview
    }

    /// Adds the teams that own the products, and replaces the ids of deleted products and ports with `unknown`.
    fn shown(&self, mut agreement: Value) -> Value {
        if let Some(provider) = agreement.get_mut("provider") {
            let product = text(provider, "/dataProductId").and_then(|id| self.products.get(id));
            let port = text(provider, "/outputPortId");
            let port_exists = port.is_some_and(|port| product.is_some_and(|product| has_port(product, port)));
            if product.is_none() {
                provider["dataProductId"] = json!("unknown");
            }
            if !port_exists {
                provider["outputPortId"] = json!("unknown");
            }
            add_team(provider, product.and_then(owner));
        }
        if let Some(consumer) = agreement.get_mut("consumer")
            && let Some(id) = text(consumer, "/dataProductId").filter(|id| *id != "unknown")
        {
            let product = self.products.get(id);
            if product.is_none() {
                consumer["dataProductId"] = json!("unknown");
            }
            add_team(consumer, product.and_then(owner));
        }
        agreement
    }
}

fn add_team(side: &mut Value, owner: Option<&str>) {
    if let Some(owner) = owner
        && text(side, "/teamId").is_none()
    {
        side["teamId"] = json!(owner);
    }
}
