//! Log groups: one file each, which contains the function's output.

use serde_json::json;

use super::properties::Properties;
use super::{DeployError, Deployer, Outputs, outputs};

impl Deployer {
    pub(super) async fn log_group(&self, p: &mut Properties, urn: &str) -> Result<Outputs, DeployError> {
        let name = p.required("name")?;
        // Retention and encryption do not apply to a file on this machine.
        p.integer("retentionInDays")?;
        p.string("kmsKeyId")?;
        p.texts("tags")?;
        let path = self.log_file(&name);
        tokio::fs::create_dir_all(&self.logs)
            .await
            .map_err(|source| DeployError::File { path: self.logs.clone(), source })?;
        // The log of an existing group goes on.
        let is_new = self.existing("aws:cloudwatch:LogGroup", urn).is_none();
        let mut options = tokio::fs::OpenOptions::new();
        options.create(true).write(true).truncate(is_new);
        options.open(&path).await.map_err(|source| DeployError::File { path, source })?;
        let arn = format!("arn:aws:logs:{}:{}:log-group:{name}", self.region, self.account);
        Ok(outputs(json!({ "id": name, "name": name, "arn": arn })))
    }

    /// Returns the file of a log group.
    pub(super) fn log_file(&self, group: &str) -> std::path::PathBuf {
        self.logs.join(log_file_name(group))
    }
}

/// Returns the name of the file of a log group: `/aws/lambda/x` is written to `aws.lambda.x.log`.
pub(crate) fn log_file_name(group: &str) -> String {
    format!("{}.log", group.trim_matches('/').replace('/', "."))
}
