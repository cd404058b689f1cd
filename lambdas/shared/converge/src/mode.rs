//! Whether this software acts or only watches.

use std::str::FromStr;

use thiserror::Error;

/// What the functions do with what they find out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// They change IAM, and report to Data Mesh Manager.
    #[default]
    Enforce,
    /// They change nothing, neither in IAM nor in Data Mesh Manager nor in the grant records. Each change that they
    /// would make is logged and counted, and iam-reconcile lists it.
    Observe,
}

/// The text is not a mode.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("`{text}` is neither enforce nor observe")]
pub struct ModeError {
    text: String,
}

impl FromStr for Mode {
    type Err = ModeError;

    fn from_str(text: &str) -> Result<Mode, ModeError> {
        match text {
            "enforce" => Ok(Mode::Enforce),
            "observe" => Ok(Mode::Observe),
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
        for wrong in ["", "Observe", "dry-run"] {
            let error = wrong.parse::<Mode>().unwrap_err();
            assert!(error.to_string().contains(wrong) && error.to_string().contains("observe"), "{error}");
        }
    }
}
