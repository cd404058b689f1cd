//! Limits on what this integration may give, whatever data products and agreements say: many people can edit those,
//! and must not be able to reach roles or accounts that nobody opened for this integration.
//!
//! To add a guardrail, add its setting to [`GuardrailSettings`] and its check to one of the `check_…` functions.

use thiserror::Error;

use crate::port::PortAccess;
use crate::refusal::Refusal;
use crate::role::{Role, RoleReference};
use pattern::Pattern;

mod pattern;

/// The path of the roles that belong to AWS services.
const SERVICE_LINKED_PATH: &str = "/aws-service-role/";

/// The guardrails' configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GuardrailSettings {
    /// Patterns of the roles that may get access. In a pattern, `*` stands for any characters. A pattern that begins
    /// with `/` is compared with a role's path and name, any other one with the name alone.
    pub allowed_roles: Vec<String>,
    /// Patterns of the roles that are never changed, even if they are allowed.
    pub protected_roles: Vec<String>,
    /// The accounts whose resources access may be given to; empty means any.
    pub allowed_resource_accounts: Vec<String>,
}

/// The limits on roles and resources.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guardrails {
    allowed_roles: Vec<Pattern>,
    protected_roles: Vec<Pattern>,
    allowed_resource_accounts: Vec<String>,
}

/// The guardrails' configuration is not valid.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum GuardrailError {
    /// No role is allowed.
    #[error(
        "ALLOWED_ROLES is empty: list the roles that may get access, for example `consumer-*,/data/*`, or `*` for \
         every role that has opted in"
    )]
    NoRoles,
    /// A pattern matches no role.
    #[error(
        "`{pattern}` in {setting} cannot match a role: write the name of a role, or its path and name beginning with \
         `/`; `*` stands for any characters"
    )]
    Pattern {
        /// The variable.
        setting: &'static str,
        /// The pattern.
        pattern: String,
    },
    /// A text is not an account id.
    #[error("`{account}` in ALLOWED_RESOURCE_ACCOUNTS is not an AWS account id, which has twelve digits")]
    Account {
        /// The text.
        account: String,
    },
}

impl Guardrails {
    /// Reads the configuration.
    ///
    /// # Errors
    ///
    /// [`GuardrailError`]. It is an error to allow no role at all, because that would refuse every agreement.
    pub fn new(settings: GuardrailSettings) -> Result<Guardrails, GuardrailError> {
        let GuardrailSettings { allowed_roles, protected_roles, allowed_resource_accounts } = settings;
        if allowed_roles.is_empty() {
            return Err(GuardrailError::NoRoles);
        }
        let is_account = |text: &str| text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit());
        if let Some(account) = allowed_resource_accounts.iter().find(|text| !is_account(text)) {
            return Err(GuardrailError::Account { account: account.clone() });
        }
        Ok(Guardrails {
            allowed_roles: patterns("ALLOWED_ROLES", allowed_roles)?,
            protected_roles: patterns("PROTECTED_ROLES", protected_roles)?,
            allowed_resource_accounts,
        })
    }

    /// The accounts whose resources access may be given to; empty means any.
    #[must_use]
    pub fn resource_accounts(&self) -> &[String] {
        &self.allowed_resource_accounts
    }

    /// Whether this access may be given to the role that a custom field refers to.
    ///
    /// # Errors
    ///
    /// The [`Refusal`] that says why not.
    pub fn check_grant(
        &self,
        reference: &RoleReference,
        role: &Role,
        access: &PortAccess,
    ) -> Result<(), Refusal> {
        check_reference(reference, role)?;
        self.check_recipient(role)?;
        self.check_resources(access, role)
    }

    /// Whether this role may get access: it [may be changed](Self::check_change), and it has opted in.
    ///
    /// # Errors
    ///
    /// The [`Refusal`] that says why not.
    pub fn check_recipient(&self, role: &Role) -> Result<(), Refusal> {
        self.check_change(role)?;
        if role.has_opted_in { Ok(()) } else { Err(Refusal::RoleNotOptedIn { role: role.name.clone() }) }
    }

    /// Whether the policies of this role may be changed at all. A role does not have to be opted in for access to be
    /// taken away: it must not keep access by opting out. Whether IAM requires the tag depends on the policies of the
    /// functions.
    ///
    /// # Errors
    ///
    /// The [`Refusal`] that says why not.
    pub fn check_change(&self, role: &Role) -> Result<(), Refusal> {
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

    /// Whether this role may get access to these resources. The ARNs of S3 do not hold an account; a condition in the
    /// policy limits those.
    fn check_resources(&self, access: &PortAccess, role: &Role) -> Result<(), Refusal> {
        let partition = role.partition();
        for (field, arn) in &access.arns {
            let (field, account) = (field.clone(), arn.account());
            if partition != Some(arn.partition()) {
                return Err(Refusal::OtherPartition { role: role.name.clone(), field });
            }
            let allowed = &self.allowed_resource_accounts;
            if !account.is_empty() && !allowed.is_empty() && !allowed.iter().any(|one| one == account) {
                return Err(Refusal::AccountForbidden { field, account: account.to_owned() });
            }
        }
        Ok(())
    }
}

/// Whether the role that IAM found by its name is the one that the custom field refers to.
///
/// # Errors
///
/// [`Refusal::RoleElsewhere`] if the field holds another ARN, with another account or another path.
pub(crate) fn check_reference(reference: &RoleReference, role: &Role) -> Result<(), Refusal> {
    match reference.arn().map(ToString::to_string) {
        Some(given) if given != role.arn => Err(Refusal::RoleElsewhere { given, actual: role.arn.clone() }),
        _ => Ok(()),
    }
}

fn patterns(setting: &'static str, texts: Vec<String>) -> Result<Vec<Pattern>, GuardrailError> {
    let read = |text: String| Pattern::read(&text).ok_or(GuardrailError::Pattern { setting, pattern: text });
    texts.into_iter().map(read).collect()
}

#[cfg(test)]
mod tests;
