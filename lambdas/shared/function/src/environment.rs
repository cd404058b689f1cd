//! The environment variables of the process. Nothing else in the Lambdas reads them.

use std::env::{self, VarError};
use std::fmt::Display;
use std::str::FromStr;

use dmm_http::{CertificateFile, CertificateFileError};
use thiserror::Error;

/// An environment variable that a function reads.
pub(crate) struct Variable {
    /// The name.
    pub(crate) name: &'static str,
    /// What to set it to, for the person who has to: completes "set it to …".
    pub(crate) meaning: &'static str,
}

/// An environment variable is missing or invalid. Messages do not repeat what may be a secret.
#[derive(Debug, Error)]
pub enum VariableError {
    /// The variable is not set, or blank.
    #[error("the environment variable {name} is not set: set it to {meaning}")]
    Missing {
        /// The variable.
        name: &'static str,
        /// What to set it to.
        meaning: &'static str,
    },
    /// The value is not Unicode.
    #[error("the environment variable {name} is not valid Unicode: set it to {meaning}")]
    NotUnicode {
        /// The variable.
        name: &'static str,
        /// What to set it to.
        meaning: &'static str,
    },
    /// The value is invalid.
    #[error("the environment variable {name} is not valid, because {problem}: set it to {meaning}")]
    Invalid {
        /// The variable.
        name: &'static str,
        /// What is wrong with the value.
        problem: String,
        /// What to set it to.
        meaning: &'static str,
    },
    /// The file that the value names cannot be used.
    #[error(transparent)]
    CertificateFile(#[from] CertificateFileError),
}

/// Where variables are looked up: the process's environment, or a test's.
pub(crate) struct Environment<'a> {
    lookup: &'a dyn Fn(&str) -> Result<String, VarError>,
}

impl Environment<'static> {
    /// The environment of the process.
    pub(crate) fn of_process() -> Environment<'static> {
        Environment { lookup: &|name| env::var(name) }
    }
}

impl<'a> Environment<'a> {
    /// Looks variables up with this function.
    pub(crate) fn of(lookup: &'a dyn Fn(&str) -> Result<String, VarError>) -> Environment<'a> {
        Environment { lookup }
    }
}

impl Environment<'_> {
    /// The value without surrounding white space; `None` if the variable is not set, blank or not Unicode.
    pub(crate) fn get(&self, name: &str) -> Option<String> {
        self.trimmed(name).unwrap_or_default()
    }

    /// The value without surrounding white space; `None` if the variable is not set or blank.
    pub(crate) fn optional(&self, variable: &Variable) -> Result<Option<String>, VariableError> {
        let Variable { name, meaning } = *variable;
        self.trimmed(name).map_err(|NotUnicode| VariableError::NotUnicode { name, meaning })
    }

    /// The value without surrounding white space.
    pub(crate) fn required(&self, variable: &Variable) -> Result<String, VariableError> {
        let Variable { name, meaning } = *variable;
        self.optional(variable)?.ok_or(VariableError::Missing { name, meaning })
    }

    /// The values between commas, without surrounding white space. Empty values are left out.
    pub(crate) fn list(&self, variable: &Variable) -> Result<Vec<String>, VariableError> {
        let value = self.optional(variable)?.unwrap_or_default();
        Ok(value.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect())
    }

    /// The same, but there has to be a value.
    pub(crate) fn required_list(&self, variable: &Variable) -> Result<Vec<String>, VariableError> {
        let list = self.list(variable)?;
        let Variable { name, meaning } = *variable;
        if list.is_empty() { Err(VariableError::Missing { name, meaning }) } else { Ok(list) }
    }

    /// The value as a `T`, whose error says what is wrong with it.
    pub(crate) fn parsed<T: FromStr<Err: Display>>(&self, variable: &Variable) -> Result<T, VariableError> {
        self.required(variable)?.parse().map_err(|problem: T::Err| variable.invalid(problem.to_string()))
    }

    /// The same, or the default of `T` if the variable is not set or blank.
    pub(crate) fn parsed_or_default<T>(&self, variable: &Variable) -> Result<T, VariableError>
    where
        T: FromStr<Err: Display> + Default,
    {
        let Some(value) = self.optional(variable)? else { return Ok(T::default()) };
        value.parse().map_err(|problem: T::Err| variable.invalid(problem.to_string()))
    }

