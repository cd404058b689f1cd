//! Amazon Resource Names, validated so that they can be written into a policy as they are.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

mod pattern;

pub use pattern::{ArnPattern, ArnPatternError};

/// An AWS partition. ARNs and host names belong to one partition, and access does not cross partitions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Partition {
    /// The commercial regions.
    #[default]
    Aws,
    /// The regions in China.
    AwsCn,
    /// The regions for the United States government.
    AwsUsGov,
    /// The regions of the AWS European Sovereign Cloud.
    AwsEusc,
}

impl Partition {
    /// All partitions.
    pub const ALL: &[Partition] =
        &[Partition::Aws, Partition::AwsCn, Partition::AwsUsGov, Partition::AwsEusc];

    /// The partition's name in an ARN.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Partition::Aws => "aws",
            Partition::AwsCn => "aws-cn",
            Partition::AwsUsGov => "aws-us-gov",
            Partition::AwsEusc => "aws-eusc",
        }
    }

    /// The suffix of AWS's host names in this partition.
    #[must_use]
    pub fn dns_suffix(self) -> &'static str {
        match self {
            Partition::Aws | Partition::AwsUsGov => "amazonaws.com",
            Partition::AwsCn => "amazonaws.com.cn",
            Partition::AwsEusc => "amazonaws.eu",
        }
    }
}

impl fmt::Display for Partition {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// An ARN that names exactly one resource, as `arn:partition:service:region:account:resource`.
///
/// An ARN from a data product is written into a policy's `Resource`, where `*` and `?` are wildcards and `${` begins a
/// variable ([IAM's
/// grammar](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html)). Such an ARN
/// would give access to other resources than the one that it seems to name, so it is rejected. Control characters and
/// characters outside ASCII are rejected, too.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Arn {
    partition: Partition,
    service: String,
    region: String,
    account: String,
    resource: String,
}

/// Why a text is not an [`Arn`]. Each message continues a sentence that ends with "which".
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq, Hash)]
pub enum ArnError {
    /// It does not have the six parts.
    #[error("is not an ARN of the form arn:partition:service:region:account:resource")]
    Form,
    /// It contains a wildcard or a policy variable.
    #[error(
        "contains a wildcard (`*` or `?`) or a variable (`${{`); the ARN has to name exactly one resource"
    )]
    Wildcard,
    /// A part between two slashes is empty. This is checked for the ARNs of output ports only.
    #[error("contains `//`")]
    EmptyPart,
    /// It contains a character that IAM does not accept.
    #[error("contains a control character or a character outside ASCII")]
    Character,
    /// The partition is unknown.
    #[error("names a partition other than aws, aws-cn, aws-us-gov and aws-eusc")]
    Partition,
    /// The service cannot be the name of a service.
    #[error("does not name an AWS service")]
    Service,
    /// The region cannot be the name of a region.
    #[error("does not have a valid region")]
    Region,
    /// The account is not an account id.
    #[error("has an account id that is not twelve digits")]
    Account,
}

impl Arn {
    /// The ARN of another resource in the same partition, service, region and account.
    #[must_use]
    pub fn sibling(&self, resource: String) -> Arn {
        Arn { resource, ..self.clone() }
    }

    /// The same ARN with a resource in lower case.
    #[must_use]
    pub(crate) fn in_lower_case(&self) -> Arn {
        self.sibling(self.resource.to_ascii_lowercase())
    }

    /// The partition.
    #[must_use]
    pub fn partition(&self) -> Partition {
        self.partition
    }

    /// The service, e.g. `s3`.
    #[must_use]
    pub fn service(&self) -> &str {
        &self.service
    }

    /// The region; empty if the service's ARNs have none.
    #[must_use]
    pub fn region(&self) -> &str {
        &self.region
    }

    /// The account's twelve digits; empty if the service's ARNs have none.
    #[must_use]
    pub fn account(&self) -> &str {
        &self.account
    }

    /// Whether it names a region and an account.
    pub(crate) fn is_regional(&self) -> bool {
        !self.region.is_empty() && !self.account.is_empty()
    }

    /// Everything after the account, never empty.
    #[must_use]
    pub fn resource(&self) -> &str {
        &self.resource
    }
}

impl FromStr for Arn {
    type Err = ArnError;

