"""Signatures and permissions, once IAM is enforced.

What moto 5.2.1 does not do, and this does instead of moto/core/authorization.py and moto/iam/access_control.py:

- It computes signatures from what Flask made of the request: a form is gone by then, and a path or query comes decoded.
  Here they are computed from the bytes received.
- It evaluates "*" as the resource of every service without `_determine_resource` (Secrets Manager, EventBridge, ...), and of
  roles and queues that do not exist: least-privilege policies are denied. Here the resource is the one AWS names.
- It takes the operation's name for the action (`sqs:SendMessageBatch` does not exist), and knows neither NotResource nor
  most conditions: one that is not met denies the whole request. See policy.py for what decides here.
- A trust policy with a service principal is an error 500 in AssumeRole.
- It refuses in XML where the service speaks JSON, and in IAM's and STS's XML with one element too many: SDKs find no code.
- A session whose role is gone is an error 500.
"""

import json
from datetime import datetime, timezone
from xml.sax.saxutils import escape

import flask
from moto import settings
from moto.core.authorization import ActionAuthenticatorMixin
from moto.core.exceptions import JsonRESTError, _RESTError
from moto.iam.access_control import IAMRequestBase, PermissionResult
from moto.iam.exceptions import NotFoundException
from moto.iam.models import Policy, iam_backends
from moto.s3.models import FakeBucket, s3_backends
from moto.secretsmanager.models import secretsmanager_backends
from moto.sqs.models import sqs_backends
from werkzeug.exceptions import HTTPException

from policy import Decision, Principal, Request, decide

# Operations that need the right to another action than the one of their own name (AWS's service authorization reference).
ACTIONS = {
    "sqs:SendMessageBatch": "sqs:SendMessage",
    "sqs:DeleteMessageBatch": "sqs:DeleteMessage",
    "sqs:ChangeMessageVisibilityBatch": "sqs:ChangeMessageVisibility",
    "s3:HeadBucket": "s3:ListBucket",
}

QUERY_ERROR = (
    "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>"
    "<RequestId>emulator</RequestId></ErrorResponse>"
)

# What JSON services call the errors that the others know by these names.
JSON_CODES = {
    "AccessDenied": "AccessDeniedException",
    "InvalidClientTokenId": "UnrecognizedClientException",
    "SignatureDoesNotMatch": "InvalidSignatureException",
}

# Keys that a call which a program makes directly does not carry.
ABSENT = [
    "aws:SourceArn",
    "aws:SourceAccount",
    "aws:SourceOrgID",
    "aws:CalledVia",
    "aws:PrincipalOrgID",
    "aws:MultiFactorAuthPresent",
    "aws:FederatedProvider",
]


def repair(app_factory):
    """Puts the functions below in place; answers with a factory of Flask apps that keep the bytes received."""
    ActionAuthenticatorMixin._authenticate_and_authorize_action = authenticate_and_authorize
    IAMRequestBase.check_action_permitted = check_action_permitted
    # moto asks the bucket's policy whether anybody may do it, not who; check_action_permitted asks that.
    FakeBucket.get_permission = lambda _self, _action, _resource: PermissionResult.NEUTRAL

    def create(service):
        app = app_factory(service)
        app.before_request_funcs.setdefault(None, []).insert(0, keep_body)
        return app

    return create


def keep_body():
    """Reading a form would consume the bytes that the signature is about."""
    flask.request.get_data(cache=True, parse_form_data=False)


