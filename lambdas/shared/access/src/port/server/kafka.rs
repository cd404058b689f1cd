//! Servers of the type `kafka` that are clusters of Amazon MSK: `host` is the bootstrap server, and the topics are the models of
//! the data contract. The ARN of a cluster contains an id that its host does not contain, so the ARN is a custom field of the
//! server or of the port.

use dmm_mesh::Server;

use super::{Reading, ServerType, is_in_aws};
use crate::arn::Arn;
use crate::port::PortKind;
use crate::refusal::Refusal;

pub(super) const TYPE: ServerType = ServerType {
    names: &["msk", "msktopic", "managedstreamingforapachekafka", "kafkatopic"],
    shared_name: Some("kafka"),
    kind: PortKind::MskTopic,
    needs: &["topic"],
    model: Some("topic"),
    is_on_aws,
    read,
};

const CLUSTER: &str = "the ARN of the MSK cluster, as a custom property of the server";
const TOPIC: &str = "the name of a topic";

fn read(reading: &mut Reading<'_>) -> Result<(), Refusal> {
    let named = |prefix: &str| {
        let is_one = |arn: &Arn| arn.service() == "kafka" && arn.resource().starts_with(prefix);
        reading.fields.arns.iter().find(|field| is_one(&field.arn)).map(|field| field.arn.clone())
    };
    if named("topic/").is_some() {
        return Ok(());
    }
    let cluster = if let Some(cluster) = named("cluster/") {
        cluster
    } else {
        let given = reading.any(&["clusterArn"])?;
        let (text, field) = given.ok_or_else(|| reading.missing("clusterArn", CLUSTER))?;
        let arn: Option<Arn> = text.parse().ok();
        let is_cluster = |arn: &Arn| arn.service() == "kafka" && arn.resource().starts_with("cluster/");
        arn.filter(is_cluster).ok_or(Refusal::MemberInvalid { field, value: text, expected: CLUSTER })?
    };
    let path = cluster.resource().replacen("cluster/", "topic/", 1);
    for (topic, field) in reading.models("topic")? {
        if !super::is_name(&topic) {
            return Err(Refusal::MemberInvalid { field, value: topic, expected: TOPIC });
        }
        let arn = cluster.sibling(format!("{path}/{topic}")).to_string();
        reading.add_always("aws-msk-topic-arn", &arn, (&topic, field), TOPIC)?;
    }
    Ok(())
}

/// Kafka runs everywhere, so its host or the ARN of its cluster has to say that it is MSK.
fn is_on_aws(server: &Server, has_shared_name: bool) -> bool {
    !has_shared_name
        || server.values().any(is_in_aws)
        || server.custom.iter().any(|(_, value)| value.trim().starts_with("arn:aws"))
}