    /// The same; `None` if the variable is not set or blank.
    pub(crate) fn parsed_if_set<T>(&self, variable: &Variable) -> Result<Option<T>, VariableError>
    where
        T: FromStr<Err: Display>,
    {
        let Some(value) = self.optional(variable)? else { return Ok(None) };
        value.parse().map(Some).map_err(|problem: T::Err| variable.invalid(problem.to_string()))
    }

    /// The value as a number from 0 to `largest`; `None` if the variable is not set or blank.
    pub(crate) fn number(&self, variable: &Variable, largest: usize) -> Result<Option<usize>, VariableError> {
        let Some(value) = self.optional(variable)? else { return Ok(None) };
        match value.parse() {
            Ok(number) if number <= largest => Ok(Some(number)),
            _ => Err(variable.invalid(format!("`{value}` is not a whole number from 0 to {largest}"))),
        }
    }

    /// The value, `true` or `false`.
    pub(crate) fn flag(&self, variable: &Variable) -> Result<bool, VariableError> {
        as_flag(variable, &self.required(variable)?)
    }

    /// The same, or `default` if the variable is not set or blank.
    pub(crate) fn flag_or(&self, variable: &Variable, default: bool) -> Result<bool, VariableError> {
        self.optional(variable)?.map_or(Ok(default), |value| as_flag(variable, &value))
    }

    /// The value as the URL of a FIFO queue.
    pub(crate) fn fifo_queue_url(&self, variable: &Variable) -> Result<String, VariableError> {
        let url = self.required(variable)?;
        match url.strip_suffix(".fifo") {
            Some(_) => Ok(url),
            None => {
                Err(variable
                    .invalid(format!("{url} does not end with .fifo as the URL of a FIFO queue does")))
            }
        }
    }

    /// The certificates in the file that the value names; `None` if the variable is not set or blank.
    pub(crate) fn certificates(&self, variable: &Variable) -> Result<Option<CertificateFile>, VariableError> {
        let path = self.optional(variable)?;
        Ok(path.map(|path| CertificateFile::read(variable.name, &path)).transpose()?)
    }

    fn trimmed(&self, name: &str) -> Result<Option<String>, NotUnicode> {
        match (self.lookup)(name) {
            Ok(value) => Ok(Some(value.trim().to_owned()).filter(|value| !value.is_empty())),
            Err(VarError::NotPresent) => Ok(None),
            Err(VarError::NotUnicode(_)) => Err(NotUnicode),
        }
    }
}

struct NotUnicode;

fn as_flag(variable: &Variable, value: &str) -> Result<bool, VariableError> {
    value.parse().map_err(|_| variable.invalid(format!("`{value}` is neither true nor false")))
}

