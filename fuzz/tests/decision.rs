//! The decision itself: whatever documents, tags and facts say, a grant stays within these bounds.

use std::collections::{BTreeMap, BTreeSet};

use bolero::check;
use dmm_access::arn::Arn;
use dmm_access::entitlement::{Entitlements, Place};
use dmm_access::guardrails::{GuardrailSettings, Guardrails};
use dmm_access::name::PolicyName;
use dmm_access::ownership::{Ownership, ResourceFacts, ResourceOwners};
use dmm_access::target::{Context, Desired, Target, consumer_role, resources};
use dmm_fuzz::{ACCOUNT, Landscape};
use dmm_mesh::{Agreement, AgreementKind, AgreementRef, DataProduct, Team};
use serde_json::Value;

type Facts = BTreeMap<Arn, ResourceFacts>;

/// The stack's own resources.
const OWN: [&str; 3] = [
    "arn:aws:s3:::dmm-prod-state",
    "arn:aws:sqs:eu-central-1:123456789012:dmm_events.fifo",
    "arn:aws:iam::123456789012:role/dmm-prod-*",
];

/// Every action that the kinds of ports in a landscape give.
const ACTIONS: &[&str] = &[
    "athena:GetDataCatalog",
    "athena:GetDatabase",
    "athena:GetQueryExecution",
    "athena:GetQueryResults",
    "athena:GetQueryResultsStream",
    "athena:GetTableMetadata",
    "athena:GetWorkGroup",
    "athena:ListDatabases",
    "athena:ListTableMetadata",
    "athena:StartQueryExecution",
    "athena:StopQueryExecution",
    "glue:BatchGetPartition",
    "glue:GetCatalogImportStatus",
    "glue:GetDatabase",
    "glue:GetDatabases",
    "glue:GetPartition",
    "glue:GetPartitions",
    "glue:GetTable",
    "glue:GetTables",
    "kms:Decrypt",
    "kms:GenerateDataKey",
    "s3:AbortMultipartUpload",
    "s3:GetBucketLocation",
    "s3:GetObject",
    "s3:ListBucket",
    "s3:ListMultipartUploadParts",
    "s3:PutObject",
];

fn guardrails() -> Guardrails {
    Guardrails::new(GuardrailSettings {
        account: ACCOUNT.to_owned(),
        served_accounts: vec![ACCOUNT.to_owned()],
        allowed_roles: vec!["forecast-*".to_owned(), "/data/*".to_owned()],
        protected_roles: vec!["dmm-prod-*".to_owned()],
        allowed_resource_accounts: vec![ACCOUNT.to_owned()],
        own_resources: OWN.map(str::to_owned).to_vec(),
        resource_ownership: Ownership::Require,
        role_ownership: Ownership::Require,
        resource_owners: ResourceOwners::default(),
    })
    .unwrap()
}

/// A text or a list of texts, as IAM writes both.
fn texts(value: &Value) -> BTreeSet<&str> {
    match value {
        Value::String(text) => BTreeSet::from([text.as_str()]),
        Value::Array(items) => items.iter().map(|item| item.as_str().unwrap()).collect(),
        other => panic!("texts, not {other}"),
    }
}

#[test]
fn target() {
    let guardrails = guardrails();
    check!().for_each(|bytes: &[u8]| {
        let landscape = Landscape::new(bytes);
        let asked = AgreementRef { kind: AgreementKind::Access, id: landscape.asked.clone() };
        let Some(agreement) = Agreement::from_value(asked.clone(), landscape.agreement.clone()) else {
            return;
        };
        let provider = landscape.provider.as_ref().and_then(DataProduct::from_value);
        let consumer = landscape.consumer.as_ref().and_then(DataProduct::from_value);
        let team = landscape.team.as_ref().and_then(Team::from_value);
        let asked_about = resources(&agreement, provider.as_ref());
        let facts: Facts = asked_about.into_iter().zip(landscape.facts.iter().cloned()).collect();
        let context = Context {
            reference: consumer_role(&agreement.consumer, consumer.as_ref(), team.as_ref()),
            role: landscape.role.as_ref(),
            consumer: consumer.as_ref(),
            provider: provider.as_ref(),
            facts: &facts,
            role_ids: &BTreeMap::new(),
            guardrails: &guardrails,
        };
        let target = Target::of(&asked, &agreement, &context);
        match &target.desired {
            Desired::Nothing | Desired::Elsewhere => {}
            Desired::Refused(refusal) => assert!(!refusal.to_string().is_empty()),
            Desired::Grant(entitlements) => {
                assert!(agreement.is_in_force());
                assert!(!entitlements.is_empty());
                // The last days of the year 9999 are too late for a timestamp.
                let end = landscape.agreement["info"]["endDate"]
                    .as_str()
                    .filter(|end| !end.starts_with("9999-12-3"));
                if let Some(end) = end {
                    assert!(
                        entitlements.iter().all(|(_, permission)| permission.until.is_some()),
                        "ends at {end}"
                    );
                }
                check_grant(&landscape, &asked, entitlements, &|resource| {
                    assert!(is_owned(resource, provider.as_ref().unwrap(), &facts), "{resource} {facts:?}");
                });
            }
        }
    });
}

