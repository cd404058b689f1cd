//! The kind `api_gateway`: an API of Amazon API Gateway whose methods are authorized with IAM.
//!
//! The ARN names a stage, a method of a stage, or a path: `API/STAGE`, `API/STAGE/METHOD`, `API/STAGE/METHOD/path`
//! ([`execute-api`](https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-control-access-using-iam-policies-to-invoke-api.html)).
//! A path includes everything below it. For a stage, the role `read` gives the methods that change nothing, and `write` those
//! that do. A method that the ARN names is given to everybody, because the provider chose it.
//!
//! IAM does not know the tags of an API when a method is invoked.

use std::collections::BTreeSet;

use super::fields::Fields;
use super::names;
use super::rule::Rule;
use super::spec::{AccessRole, Grantee, Service, Spec};
use crate::arn::Arn;
use crate::policy::Statement;
use crate::refusal::Refusal;

const INVOKE: &[&str] = &["execute-api:Invoke"];
const READ_METHODS: [&str; 3] = ["GET", "HEAD", "OPTIONS"];
const WRITE_METHODS: [&str; 4] = ["DELETE", "PATCH", "POST", "PUT"];

pub(super) const SPEC: Spec = Spec {
    rules: &[&[Rule::new(INVOKE, is_method_text)]],
    roles: &[AccessRole::Read, AccessRole::Write],
    services: &[Service { name: "execute-api", noun: |_| "API", tagged: api_of }],
};

/// A port of this kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Port {
    stages: BTreeSet<Arn>,
    methods: BTreeSet<Arn>,
}

/// The API of a stage or method.
fn api_of(arn: &Arn) -> Option<Arn> {
    Some(arn.sibling(arn.resource().split('/').next()?.to_owned()))
}

/// The API, the stage, and the method with its path, if there is one.
fn parts(arn: &Arn) -> Option<(&str, &str, Option<&str>)> {
    let mut parts = arn.resource().splitn(3, '/');
    let (api, stage, method) = (parts.next()?, parts.next()?, parts.next());
    let is_api =
        arn.service() == "execute-api" && arn.is_regional() && names::is_plain(api) && !stage.is_empty();
    let name = method.and_then(|method| method.split('/').next());
    let is_method = name.is_none_or(|name| READ_METHODS.contains(&name) || WRITE_METHODS.contains(&name));
    (is_api && is_method).then_some((api, stage, method))
}

fn is_method_text(resource: &str) -> bool {
    let method = resource.strip_suffix("/*").unwrap_or(resource);
    names::is(method, |arn| parts(arn).is_some_and(|(_, _, method)| method.is_some()))
}

impl Port {
    pub(super) fn read(fields: &Fields) -> Result<Port, Refusal> {
        let mut port = Port { stages: BTreeSet::new(), methods: BTreeSet::new() };
        for field in &fields.arns {
            // A slash at the end adds nothing: a path includes everything below it.
            let resource = field.arn.resource().trim_end_matches('/').to_owned();
            let arn = field.arn.sibling(resource);
            match parts(&arn) {
                Some((_, _, None)) => drop(port.stages.insert(arn)),
                Some((_, _, Some(_))) => drop(port.methods.insert(arn)),
                None => {
                    return Err(field.unsupported(
                        "the ARN of a stage of an API or of a method there, which reads \
                         arn:aws:execute-api:region:account:api/stage/METHOD/path (a port of the type `api_gateway` accepts \
                         no others)",
                    ));
                }
            }
        }
        if port.stages.is_empty() && port.methods.is_empty() {
            return Err(fields.missing("the ARN of a stage of an API, or of a method there"));
        }
        Ok(port)
    }

    pub(super) fn statements(&self, grantee: &Grantee<'_>) -> Vec<Statement> {
        let mut resources = Vec::new();
        for (is_given, methods) in
            [(grantee.reads(), &READ_METHODS[..]), (grantee.writes(), &WRITE_METHODS[..])]
        {
            if is_given {
                let of_stage =
                    |stage: &Arn| methods.iter().map(|method| format!("{stage}/{method}/*")).collect();
                resources.extend(self.stages.iter().flat_map::<Vec<_>, _>(of_stage));
            }
        }
        for method in &self.methods {
            resources.extend([method.to_string(), format!("{method}/*")]);
        }
        let statements = Statement::allow_any("Invoke", INVOKE, resources);
        statements.into_iter().map(Statement::naming_accounts).collect()
    }
}
