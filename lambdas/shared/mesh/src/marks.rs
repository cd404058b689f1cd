//! Our marks in agreements of the older generations, which have no provisioning state: tags and custom fields.

use crate::members::{as_text, entries, members};

/// Changes of an agreement's `tags` and `custom` fields. Everything else stays as it is written, character by character:
/// a number such as `12345678901234567890123` would not survive being read as a number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Marks {
    /// Tags to add at the end, if they are missing.
    pub add_tags: Vec<String>,
    /// Tags to remove, unless they are also to be added.
    pub remove_tags: Vec<String>,
    /// Custom fields to set.
    pub set_custom: Vec<(String, String)>,
    /// Custom fields to remove.
    pub remove_custom: Vec<String>,
}

/// The members of an object: name, name as written, value as written.
type Written = Vec<(String, String, String)>;

impl Marks {
    /// The agreement with these changes, which must be valid JSON. The user's own tags and custom fields stay, in their order.
    /// `tags` and `custom` are created only if something is written to them.
    ///
    /// `None` if nothing would change, or if it is not an object.
    #[must_use]
    pub fn apply(&self, agreement: &str) -> Option<String> {
        if !agreement.trim_start().starts_with('{') {
            return None;
        }
        let mut written = object(agreement);
        let of = |name: &str| written.iter().find(|(own, ..)| own == name).map(|(.., value)| value.as_str());
        let tags = self.tags(of("tags").unwrap_or_default());
        let custom = self.custom(of("custom").unwrap_or_default());
        if tags.is_none() && custom.is_none() {
            return None;
        }
        for (name, value) in [("tags", tags), ("custom", custom)] {
            if let Some(value) = value {
                set(&mut written, name, value);
            }
        }
        Some(text(&written))
    }

    /// The list of tags with these changes; `None` if nothing would change.
    fn tags(&self, list: &str) -> Option<String> {
        let mut tags: Vec<String> = entries(list.as_bytes()).map(as_written).collect();
        let before = tags.len();
        tags.retain(|tag| {
            let removed = |tag| self.remove_tags.contains(&tag) && !self.add_tags.contains(&tag);
            !as_text(tag.as_bytes()).is_some_and(removed)
        });
        let mut has_changed = tags.len() < before;
        for tag in &self.add_tags {
            if !tags.iter().any(|present| as_text(present.as_bytes()).as_ref() == Some(tag)) {
                tags.push(quoted(tag));
                has_changed = true;
            }
        }
        has_changed.then(|| format!("[{}]", tags.join(",")))
    }

    /// The custom fields with these changes; `None` if nothing would change.
    fn custom(&self, fields: &str) -> Option<String> {
        let mut written = object(fields);
        let before = written.clone();
        written.retain(|(name, ..)| !self.remove_custom.contains(name));
        for (name, value) in &self.set_custom {
            let is_set = |(own, _, present): &(String, _, String)| {
                own == name && as_text(present.as_bytes()).as_ref() == Some(value)
            };
            if !written.iter().any(is_set) {
                set(&mut written, name, quoted(value));
            }
        }
        (written != before).then(|| text(&written))
    }
}

fn object(text: &str) -> Written {
    let member = |it: crate::members::RawMember<'_>| (it.name, as_written(it.key), as_written(it.value));
    members(text.as_bytes()).map(member).collect()
}

fn text(written: &Written) -> String {
    let members: Vec<String> = written.iter().map(|(_, key, value)| format!("{key}:{value}")).collect();
    format!("{{{}}}", members.join(","))
}

/// Sets a member, which is added at the end if it is new.
fn set(written: &mut Written, name: &str, value: String) {
    match written.iter_mut().find(|(own, ..)| own == name) {
        Some((.., present)) => *present = value,
        None => written.push((name.to_owned(), quoted(name), value)),
    }
}