    fn from_str(text: &str) -> Result<Arn, ArnError> {
        if text.contains(['*', '?']) || text.contains("${") {
            return Err(ArnError::Wildcard);
        }
        let mut parts = text.splitn(6, ':');
        let mut part = || parts.next().ok_or(ArnError::Form);
        let (prefix, partition, service, region, account, resource) =
            (part()?, part()?, part()?, part()?, part()?, part()?);
        if prefix != "arn" || resource.is_empty() {
            return Err(ArnError::Form);
        }
        let partition = match partition {
            "aws" => Partition::Aws,
            "aws-cn" => Partition::AwsCn,
            "aws-us-gov" => Partition::AwsUsGov,
            "aws-eusc" => Partition::AwsEusc,
            _ => return Err(ArnError::Partition),
        };
        let is_word = |text: &str| {
            text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        };
        if service.is_empty() || !is_word(service) {
            return Err(ArnError::Service);
        }
        if !is_word(region) {
            return Err(ArnError::Region);
        }
        if !account.is_empty() && (account.len() != 12 || !account.bytes().all(|byte| byte.is_ascii_digit()))
        {
            return Err(ArnError::Account);
        }
        // Only the keys of S3 objects may contain spaces.
        if !resource.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ') {
            return Err(ArnError::Character);
        }
        Ok(Arn {
            partition,
            service: service.to_owned(),
            region: region.to_owned(),
            account: account.to_owned(),
            resource: resource.to_owned(),
        })
    }
}

impl fmt::Display for Arn {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Arn { partition, service, region, account, resource } = self;
        write!(formatter, "arn:{partition}:{service}:{region}:{account}:{resource}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arn_is_split_into_its_parts_and_written_back_unchanged() {
        for text in [
            "arn:aws:s3:::orders-bucket",
            "arn:aws:s3:::orders-bucket/daily/2023 09",
            "arn:aws-cn:glue:cn-north-1:123456789012:table/orders/daily",
            "arn:aws-us-gov:kms:us-gov-west-1:123456789012:key/1f-2e",
            "arn:aws-eusc:glue:eusc-de-east-1:123456789012:table/orders/daily",
            "arn:aws:athena:eu-central-1:123456789012:workgroup/analysts",
            "arn:aws:logs:eu-central-1:123456789012:log-group:a:b",
        ] {
            let arn: Arn = text.parse().unwrap();
            assert_eq!(arn.to_string(), text);
        }
        let arn: Arn = "arn:aws-cn:glue:cn-north-1:123456789012:table/orders/daily".parse().unwrap();
        assert_eq!(arn.partition(), Partition::AwsCn);
        assert_eq!(
            (arn.service(), arn.region(), arn.account(), arn.resource()),
            ("glue", "cn-north-1", "123456789012", "table/orders/daily")
        );
    }

    #[test]
    fn an_arn_that_does_not_name_exactly_one_resource_is_rejected() {
        for (text, error) in [
            ("", ArnError::Form),
            ("orders-bucket", ArnError::Form),
            ("arn:aws:s3:::", ArnError::Form),
            ("arn:aws:s3::orders", ArnError::Form),
            ("urn:aws:s3:::orders", ArnError::Form),
            ("*", ArnError::Wildcard),
            ("arn:aws:s3:::*", ArnError::Wildcard),
            ("arn:aws:s3:::orders/*", ArnError::Wildcard),
            ("arn:aws:s3:::order?", ArnError::Wildcard),
            ("arn:*:s3:::orders", ArnError::Wildcard),
            ("arn:aws:s3:::${aws:username}", ArnError::Wildcard),
            ("arn:aws-iso:s3:::orders", ArnError::Partition),
            ("arn::s3:::orders", ArnError::Partition),
            ("arn:aws::::orders", ArnError::Service),
            ("arn:aws:S3:::orders", ArnError::Service),
            ("arn:aws:glue:EU:123456789012:catalog", ArnError::Region),
            ("arn:aws:glue:eu-central-1:12345678901:catalog", ArnError::Account),
            ("arn:aws:glue:eu-central-1:12345678901x:catalog", ArnError::Account),
            ("arn:aws:s3:::orders\n", ArnError::Character),
            ("arn:aws:s3:::orders\u{0}", ArnError::Character),
            ("arn:aws:s3:::ordérs", ArnError::Character),
        ] {
            assert_eq!(text.parse::<Arn>(), Err(error), "{text:?}");
        }
    }
}
