//! Groups of traces.

use serde_json::json;

use super::properties::Properties;
use super::{DeployError, Deployer, Outputs, outputs};

impl Deployer {
    /// A named filter for X-Ray's console. It is only checked: all traces on this machine belong to one stack.
    pub(super) fn trace_group(&self, p: &mut Properties) -> Result<Outputs, DeployError> {
        let name = p.required("groupName")?;
        p.required("filterExpression")?;
        if let Some(mut insights) = p.object("insightsConfiguration")? {
            insights.boolean("insightsEnabled")?;
            insights.boolean("notificationsEnabled")?;
            insights.finish()?;
        }
        p.texts("tags")?;
        let arn = format!("arn:aws:xray:{}:{}:group/{name}/local", self.region, self.account);
        Ok(outputs(json!({ "id": arn, "groupName": name, "arn": arn })))
    }
}