impl Variable {
    pub(crate) fn invalid(&self, problem: String) -> VariableError {
        VariableError::Invalid { name: self.name, problem, meaning: self.meaning }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::ffi::OsString;

    use dmm_api::BaseUrl;

    use super::*;

    /// An environment in which only these variables are set.
    pub(crate) fn with<T>(variables: &[(&str, &str)], test: impl FnOnce(&Environment<'_>) -> T) -> T {
        let lookup = |name: &str| match variables.iter().find(|(known, _)| *known == name) {
            Some((_, value)) => Ok((*value).to_owned()),
            None => Err(VarError::NotPresent),
        };
        test(&Environment { lookup: &lookup })
    }

    const NAME: Variable = Variable { name: "NAME", meaning: "the name" };

    fn in_name<T>(value: &str, test: impl FnOnce(&Environment<'_>) -> T) -> T {
        with(&[("NAME", value)], test)
    }

    #[test]
    fn a_value_has_no_surrounding_white_space() {
        in_name("  state-bucket\n", |environment| {
            assert_eq!(environment.required(&NAME).unwrap(), "state-bucket");
            assert_eq!(environment.optional(&NAME).unwrap().as_deref(), Some("state-bucket"));
            assert_eq!(environment.get("NAME").as_deref(), Some("state-bucket"));
        });
    }

    #[test]
    fn a_blank_variable_counts_as_not_set() {
        for variables in [&[("NAME", " \t")][..], &[]] {
            with(variables, |environment| {
                assert_eq!(environment.optional(&NAME).unwrap(), None);
                assert_eq!(environment.get("NAME"), None);
                assert!(environment.list(&NAME).unwrap().is_empty());
                assert!(environment.certificates(&NAME).unwrap().is_none());
                assert!(matches!(environment.required(&NAME), Err(VariableError::Missing { .. })));
                assert!(matches!(environment.flag(&NAME), Err(VariableError::Missing { .. })));
            });
        }
    }

    #[test]
    fn a_flag_is_true_or_false_and_nothing_else() {
        assert!(in_name(" true ", |environment| environment.flag(&NAME)).unwrap());
        let error = in_name("yes", |environment| environment.flag(&NAME)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the environment variable NAME is not valid, because `yes` is neither true nor false: set it to the name"
        );
    }

    #[test]
    fn a_flag_that_is_not_set_has_its_default() {
        for default in [true, false] {
            assert_eq!(in_name(" ", |environment| environment.flag_or(&NAME, default)).unwrap(), default);
        }
        assert!(!in_name("false", |environment| environment.flag_or(&NAME, true)).unwrap());
        assert!(in_name("off", |environment| environment.flag_or(&NAME, true)).is_err());
    }

    #[test]
    fn a_number_has_no_sign_and_a_largest_value() {
        let number = |value| in_name(value, |environment| environment.number(&NAME, 100));
        assert_eq!(
            (number("0").unwrap(), number("100").unwrap(), number("").unwrap()),
            (Some(0), Some(100), None)
        );
        for value in ["-1", "101", "1.5", "1e1", "ten"] {
            let error = number(value).unwrap_err().to_string();
            assert!(error.contains("NAME") && error.contains(&format!("`{value}`")), "{error}");
        }
    }

    #[test]
    fn a_list_contains_the_values_between_commas() {
        let list = in_name("analyst, job/*,, ,loader,", |environment| environment.list(&NAME));
        assert_eq!(list.unwrap(), ["analyst", "job/*", "loader"]);
    }

    #[test]
    fn a_parsed_value_is_checked_and_the_error_says_what_is_wrong() {
        let url = in_name("https://api.example.com/dmm/", |environment| environment.parsed::<BaseUrl>(&NAME));
        assert_eq!(url.unwrap().as_str(), "https://api.example.com/dmm");
        let error = in_name("http://api.example.com", |environment| environment.parsed::<BaseUrl>(&NAME));
        let error = error.unwrap_err().to_string();
        assert!(
            error.contains("NAME") && error.contains("https://") && error.contains("the name"),
            "{error}"
        );
    }

    #[test]
    fn a_parsed_value_that_is_not_set_is_the_default_and_an_invalid_one_is_an_error() {
        let parsed = |value| in_name(value, |environment| environment.parsed_or_default::<u8>(&NAME));
        assert_eq!(with(&[], |environment| environment.parsed_or_default::<u8>(&NAME)).unwrap(), 0);
        assert_eq!((parsed(" ").unwrap(), parsed("7").unwrap()), (0, 7));
        assert!(parsed("-1").unwrap_err().to_string().contains("NAME"));
    }

    #[test]
    fn a_queue_that_is_not_a_fifo_queue_is_rejected_and_named() {
        let url =
            in_name("https://sqs.example.com/1/dead.fifo", |environment| environment.fifo_queue_url(&NAME));
        assert!(url.unwrap().ends_with("/dead.fifo"));
        let error = in_name("http://api.example.com", |environment| environment.fifo_queue_url(&NAME));
        let error = error.unwrap_err().to_string();
        assert!(error.contains("NAME") && error.contains("http://api.example.com"), "{error}");
    }

    #[test]
    fn a_file_of_certificates_that_cannot_be_used_is_named_with_its_variable() {
        let error = in_name("/no/such/file.pem", |environment| environment.certificates(&NAME)).unwrap_err();
        let error = error.to_string();
        assert!(error.contains("NAME") && error.contains("/no/such/file.pem"), "{error}");
    }

    #[test]
    fn an_error_names_the_variable_and_says_what_to_set() {
        let error = with(&[], |environment| environment.required(&NAME)).unwrap_err();
        assert_eq!(error.to_string(), "the environment variable NAME is not set: set it to the name");
        let environment = Environment { lookup: &|_| Err(VarError::NotUnicode(OsString::new())) };
        let error = environment.optional(&NAME).unwrap_err().to_string();
        assert!(error.contains("NAME is not valid Unicode") && error.contains("the name"), "{error}");
        assert_eq!(environment.get("NAME"), None);
    }

    #[test]
    fn variables_are_looked_up_in_the_process() {
        // Cargo sets this variable for every test.
        let name = Variable { name: "CARGO_PKG_NAME", meaning: "the crate's name" };
        assert_eq!(Environment::of_process().required(&name).unwrap(), "dmm-function");
        assert_eq!(Environment::of_process().get("CARGO_PKG_NO_SUCH_VARIABLE"), None);
    }
}
