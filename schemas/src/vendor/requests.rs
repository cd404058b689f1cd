//! Reads the bodies of the requests that this software sends from the vendor's API description.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::VendorError;

/// The requests: method and path.
const REQUESTS: [(&str, &str); 8] = [
    ("put", "/api/connectors/{id}"),
    ("put", "/api/access/{id}/provisioning"),
    ("post", "/api/access/{id}/provisioning/provisioning-started"),
    ("post", "/api/access/{id}/provisioning/provisioning-succeeded"),
    ("post", "/api/access/{id}/provisioning/provisioning-failed"),
    ("post", "/api/access/{id}/provisioning/deprovisioning-started"),
    ("post", "/api/access/{id}/provisioning/deprovisioning-succeeded"),
    ("post", "/api/access/{id}/provisioning/deprovisioning-failed"),
];

/// The members of a schema that say what is valid. All others, such as descriptions and examples, are left out.
const RULES: [&str; 6] = ["additionalProperties", "enum", "format", "items", "required", "type"];

/// How deep references are followed.
const DEPTH: usize = 16;

/// Returns the JSON Schema of the body of each request, keyed by method and path (`PUT /api/connectors/{id}`). References are
/// resolved, and what does not decide what is valid is left out. An object that lists its members has no others: the vendor's
/// server ignores members that it does not know, so that nobody would notice a wrong name.
///
/// # Errors
///
/// [`VendorError`].
pub fn requests(description: &str) -> Result<BTreeMap<String, Value>, VendorError> {
    let root: Value = serde_saphyr::from_str(description)?;
    let body = |(method, path): (&str, &str)| {
        let escaped = path.replace('/', "~1");
        let place = format!("/paths/{escaped}/{method}/requestBody/content/application~1json/schema");
        let schema = root.pointer(&place).ok_or(VendorError::Missing(place))?;
        Ok((format!("{} {path}", method.to_uppercase()), rules(&root, schema, DEPTH)?))
    };
    REQUESTS.into_iter().map(body).collect()
}

fn rules(root: &Value, schema: &Value, depth: usize) -> Result<Value, VendorError> {
    let missing = |place: &str| VendorError::Missing(place.to_owned());
    let depth = depth.checked_sub(1).ok_or_else(|| missing("end of its references"))?;
    if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
        let place = reference.strip_prefix('#').unwrap_or(reference);
        return rules(root, root.pointer(place).ok_or_else(|| missing(place))?, depth);
    }
    let mut kept = Map::new();
    for name in RULES {
        let Some(rule) = schema.get(name) else { continue };
        // `items`, and `additionalProperties` unless it is true or false, are schemas.
        let rule = if rule.is_object() { rules(root, rule, depth)? } else { rule.clone() };
        kept.insert(name.to_owned(), rule);
    }
    if let Some(properties) = schema.get("properties").and_then(Value::as_object) {
        let member = |(name, schema): (&String, &Value)| Ok((name.clone(), rules(root, schema, depth)?));
        let members: Map<String, Value> =
            properties.iter().map(member).collect::<Result<_, VendorError>>()?;
        kept.insert("properties".to_owned(), members.into());
        kept.entry("additionalProperties").or_insert(Value::Bool(false));
    }
    Ok(kept.into())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_schema_is_reduced_to_what_decides_what_is_valid() {
        let root = json!({ "components": { "schemas": {
            "Connector": {
                "type": "object",
                "required": ["id"],
                "description": "The vendor's words",
                "properties": {
                    "id": { "type": "string", "example": "c1", "description": "The vendor's words" },
                    "state": { "type": "object", "additionalProperties": true },
                    "links": { "type": "object", "additionalProperties": { "type": "string", "example": "a" } },
                    "list": { "type": "array", "items": { "$ref": "#/components/schemas/Text" } },
                },
            },
            "Text": { "type": "string", "description": "The vendor's words" },
            "Circle": { "$ref": "#/components/schemas/Circle" },
        } } });
        let reference = |name: &str| json!({ "$ref": format!("#/components/schemas/{name}") });
        let text = json!({ "type": "string" });
        let expected = json!({
            "type": "object",
            "required": ["id"],
            "properties": {
                "id": text,
                "state": { "type": "object", "additionalProperties": true },
                "links": { "type": "object", "additionalProperties": text },
                "list": { "type": "array", "items": text },
            },
            "additionalProperties": false,
        });
        assert_eq!(rules(&root, &reference("Connector"), DEPTH).unwrap(), expected);
        for name in ["Circle", "Missing"] {
            rules(&root, &reference(name), DEPTH).unwrap_err();
        }
    }

    #[test]
    fn a_description_without_the_requests_is_refused() {
        let error = requests("openapi: 3.1.1").unwrap_err().to_string();
        assert!(error.contains("connectors"), "{error}");
    }
}
