//! What a role can do, according to an evaluator of IAM policies that is not ours.

use std::collections::BTreeMap;

use iam_rs::{
    Arn, Context, Decision, IAMPolicy, IAMRequest, PolicyEvaluator, Principal, PrincipalId, Validate,
};

/// A request of the consumer.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) action: &'static str,
    pub(crate) resource: String,
    /// The context of the request, besides the time and what AWS knows about the role and the resource.
    pub(crate) context: Vec<(&'static str, String)>,
    /// The ARN of the resource whose tags IAM honours for this action.
    pub(crate) tagged: Option<String>,
}

/// When and by whom a request is made.
#[derive(Clone, Debug)]
pub(crate) struct Situation<'a> {
    pub(crate) time: &'static str,
    pub(crate) role_tags: &'a BTreeMap<String, String>,
    pub(crate) resource_tags: &'a BTreeMap<String, BTreeMap<String, String>>,
    pub(crate) resource_account: &'static str,
}

/// The policy of a role.
pub(crate) struct Policy {
    evaluator: PolicyEvaluator,
}

impl Policy {
    /// Reads the document, which has to be valid.
    pub(crate) fn read(document: &str) -> Policy {
        let policy = IAMPolicy::from_json(document).unwrap();
        assert!(policy.is_valid(), "{document}");
        Policy { evaluator: PolicyEvaluator::with_policies(vec![policy]) }
    }

    /// Whether the role may do this.
    pub(crate) fn allows(&self, request: &Request, situation: &Situation<'_>) -> bool {
        let mut context = Context::new()
            .with_string("aws:CurrentTime", situation.time)
            .with_string("aws:ResourceAccount", situation.resource_account);
        for (name, value) in situation.role_tags {
            context = context.with_string(format!("aws:PrincipalTag/{name}"), value);
        }
        let tags = request.tagged.as_ref().and_then(|arn| situation.resource_tags.get(arn));
        for (name, value) in tags.into_iter().flatten() {
            context = context.with_string(format!("aws:ResourceTag/{name}"), value);
        }
        for (name, value) in &request.context {
            context = context.with_string(*name, value);
        }
        let principal =
            Principal::Aws(PrincipalId::String("arn:aws:iam::123456789012:role/consumer".to_owned()));
        let resource = Arn::parse(&request.resource).unwrap();
        let request = IAMRequest::new_with_context(principal, request.action, resource, context);
        self.evaluator.evaluate(&request).unwrap().decision == Decision::Allow
    }
}
