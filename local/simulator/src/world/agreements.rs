//! The life cycle of agreements of all three generations, and their events.

use jiff::civil::Date;
use serde_json::{Map, Value};

use super::{Principal, World, WorldError, not_found, text, validate};
use crate::agreement::{AgreementKind, AgreementRef};

impl World {
    /// Adds or replaces an agreement or, at the address of data contracts, a contract document.
    ///
    /// `info.status`, `info.active` and `provisioning` are managed by the simulator: values from the caller are ignored. A
    /// provider id `unknown` does not change the stored id, because a caller that writes what it has read does not intend a change.
    pub(crate) fn put_agreement(
        &mut self,
        agreement: &AgreementRef,
        body: Value,
        by: Principal,
    ) -> Result<(), WorldError> {
        if agreement.kind == AgreementKind::DataContract && is_document(&body) {
            return self.put_document(agreement, body, by);
        }
        validate::accept(validate::agreement(&body, &agreement.id))?;
        let stored = self.stored(agreement).cloned();
        if stored.as_ref().is_some_and(is_document) {
            return Err(WorldError::Conflict(format!("{} is a contract document", agreement.id)));
        }
        let previous = stored.unwrap_or_default();
        let known = !previous.is_null();
        let mut fresh = body;
        let status = text(&previous, "/info/status").unwrap_or("requested").to_owned();
        let active = previous.pointer("/info/active").cloned().unwrap_or(Value::Bool(false));
        set_info(&mut fresh, "status", Some(status.into()));
        set_info(&mut fresh, "active", Some(active));
        restore(&mut fresh, &previous);
        self.store(agreement, fresh);
        if known {
            self.tell(agreement, "Updated", by);
        } else {
            self.tell(agreement, "Created", by);
            self.tell(agreement, "Requested", by);
        }
        self.settle(agreement, by);
        Ok(())
    }

    /// Adds an agreement in the state of its `info.status` without emitting an event: it existed before.
    pub(crate) fn found(&mut self, agreement: &AgreementRef, mut value: Value) {
        if !is_document(&value) {
            let status = text(&value, "/info/status").unwrap_or("requested").to_owned();
            set_info(&mut value, "status", Some(status.into()));
            let active = self.is_due(&value);
            set_info(&mut value, "active", Some(active.into()));
        }
        self.store(agreement, value);
    }

    fn put_document(
        &mut self,
        document: &AgreementRef,
        body: Value,
        by: Principal,
    ) -> Result<(), WorldError> {
        validate::accept(validate::document(&body, &document.id))?;
        let owner = validate::document_owner(&body);
        if !owner.is_some_and(|id| self.teams.contains_key(id)) {
            let detail = format!("the owner of the data contract must be an existing team, not {owner:?}");
            return Err(WorldError::Unprocessable(detail));
        }
        let stored = self.stored(document);
        if stored.is_some_and(|stored| !is_document(stored)) {
            return Err(WorldError::Conflict(format!("{} is an agreement", document.id)));
        }
        let change = if stored.is_some() { "Updated" } else { "Created" };
        self.store(document, body);
        self.tell(document, change, by);
        Ok(())
    }

    /// Approves an agreement that is requested, is rejected or has ended. It becomes active on its start date.
    pub(crate) fn approve(&mut self, agreement: &AgreementRef, by: Principal) -> Result<(), WorldError> {
        let today = self.today();
        let mut value = self.find(agreement)?.clone();
        let ended = date(&value, "endDate").is_some_and(|end| end <= today);
        if status(&value) == "approved" && !ended {
            return Err(WorldError::Conflict(format!("{agreement} is already approved")));
        }
        set_info(&mut value, "status", Some("approved".into()));
        if date(&value, "startDate").is_none() {
            set_info(&mut value, "startDate", Some(today.to_string().into()));
        }
        if ended {
            set_info(&mut value, "endDate", None);
        }
        self.store(agreement, value);
        self.tell(agreement, "Approved", by);
        self.settle(agreement, by);
        Ok(())
    }

    /// Rejects a requested agreement.
    pub(crate) fn reject(&mut self, agreement: &AgreementRef, by: Principal) -> Result<(), WorldError> {
        let mut value = self.find(agreement)?.clone();
        if status(&value) != "requested" {
            let detail =
                format!("{agreement} is {}, but only a requested agreement can be rejected", status(&value));
            return Err(WorldError::Conflict(detail));
        }
        set_info(&mut value, "status", Some("rejected".into()));
        self.store(agreement, value);
        self.tell(agreement, "Rejected", by);
        Ok(())
    }

