//! The types and members that the vendor's API description names: the yardstick for the catalogue.

use std::collections::BTreeMap;

use serde_json::Value;
use thiserror::Error;

/// The feed's types, below the description's root.
const TYPES: &str = "/paths/~1api~1events/get/responses/200/content/application~1cloudevents-batch+json/schema/items/\
                     properties/type/x-extensible-enum";

/// Why a description cannot be read.
#[derive(Debug, Error)]
pub enum VendorError {
    /// It is no YAML.
    #[error("the API description is not YAML: {0}")]
    Yaml(#[from] serde_saphyr::Error),
    /// It does not have what is looked for.
    #[error("the API description has no {0}: its structure has changed")]
    Missing(String),
}

/// The required members of `data` for each type that the feed has, by the type after its last dot. The description is that at
/// <https://app.entropy-data.com/openapi.yaml>.
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
