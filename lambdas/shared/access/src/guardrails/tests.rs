use std::collections::BTreeMap;

use dmm_mesh::OutputPort;

use super::*;
use crate::port;

fn list(items: &[&str]) -> Vec<String> {
    items.iter().map(|item| (*item).to_owned()).collect()
}

fn role(path: &str, name: &str, has_opted_in: bool) -> Role {
    Role {
        name: name.parse().unwrap(),
        arn: format!("arn:aws:iam::123456789012:role{path}{name}"),
        path: path.to_owned(),
        has_opted_in,
    }
}

fn opted_in(path: &str, name: &str) -> Role {
    role(path, name, true)
}

#[test]
fn patterns_match_names_or_paths_with_names() {
    for (pattern, path, name, matches) in [
        ("*", "/", "consumer", true),
        ("*", "/data/", "consumer", true),
        ("consumer", "/", "consumer", true),
        ("consumer", "/data/", "consumer", true),
        ("consumer", "/", "consumer-2", false),
        ("consumer-*", "/", "consumer-2", true),
        ("consumer-*", "/", "consumer", false),
        ("*-consumer", "/", "orders-consumer", true),
        ("*-consumer", "/", "orders-consumer-2", false),
        ("a*b*c", "/", "a1b2c", true),
        ("a*b*c", "/", "acb", false),
        ("ab*b", "/", "ab", false),
        ("/data/consumers/*", "/data/consumers/", "orders", true),
        ("/data/consumers/*", "/data/consumers/eu/", "orders", true),
        ("/data/consumers/*", "/data/", "consumers", false),
        ("/data/consumers/*", "/", "orders", false),
        ("/*", "/data/", "orders", true),
    ] {
        let guardrails = Guardrails::new(&list(&[pattern]), &[], &[]).unwrap();
        assert_eq!(guardrails.giving(&opted_in(path, name)).is_ok(), matches, "{pattern} on {path}{name}");
    }
}

#[test]
fn a_role_that_has_not_opted_in_gets_nothing_but_loses_what_it_has() {
    let guardrails = Guardrails::new(&list(&["*"]), &[], &[]).unwrap();
    let role = role("/", "consumer", false);
    assert_eq!(guardrails.giving(&role), Err(Refusal::RoleNotOptedIn { role: role.name.clone() }));
    assert_eq!(guardrails.touching(&role), Ok(()));
}

#[test]
fn service_linked_and_protected_roles_are_never_touched_whatever_is_allowed() {
    let guardrails = Guardrails::new(&list(&["*"]), &list(&["dmm-aws-*", "/admin/*"]), &[]).unwrap();
    let linked = opted_in("/aws-service-role/athena.amazonaws.com/", "AWSServiceRoleForAthena");
    assert!(matches!(guardrails.touching(&linked), Err(Refusal::RoleServiceLinked { .. })));
    for role in [opted_in("/", "dmm-aws-iam-grant"), opted_in("/admin/", "owner")] {
        assert!(matches!(guardrails.touching(&role), Err(Refusal::RoleProtected { .. })));
        assert!(matches!(guardrails.giving(&role), Err(Refusal::RoleProtected { .. })));
    }
}

#[test]
fn resources_of_other_accounts_and_partitions_are_refused_by_field() {
    let guardrails = Guardrails::new(&list(&["*"]), &[], &list(&["123456789012"])).unwrap();
    let resources = |partition: &str, account: &str| {
        let custom = BTreeMap::from([
            ("output-port-type".to_owned(), "glue_table".to_owned()),
            ("aws-data-arn".to_owned(), format!("arn:{partition}:s3:::orders-data")),
            (
                "aws-table-arn".to_owned(),
                format!("arn:{partition}:glue:eu-central-1:{account}:table/orders/daily"),
            ),
        ]);
        port::read(&OutputPort { custom, ..OutputPort::default() }).unwrap()
    };
    let consumer = opted_in("/", "consumer");
    assert_eq!(guardrails.resources(&resources("aws", "123456789012"), &consumer), Ok(()));
    assert_eq!(
        guardrails.resources(&resources("aws", "210987654321"), &consumer),
        Err(Refusal::AccountForbidden {
            field: "aws-table-arn".to_owned(),
            account: "210987654321".to_owned()
        })
    );
    assert!(matches!(
        guardrails.resources(&resources("aws-cn", "123456789012"), &consumer),
        Err(Refusal::OtherPartition { .. })
    ));
    let open = Guardrails::new(&list(&["*"]), &[], &[]).unwrap();
    assert_eq!(open.resources(&resources("aws", "210987654321"), &consumer), Ok(()));
}

#[test]
fn an_arn_in_the_field_has_to_be_the_roles_own() {
    let role = opted_in("/data/", "consumer");
    for (text, right) in [
        ("consumer", true),
        ("arn:aws:iam::123456789012:role/data/consumer", true),
        ("arn:aws:iam::123456789012:role/consumer", false),
        ("arn:aws:iam::210987654321:role/data/consumer", false),
    ] {
        assert_eq!(is_meant(&text.parse().unwrap(), &role).is_ok(), right, "{text}");
    }
}

#[test]
fn a_configuration_that_makes_no_sense_is_an_error_that_names_the_variable() {
    let error = |allowed: &[&str], protected: &[&str], accounts: &[&str]| {
        Guardrails::new(&list(allowed), &list(protected), &list(accounts)).unwrap_err().to_string()
    };
    assert!(error(&[], &[], &[]).contains("ALLOWED_ROLES is empty"));
    assert!(error(&["data/*"], &[], &[]).contains("`data/*` in ALLOWED_ROLES"));
    assert!(error(&["*"], &["my role"], &[]).contains("`my role` in PROTECTED_ROLES"));
    assert!(error(&["*"], &[], &["12345"]).contains("`12345` in ALLOWED_RESOURCE_ACCOUNTS"));
}
