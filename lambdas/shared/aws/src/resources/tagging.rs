//! Tags of resources of services that are not asked themselves.
//!
//! The Resource Groups Tagging API answers for the resources of all services in its own account and in one region
//! ([`GetResources`](https://docs.aws.amazon.com/resourcegroupstagging/latest/APIReference/API_GetResources.html)). It leaves out
//! what does not exist and what never had a tag, so neither is told from the other: a missing resource counts as one without
//! tags, and the refusal says which tag it needs. It says nothing about other accounts. Its answer may be some seconds old.

use dmm_access::arn::Arn;
use dmm_access::ownership::{ResourceFacts, Tags};
use dmm_converge::error::AwsError;
use serde_json::{Value, json};

use super::{AwsResources, listed};
use crate::json::JsonService;

const TAGGING: JsonService = JsonService {
    name: "ResourceGroupsTaggingAPI",
    endpoint: "tagging",
    target: Some("ResourceGroupsTaggingAPI_20170126"),
};

const TAGS: &str = "tag:GetResources";

impl AwsResources {
    /// The facts about a resource, by its tags.
    pub(super) async fn tagged(&self, arn: &Arn) -> Result<Option<ResourceFacts>, AwsError> {
        if arn.account() != self.account {
            return Ok(None);
        }
        let call = self.ask(TAGS, arn, &[]);
        let names = names(arn);
        let mut input = json!({ "ResourceARNList": names });
        loop {
            let page = match TAGGING.call(self.aws.sdk_config(), arn, "GetResources", &input).await {
                Ok(page) => page,
                Err(error) => return call.failed(error),
            };
            let resources = page.get("ResourceTagMappingList").and_then(Value::as_array);
            let resources = resources.ok_or_else(|| call.malformed())?;
            let is_asked = |resource: &&Value| {
                let name = resource.get("ResourceARN").and_then(Value::as_str);
                name.is_some_and(|name| names.iter().any(|asked| asked == name))
            };
            if let Some(found) = resources.iter().find(is_asked) {
                return call.tagged(listed(found, "Key", "Value"));
            }
            // With a list of ARNs there is one page, as AWS documents it. An emulator may ignore the list.
            match page.get("PaginationToken").and_then(Value::as_str).filter(|token| !token.is_empty()) {
                Some(token) => input = json!({ "ResourceARNList": names, "PaginationToken": token }),
                None => return call.tagged(Some(Tags::new())),
            }
        }
    }
}

/// The ARNs under which a resource may have its tags. Those of an API do not tell whether it is a REST API or an HTTP API
/// ([resources that can be tagged](https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-tagging-supported-resources.html)).
fn names(arn: &Arn) -> Vec<String> {
    if arn.service() != "execute-api" {
        return vec![arn.to_string()];
    }
    let name = |collection| {
        format!("arn:{}:apigateway:{}::/{collection}/{}", arn.partition(), arn.region(), arn.resource())
    };
    ["restapis", "apis"].map(name).into()
}
