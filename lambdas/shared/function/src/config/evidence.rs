//! How long entries of the evidence are kept, and whether they are locked.

use std::str::FromStr;

use dmm_access::evidence::Retention;
use dmm_aws::LockMode;
use thiserror::Error;

use super::ConfigError;
use super::variables::{EVIDENCE_LOCK, EVIDENCE_RETENTION_DAYS};
use crate::environment::Environment;

/// The largest number of days for which entries are locked, about 27 years. A lock cannot be undone, so that the default of the
/// retention, a hundred years, is not used by mistake.
const LONGEST_LOCK: u32 = 9_999;

/// What happens to entries of the evidence after they were written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EvidenceConfig {
    /// `EVIDENCE_RETENTION_DAYS`: how long entries are kept.
    pub retention: Retention,
    /// `EVIDENCE_LOCK`: how S3 locks them for this time.
    pub lock: Option<LockMode>,
}

impl EvidenceConfig {
    pub(super) fn read(environment: &Environment<'_>) -> Result<EvidenceConfig, ConfigError> {
        let Lock(lock) = environment.parsed_or_default(&EVIDENCE_LOCK)?;
        let retention: Retention = environment.parsed_or_default(&EVIDENCE_RETENTION_DAYS)?;
        if lock.is_some() && retention.days() > LONGEST_LOCK {
            let problem = format!("{} days are too long for a lock", retention.days());
            return Err(EVIDENCE_RETENTION_DAYS.invalid(problem).into());
        }
        Ok(EvidenceConfig { retention, lock })
    }
}

/// The value of `EVIDENCE_LOCK`.
#[derive(Default)]
struct Lock(Option<LockMode>);

#[derive(Debug, Error)]
#[error("`{0}` is not none, governance or compliance")]
struct LockError(String);

impl FromStr for Lock {
    type Err = LockError;

    fn from_str(text: &str) -> Result<Lock, LockError> {
        match text {
            "none" => Ok(Lock(None)),
            "governance" => Ok(Lock(Some(LockMode::Governance))),
            "compliance" => Ok(Lock(Some(LockMode::Compliance))),
            other => Err(LockError(other.to_owned())),
        }
    }
}
