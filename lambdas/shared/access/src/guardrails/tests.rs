use std::collections::BTreeMap;

use dmm_mesh::OutputPort;

use super::*;
use crate::home::Home;
use crate::origin::Origin;
use crate::port;
use crate::testing::settings;

fn configured(allowed: &[&str], protected: &[&str], accounts: &[&str]) -> Result<Guardrails, GuardrailError> {
    let list = |items: &[&str]| items.iter().map(|item| (*item).to_owned()).collect();
    Guardrails::new(GuardrailSettings {
        allowed_roles: list(allowed),
        protected_roles: list(protected),
        allowed_resource_accounts: list(accounts),
        account: "123456789012".to_owned(),
        ..GuardrailSettings::default()
    })
}

fn role(path: &str, name: &str, has_opted_in: bool) -> Role {
    Role {
        name: name.parse().unwrap(),
        arn: format!("arn:aws:iam::123456789012:role{path}{name}"),
        path: path.to_owned(),
        id: format!("AROA{name}"),
        tags: BTreeMap::new(),
        has_opted_in,
    }
}

fn opted_in(path: &str, name: &str) -> Role {
    role(path, name, true)
}

#[test]
fn a_pattern_matches_a_name_or_a_path_with_a_name() {
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
        let guardrails = configured(&[pattern], &[], &[]).unwrap();
        assert_eq!(
            guardrails.check_recipient(&opted_in(path, name)).is_ok(),
            matches,
            "{pattern} on {path}{name}"
        );
    }
}

#[test]
fn a_role_that_has_not_opted_in_gets_nothing_but_loses_what_it_has() {
    let guardrails = configured(&["*"], &[], &[]).unwrap();
    let role = role("/", "consumer", false);
    assert_eq!(guardrails.check_recipient(&role), Err(Refusal::RoleNotOptedIn { role: role.name.clone() }));
    assert_eq!(guardrails.check_change(&role), Ok(()));
}

#[test]
fn service_linked_and_protected_roles_are_never_changed_even_if_they_are_allowed() {
    let guardrails = configured(&["*"], &["dmm-aws-*", "/admin/*"], &[]).unwrap();
    let linked = opted_in("/aws-service-role/athena.amazonaws.com/", "AWSServiceRoleForAthena");
    assert!(matches!(guardrails.check_change(&linked), Err(Refusal::RoleServiceLinked { .. })));
    for role in [opted_in("/", "dmm-aws-iam-grant"), opted_in("/admin/", "owner")] {
        assert!(matches!(guardrails.check_change(&role), Err(Refusal::RoleProtected { .. })));
        assert!(matches!(guardrails.check_recipient(&role), Err(Refusal::RoleProtected { .. })));
    }
}

#[test]
fn resources_of_other_accounts_and_partitions_are_refused_with_their_field() {
    let guardrails = configured(&["*"], &[], &["123456789012"]).unwrap();
    let resources = |partition: &str, account: &str| {
        let custom = BTreeMap::from([
            ("output-port-type".to_owned(), "glue_table".to_owned()),
            ("aws-data-arn".to_owned(), format!("arn:{partition}:s3:::orders-data")),
            (
                "aws-table-arn".to_owned(),
                format!("arn:{partition}:glue:eu-central-1:{account}:table/orders/daily"),
            ),
        ]);
        port::read(
            &OutputPort { custom: custom.into_iter().collect(), ..OutputPort::default() },
            None,
            &Home::default(),
        )
        .unwrap()
    };
    let consumer = opted_in("/", "consumer");
    assert_eq!(guardrails.check_resources(&resources("aws", "123456789012"), &consumer), Ok(()));
    assert_eq!(
        guardrails.check_resources(&resources("aws", "210987654321"), &consumer),
        Err(Refusal::AccountForbidden {
            field: Origin::Field("aws-table-arn".to_owned()),
            account: "210987654321".to_owned()
        })
    );
    assert!(matches!(
        guardrails.check_resources(&resources("aws-cn", "123456789012"), &consumer),
        Err(Refusal::OtherPartition { .. })
    ));
    let own = configured(&["*"], &[], &[]).unwrap();
    assert!(own.check_resources(&resources("aws", "123456789012"), &consumer).is_ok());
    assert!(own.check_resources(&resources("aws", "210987654321"), &consumer).is_err());
    let open = configured(&["*"], &[], &["*"]).unwrap();
    assert_eq!(open.check_resources(&resources("aws", "210987654321"), &consumer), Ok(()));
}

#[test]
fn an_arn_in_the_field_has_to_be_the_arn_of_the_role() {
    let role = opted_in("/data/", "consumer");
    for (text, right) in [
        ("consumer", true),
        ("arn:aws:iam::123456789012:role/data/consumer", true),
        ("arn:aws:iam::123456789012:role/consumer", false),
        ("arn:aws:iam::210987654321:role/data/consumer", false),
    ] {
        assert_eq!(check_reference(&text.parse().unwrap(), &role).is_ok(), right, "{text}");
    }
}