#[test]
fn a_landscape_without_bytes_gives_access() {
    let landscape = Landscape::new(b"");
    assert_eq!(landscape.agreement["info"]["active"], true);
    assert_eq!(landscape.provider.unwrap()["outputPorts"][0]["id"], "orders-s3");
}

/// Whether the tags of the resource, or of what contains it, name the provider or its owner.
fn is_owned(resource: &str, provider: &DataProduct, facts: &Facts) -> bool {
    let (end_of_prefix, _) = resource.match_indices(':').nth(4).unwrap();
    let (prefix, rest) = (&resource[..end_of_prefix], &resource[end_of_prefix + 1..]);
    let holder = match rest.split('/').collect::<Vec<_>>()[..] {
        // What contains every table of an account: it carries no data of its own.
        ["catalog"] | ["database", "default"] | ["datacatalog", "AwsDataCatalog"] => return true,
        ["table" | "database", database, ..] => format!("{prefix}:database/{database}"),
        [bucket, ..] if prefix.contains(":s3:") => format!("{prefix}:{bucket}"),
        _ => resource.to_owned(),
    };
    let Some((_, facts)) = facts.iter().find(|(arn, _)| arn.to_string() == holder) else { return false };
    let has = |name: &str, id: &Option<String>| id.is_some() && facts.tags.get(name) == id.as_ref();
    facts.exists
        && (has("dmm-data-product", &Some(provider.id.clone())) || has("dmm-team", &provider.owner_team_id))
}

fn check_grant(
    landscape: &Landscape,
    asked: &AgreementRef,
    entitlements: &Entitlements,
    check_owner: &dyn Fn(&str),
) {
    let role = landscape.role.as_ref().unwrap();
    for (place, permission) in entitlements.iter() {
        let Place::RolePolicy(place) = place;
        assert_eq!((&place.role, &place.policy), (&role.name, &PolicyName::of(asked)));
        assert!(!place.role.as_str().starts_with("dmm-prod-") && role.has_opted_in);
        let document: Value = serde_json::from_str(permission.document.as_str()).unwrap();
        let statements = document["Statement"].as_array().unwrap();
        assert!(!statements.is_empty());
        let sids: BTreeSet<_> =
            statements.iter().map(|statement| statement["Sid"].as_str().unwrap()).collect();
        assert_eq!(sids.len(), statements.len(), "IAM rejects a repeated Sid");
        for statement in statements {
            check_statement(statement);
            texts(&statement["Resource"]).into_iter().for_each(check_owner);
        }
    }
}

fn check_statement(statement: &Value) {
    assert_eq!(statement["Effect"], "Allow");
    for name in statement.as_object().unwrap().keys() {
        assert!(["Sid", "Effect", "Action", "Resource", "Condition"].contains(&name.as_str()), "{name}");
    }
    for action in texts(&statement["Action"]) {
        assert!(ACTIONS.contains(&action), "{action}");
    }
    for resource in texts(&statement["Resource"]) {
        // A location's objects are the only pattern: below a bucket or a prefix, never a part of a name.
        let exact = resource.strip_suffix("/*").unwrap_or(resource);
        let arn: Arn = exact.parse().unwrap_or_else(|_| panic!("an ARN without a pattern: {exact}"));
        let is_own =
            |own: &&str| *own == exact || exact.strip_prefix(*own).is_some_and(|rest| rest.starts_with('/'));
        assert!(!OWN.iter().any(is_own), "{resource}");
        assert!(["", ACCOUNT].contains(&arn.account()), "{resource}");
    }
}
