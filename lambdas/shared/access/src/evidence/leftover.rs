//! Evidence of the last stage of uninstalling: what was deleted from IAM although no record knew it.
//!
//! It belongs to no agreement, and therefore to no chain. Its key contains the SHA-256 of its content, so that it cannot be altered
//! unnoticed; that it is missing is not noticed.

use dmm_mesh::sha256_hex;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::VERSION;
use crate::name::LEFTOVERS;
use crate::record::Cause;
use crate::role::RoleName;
use crate::stack::Stack;

/// Policies of a role that were about to be deleted, as it is stored, in JSON. The deletion may have failed, and was tried again then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leftover {
    version: u32,
    /// The stack that deleted them.
    pub stack: Stack,
    /// The role.
    pub role: String,
    /// The names of inline policies, or the number of a managed policy.
    pub policies: Vec<String>,
    /// The run of iam-reconcile.
    pub cause: Cause,
    /// When it was written.
    pub time: Timestamp,
}

impl Leftover {
    /// What is about to be deleted.
    #[must_use]
    pub fn new(
        stack: &Stack,
        role: &RoleName,
        policies: Vec<String>,
        cause: &Cause,
        time: Timestamp,
    ) -> Leftover {
        let (stack, cause) = (stack.clone(), cause.clone());
        Leftover { version: VERSION, stack, role: role.to_string(), policies, cause, time }
    }

    /// The object's key and body.
    ///
    /// # Errors
    ///
    /// An error of [`serde_json`], if it cannot be written as JSON.
    pub fn to_object(&self) -> Result<(String, Vec<u8>), serde_json::Error> {
        let body = serde_json::to_vec_pretty(self)?;
        Ok((key(&self.role, &body), body))
    }

    /// Reads the object `key`; `None` if it is not one that `stack` wrote under this key.
    #[must_use]
    pub fn read(key: &str, body: &[u8], stack: &Stack) -> Option<Leftover> {
        let leftover: Leftover = serde_json::from_slice(body).ok()?;
        let is_intact =
            leftover.version == VERSION && leftover.stack == *stack && self::key(&leftover.role, body) == key;
        is_intact.then_some(leftover)
    }
}

fn key(role: &str, body: &[u8]) -> String {
    format!("{LEFTOVERS}{role}/{}.json", sha256_hex(body))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{role_name, stack};

    #[test]
    fn what_is_altered_or_moved_or_of_another_stack_is_not_read() {
        let cause = Cause { id: "r1".to_owned(), event_type: "Reconcile".to_owned(), traceparent: None };
        let policies = vec!["DMM_Access_lost".to_owned()];
        let leftover =
            Leftover::new(&stack(), &role_name("consumer"), policies, &cause, Timestamp::UNIX_EPOCH);
        let (key, body) = leftover.to_object().unwrap();
        assert!(key.starts_with("evidence/uninstall/consumer/"), "{key}");
        assert_eq!(Leftover::read(&key, &body, &stack()), Some(leftover));
        assert_eq!(Leftover::read(&key, &body, &"dmm-other".parse().unwrap()), None);
        assert_eq!(Leftover::read(&key.replace("consumer", "other"), &body, &stack()), None);
        let altered = String::from_utf8(body).unwrap().replace("lost", "kept");
        assert_eq!(Leftover::read(&key, altered.as_bytes(), &stack()), None);
    }
}
