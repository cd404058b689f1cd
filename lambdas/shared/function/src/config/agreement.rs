//! The configuration of the functions that work on agreements.

use dmm_access::guardrails::{GuardrailSettings, Guardrails};
use dmm_access::managed_policy::ArnPrefix;
use dmm_access::opt_in::OptIn;
use dmm_aws::AwsSettings;
use dmm_converge::{Brake, Mode};

use super::variables::{
    ALLOWED_RESOURCE_ACCOUNTS, ALLOWED_ROLES, LEGACY_GENERATIONS, MANAGED_POLICY_ARN_PREFIX, MODE,
    OPT_IN_PATH, ORGANIZATION, OWN_RESOURCES, PROTECTED_ROLES, RESOURCE_OWNERS, RESOURCE_OWNERSHIP,
    REVOCATION_LIMIT, REVOCATION_LIMIT_PERCENT, ROLE_OWNERSHIP, SCAN_ROLES, SERVED_ACCOUNTS, SIMULATE_ACCESS,
    STATE_BUCKET,
};
use super::{ApiConfig, ConfigError, EvidenceConfig, aws};
use crate::environment::Environment;

/// The configuration of `iam-grant` and `iam-revoke`.
#[derive(Clone, Debug)]
pub struct AgreementConfig {
    /// How AWS is called.
    pub aws: AwsSettings,
    /// Where agreements are read.
    pub api: ApiConfig,
    /// `STATE_BUCKET`: holds the grant records.
    pub state_bucket: String,
    /// `EVIDENCE_RETENTION_DAYS` and `EVIDENCE_LOCK`: how the entries of the evidence are kept.
    pub evidence: EvidenceConfig,
    /// `ALLOWED_ROLES`, `RESOURCE_OWNERSHIP`, `OWN_RESOURCES` and so on: who may get access, and to what.
    pub guardrails: Guardrails,
    /// `MANAGED_POLICY_ARN_PREFIX`: where this stack's managed policies are. It contains the account of the stack.
    pub managed_policies: ArnPrefix,
    /// `OPT_IN_PATH`: by what, besides the tag, a role opts in.
    pub opt_in: OptIn,
    /// `MODE`: whether changes are made or only listed.
    pub mode: Mode,
    /// `REVOCATION_LIMIT` and `REVOCATION_LIMIT_PERCENT`: how many agreements may lose their access at once.
    pub brake: Brake,
    /// `ORGANIZATION`: the vanity URL of the organization whose agreements count; `None` for the one whose API key was used
    /// first.
    pub organization: Option<String>,
    /// `LEGACY_GENERATIONS`: whether data contracts and data usage agreements count as agreements, too.
    pub legacy_generations: bool,
    /// `SIMULATE_ACCESS`: whether IAM's simulator is asked before an access is reported as provisioned.
    pub simulate_access: bool,
}

/// The configuration of `iam-reconcile`.
#[derive(Clone, Debug)]
pub struct ReconcileConfig {
    /// The same as `iam-grant` and `iam-revoke` have.
    pub agreement: AgreementConfig,
    /// `SCAN_ROLES`: whether the account's roles are searched for policies that no record knows.
    pub scan_roles: bool,
}

impl AgreementConfig {
    /// Reads the environment of the process.
    ///
    /// # Errors
    ///
    /// [`ConfigError`], for the first variable that is missing or invalid.
    pub fn from_env() -> Result<AgreementConfig, ConfigError> {
        AgreementConfig::read(&Environment::of_process())
    }

    pub(crate) fn read(environment: &Environment<'_>) -> Result<AgreementConfig, ConfigError> {
        let state_bucket = environment.required(&STATE_BUCKET)?;
        // The errors of this type, of the path and of the guardrails name their variable themselves.
        let managed_policies = environment.required(&MANAGED_POLICY_ARN_PREFIX)?.parse::<ArnPrefix>()?;
        let aws = aws(environment)?;
        let guardrails = Guardrails::new(GuardrailSettings {
            account: managed_policies.account().to_owned(),
            partition: managed_policies.partition(),
            region: aws.region.clone(),
            served_accounts: environment.list(&SERVED_ACCOUNTS)?,
            allowed_roles: environment.list(&ALLOWED_ROLES)?,
            protected_roles: environment.list(&PROTECTED_ROLES)?,
            allowed_resource_accounts: environment.list(&ALLOWED_RESOURCE_ACCOUNTS)?,
            own_resources: own_resources(environment, &state_bucket, &managed_policies)?,
            resource_ownership: environment.parsed_or_default(&RESOURCE_OWNERSHIP)?,
            role_ownership: environment.parsed_or_default(&ROLE_OWNERSHIP)?,
            resource_owners: environment.parsed_or_default(&RESOURCE_OWNERS)?,
        })?;
        Ok(AgreementConfig {
            aws,
            api: ApiConfig::read(environment)?,
            state_bucket,
            evidence: EvidenceConfig::read(environment)?,
            guardrails,
            managed_policies,
            opt_in: environment.required(&OPT_IN_PATH)?.parse::<OptIn>()?,
            mode: environment.parsed_or_default(&MODE)?,
            brake: Brake {
                limit: environment.number(&REVOCATION_LIMIT, usize::MAX)?.unwrap_or(Brake::default().limit),
                percent: environment
                    .number(&REVOCATION_LIMIT_PERCENT, 100)?
                    .unwrap_or(Brake::default().percent),
            },
            organization: environment.optional(&ORGANIZATION)?,
            legacy_generations: environment.flag_or(&LEGACY_GENERATIONS, true)?,
            simulate_access: environment.flag_or(&SIMULATE_ACCESS, false)?,
        })
    }
}

impl ReconcileConfig {
    /// Reads the environment of the process.
    ///
    /// # Errors
    ///
    /// [`ConfigError`], for the first variable that is missing or invalid.
    pub fn from_env() -> Result<ReconcileConfig, ConfigError> {
        ReconcileConfig::read(&Environment::of_process())
    }

    pub(super) fn read(environment: &Environment<'_>) -> Result<ReconcileConfig, ConfigError> {
        let agreement = AgreementConfig::read(environment)?;
        Ok(ReconcileConfig { agreement, scan_roles: environment.flag(&SCAN_ROLES)? })
    }
}

/// What belongs to the stack. Whatever the variable says, that includes the state bucket, which decides about access, and
/// the stack's managed policies.
fn own_resources(
    environment: &Environment<'_>,
    state_bucket: &str,
    managed_policies: &ArnPrefix,
) -> Result<Vec<String>, ConfigError> {
    let mut own = environment.required_list(&OWN_RESOURCES)?;
    own.push(format!("arn:{}:s3:::{state_bucket}", managed_policies.partition()));
    own.push(managed_policies.pattern());
    Ok(own)
}
