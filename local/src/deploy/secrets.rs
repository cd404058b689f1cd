//! Secrets and their values.

use serde_json::json;

use super::properties::Properties;
use super::{DeployError, Deployer, Outputs, aws, outputs};

impl Deployer {
    pub(super) async fn secret(&self, p: &mut Properties) -> Result<Outputs, DeployError> {
        let name = p.required("name")?;
        // Only affects `pulumi destroy`.
        p.integer("recoveryWindowInDays")?;
        p.texts("tags")?;
        let created = self
            .clients
            .secrets
            .create_secret()
            .name(&name)
            .set_description(p.string("description")?)
            .set_kms_key_id(p.string("kmsKeyId")?)
            .send()
            .await
            .map_err(aws("CreateSecret"))?;
        let arn = created.arn().unwrap_or_default();
        Ok(outputs(json!({ "id": arn, "arn": arn, "name": name })))
    }

    pub(super) async fn secret_version(&self, p: &mut Properties) -> Result<Outputs, DeployError> {
        let secret = p.required("secretId")?;
        let written = self
            .clients
            .secrets
            .put_secret_value()
            .secret_id(&secret)
            .secret_string(p.required("secretString")?)
            .send()
            .await
            .map_err(aws("PutSecretValue"))?;
        let version = written.version_id().unwrap_or_default();
        Ok(outputs(
            json!({ "id": format!("{secret}|{version}"), "arn": secret, "secretId": secret, "versionId": version }),
        ))
    }
}
