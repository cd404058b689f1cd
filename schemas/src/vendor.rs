//! Reads the event types and their members, and the bodies of requests, from the vendor's API description. Tests compare the
//! catalogue, and what this software sends, with them.

use std::collections::BTreeMap;

use serde_json::Value;
use thiserror::Error;

mod requests;

pub use requests::requests;

/// Where the API description lists the event types.
const TYPES: &str = "/paths/~1api~1events/get/responses/200/content/application~1cloudevents-batch+json/schema/items/\
                     properties/type/x-extensible-enum";

/// Why an API description cannot be read.
#[derive(Debug, Error)]
pub enum VendorError {
    /// It is not valid YAML.
    #[error("the API description is not valid YAML: {0}")]
    Yaml(#[from] serde_saphyr::Error),
    /// It lacks a required part.
    #[error("the API description has no {0}: its structure has changed")]
    Missing(String),
}

/// Returns the required members of `data` for each event type, keyed by the part of the type after the last dot. The
/// description is published at <https://app.entropy-data.com/openapi.yaml>.
///
/// # Errors
///
/// [`VendorError`].
pub fn vendor(description: &str) -> Result<BTreeMap<String, Vec<String>>, VendorError> {
    let root: Value = serde_saphyr::from_str(description)?;
    let missing = || VendorError::Missing(TYPES.to_owned());
    let types = root.pointer(TYPES).and_then(Value::as_array).ok_or_else(missing)?;
    let mut found = BTreeMap::new();
    for name in types.iter().filter_map(Value::as_str) {
        let name = name.rsplit('.').next().unwrap_or(name);
        let place = format!("/components/schemas/{name}/required");
        let required = root.pointer(&place).and_then(Value::as_array);
        let required = required.ok_or(VendorError::Missing(place))?;
        let names = required.iter().filter_map(Value::as_str).map(str::to_owned).collect();
        found.insert(name.to_owned(), names);
    }
    Ok(found)
}
