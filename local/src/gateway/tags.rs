//! The Resource Groups Tagging API: the emulator's answer to `GetResources`, with the functions, which the emulator does not have.
//! <https://docs.aws.amazon.com/resourcegroupstagging/latest/APIReference/API_GetResources.html>

use std::collections::BTreeMap;

use dmm_proxy::Answer;
use serde::Deserialize;
use serde_json::{Value, json};

use super::json_answer;
use crate::stack::Stack;

/// The operation, as the header names it.
pub(super) const GET_RESOURCES: &str = "ResourceGroupsTaggingAPI_20170126.GetResources";
/// The filters of resource types that functions match.
const TYPES: [&str; 2] = ["lambda", "lambda:function"];

/// A function that has tags.
#[derive(Clone, Debug)]
pub(super) struct Tagged {
    arn: String,
    tags: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Request {
    #[serde(default)]
    tag_filters: Vec<TagFilter>,
    #[serde(default)]
    resource_type_filters: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct TagFilter {
    key: String,
    #[serde(default)]
    values: Vec<String>,
}

/// The functions of a stack that have tags.
pub(super) fn functions(stack: &Stack) -> Vec<Tagged> {
    let functions =
        stack.deployed().resources.iter().filter(|resource| resource.token() == "aws:lambda:Function");
    let tagged = functions.filter_map(|resource| {
        let properties = resource.properties_json();
        let name = properties.get("name")?.as_str()?;
        let tags = properties.get("tags")?.as_object()?.iter();
        let tags = tags.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())));
        Some(Tagged { arn: stack.functions().configuration(name)?.arn, tags: tags.collect() })
    });
    tagged.collect()
}

/// Adds the functions that a request asks for to the last page of the emulator's answer.
pub(super) fn complete(functions: &[Tagged], request: &[u8], answer: Answer) -> Answer {
    let Ok(request) = serde_json::from_slice::<Request>(request) else { return answer };
    let Ok(mut body) = serde_json::from_slice::<Value>(&answer.body) else { return answer };
    let is_last = body.get("PaginationToken").is_none_or(|token| token.as_str().is_none_or(str::is_empty));
    let types = &request.resource_type_filters;
    let is_wanted = types.is_empty() || types.iter().any(|name| TYPES.contains(&name.as_str()));
    let Some(list) = body.get_mut("ResourceTagMappingList").and_then(Value::as_array_mut) else {
        return answer;
    };
    if !is_last || !is_wanted {
        return answer;
    }
    let holds = |tagged: &&Tagged| request.tag_filters.iter().all(|filter| tagged.has(filter));
    list.extend(functions.iter().filter(holds).map(|Tagged { arn, tags }| {
        let tags: Vec<Value> =
            tags.iter().map(|(key, value)| json!({ "Key": key, "Value": value })).collect();
        json!({ "ResourceARN": arn, "Tags": tags })
    }));
    json_answer(200, &body)
}

impl Tagged {
    fn has(&self, filter: &TagFilter) -> bool {
        let value = self.tags.get(&filter.key);
        value.is_some_and(|value| filter.values.is_empty() || filter.values.contains(value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complete(request: &Value, answer: &Value) -> Vec<String> {
        let tags = BTreeMap::from([("dmm-stack".to_owned(), "local".to_owned())]);
        let functions = [Tagged { arn: "arn:aws:lambda:f".to_owned(), tags }];
        let answer = super::complete(&functions, request.to_string().as_bytes(), json_answer(200, answer));
        let body: Value = serde_json::from_slice(&answer.body).unwrap();
        let list = body["ResourceTagMappingList"].as_array().unwrap().iter();
        list.map(|found| found["ResourceARN"].as_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn the_functions_are_on_the_last_page_if_they_match() {
        let queue = json!({ "ResourceARN": "arn:aws:sqs:q", "Tags": [] });
        let last = json!({ "ResourceTagMappingList": [queue], "PaginationToken": null });
        let both = ["arn:aws:sqs:q", "arn:aws:lambda:f"];
        let filter = |values: Value| json!({ "TagFilters": [{ "Key": "dmm-stack", "Values": values }] });
        for request in [json!({}), filter(json!([])), filter(json!(["prod", "local"]))] {
            assert_eq!(complete(&request, &last), both, "{request}");
        }
        let other = json!({ "TagFilters": [{ "Key": "other" }] });
        for request in [filter(json!(["prod"])), other, json!({ "ResourceTypeFilters": ["sqs"] })] {
            assert_eq!(complete(&request, &last), ["arn:aws:sqs:q"], "{request}");
        }
        assert_eq!(complete(&json!({ "ResourceTypeFilters": ["lambda:function"] }), &last), both);
        let first = json!({ "ResourceTagMappingList": [queue], "PaginationToken": "more" });
        assert_eq!(complete(&json!({}), &first), ["arn:aws:sqs:q"]);
    }
}
