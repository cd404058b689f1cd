"""Adds IAM's policy simulator, which moto 5.2.1 does not have.

SimulatePrincipalPolicy evaluates the policies and the permissions boundary of a role with policy.py, as the permissions of real
requests are. As in AWS, it knows no context but what the caller passes, and no policies of resources. It knows no service control
policies, because the account is in no organization.
"""

from moto.core.responses import ActionResult
from moto.iam.models import iam_backends
from moto.iam.responses import IamResponse

import authorization
from policy import Decision, Principal, Request, decide

NAMES = {Decision.ALLOW: "allowed", Decision.DENY: "explicitDeny", Decision.NEUTRAL: "implicitDeny"}


def repair():
    """Patches moto with the function below."""
    IamResponse.simulate_principal_policy = simulate_principal_policy


def simulate_principal_policy(self):
    source = self._get_param("PolicySourceArn")
    backend = iam_backends[self.current_account][self.partition]
    role = next(role for role in backend.get_roles() if role.arn == source)
    own = [*role.policies.values(), *role.managed_policies.values()]
    policies = [authorization.document(policy) for policy in own]
    boundary = role.permissions_boundary_arn
    boundary = [authorization.document(backend.get_policy(boundary))] if boundary else None
    entries = self._get_param("ContextEntries") or []
    context = {entry["ContextKeyName"]: entry["ContextKeyValues"] for entry in entries}
    principal = Principal(self.current_account, [source])

    def result(action, resource):
        request = Request(action, resource, context, principal)
        by_identity = decide(policies, request)
        by_boundary = Decision.ALLOW if boundary is None else decide(boundary, request)
        decision = by_identity if by_boundary == Decision.ALLOW else by_boundary
        found = {
            "EvalActionName": action,
            "EvalResourceName": resource,
            "EvalDecision": NAMES[decision],
            "MatchedStatements": [],
            "MissingContextValues": [],
        }
        if boundary is not None:
            allowed = by_boundary == Decision.ALLOW
            found["PermissionsBoundaryDecisionDetail"] = {"AllowedByPermissionsBoundary": allowed}
        return found

    resources = self._get_param("ResourceArns") or ["*"]
    results = [result(action, resource) for action in self._get_param("ActionNames") for resource in resources]
    return ActionResult({"EvaluationResults": results, "IsTruncated": False})
