//! The kind `msk_topic`: a topic of a cluster of Amazon MSK that authenticates its clients with IAM.
//!
//! A client connects to the cluster, reads or writes topics, and keeps its position in a consumer group ([IAM access control
//! of MSK](https://docs.aws.amazon.com/msk/latest/developerguide/kafka-actions.html)). The groups of a consumer are the one
//! named like its role and those whose names begin with the role's name and a colon, for example `forecast:hourly`, so that no
//! consumer moves the position of another. A role's name contains no colon. A port may name other groups by their ARNs.
//!
//! The bootstrap servers are not a secret, but IAM cannot limit `kafka:GetBootstrapBrokers` to a cluster: the provider writes
//! them into the data product.

use std::collections::BTreeSet;

use super::fields::Fields;
use super::names;
use super::rule::Rule;
use super::spec::{AccessRole, Grantee, Service, Spec};
use crate::arn::Arn;
use crate::policy::Statement;
use crate::refusal::Refusal;

const CONNECT: &[&str] = &["kafka-cluster:Connect", "kafka-cluster:DescribeCluster"];
const WRITE_ONCE: &[&str] = &["kafka-cluster:WriteDataIdempotently"];
const READ: &[&str] = &[
    "kafka-cluster:DescribeTopic",
    "kafka-cluster:DescribeTopicDynamicConfiguration",
    "kafka-cluster:ReadData",
];
const GROUP: &[&str] = &["kafka-cluster:AlterGroup", "kafka-cluster:DescribeGroup"];
const WRITE: &[&str] = &["kafka-cluster:DescribeTopic", "kafka-cluster:WriteData"];

pub(super) const SPEC: Spec = Spec {
    rules: &[&[
        Rule::new(CONNECT, is_cluster_text),
        Rule::new(WRITE_ONCE, is_cluster_text),
        Rule::new(READ, is_topic_text),
        Rule::new(WRITE, is_topic_text),
        Rule::new(GROUP, is_group_text),
    ]],
    roles: &[AccessRole::Read, AccessRole::Write],
    services: &[Service { name: "kafka", noun: |_| "MSK cluster", tagged: cluster_of }],
};

/// A port of this kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Port {
    topics: BTreeSet<Arn>,
    groups: BTreeSet<Arn>,
}

/// Whether it is `KIND/cluster/uuid/name`.
fn is_in_cluster(arn: &Arn, kind: &str) -> bool {
    let parts: Vec<&str> = arn.resource().split('/').collect();
    let is_of_kind = matches!(parts.as_slice(), [found, cluster, id, name]
        if *found == kind && names::is_plain(cluster) && names::is_plain(id) && !name.is_empty());
    arn.service() == "kafka" && arn.is_regional() && is_of_kind
}

fn is_cluster(arn: &Arn) -> bool {
    let parts: Vec<&str> = arn.resource().split('/').collect();
    let is_one = matches!(parts.as_slice(), ["cluster", cluster, id]
        if names::is_plain(cluster) && names::is_plain(id));
    arn.service() == "kafka" && arn.is_regional() && is_one
}

/// The cluster of a cluster, a topic or a group.
fn cluster_of(arn: &Arn) -> Option<Arn> {
    let mut parts = arn.resource().split('/').skip(1);
    Some(arn.sibling(format!("cluster/{}/{}", parts.next()?, parts.next()?)))
}

fn is_cluster_text(resource: &str) -> bool {
    names::is(resource, is_cluster)
}

fn is_topic_text(resource: &str) -> bool {
    names::is(resource, |arn| is_in_cluster(arn, "topic"))
}

fn is_group_text(resource: &str) -> bool {
    names::is(resource.strip_suffix(":*").unwrap_or(resource), |arn| is_in_cluster(arn, "group"))
}

impl Port {
    pub(super) fn read(fields: &Fields) -> Result<Port, Refusal> {
        let mut port = Port::default();
        let mut clusters = Vec::new();
        for field in &fields.arns {
            let arn = field.arn.clone();
            if is_in_cluster(&arn, "topic") {
                port.topics.insert(arn);
            } else if is_in_cluster(&arn, "group") {
                port.groups.insert(arn);
                clusters.push(field);
            } else if is_cluster(&arn) {
                clusters.push(field);
            } else {
                return Err(field.unsupported(
                    "the ARN of a topic of an MSK cluster, which ends with :topic/cluster/uuid/topic, or of a group or the \
                     cluster itself (a port of the type `msk_topic` accepts no others)",
                ));
            }
        }
        if port.topics.is_empty() {
            return Err(fields.missing("the ARN of a topic of an MSK cluster"));
        }
        let known: BTreeSet<Arn> = port.topics.iter().filter_map(cluster_of).collect();
        let is_stray = |arn: &Arn| cluster_of(arn).is_none_or(|cluster| !known.contains(&cluster));
        if let Some(field) = clusters.iter().find(|field| is_stray(&field.arn)) {
            return Err(field.unsupported("the ARN of the cluster of the port's topic, or of a group there"));
        }
        Ok(port)
    }

    pub(super) fn statements(&self, grantee: &Grantee<'_>) -> Vec<Statement> {
        let topics = names::texts(&self.topics);
        let clusters: BTreeSet<Arn> = self.topics.iter().filter_map(cluster_of).collect();
        let mut statements = vec![Statement::allow("Connect", CONNECT, names::texts(&clusters))];
        if grantee.reads() {
            statements.push(Statement::allow("Read", READ, topics.clone()));
            statements.push(Statement::allow("Group", GROUP, self.groups_of(grantee, &clusters)));
        }
        if grantee.writes() {
            statements.push(Statement::allow("Write", WRITE, topics));
            statements.push(Statement::allow("WriteOnce", WRITE_ONCE, names::texts(&clusters)));
        }
        statements.into_iter().map(Statement::naming_accounts).collect()
    }

    fn groups_of(&self, grantee: &Grantee<'_>, clusters: &BTreeSet<Arn>) -> Vec<String> {
        if !self.groups.is_empty() {
            return names::texts(&self.groups);
        }
        let own = |cluster: &Arn| {
            let group = cluster.resource().replacen("cluster/", "group/", 1);
            let group = cluster.sibling(format!("{group}/{}", grantee.role)).to_string();
            [group.clone(), format!("{group}:*")]
        };
        clusters.iter().flat_map(own).collect()
    }
}
