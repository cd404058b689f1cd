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
        let description = p.string("description")?;
        let key = p.string("kmsKeyId")?;
        if let Some(existing) = self.existing("aws:secretsmanager:Secret", &name) {
            let arn = existing.output("arn");
            let is_same = existing.equals("description", description.as_deref())
                && existing.equals("kmsKeyId", key.as_deref());
            if !is_same {
                let update = self.clients.secrets.update_secret().secret_id(&arn);
                let update = update.set_description(description).set_kms_key_id(key);
                update.send().await.map_err(aws("UpdateSecret"))?;
            }
            return Ok(outputs(json!({ "id": arn, "arn": arn, "name": name })));
        }
        let created = self
            .clients
            .secrets
            .create_secret()
            .name(&name)
            .set_description(description)
            .set_kms_key_id(key)
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
