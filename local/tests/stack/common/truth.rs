//! What IAM should contain when everything is processed, derived from the simulated world and the emulated account alone.

use std::collections::{BTreeMap, BTreeSet};

use dmm_local::Stack;
use dmm_simulator::AgreementKind;
use serde_json::{Value, json};

use super::evidence::assert_evident;
use super::{assert_no_violations, ids, published, world};

/// The resources that each policy grants, by its role and name.
type Policies = BTreeMap<(String, String), BTreeSet<String>>;

/// Fails unless IAM contains exactly the policies that the agreements require, each record and its evidence agree, every event was published,
/// AWS would have accepted every request, and no message is in a dead-letter or failure queue.
pub(crate) async fn assert_right(stack: &Stack) {
    assert_right_but(stack, &[]).await;
}

/// The same, but with these numbers of messages in the queues, by the end of their names: `failures`, `undelivered`,
/// `dead-letters.fifo`.
pub(crate) async fn assert_right_but(stack: &Stack, letters: &[(&str, usize)]) {
    assert_eq!(
        standing(stack).await,
        asked_for(stack).await,
        "what IAM contains, and what the agreements require"
    );
    for (key, record) in stack.view().grant_records().await.unwrap() {
        assert_eq!(record["phase"], "settled", "the record {key}: {record}");
    }
    assert_evident(stack).await;
    for (key, record) in stack.view().pack_records().await.unwrap() {
        assert_eq!(record["pack"]["unsure"], json!([]), "the record {key}: {record}");
    }
    for (policy, count) in stack.view().managed_policies().await.unwrap() {
        assert!(
            count > 0 || policy.starts_with("owners-"),
            "the managed policy {policy} is left over: it is not attached to anything"
        );
    }
    assert_published(stack);
    assert_letters(stack, letters).await;
    assert_no_violations(stack);
}

/// Fails unless the dead-letter and failure queues contain these numbers of messages.
pub(crate) async fn assert_letters(stack: &Stack, letters: &[(&str, usize)]) {
    for (queue, count) in stack.view().dead_letters().await.unwrap() {
        let expected = letters.iter().find(|(name, _)| queue.ends_with(name)).map_or(0, |(_, count)| *count);
        assert_eq!(count, expected, "messages in {queue}");
    }
}

/// Fails unless every event of the feed that has an id was published.
pub(crate) fn assert_published(stack: &Stack) {
    let published: Vec<Value> = published(stack).into_iter().map(|(_, event)| event).collect();
    let published: BTreeSet<String> = ids(&published).into_iter().collect();
    let lost: Vec<String> =
        ids(&world(stack).events()).into_iter().filter(|id| !published.contains(id)).collect();
    assert!(lost.is_empty(), "events that were never published: {lost:?}");
}

/// How often the event with this id was published, counting only responses that reached the router.
pub(crate) fn times_published(stack: &Stack, id: &str) -> usize {
    published(stack).iter().filter(|(_, event)| event["id"] == id).count()
}

async fn standing(stack: &Stack) -> Policies {
    let found = stack.view().policies().await.unwrap();
    found.into_iter().map(|policy| ((policy.role, policy.policy_name), resources(&policy.document))).collect()
}

/// The resources that a document grants rights on.
fn resources(document: &Value) -> BTreeSet<String> {
    let statements = document["Statement"].as_array().into_iter().flatten();
    statements
        .flat_map(|statement| match &statement["Resource"] {
            Value::Array(several) => several.clone(),
            one => vec![one.clone()],
        })
        .map(|resource| resource.as_str().unwrap().to_owned())
        .collect()
}

/// The policies of every active agreement that can be granted.
async fn asked_for(stack: &Stack) -> Policies {
    let world = world(stack);
    let mut policies = Policies::new();
    for kind in AgreementKind::ALL {
        for agreement in world.agreements(kind) {
            if agreement["info"]["active"] != true {
                continue;
            }
            let product = world.data_product(agreement["provider"]["dataProductId"].as_str().unwrap());
            let Some(role) = role(stack, &agreement) else { continue };
            let port = product.as_ref().and_then(|product| port(product, &agreement));
            let Some(given) = port.and_then(|port| promised(port, &role)) else { continue };
            if opted_in(stack, &role).await {
                let name = format!("{}{}", prefix(kind), agreement["id"].as_str().unwrap());
                policies.insert((role, name), given);
            }
        }
    }
    policies
}

fn prefix(kind: AgreementKind) -> &'static str {
    match kind {
        AgreementKind::DataContract => "DMM_Datacontract_",
        AgreementKind::DataUsageAgreement => "DMM_DataUsageAgreement_",
        AgreementKind::Access => "DMM_Access_",
    }
}

fn port<'a>(product: &'a Value, agreement: &Value) -> Option<&'a Value> {
    product["outputPorts"].as_array()?.iter().find(|port| port["id"] == agreement["provider"]["outputPortId"])
}

/// The resources that the port grants to the role. `None` if the port cannot be granted.
fn promised(port: &Value, role: &str) -> Option<BTreeSet<String>> {
    let custom = port["custom"].as_object()?;
    if !matches!(custom.get("output-port-type")?.as_str()?, "s3_bucket" | "glue_table") {
        return None;
    }
    let mut promised = BTreeSet::new();
    for (field, arn) in custom.iter().filter(|(field, _)| field.starts_with("aws") && field.ends_with("arn"))
    {
        let arn = arn.as_str()?;
        if let Some((account, table)) = arn.split_once(":table/") {
            let (database, _) = table.split_once('/')?;
            promised.extend([
                arn.to_owned(),
                format!("{account}:catalog"),
                format!("{account}:database/default"),
            ]);
            promised.insert(format!("{account}:database/{database}"));
            promised.insert(format!("{}:datacatalog/AwsDataCatalog", account.replace(":glue:", ":athena:")));
        } else if let Some(location) = arn.strip_prefix("arn:aws:s3:::") {
            let (bucket, _) = location.split_once('/').unwrap_or((location, ""));
            // Each consumer has its own query results.
            let objects =
                if field.ends_with("results-arn") { format!("{arn}/{role}/*") } else { format!("{arn}/*") };
            promised.extend([objects, format!("arn:aws:s3:::{bucket}")]);
        } else {
            promised.insert(arn.to_owned());
        }
    }
    (!promised.is_empty()).then_some(promised)
}

/// The consumer's role: that of the data product, or else that of its team.
fn role(stack: &Stack, agreement: &Value) -> Option<String> {
    let world = world(stack);
    let consumer = &agreement["consumer"];
    if let Some(id) = consumer["dataProductId"].as_str() {
        let product = world.data_product(id)?;
        let properties = product["customProperties"].as_array()?;
        let own = properties.iter().find(|property| property["property"] == "aws-role-name");
        if let Some(role) = own {
            return role["value"].as_str().map(str::to_owned);
        }
    }
    world.team(consumer["teamId"].as_str()?)?["custom"]["aws-role-name"].as_str().map(str::to_owned)
}

/// Returns whether the role exists and has opted in.
async fn opted_in(stack: &Stack, role: &str) -> bool {
    let found = stack.view().clients().iam.get_role().role_name(role).send().await;
    let role = found.ok().and_then(|answer| answer.role);
    role.is_some_and(|role| {
        role.tags().iter().any(|tag| tag.key() == "dmm-integration" && tag.value() == "enabled")
    })
}
