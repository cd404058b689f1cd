//! For each kind of port: while an agreement is in force, its consumer can do what the port is for. Before and afterwards it
//! cannot, and it can never do anything beside it.
//!
//! The decision is the product's own; whether a request is allowed is up to an evaluator of IAM policies that is not ours. Each
//! [case](cases) lists requests that have to work. From them, the test derives those that must not work:
//!
//! - the same requests after the end of the agreement, and after the role or the resource has lost its tag,
//! - the same requests for another resource, in another region, and in another account,
//! - every other action of every kind, and some that no port gives, on the same resources.
//!
//! A test fails if some action of a kind is in no case.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "in a test, a failure is a panic"
)]

mod cases;
#[path = "../boundary/evaluator.rs"]
mod evaluator;
mod hostile;

use std::collections::{BTreeMap, BTreeSet};

use dmm_access::arn::Arn;
use dmm_access::guardrails::{GuardrailSettings, Guardrails};
use dmm_access::home::Home;
use dmm_access::ownership::{Ownership, ResourceFacts, Tags};
use dmm_access::policy::could_be_ours;
use dmm_access::port::PortKind;
use dmm_access::refusal::Refusal;
use dmm_access::role::Role;
use dmm_access::target::{self, Context, Desired, Target};
use dmm_access::testing;
use dmm_mesh::{Agreement, AgreementKind, AgreementRef, DataProduct};
use serde_json::{Value, json};

use cases::{Case, cases};
use evaluator::{Policy, Request, Situation};

const ACCOUNT: &str = "123456789012";
const BEFORE_THE_END: &str = "2026-11-28T12:00:00Z";
const AFTER_THE_END: &str = "2027-01-01T00:00:00Z";

/// Actions that no port gives.
const NEVER: [&str; 24] = [
    "s3:DeleteObject",
    "s3:PutBucketPolicy",
    "glue:DeleteTable",
    "glue:UpdateTable",
    "athena:DeleteWorkGroup",
    "dynamodb:DeleteTable",
    "dynamodb:ExportTableToPointInTime",
    "kinesis:RegisterStreamConsumer",
    "kinesis:DeleteStream",
    "sqs:PurgeQueue",
    "sqs:SetQueueAttributes",
    "sns:SetTopicAttributes",
    "sns:AddPermission",
    "kafka-cluster:DeleteTopic",
    "kafka-cluster:AlterTopic",
    "redshift:CreateClusterUser",
    "redshift-serverless:UpdateWorkgroup",
    "lambda:UpdateFunctionCode",
    "lambda:GetFunction",
    "es:ESHttpPatch",
    "aoss:UpdateCollection",
    "s3tables:DeleteTable",
    "kms:CreateGrant",
    "iam:PassRole",
];

fn role() -> Role {
    let tag = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let tags = [tag("dmm-integration", "enabled"), tag("dmm-data-product", "forecast")];
    Role { tags: tags.into(), ..testing::role("consumer") }
}

fn provider(case: &Case) -> DataProduct {
    let port = json!({ "id": "daily", "custom": case.fields });
    DataProduct::from_value(&json!({ "id": "sales", "info": { "owner": "checkout" }, "outputPorts": [port] }))
        .unwrap()
}

fn agreement(case: &Case, active: bool) -> Agreement {
    let raw = json!({
        "id": "a1",
        "info": { "active": active, "status": "approved", "endDate": "2026-12-31" },
        "provider": { "dataProductId": "sales", "outputPortId": "daily" },
        "consumer": { "dataProductId": "forecast" },
        "roles": case.roles,
    });
    Agreement::from_value(AgreementRef { kind: AgreementKind::Access, id: "a1".to_owned() }, raw).unwrap()
}

/// What AWS says about a resource with these tags. An alias refers to a key with the same name.
fn facts(arns: BTreeSet<Arn>, tags: &Tags) -> BTreeMap<Arn, ResourceFacts> {
    let known = |key| ResourceFacts { tags: tags.clone(), exists: true, key, ..ResourceFacts::default() };
    let mut facts = BTreeMap::new();
    for arn in arns {
        let key: Option<Arn> =
            arn.resource().strip_prefix("alias/").map(|name| arn.sibling(format!("key/{name}")));
        if let Some(key) = &key {
            facts.insert(key.clone(), known(None));
        }
        facts.insert(arn, known(key));
    }
    facts
}

