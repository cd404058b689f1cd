//! Finds a Python that is new enough.

use std::process::{Command, Stdio};

use crate::error::EmulatorError;

/// What the packages in `requirements.txt` ask for.
const OLDEST: (u32, u32) = (3, 11);

/// Tried in this order; the first that is new enough is taken.
const COMMANDS: [&str; 5] = ["python3", "python3.14", "python3.13", "python3.12", "python3.11"];

/// Prints its version, then fails where it cannot make virtual environments (Debian splits `ensurepip` off).
const PROBE: &str = "import sys; print(*sys.version_info[:2], flush=True); import venv, ensurepip";

/// What a command turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Probe {
    version: (u32, u32),
    makes_venvs: bool,
}

/// The command of a Python that will do.
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

/// None when the command is not there or is no Python.
fn probe(command: &str) -> Option<Probe> {
    let output = plain(command).args(["-c", PROBE]).stdin(Stdio::null()).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let mut numbers = text.split_whitespace().map_while(|number| number.parse().ok());
    let version = (numbers.next()?, numbers.next()?);
    Some(Probe { version, makes_venvs: output.status.success() })
}

/// A command that no setting of the user's own Python work leads astray.
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
    fn the_first_python_that_is_new_enough_is_taken() {
        let chosen = choose(&COMMANDS, |command| match command {
            "python3" => Some(found((3, 9), true)),
            "python3.13" => Some(found((3, 13), true)),
            _ => None,
        });
        assert_eq!(chosen.unwrap(), "python3.13");
    }

    #[test]
    fn no_python_an_old_one_and_one_without_venv_are_told_apart() {
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
    fn a_command_that_is_not_there_is_no_python() {
        assert_eq!(probe("no-such-python-anywhere"), None);
        assert!(probe("python3").is_some());
    }
}
