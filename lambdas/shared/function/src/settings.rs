//! The environment variables. Nothing else in the Lambdas reads them.

use std::env::{self, VarError};

use dmm_api::{BaseUrl, BaseUrlError};
use thiserror::Error;

/// An environment variable is missing or wrong.
#[derive(Debug, Error)]
pub enum SettingError {
    /// It is not set, or blank.
    #[error("the environment variable {name} is not set: set it to {meaning}")]
    Missing {
        /// The variable.
        name: String,
        /// What it should hold.
        meaning: &'static str,
    },
    /// It is not Unicode.
    #[error("the environment variable {name} is not valid Unicode: set it to {meaning}")]
    NotUnicode {
        /// The variable.
        name: String,
        /// What it should hold.
        meaning: &'static str,
    },
    /// It is not an address that the API can be called at.
    #[error("the environment variable {name} is wrong: {problem}")]
    BaseUrl {
        /// The variable.
        name: String,
        /// What is wrong with it.
        problem: BaseUrlError,
    },
    /// It is the URL of a queue that is no FIFO queue.
    #[error("the environment variable {name} is wrong: {url} is no FIFO queue, whose name ends with .fifo")]
    NotFifo {
        /// The variable.
        name: String,
        /// The queue's URL.
        url: String,
    },
    /// It is neither `true` nor `false`.
    #[error("the environment variable {name} is `{value}`: set it to true or false")]
    NotAFlag {
        /// The variable.
        name: String,
        /// What it holds.
        value: String,
    },
}

impl SettingError {
    /// Whether a retry can cure it: never, somebody has to set the variable.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            SettingError::Missing { .. }
            | SettingError::NotUnicode { .. }
            | SettingError::BaseUrl { .. }
            | SettingError::NotFifo { .. }
            | SettingError::NotAFlag { .. } => false,
        }
    }
}

/// The variable's value without white space around it.
///
/// # Errors
///
/// [`SettingError`], when it is not set, blank, or not Unicode.
pub fn required(name: &str) -> Result<String, SettingError> {
    required_in(&process, name)
}

/// The variable's value without white space around it; `None` when it is not set or blank.
///
/// # Errors
///
/// [`SettingError`], when it is not Unicode.
pub fn optional(name: &str) -> Result<Option<String>, SettingError> {
    optional_in(&process, name)
}

/// The variable's values, separated by commas, without white space around them. None when it is not set or
/// blank; what is empty between two commas is left out.
///
/// # Errors
///
/// [`SettingError`], when it is not Unicode.
pub fn list(name: &str) -> Result<Vec<String>, SettingError> {
    list_in(&process, name)
}

/// The variable's value as the address of Data Mesh Manager.
///
/// # Errors
///
/// [`SettingError`], when it is not set, or not such an address.
pub fn base_url(name: &str) -> Result<BaseUrl, SettingError> {
    base_url_in(&process, name)
}

/// The variable's value as the URL of a FIFO queue.
///
/// # Errors
///
/// [`SettingError`], when it is not set, or the URL of another queue.
pub fn fifo_queue_url(name: &str) -> Result<String, SettingError> {
    fifo_queue_url_in(&process, name)
}

/// The variable's value, `true` or `false`.
///
/// # Errors
///
/// [`SettingError`], when it is not set, or something else.
pub fn flag(name: &str) -> Result<bool, SettingError> {
    flag_in(&process, name)
}

/// Where variables are looked up: the process's environment, or a test's.
type Lookup = dyn Fn(&str) -> Result<String, VarError>;

fn process(name: &str) -> Result<String, VarError> {
    env::var(name)
}

fn required_in(lookup: &Lookup, name: &str) -> Result<String, SettingError> {
    optional_in(lookup, name)?
        .ok_or_else(|| SettingError::Missing { name: name.to_owned(), meaning: meaning(name) })
}

fn optional_in(lookup: &Lookup, name: &str) -> Result<Option<String>, SettingError> {
    match lookup(name) {
        Ok(value) => Ok(Some(value.trim().to_owned()).filter(|value| !value.is_empty())),
        Err(VarError::NotPresent) => Ok(None),
        Err(VarError::NotUnicode(_)) => {
            Err(SettingError::NotUnicode { name: name.to_owned(), meaning: meaning(name) })
        }
    }
}

fn list_in(lookup: &Lookup, name: &str) -> Result<Vec<String>, SettingError> {
    let value = optional_in(lookup, name)?.unwrap_or_default();
    Ok(value.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect())
}

fn base_url_in(lookup: &Lookup, name: &str) -> Result<BaseUrl, SettingError> {
    let value = required_in(lookup, name)?;
    BaseUrl::parse(&value).map_err(|problem| SettingError::BaseUrl { name: name.to_owned(), problem })
}

fn fifo_queue_url_in(lookup: &Lookup, name: &str) -> Result<String, SettingError> {
    let url = required_in(lookup, name)?;
    match url.strip_suffix(".fifo") {
        Some(_) => Ok(url),
        None => Err(SettingError::NotFifo { name: name.to_owned(), url }),
    }
}

fn flag_in(lookup: &Lookup, name: &str) -> Result<bool, SettingError> {
    let value = required_in(lookup, name)?;
    value.parse().map_err(|_| SettingError::NotAFlag { name: name.to_owned(), value })
}

