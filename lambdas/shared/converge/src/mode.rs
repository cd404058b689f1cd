//! Whether this software acts, only watches, or takes back what it did.

use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// What the functions do with what they find out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// They change IAM, and report to Data Mesh Manager.
    #[default]
    Enforce,
    /// They change nothing, neither in IAM nor in Data Mesh Manager nor in the grant records. Each change that they
    /// would make is logged and counted, and iam-reconcile lists it.
    Observe,
    /// They take away everything that they have ever given, and give nothing new. Somebody has decided to uninstall the
    /// stack, so neither the brake nor Data Mesh Manager is asked (`docs/decisions/0014`).
    Uninstall,
}

impl Mode {
    /// The mode as the configuration names it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Mode::Enforce => "enforce",
            Mode::Observe => "observe",
            Mode::Uninstall => "uninstall",
        }
    }
}

/// The text is not a mode.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("`{text}` is not a mode: it must be enforce, observe or uninstall")]
pub struct ModeError {
    text: String,
}

impl FromStr for Mode {
    type Err = ModeError;

    fn from_str(text: &str) -> Result<Mode, ModeError> {
        match text {
            "enforce" => Ok(Mode::Enforce),
            "observe" => Ok(Mode::Observe),
            "uninstall" => Ok(Mode::Uninstall),
            _ => Err(ModeError { text: text.to_owned() }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mode_is_read_by_its_name_and_nothing_else() {
        assert_eq!("enforce".parse(), Ok(Mode::Enforce));
        assert_eq!("observe".parse(), Ok(Mode::Observe));
        assert_eq!("uninstall".parse(), Ok(Mode::Uninstall));
        for mode in [Mode::Enforce, Mode::Observe, Mode::Uninstall] {
            assert_eq!(mode.as_str().parse(), Ok(mode));
        }
        for wrong in ["", "Observe", "dry-run"] {
            let error = wrong.parse::<Mode>().unwrap_err();
            assert!(error.to_string().contains(wrong) && error.to_string().contains("observe"), "{error}");
        }
    }
}
