//! IAM roles: their names, how custom fields name them, and what IAM says about one.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::arn::{Arn, Partition};

/// The name of an IAM role, unique in its account whatever the role's path:
/// 1 to 64 characters of `[A-Za-z0-9_+=,.@-]`
/// ([IAM's names](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html)).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RoleName(String);

/// Why a text does not name a role. Each reads on after "the value".
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq, Hash)]
pub enum RoleNameError {
    /// It is empty.
    #[error("is empty")]
    Empty,
    /// It is too long.
    #[error("is longer than a role's name can be (64 characters)")]
    Length,
    /// It has a character that role names do not have.
    #[error("holds a character that a role's name cannot have: letters, digits and _+=,.@- are possible")]
    Character,
    /// It begins like an ARN, but is not one of a role.
    #[error("is not the ARN of a role, which reads arn:aws:iam::123456789012:role/path/name")]
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

/// A role as a custom field names it: by its name alone, or by its whole ARN, which then has to be the ARN of
/// the role that has this name.
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

    /// The ARN, where the field holds one.
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

/// What IAM says about a role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Role {
    /// The name.
    pub name: RoleName,
    /// The ARN, e.g. `arn:aws:iam::123456789012:role/data/consumers/orders`.
    pub arn: String,
    /// The path, from `/` to `/`.
    pub path: String,
    /// Whether its owner lets this software manage it ([`OptIn`](crate::opt_in::OptIn)). Roles that were listed, not read,
    /// come without their tags: of those, only a path tells it.
    pub has_opted_in: bool,
}

impl Role {
    /// The partition that the role is in; `None` if it is one this software does not know.
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
    fn what_names_no_single_role_is_refused() {
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
