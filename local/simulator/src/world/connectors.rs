//! The connectors that have registered.

use serde_json::Value;

use super::{World, WorldError, not_found, requests, text, validate};

impl World {
    /// Returns all connectors.
    pub(crate) fn connectors(&self) -> Vec<Value> {
        self.connectors.values().cloned().collect()
    }

    /// Returns a connector.
    pub(crate) fn connector(&self, id: &str) -> Result<Value, WorldError> {
        self.connectors.get(id).cloned().ok_or_else(|| not_found("connector", id))
    }

    /// Creates a connector, or replaces it. No event is emitted.
    pub(crate) fn put_connector(&mut self, id: &str, connector: Value) -> Result<(), WorldError> {
        let mut violations = requests::violations("PUT /api/connectors/{id}", &connector);
        if text(&connector, "/id") != Some(id) {
            violations.push(validate::violation("id", format!("must be {id:?}, as in the address")));
        }
        // The vendor answers 422 here, and not 400.
        validate::accept(violations).map_err(|error| WorldError::Unprocessable(error.to_string()))?;
        self.connectors.insert(id.to_owned(), connector);
        Ok(())
    }

    /// Deletes a connector.
    pub(crate) fn delete_connector(&mut self, id: &str) -> Result<(), WorldError> {
        self.connectors.shift_remove(id).map(drop).ok_or_else(|| not_found("connector", id))
    }
}
