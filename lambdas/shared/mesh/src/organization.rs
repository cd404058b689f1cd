//! The settings of an organization.

use crate::document::{self, DocumentError, Member};

/// The unique name of an organization, from its settings: `vanityUrl`.
///
/// # Errors
///
/// [`DocumentError`]; [`DocumentError::Missing`] also if it is empty.
pub fn organization(settings: &[u8]) -> Result<String, DocumentError> {
    let settings = document::read(settings)?;
    let members = settings.as_object().ok_or(DocumentError::NotAnObject)?;
    let name = Member::of(members, "vanityUrl", "vanityUrl").id()?;
    name.ok_or(DocumentError::Missing { member: "vanityUrl", expected: "a string" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_is_a_string_that_is_not_empty() {
        assert_eq!(organization(br#"{"vanityUrl":"acme","host":"h"}"#).as_deref(), Ok("acme"));
        for text in ["{}", r#"{"vanityUrl":""}"#, r#"{"vanityUrl":7}"#, r#"{"vanityUrl":null}"#] {
            assert!(
                organization(text.as_bytes()).expect_err(text).to_string().contains("`vanityUrl`"),
                "{text}"
            );
        }
        for text in ["", "[]", "null", r#"{"vanityUrl":"a","vanityUrl":"b"}"#] {
            assert!(organization(text.as_bytes()).is_err(), "{text}");
        }
    }
}