def authenticate_and_authorize(self, iam_request_cls, resource="*"):
    """Replaces ActionAuthenticatorMixin._authenticate_and_authorize_action. `resource` is right for S3 only."""
    if ActionAuthenticatorMixin.request_count < settings.INITIAL_NO_AUTH_ACTION_COUNT:
        ActionAuthenticatorMixin.request_count += 1
        return
    try:
        if "AWS4-HMAC-SHA256" not in self.headers.get("Authorization", ""):
            raise denied("the request is not signed", code="MissingAuthenticationToken")
        received = flask.request.environ
        iam_request = iam_request_cls(
            account_id=self.current_account,
            method=self.method,
            path=received.get("RAW_URI") or received["REQUEST_URI"],
            data=self.data,
            body=flask.request.get_data(cache=True, parse_form_data=False),
            headers=self.headers,
            action=self._get_action(),
        )
        iam_request.check_signature()
        iam_request.response = self
        iam_request.check_action_permitted(resource)
    except HTTPException as error:
        raise in_the_services_form(self, error) from error


def in_the_services_form(response, error):
    """`error` as the service's SDKs read it: JSON where requests are JSON, else XML with one <Error>."""
    code = getattr(error, "error_type", "AccessDenied")
    if "X-Amz-Target" not in response.headers:
        error.description = QUERY_ERROR.format(code=code, message=escape(error.message))
        return error
    if response.service_name == "sqs":
        response.response_headers["x-amzn-query-error"] = f"{code};Sender"
    code = JSON_CODES.get(code, code)
    response.response_headers["x-amzn-errortype"] = code
    as_json = JsonRESTError(code, error.message)
    as_json.code = 403 if response.service_name == "sqs" else 400
    return as_json


def denied(message, code="AccessDenied"):
    error = _RESTError(code, message)
    error.code = 403
    return error


def check_action_permitted(self, resource):
    """Replaces IAMRequestBase.check_action_permitted."""
    if self._action == "sts:GetCallerIdentity":  # always allowed
        return
    response = self.response
    action = ACTIONS.get(self._action, self._action)
    try:
        caller = Caller(self._access_key, self.account_id)
    except NotFoundException:
        raise denied("the security token is invalid: its role or user is gone", "InvalidClientTokenId") from None
    context = {**general_context(self, caller), **service_context(response, self._service, action)}
    for arn in resources(response, self._service, action, resource):
        request = Request(action, arn, {**context, **resource_context(self, arn)}, caller.principal)
        reason = refusal(caller, request, resource_policies(self, arn))
        if reason:
            raise refused(self, action, arn, reason)
        if action == "s3:GetObject" and not object_exists(self, arn):
            # S3 says only to those who may list the bucket that an object is not there.
            listing = Request("s3:ListBucket", arn.split("/")[0], request.context, caller.principal)
            reason = refusal(caller, listing, resource_policies(self, arn))
            if reason:
                raise refused(self, listing.action, listing.resource, reason)


def object_exists(iam_request, arn):
    backend = s3_backends[iam_request.account_id]["aws"]
    bucket, _, key = arn.split(":::")[-1].partition("/")
    return bucket in backend.buckets and backend.get_object(bucket, key) is not None


def refused(iam_request, action, resource, reason):
    if iam_request._service == "s3":
        iam_request._raise_access_denied()  # in S3's own form
    user = iam_request._access_key.arn
    return denied(f"User: {user} is not authorized to perform: {action} on resource: {resource} because {reason}")


def refusal(caller, request, resource_documents):
    """Why `request` is refused; None when it is allowed."""
    identity = decide(caller.documents, request)
    boundary = Decision.ALLOW if caller.boundary is None else decide([caller.boundary], request)
    assumes = request.action == "sts:AssumeRole"
    resource = decide(resource_documents, request, resource_policy=True, delegation=assumes)
    if Decision.DENY in (identity, boundary, resource):
        return "of an explicit deny"
    by_identity = identity == Decision.ALLOW and boundary == Decision.ALLOW
    if assumes and resource != Decision.ALLOW:
        return "the role's trust policy does not allow it"
    if by_identity or (resource == Decision.ALLOW and not assumes):
        return None
    if identity == Decision.ALLOW:
        return f"the permissions boundary does not allow the {request.action} action"
    return f"no identity-based policy allows the {request.action} action"


