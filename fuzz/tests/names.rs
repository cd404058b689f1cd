//! Parsers of names: ARNs, references to roles, and policies' names.

use bolero::check;
use dmm_access::arn::Arn;
use dmm_access::managed_policy::ArnPrefix;
use dmm_access::name::{PolicyName, record_key};
use dmm_access::role::RoleReference;
use dmm_mesh::{AgreementKind, AgreementRef};

#[test]
fn arn() {
    check!().for_each(|bytes: &[u8]| {
        let Ok(text) = str::from_utf8(bytes) else { return };
        let Ok(arn) = text.parse::<Arn>() else { return };
        assert_eq!(arn.to_string(), text);
        assert!(!text.contains(['*', '?', '\n', '\0']) && text.is_ascii());
        assert!(!arn.service().is_empty() && !arn.resource().is_empty());
    });
}

#[test]
fn role_reference() {
    check!().for_each(|bytes: &[u8]| {
        let Ok(text) = str::from_utf8(bytes) else { return };
        let Ok(reference) = text.parse::<RoleReference>() else { return };
        let name = reference.name().as_str();
        assert!((1..=64).contains(&name.len()) && !name.contains('/'));
        assert!(text.ends_with(name));
        if let Some(arn) = reference.arn() {
            assert_eq!(arn.to_string(), text);
        }
    });
}

#[test]
fn policy_name() {
    check!().for_each(|bytes: &[u8]| {
        let Ok(text) = str::from_utf8(bytes) else { return };
        if let Some(agreement) = PolicyName::agreement(text) {
            assert_eq!(PolicyName::of(&agreement).as_str(), text);
        }
        for kind in AgreementKind::ALL {
            let agreement = AgreementRef { kind, id: text.to_owned() };
            let name = PolicyName::of(&agreement);
            assert!(name.as_str().len() <= 128 && name.as_str().is_ascii());
            if let Some(read) = PolicyName::agreement(name.as_str()) {
                assert_eq!(read, agreement);
            }
            let key = record_key(&agreement);
            assert!(key.len() <= 1024 && key.is_ascii());
        }
    });
}

#[test]
fn managed_policy_arn_prefix() {
    check!().for_each(|bytes: &[u8]| {
        let Ok(text) = str::from_utf8(bytes) else { return };
        let Ok(prefix) = text.parse::<ArnPrefix>() else { return };
        assert!(prefix.path().starts_with('/') && prefix.path().ends_with('/'));
    });
}