fn decide(case: &Case, active: bool, tags: &Tags) -> Desired {
    let settings = GuardrailSettings {
        allowed_resource_accounts: Vec::new(),
        own_resources: vec![format!("arn:aws:sqs:eu-central-1:{ACCOUNT}:dmm_events.fifo")],
        resource_ownership: Ownership::Require,
        role_ownership: Ownership::Require,
        ..testing::settings()
    };
    let (provider, agreement, role) = (provider(case), agreement(case, active), role());
    let consumer =
        DataProduct::from_value(&json!({ "id": "forecast", "custom": { "aws-role-name": "consumer" } }));
    let guardrails = Guardrails::new(settings).unwrap();
    let context = Context {
        reference: target::consumer_role(&agreement.consumer, consumer.as_ref(), None),
        role: Some(&role),
        consumer: consumer.as_ref(),
        provider: Some(&provider),
        contract: None,
        facts: &facts(target::resources(&agreement, Some(&provider), None, &guardrails), tags),
        role_ids: &BTreeMap::new(),
        guardrails: &guardrails,
    };
    Target::of(&agreement.reference, &agreement, &context).desired
}

fn owned() -> Tags {
    [("dmm-data-product".to_owned(), "sales".to_owned())].into()
}

/// The policy that the consumer gets.
fn document(case: &Case) -> String {
    let desired = decide(case, true, &owned());
    let Desired::Grant(entitlements) = &desired else { panic!("{}: {desired:?}", case.name) };
    let (_, permission) = entitlements.iter().next().unwrap();
    assert_eq!(
        could_be_ours(&permission.document),
        Ok(()),
        "{}: {}",
        case.name,
        permission.document.as_str()
    );
    permission.document.as_str().to_owned()
}

/// The policy of a role whose session is `AROAX:session`: the evaluator does not replace variables in conditions.
fn policy(document: &str) -> Policy {
    Policy::read(&document.replace("${aws:userid}", "AROAX:session"))
}

fn request(action: &'static str, resource: &str, context: &[(&'static str, &str)]) -> Request {
    let context = context.iter().map(|(key, value)| (*key, (*value).to_owned())).collect();
    Request { action, resource: resource.to_owned(), context, tagged: Some(resource.to_owned()) }
}

fn renamed(request: &Request, from: &str, to: &str) -> Option<Request> {
    let context = request.context.iter().map(|(key, value)| (*key, value.replace(from, to))).collect();
    let renamed = Request { resource: request.resource.replace(from, to), context, ..request.clone() };
    (renamed.resource != request.resource).then_some(renamed)
}

