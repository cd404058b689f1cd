//! Groups of traces.

use serde_json::json;

use super::properties::Properties;
use super::{DeployError, Deployer, Outputs, outputs};

impl Deployer {
    /// A filter with a name in X-Ray's console. Traces on this machine are all of one stack.
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
