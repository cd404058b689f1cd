//! Our marks in agreements of the older generations, which have no provisioning state: tags and custom fields.

use serde_json::{Map, Value};

/// The agreement `raw` with our tags and custom fields changed. Everything else stays as it was, including the user's own
/// tags, in their order, and custom fields.
///
/// A new tag is added at the end. A tag that is in both `remove_tags` and `add_tags` stays. `tags` and `custom` are created
/// only if something is written to them. A `raw` that is not an object is returned unchanged.
#[must_use]
pub fn with_marks(
    raw: &Value,
    add_tags: &[&str],
    remove_tags: &[&str],
    set_custom: &[(&str, &str)],
) -> Value {
    let mut marked = raw.clone();
    let Some(members) = marked.as_object_mut() else { return marked };
    if !add_tags.is_empty() || !remove_tags.is_empty() {
        mark_tags(members, add_tags, remove_tags);
    }
    if !set_custom.is_empty() {
        let custom = members.entry("custom").or_insert(Value::Null);
        if !custom.is_object() {
            *custom = Value::Object(Map::new());
        }
        for (name, value) in set_custom {
            custom[*name] = Value::from(*value);
        }
    }
    marked
}

fn mark_tags(members: &mut Map<String, Value>, add_tags: &[&str], remove_tags: &[&str]) {
    let mut tags = match members.get_mut("tags") {
        Some(Value::Array(tags)) => std::mem::take(tags),
        _ if add_tags.is_empty() => return,
        _ => Vec::new(),
    };
    tags.retain(|tag| tag.as_str().is_none_or(|tag| add_tags.contains(&tag) || !remove_tags.contains(&tag)));
    for tag in add_tags {
        if !tags.iter().any(|present| present == tag) {
            tags.push(Value::from(*tag));
        }
    }
    members.insert("tags".to_owned(), Value::Array(tags));
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn marks_leave_the_users_tags_and_fields_as_they_are() {
        let raw: Value =
            serde_json::from_str(include_str!("../tests/fixtures/data_contract.json")).expect("JSON");
        let marked = with_marks(
            &raw,
            &["aws-integration", "aws-integration-active"],
            &["aws-integration-inactive"],
            &[("aws-policy-name", "DMM_Datacontract_new")],
        );
        let mut expected = raw;
        expected["tags"] =
            json!(["business-critical", "aws-integration", "logistics", "aws-integration-active"]);
        expected["custom"]["aws-policy-name"] = json!("DMM_Datacontract_new");
        assert_eq!(marked.to_string(), expected.to_string());
    }

    #[test]
    fn marking_twice_changes_nothing_more() {
        let mark = |raw: &Value| with_marks(raw, &["on", "on"], &["off"], &[("name", "value")]);
        let once = mark(&json!({"id": "a", "tags": ["off", "mine"]}));
        assert_eq!(once, json!({"id": "a", "tags": ["mine", "on"], "custom": {"name": "value"}}));
        assert_eq!(mark(&once), once);
    }

    #[test]
    fn no_member_is_created_without_need() {
        let raw = json!({"id": "a"});
        assert_eq!(with_marks(&raw, &[], &["off"], &[]), raw);
        assert_eq!(with_marks(&raw, &[], &[], &[]), raw);
        assert_eq!(with_marks(&json!("odd"), &["on"], &[], &[]), json!("odd"));
        let nulls = json!({"tags": null, "custom": null});
        assert_eq!(
            with_marks(&nulls, &["on"], &[], &[("n", "v")]),
            json!({"tags": ["on"], "custom": {"n": "v"}})
        );
    }

    #[test]
    fn a_tag_that_is_not_a_string_is_kept() {
        let marked = with_marks(&json!({"tags": [1, {"a": 2}]}), &["on"], &["off"], &[]);
        assert_eq!(marked, json!({"tags": [1, {"a": 2}, "on"]}));
    }
}
