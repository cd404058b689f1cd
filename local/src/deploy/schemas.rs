//! Schema registries. Nothing reads schemas on this machine, so they are only validated like in the registry.
//! <https://docs.aws.amazon.com/eventbridge/latest/schema-reference/v1-registries-name-registryname-schemas-name-schemaname.html>

use serde_json::{Value, json};

use super::properties::Properties;
use super::{DeployError, Deployer, Outputs, outputs, refused};

/// The maximum length of a schema, in characters.
const MAX_LENGTH: usize = 100_000;

impl Deployer {
    pub(super) fn schema_registry(&self, p: &mut Properties) -> Result<Outputs, DeployError> {
        let name = p.required("name")?;
        p.string("description")?;
        p.texts("tags")?;
        let arn = format!("arn:aws:schemas:{}:{}:registry/{name}", self.region, self.account);
        Ok(outputs(json!({ "id": name, "name": name, "arn": arn })))
    }

    pub(super) fn schema(&self, p: &mut Properties) -> Result<Outputs, DeployError> {
        let (name, registry) = (p.required("name")?, p.required("registryName")?);
        p.expect("type", &["JSONSchemaDraft4"])?;
        p.string("description")?;
        p.texts("tags")?;
        let content = p.required("content")?;
        if content.chars().count() > MAX_LENGTH {
            return Err(p.out_of_range("content"));
        }
        let schema: Value = serde_json::from_str(&content).map_err(|source| refused(p, "content", source))?;
        jsonschema::draft4::meta::validate(&schema)
            .map_err(|error| refused(p, "content", error.to_owned()))?;
        let arn = format!("arn:aws:schemas:{}:{}:schema/{registry}/{name}", self.region, self.account);
        Ok(outputs(json!({ "id": format!("{name}/{registry}"), "name": name, "arn": arn, "version": "1" })))
    }
}