/// What a variable should hold, for whoever has to set it.
fn meaning(name: &str) -> &'static str {
    match name {
        "ALLOWED_RESOURCE_ACCOUNTS" => {
            "the AWS account ids whose resources may be granted access to, separated by commas"
        }
        "ALLOWED_ROLES" => "the roles that may be given access, separated by commas",
        "AWS_ACCESS_KEY_ID" | "AWS_SECRET_ACCESS_KEY" => {
            "the credentials of the function's role, as Lambda does"
        }
        "AWS_REGION" => "the AWS region, e.g. eu-central-1, as Lambda does",
        "DEAD_LETTER_QUEUE_URL" => "the URL of the SQS queue for what can never be handled",
        "DMM_API_KEY_SECRET_ID" => "the name or ARN of the secret that holds Data Mesh Manager's API key",
        "DMM_BASE_URL" => "the address of Data Mesh Manager, e.g. https://api.datamesh-manager.com",
        "EVENTS_QUEUE_URL" => "the URL of the SQS queue for the events of the feed",
        "EVENT_BUS_NAME" => "the name of the EventBridge bus",
        "MANAGED_POLICY_ARN_PREFIX" => {
            "how the ARNs of this stack's managed policies begin, e.g. arn:aws:iam::123456789012:policy/my-stack/"
        }
        "OPT_IN_PATH" => "the path of roles that may be given access without the tag, e.g. /dmm-consumers/",
        "SCAN_ROLES" => {
            "true, or to false where policies named DMM_… on the account's roles are not all of this stack"
        }
        "STATE_BUCKET" => "the name of the S3 bucket for the state",
        _ => "a value",
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::*;

    fn lookup(name: &str) -> Result<String, VarError> {
        match name {
            "STATE_BUCKET" => Ok("  state-bucket\n".to_owned()),
            "EVENT_BUS_NAME" => Ok(" \t".to_owned()),
            "ALLOWED_ROLES" => Ok("analyst, job/*,, ,loader,".to_owned()),
            "DMM_BASE_URL" => Ok("https://api.example.com/dmm/".to_owned()),
            "EVENTS_QUEUE_URL" => Ok("http://api.example.com".to_owned()),
            "DEAD_LETTER_QUEUE_URL" => Ok("https://sqs.example.com/1/dead.fifo".to_owned()),
            "SCAN_ROLES" => Ok(" true ".to_owned()),
            "AWS_REGION" => Err(VarError::NotUnicode(OsString::new())),
            _ => Err(VarError::NotPresent),
        }
    }

    #[test]
    fn a_value_has_no_white_space_around_it() {
        assert_eq!(required_in(&lookup, "STATE_BUCKET").expect("set"), "state-bucket");
        assert_eq!(optional_in(&lookup, "STATE_BUCKET").expect("set").as_deref(), Some("state-bucket"));
    }

    #[test]
    fn what_is_blank_is_not_set() {
        for name in ["EVENT_BUS_NAME", "DMM_API_KEY_SECRET_ID"] {
            assert_eq!(optional_in(&lookup, name).expect("no error"), None);
            assert!(list_in(&lookup, name).expect("no error").is_empty());
            assert!(matches!(required_in(&lookup, name), Err(SettingError::Missing { .. })));
        }
    }

    #[test]
    fn a_flag_is_true_or_false_and_nothing_else() {
        assert!(flag_in(&lookup, "SCAN_ROLES").expect("a flag"));
        assert!(matches!(flag_in(&lookup, "STATE_BUCKET"), Err(SettingError::NotAFlag { .. })));
        assert!(matches!(flag_in(&lookup, "EVENT_BUS_NAME"), Err(SettingError::Missing { .. })));
    }

    #[test]
    fn a_list_has_what_stands_between_its_commas() {
        assert_eq!(list_in(&lookup, "ALLOWED_ROLES").expect("a list"), ["analyst", "job/*", "loader"]);
    }

    #[test]
    fn an_address_is_checked() {
        assert_eq!(
            base_url_in(&lookup, "DMM_BASE_URL").expect("set").as_str(),
            "https://api.example.com/dmm"
        );
        let error = base_url_in(&lookup, "EVENTS_QUEUE_URL").expect_err("not https").to_string();
        assert!(error.contains("EVENTS_QUEUE_URL") && error.contains("https://"), "{error}");
    }

    #[test]
    fn a_queue_that_is_no_fifo_queue_is_refused_by_its_url() {
        let url = fifo_queue_url_in(&lookup, "DEAD_LETTER_QUEUE_URL").expect("a FIFO queue");
        assert!(url.ends_with("/dead.fifo"), "{url}");
        let error = fifo_queue_url_in(&lookup, "EVENTS_QUEUE_URL").expect_err("no FIFO queue").to_string();
        assert!(error.contains("EVENTS_QUEUE_URL") && error.contains("http://api.example.com"), "{error}");
    }

    #[test]
    fn an_error_names_the_variable_and_what_to_set() {
        let error = required_in(&lookup, "DMM_API_KEY_SECRET_ID").expect_err("not set");
        assert_eq!(
            error.to_string(),
            "the environment variable DMM_API_KEY_SECRET_ID is not set: set it to the name or ARN of the secret \
             that holds Data Mesh Manager's API key"
        );
        assert!(!error.is_retryable());
        let error = optional_in(&lookup, "AWS_REGION").expect_err("not Unicode").to_string();
        assert!(error.contains("AWS_REGION is not valid Unicode"), "{error}");
    }

    #[test]
    fn the_process_is_where_variables_are_looked_up() {
        // Cargo sets it for every test.
        assert_eq!(required("CARGO_PKG_NAME").expect("set"), "dmm-function");
        assert_eq!(optional("CARGO_PKG_NO_SUCH_VARIABLE").expect("no error"), None);
    }
}