    /// Cancels an approved agreement: it ends today.
    pub(crate) fn cancel(&mut self, agreement: &AgreementRef, by: Principal) -> Result<(), WorldError> {
        let today = self.today();
        let mut value = self.find(agreement)?.clone();
        let ended = date(&value, "endDate").is_some_and(|end| end <= today);
        if status(&value) != "approved" || ended {
            let state = if ended { "ended" } else { status(&value) };
            let detail = format!("{agreement} is {state}, but only an approved agreement can be cancelled");
            return Err(WorldError::Conflict(detail));
        }
        set_info(&mut value, "endDate", Some(today.to_string().into()));
        self.store(agreement, value);
        self.tell(agreement, "Canceled", by);
        self.settle(agreement, by);
        Ok(())
    }

    /// Deletes an agreement or a contract document. An active agreement emits only the deletion, not a deactivation.
    pub(crate) fn delete_agreement(
        &mut self,
        agreement: &AgreementRef,
        by: Principal,
    ) -> Result<(), WorldError> {
        let stored = self.stored(agreement);
        let document = stored.is_some_and(is_document);
        if document && let Some(product) = self.product_with_contract(&agreement.id) {
            let detail = format!("the data contract is used by the data product {product}");
            return Err(WorldError::Unprocessable(detail));
        }
        let removed =
            self.agreements.get_mut(&agreement.kind).and_then(|all| all.shift_remove(&agreement.id));
        removed.ok_or_else(|| not_found(agreement.kind.title(), &agreement.id))?;
        self.tell(agreement, "Deleted", by);
        Ok(())
    }

    /// Starts and ends the agreements whose start or end date has been reached.
    pub(crate) fn keep_calendar(&mut self) {
        let all: Vec<AgreementRef> = AgreementKind::ALL
            .into_iter()
            .flat_map(|kind| self.of_kind(kind).map(move |(id, _)| AgreementRef::new(kind, id)))
            .collect();
        for agreement in all {
            self.settle(&agreement, Principal::System);
        }
    }

    /// Updates `info.active` from the status and the dates, and emits an event if it changes.
    fn settle(&mut self, agreement: &AgreementRef, by: Principal) {
        let Some(stored) = self.stored(agreement) else { return };
        let due = self.is_due(stored);
        if is_document(stored) || is_active(stored) == due {
            return;
        }
        let mut value = stored.clone();
        set_info(&mut value, "active", Some(due.into()));
        self.store(agreement, value);
        self.tell(agreement, if due { "Activated" } else { "Deactivated" }, by);
    }

    /// Returns whether an agreement is approved, its start date has been reached and its end date has not.
    fn is_due(&self, agreement: &Value) -> bool {
        let today = self.today();
        status(agreement) == "approved"
            && date(agreement, "startDate").is_none_or(|start| start <= today)
            && date(agreement, "endDate").is_none_or(|end| today < end)
    }

    /// Returns the stored agreement. A contract document is not an agreement.
    pub(super) fn find(&self, agreement: &AgreementRef) -> Result<&Value, WorldError> {
        let stored = self.stored(agreement).filter(|stored| !is_document(stored));
        stored.ok_or_else(|| not_found(agreement.kind.title(), &agreement.id))
    }

    fn tell(&mut self, agreement: &AgreementRef, change: &str, by: Principal) {
        let name = format!("{}{change}Event", agreement.kind.event_prefix());
        self.emit(&name, &agreement.id, by);
    }
}

/// Returns whether a value is a contract document: it has neither a provider nor a consumer.
pub(super) fn is_document(value: &Value) -> bool {
    value.get("provider").is_none() && value.get("consumer").is_none()
}

pub(super) fn is_active(agreement: &Value) -> bool {
    agreement.pointer("/info/active").and_then(Value::as_bool).unwrap_or(false)
}

fn status(agreement: &Value) -> &str {
    text(agreement, "/info/status").unwrap_or("requested")
}

fn date(agreement: &Value, name: &str) -> Option<Date> {
    agreement.pointer("/info")?.get(name)?.as_str()?.parse().ok()
}

fn set_info(agreement: &mut Value, name: &str, value: Option<Value>) {
    let Some(agreement) = agreement.as_object_mut() else { return };
    let info = agreement.entry("info").or_insert_with(|| Value::Object(Map::new()));
    let Some(info) = info.as_object_mut() else { return };
    match value {
        Some(value) => info.insert(name.to_owned(), value),
        None => info.shift_remove(name),
    };
}

/// Restores the members that a caller must not change.
fn restore(fresh: &mut Value, previous: &Value) {
    let Some(fresh) = fresh.as_object_mut() else { return };
    fresh.shift_remove("provisioning");
    if let Some(provisioning) = previous.get("provisioning") {
        fresh.insert("provisioning".into(), provisioning.clone());
    }
    let Some(provider) = fresh.get_mut("provider").and_then(Value::as_object_mut) else { return };
    for name in ["dataProductId", "outputPortId"] {
        let stored = previous.get("provider").and_then(|provider| provider.get(name));
        if let Some(stored) = stored
            && provider.get(name).and_then(Value::as_str) == Some("unknown")
        {
            provider.insert(name.to_owned(), stored.clone());
        }
    }
}