fn as_written(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes.trim_ascii()).into_owned()
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn marks(add: &[&str], remove: &[&str], set: &[(&str, &str)], unset: &[&str]) -> Marks {
        let own = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        Marks {
            add_tags: own(add),
            remove_tags: own(remove),
            set_custom: set.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
            remove_custom: own(unset),
        }
    }

    fn applied(marks: &Marks, agreement: &Value) -> Option<Value> {
        let text = marks.apply(&agreement.to_string())?;
        Some(serde_json::from_str(&text).expect("JSON"))
    }

    #[test]
    fn marks_leave_the_users_tags_and_fields_as_they_are() {
        let raw: Value =
            serde_json::from_str(include_str!("../tests/fixtures/data_contract.json")).expect("JSON");
        let marks = marks(
            &["aws-integration", "aws-integration-active"],
            &["aws-integration-inactive"],
            &[("aws-policy-name", "DMM_Datacontract_new")],
            &[],
        );
        let mut expected = raw.clone();
        expected["tags"] =
            json!(["business-critical", "aws-integration", "logistics", "aws-integration-active"]);
        expected["custom"]["aws-policy-name"] = json!("DMM_Datacontract_new");
        assert_eq!(applied(&marks, &raw).expect("a change").to_string(), expected.to_string());
    }

    #[test]
    fn everything_else_stays_as_it_is_written() {
        let text = r#" { "id" : "a", "n":[1.10,1e3, 12345678901234567890123 ,1e400],"t\u0061gs":[ 1.0 , "off"],
            "custom":{"z":1.50,"\u0061":2,"gone":3}, "end":{ } } "#;
        let marks = marks(&["on"], &["off"], &[("a", "x\"y")], &["gone"]);
        let expected = r#"{"id":"a","n":[1.10,1e3, 12345678901234567890123 ,1e400],"t\u0061gs":[1.0,"on"],"#
            .to_owned()
            + r#""custom":{"z":1.50,"\u0061":"x\"y"},"end":{ }}"#;
        assert_eq!(marks.apply(text), Some(expected));
    }

    #[test]
    fn marking_twice_changes_nothing_more() {
        let marks = marks(&["on", "on"], &["off"], &[("name", "value")], &[]);
        let once = applied(&marks, &json!({"id": "a", "tags": ["off", "mine"]})).expect("a change");
        assert_eq!(once, json!({"id": "a", "tags": ["mine", "on"], "custom": {"name": "value"}}));
        assert_eq!(applied(&marks, &once), None);
    }

    #[test]
    fn no_member_is_created_without_need() {
        let raw = json!({"id": "a"});
        assert_eq!(applied(&marks(&[], &["off"], &[], &["gone"]), &raw), None);
        assert_eq!(applied(&Marks::default(), &raw), None);
        assert_eq!(applied(&marks(&["on"], &[], &[], &[]), &json!("odd")), None);
        let nulls = json!({"tags": null, "custom": null});
        assert_eq!(
            applied(&marks(&["on"], &[], &[("n", "v")], &[]), &nulls),
            Some(json!({"tags": ["on"], "custom": {"n": "v"}}))
        );
        assert_eq!(applied(&marks(&["on"], &[], &[], &[]), &json!({})), Some(json!({"tags": ["on"]})));
    }

    #[test]
    fn a_tag_that_is_not_a_string_is_kept() {
        let marked = applied(&marks(&["on"], &["off"], &[], &[]), &json!({"tags": [1, {"a": 2}]}));
        assert_eq!(marked, Some(json!({"tags": [1, {"a": 2}, "on"]})));
    }

    proptest! {
        #[test]
        fn nothing_but_the_marks_changes(
            tags in prop::collection::vec(any::<String>(), 0..4),
            custom in prop::collection::btree_map(any::<String>(), any::<i64>(), 0..4),
            other in any::<(String, i64)>(),
        ) {
            let raw = json!({"other": other, "tags": tags, "custom": custom});
            let mut expected = raw.clone();
            let marks = marks(&["on\u{0}"], &[], &[("né\"w", "v")], &[]);
            expected["tags"].as_array_mut().expect("a list").retain(|tag| tag != "on\u{0}");
            let marked = applied(&marks, &raw).expect("a change");
            if raw["tags"] == expected["tags"] {
                expected["tags"].as_array_mut().expect("a list").push(json!("on\u{0}"));
            } else {
                expected["tags"] = raw["tags"].clone();
            }
            expected["custom"]["né\"w"] = json!("v");
            prop_assert_eq!(marked, expected);
        }
    }
}
