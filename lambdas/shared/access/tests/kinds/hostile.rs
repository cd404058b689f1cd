//! Whatever a field says, a statement names nothing but what carries the owner's tags, or what it contains.

use std::collections::BTreeSet;

use dmm_access::arn::Arn;
use dmm_access::home::Home;
use dmm_access::policy::{Limits, Statement, could_be_ours, document};
use dmm_access::port::{self, PortAccess};
use dmm_mesh::DataProduct;
use serde_json::{Value, json};

use crate::cases::{Case, cases};
use crate::facts;

/// What somebody may append to an ARN, or put in the place of its end.
const ENDS: [&str; 22] = [
    "*",
    "/*",
    ":*",
    "?",
    "/",
    "//",
    ":",
    "/x",
    ":x",
    "/x/y",
    ",secrets",
    " secrets",
    "/../secrets",
    "%2F*",
    "/_search",
    "/_all",
    "/index/x",
    "/consumer/x:1",
    "/stream/1",
    "${aws:username}",
    "/${aws:PrincipalTag/x}",
    "\u{0}",
];

/// The port with these fields, if it is accepted.
fn access(fields: &Value) -> Option<PortAccess> {
    let port = json!({ "id": "o", "custom": fields });
    let product = DataProduct::from_value(&json!({ "id": "p", "outputPorts": [port] })).unwrap();
    let access = port::read(product.output_ports("o")[0], None, &Home::default()).ok()?;
    let roles: Vec<String> = access.kind.roles().iter().map(|role| role.as_str().to_owned()).collect();
    let aliases = access.arns.iter().map(|(_, arn)| arn.clone()).collect();
    access.limited_to(&roles).unwrap().with_keys(&facts(aliases, &crate::owned())).ok()
}

/// The names in a resource, which may be a pattern.
fn names(resource: &str) -> Vec<&str> {
    resource.splitn(6, ':').last().unwrap_or_default().split(['/', ':']).collect()
}

/// What every query reads, whoever owns the tables.
fn is_shared(resource: &str) -> bool {
    ["catalog", "database/default", "datacatalog/AwsDataCatalog"]
        .iter()
        .any(|end| resource.ends_with(&format!(":{end}")))
}

fn check(fields: &Value, access: &PortAccess) {
    let statements = access.statements(&"consumer".parse().unwrap());
    let written = document(&statements, &Limits::default());
    assert_eq!(could_be_ours(&written), Ok(()), "{fields}: {}", written.as_str());
    let carriers: BTreeSet<Arn> = access.by_tagged_resource().into_keys().collect();
    let is_in = |resource: &str, carrier: &Arn| {
        let carrier_text = carrier.to_string();
        let own = names(&carrier_text);
        // The first name is the type of the resource, if there are several.
        let own = if own.len() > 1 { &own[1..] } else { &own[..] };
        let (found, place) = (names(resource), format!(":{}:{}:", carrier.region(), carrier.account()));
        resource.contains(&place) && own.iter().all(|name| found.contains(name))
    };
    for resource in statements.iter().flat_map(Statement::resources) {
        let is_named = carriers.iter().any(|carrier| is_in(resource, carrier));
        assert!(is_named || is_shared(resource), "{fields}: {resource} is in none of {carriers:?}");
    }
}

fn spoiled(case: &Case, field: &str, value: &str) -> Value {
    let mut fields = case.fields.clone();
    fields[field] = json!(value);
    fields
}

#[test]
fn whatever_a_field_says_a_statement_names_only_what_carries_the_tags_of_the_owner() {
    let (mut accepted, mut refused) = (0, 0);
    for case in cases() {
        check(&case.fields, &access(&case.fields).unwrap());
        let fields = case.fields.as_object().unwrap();
        for (field, value) in fields.iter().filter(|(field, _)| *field != "output-port-type") {
            let value = value.as_str().unwrap();
            let cut = (0..=value.len()).filter_map(|end| value.get(..end));
            for text in cut.flat_map(|start| ENDS.iter().map(move |end| format!("{start}{end}"))) {
                let fields = spoiled(&case, field, &text);
                match access(&fields) {
                    Some(access) => {
                        accepted += 1;
                        check(&fields, &access);
                    }
                    None => refused += 1,
                }
            }
        }
    }
    println!("{accepted} ports with a spoiled field are accepted, {refused} are refused");
    assert!(accepted > 1_000 && refused > 10_000, "{accepted} {refused}");
}