class Caller:
    """An IAM user or a role in a session, with everything that says what it may do."""

    def __init__(self, access_key, account):
        self.documents = [document(policy) for policy in access_key.collect_policies()]
        self.boundary = None
        self.tags = []
        self.arn = access_key.arn
        role_name = getattr(access_key, "_owner_role_name", None)
        if role_name:
            role = access_key.backend.get_role(role_name)
            self.arn = role.arn
            self.tags = role.tags
            if role.permissions_boundary_arn:
                self.boundary = document(access_key.backend.get_policy(role.permissions_boundary_arn))
        self.principal = Principal(account, [self.arn, access_key.arn])


def document(policy):
    """The policy's document, of an inline policy, a user's policy, or a managed one's default version."""
    if isinstance(policy, Policy):
        policy = next(version.document for version in policy.versions if version.is_default)
    elif not isinstance(policy, str):
        policy = policy["policy_document"]
    return json.loads(policy)


def param(response, name):
    return response._get_param(name)


def resources(response, service, action, resource):
    """The ARNs a request is about; "*" for actions that are about no resource in particular."""
    account, region = response.current_account, response.region
    if service == "s3":
        return [resource]
    if service == "sqs":
        if action in ("sqs:StartMessageMoveTask", "sqs:ListMessageMoveTasks"):
            return [param(response, "SourceArn")]
        url = param(response, "QueueUrl") or param(response, "QueueName")
        return [f"arn:aws:sqs:{region}:{account}:{url.rsplit('/', 1)[-1]}"] if url else ["*"]
    if service == "secretsmanager":
        name = param(response, "SecretId")
        if not name:
            return ["*"]
        secret = secretsmanager_backends[account][region].secrets.get(name)
        return [secret.arn if secret else name if name.startswith("arn:") else secret_arn(name, account, region)]
    if service == "events":
        return event_resources(response, account, region)
    if service == "iam":
        return [iam_resource(response, account)]
    if service == "sts":
        return [param(response, "RoleArn") or "*"]
    return ["*"]


def secret_arn(name, account, region):
    """A secret that does not exist has no suffix; AWS asks for one all the same, which six question marks allow."""
    return f"arn:aws:secretsmanager:{region}:{account}:secret:{name}-??????"


def event_resources(response, account, region):
    prefix = f"arn:aws:events:{region}:{account}"

    def bus(name):
        return name if str(name).startswith("arn:") else f"{prefix}:event-bus/{name or 'default'}"

    entries = param(response, "Entries")
    if isinstance(entries, list):
        return sorted({bus(entry.get("EventBusName")) for entry in entries}) or ["*"]
    rule = param(response, "Rule") or (param(response, "Name") if "Rule" in response._get_action() else None)
    if rule:
        name = (param(response, "EventBusName") or "default").rsplit("/", 1)[-1]
        return [f"{prefix}:rule/{rule}" if name == "default" else f"{prefix}:rule/{name}/{rule}"]
    name = param(response, "EventBusName") or param(response, "Name")
    return [bus(name)] if name else ["*"]


def iam_resource(response, account):
    backend = iam_backends[account][response.partition]
    role_name = param(response, "RoleName")
    if role_name:
        role = next((role for role in backend.get_roles() if role.name == role_name), None)
        return role.arn if role else f"arn:aws:iam::{account}:role/{role_name}"
    user_name = param(response, "UserName")
    if user_name:
        return f"arn:aws:iam::{account}:user/{user_name}"
    policy_arn = param(response, "PolicyArn")
    if policy_arn:
        return policy_arn
    policy_name = param(response, "PolicyName")
    return f"arn:aws:iam::{account}:policy{param(response, 'Path') or '/'}{policy_name}" if policy_name else "*"


