//! Values for tests, here and in other crates.

#![expect(clippy::expect_used, clippy::missing_panics_doc, reason = "in a test, a failure is a panic")]

use dmm_mesh::{AgreementKind, AgreementRef};

use crate::document::Document;
use crate::entitlement::{Place, RolePolicy};
use crate::guardrails::{GuardrailSettings, Guardrails};
use crate::name::PolicyName;
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

/// Guardrails that allow every role except those that match the patterns `protected_roles`.
#[must_use]
pub fn guardrails(protected_roles: &[&str]) -> Guardrails {
    let protected_roles = protected_roles.iter().map(|&pattern| pattern.to_owned()).collect();
    let settings = GuardrailSettings {
        allowed_roles: vec!["*".to_owned()],
        protected_roles,
        ..GuardrailSettings::default()
    };
    Guardrails::new(settings).expect("valid settings")
}

/// A document such as this software writes, about a bucket of its own, `bucket-{id}`, which is `length` characters longer than the shortest one.
#[must_use]
pub fn document(id: &str, length: usize) -> Document {
    let more = "x".repeat(length);
    Document::read(&format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Sid":"Read","Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::bucket-{id}/x{more}/*"}}]}}"#
    ))
}
