//! What this integration may give, whatever data products and agreements say: fields that many people may
//! edit must not lead to rights on roles or accounts that nobody opened for it.

use thiserror::Error;

use crate::port::Resources;
use crate::refusal::Refusal;
use crate::role::{Role, RoleReference};

/// Where IAM keeps the roles that belong to AWS services.
const SERVICE_LINKED_PATH: &str = "/aws-service-role/";

/// Which roles may get access, and to resources of which accounts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guardrails {
    allowed_roles: Vec<Pattern>,
    protected_roles: Vec<Pattern>,
    allowed_resource_accounts: Vec<String>,
}

/// The guardrails' configuration makes no sense.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum GuardrailError {
    /// No role is allowed.
    #[error(
        "ALLOWED_ROLES is empty: list the roles that may get access, e.g. `consumer-*,/data/*`, or `*` for \
         every role that has opted in"
    )]
    NoRoles,
    /// A pattern can match no role.
    #[error(
        "`{pattern}` in {setting} can match no role: a pattern is a role's name, or its path and name \
         beginning with `/`, in which `*` stands for any characters"
    )]
    Pattern {
        /// The variable.
        setting: &'static str,
        /// The pattern.
        pattern: String,
    },
    /// An account is not one.
    #[error("`{account}` in ALLOWED_RESOURCE_ACCOUNTS is no AWS account: an account is twelve digits")]
    Account {
        /// The text.
        account: String,
    },
}

impl Guardrails {
    /// Takes the configuration.
    ///
    /// - `allowed_roles` and `protected_roles` are patterns, in which `*` stands for any characters. One that
    ///   begins with `/` is compared with a role's path and name, another one with the name alone. What is
    ///   protected stays so, whatever is allowed.
    /// - `allowed_resource_accounts` are the accounts whose resources access may be given to; none means any.
    ///
    /// # Errors
    ///
    /// [`GuardrailError`]. No allowed role at all is an error: it would refuse everything.
    pub fn new(
        allowed_roles: &[String],
        protected_roles: &[String],
        allowed_resource_accounts: &[String],
    ) -> Result<Guardrails, GuardrailError> {
        if allowed_roles.is_empty() {
            return Err(GuardrailError::NoRoles);
        }
        let is_account = |text: &str| text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit());
        if let Some(account) = allowed_resource_accounts.iter().find(|text| !is_account(text)) {
            return Err(GuardrailError::Account { account: account.clone() });
        }
        Ok(Guardrails {
            allowed_roles: Pattern::read("ALLOWED_ROLES", allowed_roles)?,
            protected_roles: Pattern::read("PROTECTED_ROLES", protected_roles)?,
            allowed_resource_accounts: allowed_resource_accounts.to_vec(),
        })
    }

    /// The accounts whose resources access may be given to; none means any.
    #[must_use]
    pub fn resource_accounts(&self) -> &[String] {
        &self.allowed_resource_accounts
    }

    /// Whether this role may *get* access: [`touching`](Self::touching), and it has opted in.
    ///
    /// # Errors
    ///
    /// The [`Refusal`] that says why not.
    pub fn giving(&self, role: &Role) -> Result<(), Refusal> {
        self.touching(role)?;
        if role.has_opted_in { Ok(()) } else { Err(Refusal::RoleNotOptedIn { role: role.name.clone() }) }
    }

    /// Whether this role's policies may be changed at all. To take access back, the tag is not asked for here: a role
    /// should not keep access by opting out. Whether IAM asks for it is up to the functions' own policies.
    ///
    /// # Errors
    ///
    /// The [`Refusal`] that says why not.
    pub fn touching(&self, role: &Role) -> Result<(), Refusal> {
        let name = role.name.clone();
        if role.path.starts_with(SERVICE_LINKED_PATH) {
            Err(Refusal::RoleServiceLinked { role: name })
        } else if self.protected_roles.iter().any(|pattern| pattern.matches(role)) {
            Err(Refusal::RoleProtected { role: name })
        } else if !self.allowed_roles.iter().any(|pattern| pattern.matches(role)) {
            Err(Refusal::RoleNotAllowed { role: name })
        } else {
            Ok(())
        }
    }

    /// Whether access to these resources may be given to this role. What S3's ARNs do not say, their account,
    /// is left to a condition in the policy.
    ///
    /// # Errors
    ///
    /// The [`Refusal`] that says why not.
    pub fn resources(&self, resources: &Resources, role: &Role) -> Result<(), Refusal> {
        let partition = role.partition();
        for (field, arn) in &resources.fields {
            let (field, account) = (field.clone(), arn.account());
            if partition != Some(arn.partition()) {
                return Err(Refusal::OtherPartition { role: role.name.clone(), field });
            }
            let accounts = &self.allowed_resource_accounts;
            if !account.is_empty() && !accounts.is_empty() && !accounts.iter().any(|known| known == account) {
                return Err(Refusal::AccountForbidden { field, account: account.to_owned() });
            }
        }
        Ok(())
    }
}

/// Whether the role that IAM found by its name is the one that was meant.
///
/// # Errors
///
/// [`Refusal::RoleElsewhere`] where the reference holds another ARN: another account's, or with another path.
pub fn is_meant(reference: &RoleReference, role: &Role) -> Result<(), Refusal> {
    match reference.arn().map(ToString::to_string) {
        Some(given) if given != role.arn => Err(Refusal::RoleElsewhere { given, actual: role.arn.clone() }),
        _ => Ok(()),
    }
}

/// The parts of a pattern between its `*`s.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Pattern {
    with_path: bool,
    parts: Vec<String>,
}

impl Pattern {
    fn read(setting: &'static str, patterns: &[String]) -> Result<Vec<Pattern>, GuardrailError> {
        let read = |pattern: &String| {
            let possible = !pattern.is_empty()
                && pattern.bytes().all(|byte| byte.is_ascii_graphic())
                && (pattern.starts_with('/') || !pattern.contains('/'));
            if !possible {
                return Err(GuardrailError::Pattern { setting, pattern: pattern.clone() });
            }
            Ok(Pattern {
                with_path: pattern.starts_with('/'),
                parts: pattern.split('*').map(str::to_owned).collect(),
            })
        };
        patterns.iter().map(read).collect()
    }

    fn matches(&self, role: &Role) -> bool {
        if self.with_path {
            self.matches_text(&format!("{}{}", role.path, role.name))
        } else {
            self.matches_text(role.name.as_str())
        }
    }

    fn matches_text(&self, text: &str) -> bool {
        let [first, between @ .., last] = self.parts.as_slice() else {
            return self.parts.first().is_some_and(|only| only == text);
        };
        let Some(mut rest) =
            text.strip_prefix(first.as_str()).and_then(|rest| rest.strip_suffix(last.as_str()))
        else {
            return false;
        };
        for part in between {
            match rest.split_once(part.as_str()) {
                Some((_, behind)) => rest = behind,
                None => return false,
            }
        }
        true
    }
}

#[cfg(test)]
mod tests;
