//! References to other stacks.
//! <https://www.pulumi.com/docs/iac/concepts/stacks/#stackreferences>

use serde_json::json;

use super::properties::Properties;
use super::{DeployError, Deployer, Outputs, outputs};

impl Deployer {
    pub(super) fn stack_reference(&self, p: &mut Properties) -> Result<Outputs, DeployError> {
        let name = p.required("name")?;
        let Some(found) = self.stacks.get(&name) else {
            let known: Vec<&str> = self.stacks.keys().map(String::as_str).collect();
            return Err(DeployError::UnsupportedValue {
                path: p.at("name"),
                value: name,
                known: format!("the stacks {}", known.join(", ")),
            });
        };
        Ok(outputs(json!({ "id": name, "name": name, "outputs": found })))
    }
}
