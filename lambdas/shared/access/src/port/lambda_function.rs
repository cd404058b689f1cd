//! The kind `lambda_function`: a Lambda function, or a version or alias of one, that consumers invoke.
//!
//! The right to invoke a function includes neither its versions nor its aliases: the port names what is invoked
//! ([resources of Lambda](https://docs.aws.amazon.com/lambda/latest/dg/lambda-api-permissions-ref.html)). IAM honours the tags
//! of functions ([ABAC for Lambda](https://docs.aws.amazon.com/lambda/latest/dg/attribute-based-access-control.html)).

use std::collections::BTreeSet;

use super::fields::Fields;
use super::names;
use super::rule::Rule;
use super::spec::{AccessRole, Grantee, Service, Spec};
use crate::arn::Arn;
use crate::policy::Statement;
use crate::refusal::Refusal;

const INVOKE: &[&str] = &["lambda:InvokeFunction"];

pub(super) const SPEC: Spec = Spec {
    rules: &[&[Rule::new(INVOKE, |text| names::is(text, |arn| name(arn).is_some()))]],
    roles: &[AccessRole::Read],
    services: &[Service { name: "lambda", noun: |_| "Lambda function", tagged: function_of }],
};

/// A port of this kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Port {
    functions: BTreeSet<Arn>,
}

/// The name of a function, and its version or alias.
fn name(arn: &Arn) -> Option<(&str, Option<&str>)> {
    let rest = arn.resource().strip_prefix("function:")?;
    let (name, qualifier) = rest.split_once(':').map_or((rest, None), |(name, rest)| (name, Some(rest)));
    let is_function = arn.service() == "lambda"
        && arn.is_regional()
        && names::is_plain(name)
        && qualifier.is_none_or(names::is_plain);
    is_function.then_some((name, qualifier))
}

fn function_of(arn: &Arn) -> Option<Arn> {
    name(arn).map(|(name, _)| arn.sibling(format!("function:{name}")))
}

impl Port {
    pub(super) fn read(fields: &Fields) -> Result<Port, Refusal> {
        let mut functions = BTreeSet::new();
        for field in &fields.arns {
            if name(&field.arn).is_none() {
                return Err(field.unsupported(
                    "the ARN of a Lambda function, or of its version or alias (a port of the type `lambda_function` accepts \
                     no others)",
                ));
            }
            functions.insert(field.arn.clone());
        }
        if functions.is_empty() {
            return Err(fields.missing("the ARN of a Lambda function"));
        }
        Ok(Port { functions })
    }

    /// IAM compares the tags of the function itself, also when a version or alias is invoked, but the ARN in the statement
    /// is that of the version or alias. So the tags are a condition for whole functions only.
    pub(super) fn statements(&self, grantee: &Grantee<'_>) -> Vec<Statement> {
        if !grantee.reads() {
            return Vec::new();
        }
        vec![Statement::allow("Invoke", INVOKE, names::texts(&self.functions)).honouring_tags()]
    }
}
