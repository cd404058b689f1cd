//! IAM roles: their names, references to them in custom fields, and what IAM knows about them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::arn::{Arn, Partition};
use crate::opt_in;
use crate::ownership::Tags;

/// The name of an IAM role, which is unique in its account, regardless of the role's path:
/// 1 to 64 characters of `[A-Za-z0-9_+=,.@-]`
/// ([names in IAM](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html)).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RoleName(String);

/// Why a text does not name a role. Each message continues a sentence that ends with "which".
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq, Hash)]
pub enum RoleNameError {
    /// It is empty.
    #[error("is empty")]
    Empty,
    /// It is too long.
    #[error("is longer than 64 characters, the limit for the name of a role")]
    Length,
    /// It contains a character that role names cannot have.
    #[error(
        "contains a character that the name of a role cannot have (allowed are letters, digits and _+=,.@-)"
    )]
    Character,
    /// It begins like an ARN, but is not the ARN of a role.
    #[error("is not the ARN of a role, such as arn:aws:iam::123456789012:role/path/name")]
    Arn,
}

impl RoleName {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for RoleName {
    type Err = RoleNameError;

    fn from_str(text: &str) -> Result<RoleName, RoleNameError> {
        if text.is_empty() {
            Err(RoleNameError::Empty)
        } else if !text.bytes().all(is_name_byte) {
            Err(RoleNameError::Character)
        } else if text.len() > 64 {
            Err(RoleNameError::Length)
        } else {
            Ok(RoleName(text.to_owned()))
        }
    }
}

impl TryFrom<String> for RoleName {
    type Error = RoleNameError;

    fn try_from(text: String) -> Result<RoleName, RoleNameError> {
        text.parse()
    }
}

impl From<RoleName> for String {
    fn from(name: RoleName) -> String {
        name.0
    }
}

impl fmt::Display for RoleName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Whether names of roles and policies may have this byte: `[\w+=,.@-]`.
pub(crate) fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"_+=,.@-".contains(&byte)
}

/// A role as a custom field names it: by its name, or by its ARN, which then has to be the ARN of the role with that
/// name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RoleReference {
    name: RoleName,
    arn: Option<Arn>,
}

impl RoleReference {
    /// The role's name.
    #[must_use]
    pub fn name(&self) -> &RoleName {
        &self.name
    }

    /// The ARN, if the field holds one.
    #[must_use]
    pub fn arn(&self) -> Option<&Arn> {
        self.arn.as_ref()
    }
}

impl FromStr for RoleReference {
    type Err = RoleNameError;

    fn from_str(text: &str) -> Result<RoleReference, RoleNameError> {
        if !text.starts_with("arn:") {
            return Ok(RoleReference { name: text.parse()?, arn: None });
        }
        let arn: Arn = text.parse().map_err(|_| RoleNameError::Arn)?;
        let name = match arn.resource().strip_prefix("role/").and_then(|path| path.rsplit('/').next()) {
            Some(name) if arn.service() == "iam" && arn.region().is_empty() && !arn.account().is_empty() => {
                name.parse()?
            }
            _ => return Err(RoleNameError::Arn),
        };
        Ok(RoleReference { name, arn: Some(arn) })
    }
}

/// What IAM knows about a role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Role {
    /// The name.
    pub name: RoleName,
    /// The ARN, e.g. `arn:aws:iam::123456789012:role/data/consumers/orders`.
    pub arn: String,
    /// The path, which begins and ends with `/`.
    pub path: String,
    /// The id that IAM gives to this role and to no other one, e.g. `AROA…`: a role that is created again under the
    /// same name has another id
    /// ([unique identifiers](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-unique-ids)).
    pub id: String,
    /// The tags. IAM lists roles without their tags, so a role from a list has none here.
    pub tags: Tags,
    /// Whether its owner lets this software manage it ([`OptIn`](crate::opt_in::OptIn)). IAM lists roles without their
    /// tags, so for a role from a list, this considers its path only.
    pub has_opted_in: bool,
}

impl Role {
    /// Whether it has opted in by its tag: access to it then ends when the tag is removed.
    #[must_use]
    pub fn has_opted_in_by_tag(&self) -> bool {
        self.tags.get(opt_in::TAG).is_some_and(|value| value == opt_in::VALUE)
    }

    /// The partition of the role; `None` if this software does not know it.
    #[must_use]
    pub fn partition(&self) -> Option<Partition> {
        self.arn.parse().ok().map(|arn: Arn| arn.partition())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_is_named_by_its_name_or_by_its_arn() {
        let plain: RoleReference = "consumer_role+a=b,c.d@e-f".parse().unwrap();
        assert_eq!((plain.name().as_str(), plain.arn()), ("consumer_role+a=b,c.d@e-f", None));
        for arn in
            ["arn:aws:iam::123456789012:role/consumer", "arn:aws-cn:iam::123456789012:role/data/x/consumer"]
        {
            let reference: RoleReference = arn.parse().unwrap();
            assert_eq!(reference.name().as_str(), "consumer");
            assert_eq!(reference.arn().unwrap().to_string(), arn);
        }
    }

    #[test]
    fn a_text_that_does_not_name_exactly_one_role_is_rejected() {
        let long = "r".repeat(65);
        for (text, error) in [
            ("", RoleNameError::Empty),
            ("a role", RoleNameError::Character),
            ("data/consumer", RoleNameError::Character),
            ("rôle", RoleNameError::Character),
            (long.as_str(), RoleNameError::Length),
            ("consumer-*", RoleNameError::Character),
            ("arn:aws:iam::123456789012:role/*", RoleNameError::Arn),
            ("arn:aws:iam::123456789012:user/consumer", RoleNameError::Arn),
            ("arn:aws:iam:::role/consumer", RoleNameError::Arn),
            ("arn:aws:sts::123456789012:assumed-role/consumer/session", RoleNameError::Arn),
            ("arn:aws:iam::123456789012:role/data/", RoleNameError::Empty),
        ] {
            assert_eq!(text.parse::<RoleReference>(), Err(error), "{text:?}");
        }
        assert!("r".repeat(64).parse::<RoleName>().is_ok());
    }
}
