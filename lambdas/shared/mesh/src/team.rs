//! Teams.

use serde_json::Value;

use crate::custom::CustomFields;
use crate::document::{self, DocumentError, Member};
use crate::json;

/// The parts of a team that matter for access.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Team {
    /// The id.
    pub id: String,
    /// The display name; the id if the answer has none.
    pub name: String,
    /// The custom fields.
    pub custom: CustomFields,
}

impl Team {
    /// Reads an answer of the API. It must have the id that was asked for.
    ///
    /// # Errors
    ///
    /// [`DocumentError`].
    pub fn read(id: &str, text: &[u8]) -> Result<Team, DocumentError> {
        Team::of(id, &document::read(text)?)
    }

    /// A team from a JSON value, with whichever id it has. `None` if [`read`](Self::read) would fail.
    #[must_use]
    pub fn from_value(document: &Value) -> Option<Team> {
        Team::of(json::text(document, "id")?, document).ok()
    }

    fn of(id: &str, document: &Value) -> Result<Team, DocumentError> {
        let members = document::object(document, id)?;
        let name = Member::of(members, "name", "name").optional_text()?.filter(|name| !name.is_empty());
        Member::of(members, "custom", "custom").optional_object()?;
        Ok(Team { id: id.to_owned(), name: name.unwrap_or(id).to_owned(), custom: CustomFields::of(members) })
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
        assert_eq!(team.custom.get("aws-role-name"), Some("customer-care-analyst"));
        assert_eq!(team.custom.get("head-count"), Some("23"));
    }

    #[test]
    fn a_team_that_cannot_be_relied_on_is_an_error() {
        for (text, named) in [
            (r#"{"id":"other"}"#, "`id`"),
            (r#"{"id":"t","name":7}"#, "`name`"),
            (r#"{"id":"t","custom":[]}"#, "`custom`"),
            ("null", "not a JSON object"),
        ] {
            let error = Team::read("t", text.as_bytes()).expect_err(text).to_string();
            assert!(error.contains(named), "{text}: {error}");
        }
    }

    #[test]
    fn a_team_needs_an_id_but_no_name() {
        assert_eq!(Team::from_value(&json!({"id": "t"})).map(|team| team.name).as_deref(), Some("t"));
        assert_eq!(Team::from_value(&json!({"name": "T"})), None);
    }
}