#[test]
fn the_consumer_can_do_what_the_port_is_for_and_nothing_beside_it() {
    let all_actions: BTreeSet<&str> =
        PortKind::ALL.iter().flat_map(|kind| kind.actions()).chain(NEVER).collect();
    let mut shown: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for case in cases() {
        let document = document(&case);
        let policy = policy(&document);
        let role = role();
        let requests: Vec<Request> = case
            .allowed
            .iter()
            .map(|(action, resource, context)| request(action, resource, context))
            .collect();
        // Whether a resource carries the tag does not matter where IAM does not look at it.
        let tags: BTreeMap<String, Tags> =
            requests.iter().map(|request| (request.resource.clone(), owned())).collect();
        let now = Situation {
            time: BEFORE_THE_END,
            role_tags: &role.tags,
            resource_tags: &tags,
            resource_account: ACCOUNT,
        };
        let no_tags = Tags::new();
        let ended = Situation { time: AFTER_THE_END, ..now.clone() };
        let opted_out = Situation { role_tags: &no_tags, ..now.clone() };
        for request in &requests {
            let denied = |request: &Request, situation: &Situation<'_>| {
                assert!(!policy.allows(request, situation), "{}: {request:?}\n{document}", case.name);
            };
            assert!(policy.allows(request, &now), "{}: {request:?}\n{document}", case.name);
            denied(request, &ended);
            denied(request, &opted_out);
            let elsewhere = [("orders", "secrets"), ("eu-central-1", "us-east-1"), (ACCOUNT, "210987654321")];
            for (from, to) in elsewhere {
                // The results of a statement have no resource, and the catalog's own names are the same everywhere.
                let is_other =
                    renamed(request, from, to).filter(|_| !request.resource.contains(":redshift-data:"));
                if let Some(other) = is_other {
                    let tags = [(other.resource.clone(), owned())].into();
                    denied(&other, &Situation { resource_tags: &tags, ..now.clone() });
                }
            }
            let given: BTreeSet<&str> = case.allowed.iter().map(|(action, _, _)| *action).collect();
            for action in all_actions.difference(&given) {
                denied(&Request { action, ..request.clone() }, &now);
            }
        }
        for (action, resource, context) in &case.denied {
            let request = request(action, resource, context);
            let tags: BTreeMap<String, Tags> = [(request.resource.clone(), owned())].into();
            let situation = Situation { resource_tags: &tags, ..now.clone() };
            assert!(!policy.allows(&request, &situation), "{}: {request:?}\n{document}", case.name);
        }
        let kind = case.fields["output-port-type"].as_str().unwrap().to_owned();
        shown.entry(kind).or_default().extend(case.allowed.iter().map(|(action, _, _)| *action));
    }
    for kind in PortKind::ALL {
        let known: BTreeSet<&str> = kind.actions().collect();
        let shown = shown.remove(kind.as_str()).unwrap_or_default();
        assert_eq!(shown, known, "{}: each action is shown by a case", kind.as_str());
        println!("| `{}` | {} |", kind.as_str(), Vec::from_iter(known).join(", "));
    }
}

#[test]
fn without_an_agreement_in_force_or_the_owners_tag_nothing_is_given() {
    for case in cases() {
        assert_eq!(decide(&case, false, &owned()), Desired::Nothing, "{}", case.name);
        let refused = decide(&case, true, &Tags::new());
        assert!(
            matches!(refused, Desired::Refused(Refusal::ResourceNotOwned { .. })),
            "{}: {refused:?}",
            case.name
        );
    }
}

/// The tag is a condition where the service documents that it compares the tags of its resources.
#[test]
fn the_access_ends_with_the_tag_of_the_resource_where_iam_compares_it() {
    let mut ending = BTreeSet::new();
    for case in cases() {
        let policy = policy(&document(&case));
        let role = role();
        let untagged = Situation {
            time: BEFORE_THE_END,
            role_tags: &role.tags,
            resource_tags: &BTreeMap::new(),
            resource_account: ACCOUNT,
        };
        for (action, resource, context) in &case.allowed {
            if !policy.allows(&request(action, resource, context), &untagged) {
                ending.insert(action.split(':').next().unwrap());
            }
        }
    }
    assert_eq!(ending, BTreeSet::from(["athena", "glue", "kinesis", "kms", "lambda", "sqs"]));
}

#[test]
fn a_role_that_a_port_cannot_give_is_refused_with_those_that_it_can() {
    let stream =
        format!("arn:aws:dynamodb:eu-central-1:{ACCOUNT}:table/orders/stream/2026-11-28T12:00:00.000");
    let case = Case {
        name: "a stream cannot be written",
        fields: json!({ "output-port-type": "dynamodb_table", "aws-stream-arn": stream }),
        roles: json!(["read", "write"]),
        allowed: Vec::new(),
        denied: Vec::new(),
    };
    let Desired::Refused(refusal) = decide(&case, true, &owned()) else { panic!("not refused") };
    let text = refusal.to_string();
    assert!(text.contains("the role `write`") && text.contains("with `read`"), "{text}");
}