#[test]
fn an_invalid_configuration_is_an_error_that_names_the_variable() {
    let error = |allowed: &[&str], protected: &[&str], accounts: &[&str]| {
        configured(allowed, protected, accounts).unwrap_err().to_string()
    };
    assert!(error(&[], &[], &[]).contains("ALLOWED_ROLES is empty"));
    assert!(error(&["data/*"], &[], &[]).contains("`data/*` in ALLOWED_ROLES"));
    assert!(error(&["*"], &["my role"], &[]).contains("`my role` in PROTECTED_ROLES"));
    assert!(error(&["*"], &[], &["12345"]).contains("`12345` in ALLOWED_RESOURCE_ACCOUNTS"));
    assert!(error(&["*"], &[], &["*", "123456789012"]).contains("ALLOWED_RESOURCE_ACCOUNTS contains `*`"));
    let error = |change: fn(&mut GuardrailSettings)| {
        let mut settings = settings();
        change(&mut settings);
        Guardrails::new(settings).unwrap_err().to_string()
    };
    assert!(error(|settings| settings.account.clear()).contains("MANAGED_POLICY_ARN_PREFIX"));
    let served = error(|settings| settings.served_accounts = vec!["210987654321".to_owned()]);
    assert!(served.contains("SERVED_ACCOUNTS does not contain 123456789012"), "{served}");
    let own = error(|settings| settings.own_resources = vec!["state".to_owned()]);
    assert!(own.contains("`state` in OWN_RESOURCES"), "{own}");
}

fn with_own(own: &str) -> Guardrails {
    Guardrails::new(GuardrailSettings { own_resources: vec![own.to_owned()], ..settings() }).unwrap()
}

#[test]
fn nothing_of_the_stack_is_given_whatever_else_is_configured() {
    let consumer = opted_in("/", "consumer");
    for (own, field, arn) in [
        ("arn:aws:s3:::dmm-state", "aws-athena-results-arn", "arn:aws:s3:::dmm-state/packs"),
        ("arn:aws:s3:::dmm-state", "aws-more-arn", "arn:aws:s3:::dmm-state"),
        ("arn:aws:s3:::dmm-*", "aws-more-arn", "arn:aws:s3:::dmm-state/x"),
        ("arn:aws:s3:::shared/dmm", "aws-more-arn", "arn:aws:s3:::shared"),
        (
            "arn:aws:kms:*:123456789012:key/own",
            "aws-key-arn",
            "arn:aws:kms:eu-central-1:123456789012:key/own",
        ),
    ] {
        let custom = BTreeMap::from(
            [
                ("output-port-type", "glue_table"),
                ("aws-table-arn", "arn:aws:glue:eu-central-1:123456789012:table/orders/daily"),
                ("aws-data-arn", "arn:aws:s3:::orders-data"),
                ("aws-workgroup-arn", "arn:aws:athena:eu-central-1:123456789012:workgroup/analysts"),
                (field, arn),
            ]
            .map(|(name, value)| (name.to_owned(), value.to_owned())),
        );
        let access = port::read(
            &OutputPort { custom: custom.into_iter().collect(), ..OutputPort::default() },
            None,
            &Home::default(),
        )
        .unwrap();
        let guardrails = with_own(own);
        let refusal = guardrails.check_resources(&access, &consumer);
        assert_eq!(refusal, Err(Refusal::ResourceOfStack { resource: arn.to_owned() }), "{own} {arn}");
        // The statements are checked as well, in case that they name more than the fields.
        let statements = access.statements(&consumer.name);
        assert!(guardrails.check_statements(&statements).is_err(), "{own} {arn}");
        assert_eq!(with_own("arn:aws:s3:::other").check_statements(&statements), Ok(()));
    }
}

#[test]
fn a_role_of_the_stack_and_a_reserved_role_are_never_changed() {
    let own = opted_in("/", "dmm-prod-iam-grant");
    let guardrails = with_own("arn:aws:iam::123456789012:role/dmm-prod-*");
    assert!(matches!(guardrails.check_change(&own), Err(Refusal::RoleOfStack { .. })));
    let reserved = opted_in("/aws-reserved/sso.amazonaws.com/", "AWSReservedSSO_Admin_1");
    let refusal = guardrails.check_change(&reserved).unwrap_err();
    assert!(matches!(refusal, Refusal::RoleReserved { .. }));
    assert!(refusal.to_string().contains("/aws-reserved/"));
}

#[test]
fn a_bare_name_is_refused_if_several_accounts_are_served() {
    let served = ["123456789012", "210987654321"].map(str::to_owned).to_vec();
    let several = Guardrails::new(GuardrailSettings { served_accounts: served, ..settings() }).unwrap();
    let only = ["123456789012"].map(str::to_owned).to_vec();
    let one = Guardrails::new(GuardrailSettings { served_accounts: only, ..settings() }).unwrap();
    let port = OutputPort {
        custom: [("output-port-type", "s3_bucket"), ("aws-b-arn", "arn:aws:s3:::orders")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into_iter()
            .collect(),
        ..OutputPort::default()
    };
    let access = port::read(&port, None, &Home::default()).unwrap();
    let consumer = opted_in("/", "consumer");
    let check = |guardrails: &Guardrails, text: &str| {
        guardrails.check_grant(&text.parse().unwrap(), &consumer, &access)
    };
    let refusal = check(&several, "consumer").unwrap_err();
    assert!(refusal.to_string().contains("arn:aws:iam::123456789012:role/consumer"), "{refusal}");
    assert_eq!(check(&several, "arn:aws:iam::123456789012:role/consumer"), Ok(()));
    assert_eq!(check(&one, "consumer"), Ok(()));
}
