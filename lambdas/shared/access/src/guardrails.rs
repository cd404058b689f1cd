//! Limits on what this integration may give, whatever data products and agreements say: many people can edit those,
//! and must not be able to reach roles or accounts that nobody opened for this integration.
//!
//! To add a guardrail, add its setting to [`GuardrailSettings`] and its check to one of the `check_…` functions.

use thiserror::Error;

use crate::arn::{ArnPattern, Partition};
use crate::blocks::Blocks;
use crate::home::Home;
use crate::ownership::{Ownership, ResourceOwners};
use crate::policy::Statement;
use crate::port::PortAccess;
use crate::refusal::Refusal;
use crate::role::{Role, RoleReference};
use pattern::Pattern;

mod pattern;

/// The path of the roles that belong to AWS services.
const SERVICE_LINKED_PATH: &str = "/aws-service-role/";
/// The path of the other roles that AWS manages, such as those of IAM Identity Center.
const RESERVED_PATH: &str = "/aws-reserved/";
/// What stands for every account in `ALLOWED_RESOURCE_ACCOUNTS`.
const ANY: &str = "*";

/// The guardrails' configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GuardrailSettings {
    /// The account that the stack runs in.
    pub account: String,
    /// The partition that the stack runs in.
    pub partition: Partition,
    /// The region that the stack runs in.
    pub region: String,
    /// The accounts that stacks of this organization serve, with the own one; empty means the own one only. If there are
    /// several, a role has to be named by its ARN.
    pub served_accounts: Vec<String>,
    /// Patterns of the roles that may get access. In a pattern, `*` stands for any characters. A pattern that begins
    /// with `/` is compared with a role's path and name, any other one with the name alone.
    pub allowed_roles: Vec<String>,
    /// Patterns of the roles that are never changed, even if they are allowed.
    pub protected_roles: Vec<String>,
    /// The accounts whose resources access may be given to. Empty means the stack's own account, and `*` any account.
    pub allowed_resource_accounts: Vec<String>,
    /// ARNs, or patterns of ARNs, of everything that belongs to the stack itself. Whatever else is configured, nobody gets
    /// access to it, and no role among it gets access.
    pub own_resources: Vec<String>,
    /// Whether a resource has to say who owns it.
    pub resource_ownership: Ownership,
    /// Whether a role has to say that it belongs to the consumer.
    pub role_ownership: Ownership,
    /// What the operator says about owners.
    pub resource_owners: ResourceOwners,
}

/// The limits on roles and resources.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guardrails {
    home: Home,
    serves_several_accounts: bool,
    allowed_roles: Vec<Pattern>,
    protected_roles: Vec<Pattern>,
    /// Empty means any.
    allowed_resource_accounts: Vec<String>,
    own_resources: Vec<ArnPattern>,
    pub(crate) resource_ownership: Ownership,
    pub(crate) role_ownership: Ownership,
    pub(crate) resource_owners: ResourceOwners,
    blocks: Blocks,
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
    #[error("`{account}` in {setting} is not an AWS account id, which has twelve digits")]
    Account {
        /// The variable.
        setting: &'static str,
        /// The text.
        account: String,
    },
    /// `*` stands beside other accounts.
    #[error(
        "ALLOWED_RESOURCE_ACCOUNTS contains `*` and other accounts: set it either to `*` or to a list of accounts"
    )]
    AnyAndOthers,
    /// The own account is not among those that are served.
    #[error("SERVED_ACCOUNTS does not contain {account}, the account of this stack: add it")]
    OwnAccountNotServed {
        /// The own account.
        account: String,
    },
    /// A text is not the ARN of a resource of the stack.
    #[error("`{pattern}` in OWN_RESOURCES is not an ARN; in an ARN, `*` stands for any characters")]
    OwnResource {
        /// The text.
        pattern: String,
    },
}

