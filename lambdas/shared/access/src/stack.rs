//! Which stack wrote something.
//!
//! Several stacks may serve one account, and two of them may give access to the same role for the same agreement. Each
//! therefore states in everything that it writes which stack it is, and leaves alone what another one wrote:
//!
//! - a record in the state bucket has a member `stack`;
//! - a managed policy has the path of its stack ([`ArnPrefix`](crate::managed_policy::ArnPrefix));
//! - an inline policy has the name of its agreement, which is the same for every stack, so the `Sid` of its first
//!   statement ends with `Stack` and the stack's name ([`Stack::mark`]).
//!
//! The member `Id` would be the obvious place, but AWS documents that policies of roles may not have it
//! ([`Id`](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_id.html)). A `Sid` in a policy of
//! a role consists of letters and digits
//! ([`Sid`](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_sid.html)), so all other
//! characters of the name are encoded.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use thiserror::Error;

use crate::document::Document;
use crate::role::is_name_byte;

/// The longest name. It is a part of the path and of the names of managed policies.
const LONGEST: usize = 50;
/// What comes before the stack's name in a `Sid`. The `Sid`s of our statements do not contain it.
const MARK: &str = "Stack";
/// Begins an encoded character. It is itself encoded.
const ESCAPE: char = 'Z';

/// The name of a stack: 1 to 50 characters of `[A-Za-z0-9_+=,.@-]`, for example `datamesh-manager-aws-production`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Stack(String);

/// The text is not the name of a stack.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error(
    "the name of a stack has 1 to {LONGEST} characters, which are letters, digits and _+=,.@-; the given text does not"
)]
pub struct StackError;

/// Which stack wrote a policy, according to the policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Writer {
    /// The policy does not state a stack: an earlier version of this software wrote it, or somebody else.
    Unknown,
    /// This stack.
    Stack(Stack),
}

impl Stack {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The same document with this stack's mark. A document that has no statement stays as it is.
    #[must_use]
    pub fn mark(&self, document: &Document) -> Document {
        with_first_sid(document, |sid| Some(format!("{sid}{MARK}{}", encode(&self.0))))
            .unwrap_or_else(|| document.clone())
    }

    /// The document without the mark of a stack, and which stack that was.
    #[must_use]
    pub fn unmark(document: &Document) -> (Document, Writer) {
        let mut writer = Writer::Unknown;
        let unmarked = with_first_sid(document, |sid| {
            let (own, encoded) = sid.split_once(MARK)?;
            writer = Writer::Stack(decode(encoded)?.parse().ok()?);
            Some(own.to_owned())
        });
        (unmarked.unwrap_or_else(|| document.clone()), writer)
    }
}

impl FromStr for Stack {
    type Err = StackError;

    fn from_str(text: &str) -> Result<Stack, StackError> {
        let is_name = (1..=LONGEST).contains(&text.len()) && text.bytes().all(is_name_byte);
        if is_name { Ok(Stack(text.to_owned())) } else { Err(StackError) }
    }
}

impl TryFrom<String> for Stack {
    type Error = StackError;

    fn try_from(text: String) -> Result<Stack, StackError> {
        text.parse()
    }
}

impl From<Stack> for String {
    fn from(stack: Stack) -> String {
        stack.0
    }
}

impl fmt::Display for Stack {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// The document with another `Sid` in its first statement; `None` if it stays as it is. An empty `Sid` is left out.
fn with_first_sid(document: &Document, change: impl FnOnce(&str) -> Option<String>) -> Option<Document> {
    let mut value = Value::from(document.clone());
    let statement = value.get_mut("Statement")?.get_mut(0)?.as_object_mut()?;
    let sid = change(statement.get("Sid").map_or(Some(""), Value::as_str)?)?;
    if sid.is_empty() {
        statement.remove("Sid");
    } else {
        statement.insert("Sid".to_owned(), Value::from(sid));
    }
    Some(Document::from(value))
}

fn encode(name: &str) -> String {
    name.chars().fold(String::new(), |encoded, character| {
        if character.is_ascii_alphanumeric() && character != ESCAPE {
            format!("{encoded}{character}")
        } else {
            format!("{encoded}{ESCAPE}{:02X}", u32::from(character))
        }
    })
}

fn decode(encoded: &str) -> Option<String> {
    let mut parts = encoded.split(ESCAPE);
    let mut name = parts.next()?.to_owned();
    for part in parts {
        let (digits, rest) = part.split_at_checked(2)?;
        name.push(char::from(u8::from_str_radix(digits, 16).ok()?));
        name.push_str(rest);
    }
    Some(name)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::document;

    fn stack(name: &str) -> Stack {
        name.parse().unwrap()
    }

    #[test]
    fn a_marked_document_states_its_stack_in_a_sid_that_iam_accepts() {
        for name in ["dmm-production", "dmm", "Z", "aZb_c.d", "a+b=c,d@e", "StackStack"] {
            let marked = stack(name).mark(&document("a", 0));
            assert_ne!(marked, document("a", 0));
            let sid = Value::from(marked.clone())["Statement"][0]["Sid"].as_str().unwrap().to_owned();
            assert!(sid.starts_with("ReadStack") && sid.bytes().all(|byte| byte.is_ascii_alphanumeric()));
            assert_eq!(Stack::unmark(&marked), (document("a", 0), Writer::Stack(stack(name))), "{sid}");
        }
    }

    #[test]
    fn other_members_and_statements_are_unchanged() {
        let many = Document::from(json!({
            "Version": "2012-10-17",
            "Statement": [{ "Effect": "Allow", "Action": "s3:GetObject" }, { "Sid": "Second" }],
        }));
        let marked = stack("dmm").mark(&many);
        assert_eq!(Value::from(marked.clone())["Statement"][0]["Sid"], "Stackdmm");
        assert_eq!(Value::from(marked.clone())["Statement"][1]["Sid"], "Second");
        assert_eq!(Stack::unmark(&marked), (many, Writer::Stack(stack("dmm"))));
    }

    #[test]
    fn what_has_no_mark_states_no_stack_and_is_unchanged() {
        for text in [
            document("a", 0).as_str(),
            "not json",
            "{}",
            r#"{"Statement":[]}"#,
            r#"{"Statement":["Stackdmm"]}"#,
            r#"{"Statement":[{"Sid":7}]}"#,
            r#"{"Statement":[{"Sid":"Stack"}]}"#,
            r#"{"Statement":[{"Sid":"StackaZ"}]}"#,
            r#"{"Statement":[{"Sid":"StackaZ2"}]}"#,
            r#"{"Statement":[{"Sid":"StackaZxy"}]}"#,
            r#"{"Statement":[{"Sid":"StackaZé"}]}"#,
        ] {
            let document = Document::read(text);
            assert_eq!(Stack::unmark(&document), (document.clone(), Writer::Unknown), "{text}");
        }
    }

    #[test]
    fn a_text_that_cannot_be_a_part_of_a_path_is_not_a_name() {
        for text in ["", "a b", "a/b", "ü", &"s".repeat(LONGEST + 1)] {
            assert_eq!(text.parse::<Stack>(), Err(StackError), "{text}");
            assert!(serde_json::from_value::<Stack>(json!(text)).is_err());
        }
    }
}
