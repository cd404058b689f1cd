//! Roles and their policies.

use aws_sdk_iam::types::Tag;
use serde_json::json;

use super::kept::Existing;
use super::properties::Properties;
use super::{DeployError, Deployer, Outputs, aws, built, outputs};

impl Deployer {
    pub(super) async fn role(&self, p: &mut Properties) -> Result<Outputs, DeployError> {
        let name = p.required("name")?;
        let path = p.string("path")?;
        let tags = p.texts("tags")?;
        let trust = p.document("assumeRolePolicy")?;
        let description = p.string("description")?;
        let boundary = p.string("permissionsBoundary")?;
        if let Some(existing) = self.existing("aws:iam:Role", &name) {
            existing.must_equal(p.at("path"), "path", path.as_deref())?;
            self.update_role(&name, trust, description, boundary, &existing, &tags).await?;
            return Ok(outputs(json!({ "id": name, "name": name, "arn": existing.output("arn") })));
        }
        let tags = built_tags(&tags)?;
        let created = self
            .clients
            .iam
            .create_role()
            .role_name(&name)
            .assume_role_policy_document(trust)
            .set_path(path)
            .set_description(description)
            .set_permissions_boundary(boundary)
            .set_tags((!tags.is_empty()).then_some(tags))
            .send()
            .await
            .map_err(aws("CreateRole"))?;
        let arn = created.role().map(|role| role.arn().to_owned()).unwrap_or_default();
        Ok(outputs(json!({ "id": name, "name": name, "arn": arn })))
    }

    async fn update_role(
        &self,
        name: &str,
        trust: String,
        description: Option<String>,
        boundary: Option<String>,
        existing: &Existing,
        tags: &[(String, String)],
    ) -> Result<(), DeployError> {
        let iam = &self.clients.iam;
        let update = iam.update_assume_role_policy().role_name(name).policy_document(trust);
        update.send().await.map_err(aws("UpdateAssumeRolePolicy"))?;
        let update = iam.update_role().role_name(name).description(description.unwrap_or_default());
        update.send().await.map_err(aws("UpdateRole"))?;
        if let Some(arn) = boundary {
            let put = iam.put_role_permissions_boundary().role_name(name).permissions_boundary(arn);
            put.send().await.map_err(aws("PutRolePermissionsBoundary"))?;
        } else if existing.property("permissionsBoundary").is_some() {
            let delete = iam.delete_role_permissions_boundary().role_name(name);
            delete.send().await.map_err(aws("DeleteRolePermissionsBoundary"))?;
        }
        let former = existing.former_tags(tags);
        if !former.is_empty() {
            let untag = iam.untag_role().role_name(name).set_tag_keys(Some(former));
            untag.send().await.map_err(aws("UntagRole"))?;
        }
        if !tags.is_empty() {
            let tag = iam.tag_role().role_name(name).set_tags(Some(built_tags(tags)?));
            tag.send().await.map_err(aws("TagRole"))?;
        }
        Ok(())
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

fn built_tags(tags: &[(String, String)]) -> Result<Vec<Tag>, DeployError> {
    tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build().map_err(built)).collect()
}