impl Guardrails {
    /// Reads the configuration.
    ///
    /// # Errors
    ///
    /// [`GuardrailError`]. It is an error to allow no role at all, because that would refuse every agreement.
    pub fn new(settings: GuardrailSettings) -> Result<Guardrails, GuardrailError> {
        let GuardrailSettings { account, served_accounts, allowed_resource_accounts, .. } = settings;
        if settings.allowed_roles.is_empty() {
            return Err(GuardrailError::NoRoles);
        }
        check_account("MANAGED_POLICY_ARN_PREFIX", &account)?;
        served_accounts.iter().try_for_each(|account| check_account("SERVED_ACCOUNTS", account))?;
        if !served_accounts.is_empty() && !served_accounts.contains(&account) {
            return Err(GuardrailError::OwnAccountNotServed { account });
        }
        let allowed_resource_accounts = match allowed_resource_accounts.as_slice() {
            [] => vec![account.clone()],
            [only] if only == ANY => Vec::new(),
            several if several.iter().any(|one| one == ANY) => return Err(GuardrailError::AnyAndOthers),
            several => {
                several.iter().try_for_each(|one| check_account("ALLOWED_RESOURCE_ACCOUNTS", one))?;
                allowed_resource_accounts
            }
        };
        let own = |text: String| text.parse().map_err(|_| GuardrailError::OwnResource { pattern: text });
        Ok(Guardrails {
            serves_several_accounts: served_accounts.iter().any(|served| *served != account),
            home: Home { partition: settings.partition, region: settings.region, account },
            allowed_roles: patterns("ALLOWED_ROLES", settings.allowed_roles)?,
            protected_roles: patterns("PROTECTED_ROLES", settings.protected_roles)?,
            allowed_resource_accounts,
            own_resources: settings.own_resources.into_iter().map(own).collect::<Result<_, _>>()?,
            resource_ownership: settings.resource_ownership,
            role_ownership: settings.role_ownership,
            resource_owners: settings.resource_owners,
            blocks: Blocks::default(),
        })
    }

    /// The same limits, and what operators have taken back now.
    #[must_use]
    pub fn with_blocks(self, blocks: Blocks) -> Guardrails {
        Guardrails { blocks, ..self }
    }

    /// What operators have taken back.
    pub(crate) fn blocks(&self) -> &Blocks {
        &self.blocks
    }

    /// Where the stack runs.
    #[must_use]
    pub fn home(&self) -> &Home {
        &self.home
    }

    /// The accounts whose resources access may be given to; empty means any.
    #[must_use]
    pub fn resource_accounts(&self) -> &[String] {
        &self.allowed_resource_accounts
    }

    /// Whether the reference names a role in an account that this stack does not serve. Such a role is the business of
    /// the stack in that account.
    #[must_use]
    pub fn is_elsewhere(&self, reference: &RoleReference) -> bool {
        reference.arn().is_some_and(|arn| arn.account() != self.home.account)
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
        if self.serves_several_accounts && reference.arn().is_none() {
            return Err(Refusal::RoleAccountMissing {
                role: role.name.clone(),
                account: self.home.account.clone(),
            });
        }
        check_reference(reference, role)?;
        self.check_recipient(role)?;
        self.check_resources(access, role)
    }

    /// Whether no statement reaches a resource of the stack itself.
    pub(crate) fn check_statements(&self, statements: &[Statement]) -> Result<(), Refusal> {
        statements.iter().flat_map(Statement::resources).try_for_each(|resource| self.check_own(resource))
    }

    /// Whether a resource, which may be a pattern, does not reach anything of the stack itself.
    fn check_own(&self, resource: &str) -> Result<(), Refusal> {
        if self.own_resources.iter().any(|own| own.overlaps(resource)) {
            return Err(Refusal::ResourceOfStack { resource: resource.to_owned() });
        }
        Ok(())
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
        if self.own_resources.iter().any(|own| own.includes(&role.arn)) {
            Err(Refusal::RoleOfStack { role: name })
        } else if role.path.starts_with(RESERVED_PATH) {
            Err(Refusal::RoleReserved { role: name })
        } else if role.path.starts_with(SERVICE_LINKED_PATH) {
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
            self.check_own(&arn.to_string())?;
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

fn check_account(setting: &'static str, text: &str) -> Result<(), GuardrailError> {
    if text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit()) {
        Ok(())
    } else {
        Err(GuardrailError::Account { setting, account: text.to_owned() })
    }
}

fn patterns(setting: &'static str, texts: Vec<String>) -> Result<Vec<Pattern>, GuardrailError> {
    let read = |text: String| Pattern::read(&text).ok_or(GuardrailError::Pattern { setting, pattern: text });
    texts.into_iter().map(read).collect()
}

#[cfg(test)]
mod tests;
