//! Teams.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::json;

/// The parts of a team that matter for access.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Team {
    /// The id.
    pub id: String,
    /// The display name; the id if the answer has none.
    pub name: String,
    /// The custom fields, like [`DataProduct::custom`](crate::DataProduct::custom).
    pub custom: BTreeMap<String, String>,
}

impl Team {
    /// Reads an answer of the API. `None` if it has no `id`.
    #[must_use]
    pub fn from_value(document: &Value) -> Option<Team> {
        let id = json::text(document, "id")?.to_owned();
        let name = json::text(document, "name").unwrap_or(&id).to_owned();
        Some(Team { id, name, custom: json::custom_map(document) })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_team_is_read_with_its_custom_fields_as_text() {
        let document = serde_json::from_str(include_str!("../tests/fixtures/team.json")).expect("JSON");
        let team = Team::from_value(&document).expect("a team");
        assert_eq!((team.id.as_str(), team.name.as_str()), ("customer-care", "Customer care"));
        assert_eq!(team.custom["aws-role-name"], "customer-care-analyst");
        assert_eq!(team.custom["head-count"], "23");
    }

    #[test]
    fn a_team_needs_an_id_but_no_name() {
        assert_eq!(Team::from_value(&json!({"id": "t"})).map(|team| team.name).as_deref(), Some("t"));
        assert_eq!(Team::from_value(&json!({"name": "T"})), None);
    }
}
