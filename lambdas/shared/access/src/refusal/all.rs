//! One example of each refusal.

use super::*;
use crate::ownership::Owner;

/// What begins the sentence that says what to change.
const VERBS: [&str; 15] = [
    "Add", "Ask", "Cancel", "Check", "Correct", "Create", "Divide", "Give", "Grant", "Name", "Remove",
    "Rename", "Request", "Restore", "Set",
];

fn all() -> Vec<Refusal> {
    let role: RoleName = "orders-consumer".parse().unwrap();
    let text = |text: &str| text.to_owned();
    let field = Origin::Field(text("aws-s3-bucket-arn"));
    let server = ServerRef::Contract { contract: text("orders-v1"), server: text("production") };
    let of_server = Origin::Server { server: server.clone(), member: text("location") };
    let owner = Owner { product: Some(text("orders")), team: Some(text("checkout")) };
    let remedy = owner.remedy("bucket arn:aws:s3:::orders");
    let resource = text("bucket arn:aws:s3:::orders");
    let (arn, expected) = (text("arn:aws:s3:::orders"), "the ARN of a bucket");
    let (port, product, contract) = (text("daily"), text("orders"), text("orders-v1"));
    let (choices, consumer) = (text("`a` or `b`"), text("team marketing"));
    vec![
        Refusal::ConsumerIsUser,
        Refusal::ConsumerUnknown,
        Refusal::ConsumerGone { consumer: consumer.clone() },
        Refusal::RoleFieldMissing { consumer: consumer.clone(), owner_may_name_it: true },
        Refusal::RoleFieldMalformed { consumer, value: text("a b"), problem: RoleNameError::Character },
        Refusal::RoleMissing { role: role.clone() },
        Refusal::RoleElsewhere { given: arn.clone(), actual: arn.clone() },
        Refusal::RoleServiceLinked { role: role.clone() },
        Refusal::RoleProtected { role: role.clone() },
        Refusal::RoleNotAllowed { role: role.clone() },
        Refusal::RoleNotOptedIn { role: role.clone() },
        Refusal::RoleReserved { role: role.clone() },
        Refusal::RoleOfStack { role: role.clone() },
        Refusal::RoleAccountMissing { role: role.clone(), account: text("123456789012") },
        Refusal::RoleNotOwned { role: role.clone(), remedy: remedy.clone() },
        Refusal::RoleRecreated { role: role.clone(), remedy: remedy.clone() },
        Refusal::OtherPartition { role: role.clone(), field: of_server.clone() },
        Refusal::RoleFull { role: role.clone() },
        Refusal::AccountFull,
        Refusal::AccessDenied {
            role: role.clone(),
            action: text("s3:GetObject"),
            resource: arn.clone(),
            by: DeniedBy::Boundary,
        },
        Refusal::RoleUnmodifiable { role },
        Refusal::DocumentRejected,
        Refusal::DocumentTooLarge { limit: 10_240 },
        Refusal::AccessRoleUnknown { role: text("admin"), port_type: "s3_bucket", choices: choices.clone() },
        Refusal::AliasWithoutKey { field: field.clone(), alias: arn.clone() },
        Refusal::TextMissing {
            port: port.clone(),
            port_type: "redshift",
            field: "aws-redshift-database",
            needed: "it",
        },
        Refusal::TextMalformed { field: field.clone(), value: text("*"), expected },
        Refusal::Uninstalling,
        Refusal::Blocked,
        Refusal::ProviderUnknown,
        Refusal::ProductGone { product: product.clone() },
        Refusal::PortGone { product: product.clone(), port: port.clone() },
        Refusal::PortAmbiguous {
            product,
            port: port.clone(),
            versions: vec![Some(text("1")), Some(text("2"))],
        },
        Refusal::NotOnAws { port: port.clone() },
        Refusal::LocationMissing { port: port.clone(), port_type: text("S3"), member: "location" },
        Refusal::FieldAmbiguous { owner: text("output port daily"), first: text("a"), second: text("b") },
        Refusal::ContractInvalid {
            port: port.clone(),
            contract: contract.clone(),
            problem: text("`servers` is not a list of objects"),
        },
        Refusal::ContractGone { port: port.clone(), contract: contract.clone() },
        Refusal::ServerUnknown { contract: contract.clone(), server: text("x"), choices: choices.clone() },
        Refusal::ServersAmbiguous { contract: contract.clone(), servers: choices.clone() },
        Refusal::NoServerFits { contract: contract.clone(), choices: choices.clone() },
        Refusal::ServerUnsupported {
            server: server.clone(),
            server_type: text("timestream"),
            choices: choices.clone(),
        },
        Refusal::MemberMissing { server: server.clone(), member: "location", expected: "a location" },
        Refusal::MemberInvalid { field: of_server, value: text("x"), expected },
        Refusal::ModelsMissing { server, member: "table", contract: Some(contract) },
        Refusal::PortTypeMissing { port: port.clone(), choices: choices.clone() },
        Refusal::PortTypeUnsupported { port: port.clone(), port_type: text("x"), choices },
        Refusal::ArnMissing { port, port_type: "s3_bucket", needed: expected },
        Refusal::ArnMalformed { field: field.clone(), value: text("x"), problem: ArnError::Form },
        Refusal::ArnUnsupported { field: field.clone(), arn: arn.clone(), expected },
        Refusal::AccountForbidden { field: field.clone(), account: text("123456789012") },
        Refusal::SingleObject { field: field.clone(), arn: arn.clone() },
        Refusal::FieldNameUnclear { field, meaning: "results", name: "aws-athena-results-arn" },
        Refusal::ResultsOverlapData { results: arn.clone(), data: arn.clone() },
        Refusal::TableGoverned { table: arn.clone() },
        Refusal::ResourceOfStack { resource: arn },
        Refusal::ResourceNotOwned { resource: resource.clone(), remedy },
        Refusal::ResourceMissing { resource: resource.clone() },
        Refusal::ResourceUnknown { resource },
    ]
}

#[test]
fn every_refusal_says_what_to_change() {
    for refusal in all() {
        let text = refusal.to_string();
        let mut sentences = text.split(". ").skip(1);
        let says =
            sentences.any(|sentence| VERBS.iter().any(|verb| sentence.starts_with(&format!("{verb} "))));
        assert!(says || text.contains(". If ") && text.contains(" ask "), "{}: {text}", refusal.code());
        assert!(text.ends_with('.') && !text.contains("  "), "{text}");
        assert!(format!("{refusal:?}").starts_with(refusal.code()), "{refusal:?}");
    }
}

#[test]
fn the_examples_are_complete() {
    let codes: std::collections::BTreeSet<&str> = all().iter().map(Refusal::code).collect();
    let in_source = include_str!("code.rs").lines().filter_map(|line| line.trim().strip_prefix("Refusal::"));
    let in_source = in_source.filter_map(|line| line.split_once(" => \"")).count();
    assert_eq!(codes.len(), in_source);
    assert_eq!(codes.len(), all().len());
}
