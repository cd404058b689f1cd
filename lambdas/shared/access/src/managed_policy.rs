//! Names and ARNs of this software's managed policies.

use std::str::FromStr;

use thiserror::Error;

use crate::arn::{Arn, ArnError, Partition};
use crate::role::RoleName;
use crate::stack::Stack;

/// A customer managed policy of this software. It holds grants of one role.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ManagedPolicy {
    /// The role.
    pub role: RoleName,
    /// The number of the policy among those of the role, from 1.
    pub number: u32,
}

/// The beginning of the ARNs of a stack's managed policies, for example
/// `arn:aws:iam::123456789012:policy/datamesh-manager-aws-production/`.
///
/// The first policy of the role `consumer` is `…/datamesh-manager-aws-production_consumer_1`. The path allows the
/// stack's rights to be limited to these policies. The name repeats it because the names of policies are unique in an
/// account regardless of their paths, and two stacks must not share one. IAM accepts names of up to 128 characters, which
/// is enough for the names of a stack (50) and a role (64), two separators and a number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArnPrefix {
    arn: Arn,
    path: Stack,
}

/// Why a text is not an [`ArnPrefix`].
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ArnPrefixError {
    /// It is not an ARN.
    #[error("the environment variable MANAGED_POLICY_ARN_PREFIX is `{text}`, which {problem}")]
    Arn {
        /// The value.
        text: String,
        /// What is wrong with it.
        problem: ArnError,
    },
    /// It is not the beginning of the ARNs of managed policies with a path.
    #[error(
        "the environment variable MANAGED_POLICY_ARN_PREFIX is `{text}`: set it to a value such as \
         arn:aws:iam::123456789012:policy/path/, in which the path is the name of the stack: at most 50 letters, digits and _+=,.@-"
    )]
    Form {
        /// The value.
        text: String,
    },
}

impl FromStr for ArnPrefix {
    type Err = ArnPrefixError;

    fn from_str(text: &str) -> Result<ArnPrefix, ArnPrefixError> {
        let arn: Arn =
            text.parse().map_err(|problem| ArnPrefixError::Arn { text: text.to_owned(), problem })?;
        let path = arn.resource().strip_prefix("policy/").and_then(|path| path.strip_suffix('/'));
        match path.and_then(|path| path.parse().ok()) {
            Some(path) if arn.service() == "iam" && !arn.account().is_empty() => Ok(ArnPrefix { arn, path }),
            _ => Err(ArnPrefixError::Form { text: text.to_owned() }),
        }
    }
}

impl ArnPrefix {
    /// The stack whose policies these are.
    #[must_use]
    pub fn stack(&self) -> &Stack {
        &self.path
    }

    /// The path of the policies, which begins and ends with `/`.
    #[must_use]
    pub fn path(&self) -> String {
        format!("/{}/", self.path)
    }

    /// The account that the policies, and thus the stack, belong to: twelve digits.
    #[must_use]
    pub fn account(&self) -> &str {
        self.arn.account()
    }

    /// The partition.
    #[must_use]
    pub fn partition(&self) -> Partition {
        self.arn.partition()
    }

    /// The pattern of the ARNs of all policies of the stack.
    #[must_use]
    pub fn pattern(&self) -> String {
        format!("{}*", self.arn)
    }

    /// The policy's name.
    #[must_use]
    pub fn name(&self, policy: &ManagedPolicy) -> String {
        format!("{}_{}_{}", self.path, policy.role, policy.number)
    }

    /// The policy's ARN.
    #[must_use]
    pub fn arn(&self, policy: &ManagedPolicy) -> String {
        format!("{}{}", self.arn, self.name(policy))
    }

    /// The number of the policy with this ARN; `None` if it is not one of this software's policies for this role.
    #[must_use]
    pub fn number(&self, role: &RoleName, arn: &str) -> Option<u32> {
        let number = arn.rsplit('_').next()?.parse().ok()?;
        (self.arn(&ManagedPolicy { role: role.clone(), number }) == arn).then_some(number)
    }

    /// The region in which Service Quotas knows IAM's quotas: the region of IAM's endpoint in the partition
    /// ([IAM endpoints](https://docs.aws.amazon.com/general/latest/gr/iam-service.html)).
    #[must_use]
    pub fn quota_region(&self) -> &'static str {
        match self.arn.partition() {
            Partition::Aws => "us-east-1",
            Partition::AwsCn => "cn-north-1",
            Partition::AwsUsGov => "us-gov-west-1",
            Partition::AwsEusc => "eusc-de-east-1",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PREFIX: &str = "arn:aws:iam::123456789012:policy/dmm-production/";

    #[test]
    fn the_name_of_a_policy_consists_of_its_stack_its_role_and_its_number() {
        let prefix: ArnPrefix = PREFIX.parse().unwrap();
        let policy = ManagedPolicy { role: "data_consumer".parse().unwrap(), number: 2 };
        let arn = prefix.arn(&policy);
        assert_eq!(arn, format!("{PREFIX}dmm-production_data_consumer_2"));
        assert_eq!(prefix.number(&policy.role, &arn), Some(2));
        assert_eq!(prefix.path(), "/dmm-production/");
        for other in
            ["arn:aws:iam::aws:policy/ReadOnlyAccess", &arn.replace("_2", "_02"), &arn.replace("dmm", "x")]
        {
            assert_eq!(prefix.number(&policy.role, other), None, "{other}");
        }
        assert_eq!(prefix.number(&"consumer".parse().unwrap(), &arn), None);
    }

    #[test]
    fn the_longest_path_and_role_give_a_name_that_iam_accepts() {
        let path = "p".repeat(50);
        let prefix: ArnPrefix = format!("arn:aws:iam::123456789012:policy/{path}/").parse().unwrap();
        let policy = ManagedPolicy { role: "r".repeat(64).parse().unwrap(), number: 99_999_999 };
        assert!(prefix.name(&policy).len() <= 128);
        assert!(format!("arn:aws:iam::123456789012:policy/{path}p/").parse::<ArnPrefix>().is_err());
    }

    #[test]
    fn a_text_that_is_not_a_prefix_is_an_error_that_names_the_variable() {
        for text in [
            "",
            "/dmm/",
            "arn:aws:iam::123456789012:policy/",
            "arn:aws:iam::123456789012:policy/dmm",
            "arn:aws:iam::123456789012:policy/a/b/",
            "arn:aws:iam::123456789012:role/dmm/",
            "arn:aws:iam:::policy/dmm/",
            "arn:aws:iam::123456789012:policy/*/",
        ] {
            let error = text.parse::<ArnPrefix>().unwrap_err();
            assert!(error.to_string().contains("MANAGED_POLICY_ARN_PREFIX"), "{error}");
        }
    }
}
