//! Values for tests, here and in other crates.

#![expect(clippy::expect_used, clippy::missing_panics_doc, reason = "in a test, a failure is a panic")]

use dmm_mesh::{AgreementKind, AgreementRef, OutputPort};

use crate::document::Document;
use crate::entitlement::{Place, RolePolicy};
use crate::guardrails::{GuardrailSettings, Guardrails};
use crate::home::Home;
use crate::name::PolicyName;
use crate::ownership::Ownership;
use crate::policy::{self, Limits};
use crate::port;
use crate::role::{Role, RoleName};
use crate::stack::Stack;

/// The access with this id.
#[must_use]
pub fn access(id: &str) -> AgreementRef {
    AgreementRef { kind: AgreementKind::Access, id: id.to_owned() }
}

/// The stack of tests.
#[must_use]
pub fn stack() -> Stack {
    "dmm-test".parse().expect("the name of a stack")
}

/// The role name.
#[must_use]
pub fn role_name(name: &str) -> RoleName {
    name.parse().expect("a role name")
}

/// A role at the path `/` that has opted in.
#[must_use]
pub fn role(name: &str) -> Role {
    Role {
        name: role_name(name),
        arn: format!("arn:aws:iam::123456789012:role/{name}"),
        path: "/".to_owned(),
        id: format!("AROA{name}"),
        tags: [("dmm-integration".to_owned(), "enabled".to_owned())].into(),
        has_opted_in: true,
    }
}

/// The policy of this agreement on this role.
#[must_use]
pub fn role_policy(role: &str, agreement: &AgreementRef) -> RolePolicy {
    RolePolicy { role: role_name(role), policy: PolicyName::of(agreement) }
}

/// The same as a place.
#[must_use]
pub fn place(role: &str, agreement: &AgreementRef) -> Place {
    Place::RolePolicy(role_policy(role, agreement))
}

/// Settings for the account 123456789012 that allow every role, every account's resources, and look at no owners.
#[must_use]
pub fn settings() -> GuardrailSettings {
    GuardrailSettings {
        account: "123456789012".to_owned(),
        region: "eu-central-1".to_owned(),
        allowed_roles: vec!["*".to_owned()],
        allowed_resource_accounts: vec!["*".to_owned()],
        resource_ownership: Ownership::Off,
        role_ownership: Ownership::Off,
        ..GuardrailSettings::default()
    }
}

/// Guardrails with these [`settings`], and with patterns of roles that are never changed.
#[must_use]
pub fn guardrails(protected_roles: &[&str]) -> Guardrails {
    let protected_roles = protected_roles.iter().map(|&pattern| pattern.to_owned()).collect();
    Guardrails::new(GuardrailSettings { protected_roles, ..settings() }).expect("valid settings")
}

/// The document that a role with the tag `dmm-integration` gets for this port with the [`settings`].
#[must_use]
pub fn granted_document(port: &OutputPort, role: &str) -> Document {
    let statements =
        port::read(port, None, &Home::default()).expect("a valid port").statements(&role_name(role));
    policy::document(&statements, &Limits { opted_in_by_tag: true, ..Limits::default() })
}

/// A document such as this software writes, about a bucket of its own, `bucket-{id}`, which is `length` characters longer than the shortest one.
#[must_use]
pub fn document(id: &str, length: usize) -> Document {
    let more = "x".repeat(length);
    Document::read(&format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Sid":"Read","Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::bucket-{id}/x{more}/*"}}]}}"#
    ))
}
