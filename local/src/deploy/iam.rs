//! Roles and their policies.

use aws_sdk_iam::types::Tag;
use serde_json::json;

use super::properties::Properties;
use super::{DeployError, Deployer, Outputs, aws, built, outputs};

impl Deployer {
    pub(super) async fn role(&self, p: &mut Properties) -> Result<Outputs, DeployError> {
        let name = p.required("name")?;
        let path = p.string("path")?;
        let tags = tags(p)?;
        let created = self
            .clients
            .iam
            .create_role()
            .role_name(&name)
            .assume_role_policy_document(p.document("assumeRolePolicy")?)
            .set_path(path)
            .set_description(p.string("description")?)
            .set_permissions_boundary(p.string("permissionsBoundary")?)
            .set_tags((!tags.is_empty()).then_some(tags))
            .send()
            .await
            .map_err(aws("CreateRole"))?;
        let arn = created.role().map(|role| role.arn().to_owned()).unwrap_or_default();
        Ok(outputs(json!({ "id": name, "name": name, "arn": arn })))
    }

    pub(super) async fn role_policy(&self, p: &mut Properties) -> Result<Outputs, DeployError> {
        let (name, role) = (p.required("name")?, p.required("role")?);
        let document = p.document("policy")?;
        self.clients
            .iam
            .put_role_policy()
            .role_name(&role)
            .policy_name(&name)
            .policy_document(&document)
            .send()
            .await
            .map_err(aws("PutRolePolicy"))?;
        Ok(outputs(json!({ "id": format!("{role}:{name}"), "name": name, "role": role, "policy": document })))
    }
}

fn tags(p: &mut Properties) -> Result<Vec<Tag>, DeployError> {
    p.texts("tags")?
        .into_iter()
        .map(|(key, value)| Tag::builder().key(key).value(value).build().map_err(built))
        .collect()
}
