//! Where this integration runs.

use crate::arn::Partition;

/// The AWS partition, region and account that this integration runs in. The server of a port or a data contract does not
/// always name them; a resource is then taken to be here. Whether it belongs to the provider is checked anyway.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Home {
    /// The partition.
    pub partition: Partition,
    /// The region, for example `eu-central-1`.
    pub region: String,
    /// The account's id.
    pub account: String,
}
