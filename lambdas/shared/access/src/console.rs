//! Addresses in the AWS Management Console.

use crate::arn::Partition;
use crate::home::Home;
use crate::role::RoleName;

/// The console of a region.
#[derive(Clone, Copy, Debug)]
pub struct Console<'a> {
    home: &'a Home,
}

impl<'a> Console<'a> {
    /// The console of this region.
    #[must_use]
    pub fn new(home: &'a Home) -> Console<'a> {
        Console { home }
    }

    /// The page of a role's permissions.
    #[must_use]
    pub fn role(self, role: &RoleName) -> String {
        format!("{}#/roles/details/{role}?section=permissions", self.service("iam"))
    }

    /// The page of a trace in X-Ray, by its id in X-Ray's form, such as `1-58406520-a006649127e371903a2de979`.
    #[must_use]
    pub fn trace(self, id: &str) -> String {
        format!("{}#xray:traces/{id}", self.service("cloudwatch"))
    }

    fn service(self, service: &str) -> String {
        let Home { partition, region, .. } = self.home;
        format!("https://{region}.{}/{service}/home?region={region}", domain(*partition))
    }
}

/// The domain of the console; each region has a subdomain:
/// <https://docs.aws.amazon.com/general/latest/gr/mgmt-console.html>,
/// <https://docs.amazonaws.cn/en_us/aws/latest/userguide/endpoints-Beijing.html>,
/// <https://docs.aws.amazon.com/govcloud-us/latest/UserGuide/using-govcloud-endpoints.html>,
/// <https://docs.aws.eu/general/latest/gr/endpoints.html>.
fn domain(partition: Partition) -> &'static str {
    match partition {
        Partition::Aws => "console.aws.amazon.com",
        Partition::AwsCn => "console.amazonaws.cn",
        Partition::AwsUsGov => "console.amazonaws-us-gov.com",
        Partition::AwsEusc => "console.amazonaws-eusc.eu",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_those_of_the_partition_and_region() {
        let role = "consumer".parse().unwrap();
        for (partition, region, host) in [
            (Partition::Aws, "eu-central-1", "eu-central-1.console.aws.amazon.com"),
            (Partition::AwsCn, "cn-north-1", "cn-north-1.console.amazonaws.cn"),
            (Partition::AwsUsGov, "us-gov-west-1", "us-gov-west-1.console.amazonaws-us-gov.com"),
            (Partition::AwsEusc, "eusc-de-east-1", "eusc-de-east-1.console.amazonaws-eusc.eu"),
        ] {
            let home = Home { partition, region: region.to_owned(), account: "123456789012".to_owned() };
            let console = Console::new(&home);
            assert_eq!(
                console.role(&role),
                format!(
                    "https://{host}/iam/home?region={region}#/roles/details/consumer?section=permissions"
                )
            );
            assert_eq!(
                console.trace("1-58406520-a006649127e371903a2de979"),
                format!(
                    "https://{host}/cloudwatch/home?region={region}#xray:traces/1-58406520-a006649127e371903a2de979"
                )
            );
        }
    }
}
