//! How a role opts in: a role gets access only if its owner agreed.

use std::str::FromStr;

use thiserror::Error;

/// The tag with which a role opts in.
pub(crate) const TAG: &str = "dmm-integration";
/// The value of that tag.
pub(crate) const VALUE: &str = "enabled";
/// The condition key with the tag's value on the role that makes a request.
pub(crate) const CONDITION_KEY: &str = "aws:PrincipalTag/dmm-integration";
/// The longest path that IAM accepts
/// ([`Role`](https://docs.aws.amazon.com/IAM/latest/APIReference/API_Role.html)).
const LONGEST: usize = 512;

/// A role opts in with the tag `dmm-integration` = `enabled`, or by its location below a path that the operator has
/// configured: whoever creates a role there opts in. Unlike tags, paths never change.
///
/// Its text is that path, which begins and ends with `/`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OptIn {
    path: String,
}

/// The text is not a path with which roles can opt in.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error(
    "OPT_IN_PATH is `{text}`, which is not valid: set it to the path of the roles that opt in without the tag \
     {TAG}={VALUE}. It begins and ends with `/`, for example /dmm-consumers/, and is not `/` alone, which would \
     include every role"
)]
pub struct OptInError {
    text: String,
}

impl OptIn {
    /// Whether a role with this path and these tags has opted in.
    #[must_use]
    pub fn holds<'a>(&self, path: &str, mut tags: impl Iterator<Item = (&'a str, &'a str)>) -> bool {
        tags.any(|tag| tag == (TAG, VALUE)) || path.starts_with(&self.path)
    }
}

impl FromStr for OptIn {
    type Err = OptInError;

    fn from_str(text: &str) -> Result<OptIn, OptInError> {
        let is_path = text.len() > 2
            && text.len() <= LONGEST
            && text.starts_with('/')
            && text.ends_with('/')
            && text.bytes().all(|byte| byte.is_ascii_graphic() && !b"*?".contains(&byte));
        if is_path { Ok(OptIn { path: text.to_owned() }) } else { Err(OptInError { text: text.to_owned() }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_opts_in_with_exactly_this_tag() {
        let opt_in: OptIn = "/data/".parse().unwrap();
        assert!(opt_in.holds("/", [("team", "a"), ("dmm-integration", "enabled")].into_iter()));
        for tag in [("dmm-integration", "disabled"), ("DMM-Integration", "enabled"), ("team", "enabled")] {
            assert!(!opt_in.holds("/", [tag].into_iter()), "{tag:?}");
        }
    }

    #[test]
    fn roles_below_the_path_have_opted_in() {
        let opt_in: OptIn = "/data/".parse().unwrap();
        for (path, holds) in [
            ("/data/", true),
            ("/data/reports/", true),
            ("/", false),
            ("/database/", false),
            ("/x/data/", false),
        ] {
            assert_eq!(opt_in.holds(path, [].into_iter()), holds, "{path}");
        }
    }

    #[test]
    fn a_path_that_would_include_every_role_or_none_is_rejected() {
        for text in ["", "/", "//", "data", "/data", "data/", "/da ta/", "/*/", "/d?ta/"] {
            let error = text.parse::<OptIn>().unwrap_err().to_string();
            assert!(error.contains(&format!("`{text}`")) && error.contains("/dmm-consumers/"), "{error}");
        }
        let longest = format!("/{}/", "x".repeat(LONGEST - 2));
        assert!(longest.parse::<OptIn>().is_ok());
        assert!(format!("{longest}x/").parse::<OptIn>().is_err());
    }
}
