//! Validates documents against the required members in the vendor's API description and in the two data product schemas.

use std::fmt;

use jiff::civil::Date;
use serde::Serialize;
use serde_json::Value;

use super::{WorldError, text};

/// A reason why a body is not valid.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Violation {
    /// The path of the member, joined by dots.
    pub field: String,
    /// What is wrong with it.
    pub message: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.field, self.message)
    }
}

pub(super) fn violation(field: impl Into<String>, message: impl Into<String>) -> Violation {
    Violation { field: field.into(), message: message.into() }
}

/// Returns an error if there are violations. Like the vendor's, they are sorted by field.
pub(super) fn accept(mut violations: Vec<Violation>) -> Result<(), WorldError> {
    if violations.is_empty() {
        return Ok(());
    }
    violations.sort_by(|a, b| a.field.cmp(&b.field));
    Err(WorldError::Invalid(violations))
}

pub(super) fn team(body: &Value, id: &str) -> Vec<Violation> {
    const TYPES: [&str; 6] =
        ["Domain", "Team", "Domain Team", "Enabling Team", "Platform Team", "Governance Group"];
    let mut check = Check::of(body, id);
    check.required("name");
    check.one_of("type", &TYPES);
    check.texts("custom");
    check.violations
}

pub(super) fn agreement(body: &Value, id: &str) -> Vec<Violation> {
    let mut check = Check::of(body, id);
    for field in ["info.purpose", "provider.dataProductId", "provider.outputPortId"] {
        check.required(field);
    }
    let consumer = ["dataProductId", "teamId", "userId"];
    if !consumer.iter().any(|member| text(body, &format!("/consumer/{member}")).is_some()) {
        check.note("consumer", "must have a dataProductId, a teamId or a userId");
    }
    for field in ["info.startDate", "info.endDate"] {
        check.date(field);
    }
    check.texts("custom");
    check.text_list("tags");
    check.text_list("roles");
    check.violations
}

pub(super) fn document(body: &Value, id: &str) -> Vec<Violation> {
    let mut check = Check::of(body, id);
    let odcs = text(body, "/kind") == Some("DataContract");
    if odcs {
        check.required("apiVersion");
        check.required("version");
        check.required("status");
    } else if text(body, "/dataContractSpecification").is_some() {
        check.required("info.title");
        check.required("info.version");
    } else {
        check.note("kind", "must be DataContract, or dataContractSpecification must be given");
    }
    check.violations
}

/// Returns the owner team of a contract document.
pub(super) fn document_owner(body: &Value) -> Option<&str> {
    let property = || {
        let properties = body.get("customProperties")?.as_array()?;
        let owner = properties.iter().find(|item| text(item, "/property") == Some("owner"))?;
        text(owner, "/value")
    };
    text(body, "/team/name")
        .or_else(property)
        .or_else(|| text(body, "/info/owner"))
        .or_else(|| text(body, "/domain"))
}

pub(super) fn product(body: &Value, id: &str) -> Vec<Violation> {
    let mut check = Check::of(body, id);
    if text(body, "/kind") == Some("DataProduct") {
        check.one_of("apiVersion", &["v0.9.0", "v1.0.0"]);
        check.required("status");
        check.ports(&["name", "version"]);
        check.properties("customProperties", body.get("customProperties"));
    } else if text(body, "/dataProductSpecification").is_some() {
        check.one_of("dataProductSpecification", &["0.0.1"]);
        check.required("info.title");
        check.required("info.owner");
        check.ports(&["id", "name"]);
        check.texts("custom");
    } else {
        check.note("kind", "must be DataProduct, or dataProductSpecification must be given");
    }
    check.violations
}

struct Check<'a> {
    body: &'a Value,
    violations: Vec<Violation>,
}

impl<'a> Check<'a> {
    /// Starts a check with the requirement of all bodies: an id that equals the one in the address.
    fn of(body: &'a Value, id: &str) -> Check<'a> {
        let mut check = Check { body, violations: Vec::new() };
        match text(body, "/id") {
            Some(own) if own == id => {}
            Some(own) => check.note("id", format!("is {own:?}, but the address has {id:?}")),
            None => check.note("id", "must not be blank"),
        }
        if id.contains('/') {
            check.note("id", "must not contain a slash");
        }
        check
    }

    fn note(&mut self, field: impl Into<String>, message: impl Into<String>) {
        self.violations.push(violation(field, message));
    }

    fn at(&self, field: &str) -> Option<&'a Value> {
        self.body.pointer(&format!("/{}", field.replace('.', "/")))
    }

    fn required(&mut self, field: &str) {
        if self.at(field).and_then(Value::as_str).is_none_or(|text| text.trim().is_empty()) {
            self.note(field, "must not be blank");
        }
    }

    fn one_of(&mut self, field: &str, allowed: &[&str]) {
        if !self.at(field).and_then(Value::as_str).is_some_and(|text| allowed.contains(&text)) {
            self.note(field, format!("must be one of {}", allowed.join(", ")));
        }
    }

    fn date(&mut self, field: &str) {
        let is_date = |value: &Value| value.as_str().is_some_and(|text| text.parse::<Date>().is_ok());
        if self.at(field).is_some_and(|value| !value.is_null() && !is_date(value)) {
            self.note(field, "must be a date like 2026-01-31");
        }
    }

    fn texts(&mut self, field: &str) {
        let texts = |value: &Value| value.as_object().is_some_and(|map| map.values().all(Value::is_string));
        if self.at(field).is_some_and(|value| !value.is_null() && !texts(value)) {
            self.note(field, "must be an object of strings");
        }
    }

    fn text_list(&mut self, field: &str) {
        let texts = |value: &Value| value.as_array().is_some_and(|list| list.iter().all(Value::is_string));
        if self.at(field).is_some_and(|value| !value.is_null() && !texts(value)) {
            self.note(field, "must be a list of strings");
        }
    }

    fn ports(&mut self, required: &[&str]) {
        let Some(ports) = self.body.get("outputPorts") else { return };
        let Some(ports) = ports.as_array() else { return self.note("outputPorts", "must be a list") };
        for (index, port) in ports.iter().enumerate() {
            for member in required {
                if !port.get(member).is_some_and(Value::is_string) {
                    self.note(format!("outputPorts[{index}].{member}"), "must be a string");
                }
            }
            self.properties(&format!("outputPorts[{index}].customProperties"), port.get("customProperties"));
        }
    }

    fn properties(&mut self, field: &str, properties: Option<&Value>) {
        let Some(properties) = properties.filter(|value| !value.is_null()) else { return };
        let complete = |item: &Value| text(item, "/property").is_some() && item.get("value").is_some();
        if !properties.as_array().is_some_and(|list| list.iter().all(complete)) {
            self.note(field, "must be a list of {property, value}");
        }
    }
}