/// Ports with a field that is wrong: what the refusal names.
#[test]
fn a_field_that_is_wrong_is_refused_by_its_name() {
    let arn = |service: &str, resource: &str| format!("arn:aws:{service}:eu-central-1:{ACCOUNT}:{resource}");
    let topic = arn("kafka", "topic/orders/0a1b-2/daily");
    let cluster = arn("redshift", "cluster:orders");
    for (kind, fields, named) in [
        ("dynamodb_table", json!({}), "ARN of a DynamoDB table"),
        (
            "dynamodb_table",
            json!({ "aws-odd-arn": arn("dynamodb", "table/orders/backup/1") }),
            "`aws-odd-arn`",
        ),
        (
            "dynamodb_table",
            json!({ "aws-a-arn": arn("dynamodb", "table/orders"), "aws-dynamodb-leading-keys": "eu,*" }),
            "`aws-dynamodb-leading-keys`",
        ),
        (
            "dynamodb_table",
            json!({ "aws-a-arn": arn("dynamodb", "table/orders/stream/1"), "aws-dynamodb-leading-keys": "eu" }),
            "a stream contains all items",
        ),
        (
            "kinesis_stream",
            json!({ "aws-odd-arn": arn("kinesis", "stream/orders/consumer") }),
            "`aws-odd-arn`",
        ),
        ("sqs_queue", json!({ "aws-odd-arn": arn("sqs", "orders/x") }), "`aws-odd-arn`"),
        ("sns_topic", json!({ "aws-odd-arn": arn("sns", "orders:0a1b") }), "`aws-odd-arn`"),
        ("sns_topic", json!({ "aws-a-arn": arn("sns", "orders") }), "`aws-sns-subscriptions`"),
        (
            "sns_topic",
            json!({ "aws-a-arn": arn("sns", "orders"), "aws-sns-subscriptions": "yes" }),
            "`outlive-agreements` or `none`",
        ),
        (
            "msk_topic",
            json!({ "aws-a-arn": arn("kafka", "cluster/orders/0a1b-2") }),
            "a topic of an MSK cluster",
        ),
        (
            "msk_topic",
            json!({ "aws-a-arn": topic, "aws-odd-arn": arn("kafka", "cluster/other/0a1b-2") }),
            "`aws-odd-arn`",
        ),
        (
            "msk_topic",
            json!({ "aws-a-arn": topic, "aws-odd-arn": arn("kafka", "group/other/0a1b-2/g") }),
            "`aws-odd-arn`",
        ),
        ("redshift", json!({ "aws-a-arn": cluster }), "`aws-redshift-database`"),
        (
            "redshift",
            json!({ "aws-a-arn": cluster, "aws-redshift-database": "a/b" }),
            "`aws-redshift-database`",
        ),
        (
            "redshift",
            json!({ "aws-a-arn": cluster, "aws-redshift-database": "dev", "aws-redshift-db-group": "g" }),
            "`aws-redshift-db-group`",
        ),
        (
            "redshift",
            json!({ "aws-a-arn": arn("redshift-serverless", "workgroup/0a1b"), "aws-redshift-database": "dev",
                    "aws-redshift-db-user": "u" }),
            "`aws-redshift-db-user`",
        ),
        ("api_gateway", json!({ "aws-odd-arn": arn("execute-api", "a1b2c3") }), "`aws-odd-arn`"),
        (
            "api_gateway",
            json!({ "aws-odd-arn": arn("execute-api", "a1b2c3/prod/FETCH/orders") }),
            "`aws-odd-arn`",
        ),
        ("lambda_function", json!({ "aws-odd-arn": arn("lambda", "layer:orders:1") }), "`aws-odd-arn`"),
        ("opensearch", json!({ "aws-odd-arn": arn("es", "domain/orders/_search") }), "`aws-odd-arn`"),
        ("opensearch", json!({ "aws-odd-arn": arn("es", "domain/orders/a,b") }), "`aws-odd-arn`"),
        ("s3_tables", json!({ "aws-odd-arn": arn("s3tables", "bucket/orders/table") }), "`aws-odd-arn`"),
    ] {
        let mut fields: Value = fields;
        fields["output-port-type"] = json!(kind);
        let port =
            DataProduct::from_value(&json!({ "id": "p", "outputPorts": [{ "id": "o", "custom": fields }] }));
        let refusal = dmm_access::port::read(port.unwrap().output_ports("o")[0], None, &Home::default())
            .unwrap_err()
            .to_string();
        assert!(refusal.contains(named), "{kind} {fields}: {refusal}");
    }
}