def resource_policies(iam_request, arn):
    """The policy on a bucket or queue, or the trust policy of a role to assume."""
    account, region = iam_request.account_id, iam_request._region
    found = None
    if iam_request._service == "s3":
        bucket = s3_backends[account]["aws"].buckets.get(arn.split(":::")[-1].split("/")[0])
        found = bucket.policy if bucket else None
    elif iam_request._service == "sqs":
        queue = sqs_backends[account][region].queues.get(arn.rsplit(":", 1)[-1])
        found = queue.policy if queue else None
    elif iam_request._action == "sts:AssumeRole":
        role = next((role for role in iam_request.backend.get_roles() if role.arn == arn), None)
        found = role.assume_role_policy_document if role else None
    return [json.loads(found)] if found else []


def general_context(iam_request, caller):
    """Keys that every request has; the emulator stands for AWS's endpoints, which are HTTPS."""
    now = datetime.now(timezone.utc)
    is_role = caller.arn != iam_request._access_key.arn
    context = dict.fromkeys(ABSENT)
    context.update({f"aws:PrincipalTag/{tag['Key']}": tag["Value"] for tag in caller.tags})
    context.update(
        {
            "aws:CurrentTime": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "aws:EpochTime": str(int(now.timestamp())),
            "aws:PrincipalAccount": iam_request.account_id,
            "aws:PrincipalArn": caller.arn,
            "aws:PrincipalIsAWSService": "false",
            "aws:PrincipalType": "AssumedRole" if is_role else "User",
            "aws:RequestedRegion": iam_request._region,
            "aws:SecureTransport": "true",
            "aws:ViaAWSService": "false",
            "aws:username": None if is_role else caller.arn.rsplit("/", 1)[-1],
        }
    )
    return context


def service_context(response, service, action):
    if service == "iam":
        return {"iam:PolicyARN": param(response, "PolicyArn")}
    if service == "sts":
        names = {"sts:ExternalId": "ExternalId", "sts:RoleSessionName": "RoleSessionName"}
        return {key: param(response, name) for key, name in names.items()}
    if service == "events" and action == "events:PutEvents":
        entries = param(response, "Entries") or []
        return {
            "events:source": [entry.get("Source", "") for entry in entries],
            "events:detail-type": [entry.get("DetailType", "") for entry in entries],
            "events:eventBusInvocation": "false",
        }
    if service == "secretsmanager":
        return {"secretsmanager:VersionStage": param(response, "VersionStage") or "AWSCURRENT"}
    if service == "s3":
        context = {"s3:TlsVersion": "1.3"}
        for name in ("x-amz-server-side-encryption", "x-amz-acl", "if-match", "if-none-match"):
            context[f"s3:{name}"] = response.headers.get(name)
        for name in ("prefix", "delimiter", "max-keys"):
            context[f"s3:{name}"] = response.querystring.get(name, [None])[0]
        return context
    return {}


def resource_context(iam_request, arn):
    """What the target itself says: its account, its tags, and the boundary of a role."""
    account, region = iam_request.account_id, iam_request._region
    context = {"aws:ResourceAccount": arn.split(":")[4] if arn.count(":") > 4 and arn.split(":")[4] else account}
    if iam_request._service == "s3":
        context["s3:ResourceAccount"] = account
    tags = {}
    if iam_request._service == "iam":
        role = next((role for role in iam_request.backend.get_roles() if role.arn == arn), None)
        requested = param(iam_request.response, "PermissionsBoundary")
        context["iam:PermissionsBoundary"] = requested or (role.permissions_boundary_arn if role else None)
        tags = {tag["Key"]: tag["Value"] for tag in role.tags} if role else {}
        context.update({f"iam:ResourceTag/{key}": value for key, value in tags.items()})
    elif iam_request._service == "sqs":
        queue = sqs_backends[account][region].queues.get(arn.rsplit(":", 1)[-1])
        tags = queue.tags if queue else {}
    elif iam_request._service == "secretsmanager":
        secret = secretsmanager_backends[account][region].secrets.get(arn)
        tags = {tag["Key"]: tag["Value"] for tag in secret.tags or []} if secret else {}
        context.update({f"secretsmanager:ResourceTag/{key}": value for key, value in tags.items()})
    context.update({f"aws:ResourceTag/{key}": value for key, value in tags.items()})
    return context
