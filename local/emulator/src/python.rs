//! Finds a Python interpreter that is new enough.

use std::process::{Command, Stdio};

use crate::error::EmulatorError;

/// The oldest Python version that the packages in `requirements.txt` support.
const OLDEST: (u32, u32) = (3, 11);

/// The commands to try, in this order. The first suitable one is used.
const COMMANDS: [&str; 5] = ["python3", "python3.14", "python3.13", "python3.12", "python3.11"];

/// A Python program that prints the version, then fails if Python cannot create virtual environments (Debian packages
/// `ensurepip` separately).
const PROBE: &str = "import sys; print(*sys.version_info[:2], flush=True); import venv, ensurepip";

/// The properties of an installed Python.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Probe {
    version: (u32, u32),
    makes_venvs: bool,
}

/// Returns the command of the first suitable Python.
pub(crate) fn find() -> Result<&'static str, EmulatorError> {
    choose(&COMMANDS, probe)
}

fn choose(
    commands: &[&'static str],
    probe: impl Fn(&str) -> Option<Probe>,
) -> Result<&'static str, EmulatorError> {
    let mut newest_too_old = None;
    let mut without_venv = None;
    for &command in commands {
        match probe(command) {
            None => {}
            Some(Probe { version, .. }) if version < OLDEST => {
                newest_too_old = newest_too_old.max(Some(version));
            }
            Some(Probe { makes_venvs: true, .. }) => return Ok(command),
            Some(Probe { makes_venvs: false, .. }) => without_venv = without_venv.or(Some(command)),
        }
    }
    match (without_venv, newest_too_old) {
        (Some(python), _) => Err(EmulatorError::NoVenv { python: python.to_owned() }),
        (None, Some((major, minor))) => {
            Err(EmulatorError::PythonTooOld { found: format!("{major}.{minor}") })
        }
        (None, None) => Err(EmulatorError::NoPython),
    }
}

/// Returns `None` if the command does not exist or is not Python.
fn probe(command: &str) -> Option<Probe> {
    let output = plain(command).args(["-c", PROBE]).stdin(Stdio::null()).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let mut numbers = text.split_whitespace().map_while(|number| number.parse().ok());
    let version = (numbers.next()?, numbers.next()?);
    Some(Probe { version, makes_venvs: output.status.success() })
}

/// Returns a command without the environment variables that configure the user's own Python.
pub(crate) fn plain(command: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut plain = Command::new(command);
    for name in [
        "PYTHONPATH",
        "PYTHONHOME",
        "VIRTUAL_ENV",
        "PIP_TARGET",
        "PIP_PREFIX",
        "PIP_USER",
        "PIP_REQUIRE_VIRTUALENV",
    ] {
        plain.env_remove(name);
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(version: (u32, u32), makes_venvs: bool) -> Probe {
        Probe { version, makes_venvs }
    }

    #[test]
    fn the_first_python_that_is_new_enough_is_used() {
        let chosen = choose(&COMMANDS, |command| match command {
            "python3" => Some(found((3, 9), true)),
            "python3.13" => Some(found((3, 13), true)),
            _ => None,
        });
        assert_eq!(chosen.unwrap(), "python3.13");
    }

    #[test]
    fn missing_outdated_and_incomplete_pythons_give_different_errors() {
        let error = choose(&COMMANDS, |_| None).unwrap_err();
        assert!(matches!(error, EmulatorError::NoPython));
        let error =
            choose(&COMMANDS, |command| (command == "python3").then(|| found((3, 9), true))).unwrap_err();
        assert!(error.to_string().starts_with("Python 3.9 is too old"), "{error}");
        let error =
            choose(&COMMANDS, |command| (command == "python3").then(|| found((3, 12), false))).unwrap_err();
        assert!(error.to_string().contains("apt install python3-venv"), "{error}");
    }

    #[test]
    fn a_missing_command_is_not_recognized_as_python() {
        assert_eq!(probe("no-such-python-anywhere"), None);
        assert!(probe("python3").is_some());
    }
}
