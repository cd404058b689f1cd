//! Servers of the type `redshift`: `database`, and `host` or `clusterIdentifier`, `region`, `account`. The ARN of a workgroup of
//! Redshift Serverless contains an id that its host does not contain, so the ARN is a custom field of the server or of the
//! port.

use dmm_mesh::Server;

use super::{Reading, ServerType};
use crate::port::PortKind;
use crate::refusal::Refusal;

pub(super) const TYPE: ServerType = ServerType {
    names: &["redshift", "redshiftserverless"],
    shared_name: None,
    kind: PortKind::Redshift,
    needs: &["database"],
    model: None,
    is_on_aws: |_: &Server, _| true,
    read,
};

/// A part of the host names of workgroups.
const SERVERLESS: &str = ".redshift-serverless.";
const WORKGROUP: &str = "the ARN of the workgroup of Redshift Serverless, as a custom property of the server";

fn read(reading: &mut Reading<'_>) -> Result<(), Refusal> {
    const NAME: &str = "aws-redshift-cluster-arn";
    if let Some((database, origin)) = reading.any(&["database"])? {
        reading.fields.add_text("aws-redshift-database", &database, origin);
    }
    if reading.has_custom_field("redshift", NAME) || reading.has_custom_field("redshift-serverless", NAME) {
        return Ok(());
    }
    if let Some((arn, field)) = reading.any(&["workgroupArn"])? {
        return reading.add("aws-redshift-workgroup-arn", &arn, (&arn, field), WORKGROUP);
    }
    let host = reading.any(&["host", "endpoint"])?;
    if host.as_ref().is_some_and(|(host, _)| host.contains(SERVERLESS)) {
        return Err(reading.missing("workgroupArn", WORKGROUP));
    }
    let of_host = host.as_ref().and_then(|(host, field)| {
        let (cluster, region) = cluster_and_region(host)?;
        Some((cluster.to_owned(), field.clone(), region.to_owned()))
    });
    let expected = "the identifier of the Redshift cluster";
    let (cluster, field) = match (reading.any(&["clusterIdentifier"])?, &of_host) {
        (Some(named), _) => named,
        (None, Some((cluster, field, _))) => (cluster.clone(), field.clone()),
        (None, None) => return Err(reading.missing("clusterIdentifier", expected)),
    };
    let region = match (reading.any(&["region", "regionName"])?, of_host) {
        (None, Some((_, _, region))) => region,
        _ => reading.region()?,
    };
    if !super::is_name(&cluster) {
        return Err(Refusal::MemberInvalid { field, value: cluster, expected });
    }
    let account = reading.account()?;
    let arn = format!("arn:{}:redshift:{region}:{account}:cluster:{cluster}", reading.home.partition);
    reading.add(NAME, &arn, (&cluster, field), expected)
}

/// The cluster and the region of a host name such as `orders.abc123.eu-central-1.redshift.amazonaws.com`.
fn cluster_and_region(host: &str) -> Option<(&str, &str)> {
    let host = host.split_once("://").map_or(host, |(_, rest)| rest);
    let (before, _) = host.split_once(".redshift.amazonaws.")?;
    let mut labels = before.split('.');
    Some((labels.next()?, labels.next_back()?))
}
