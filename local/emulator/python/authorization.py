"""Checks signatures and permissions once IAM is enforced.

This module replaces parts of moto/core/authorization.py and moto/iam/access_control.py, because moto 5.2.1 differs from AWS:

- moto computes signatures from the request as Flask parsed it: form data has already been consumed, and the path and query
  are decoded. This module computes signatures from the bytes received.
- moto evaluates policies with the resource "*" for every service that has no `_determine_resource` (Secrets Manager,
  EventBridge, ...) and for roles and queues that do not exist, so it denies requests that least-privilege policies allow.
  This module uses the resource ARN that AWS documents for the action.
- moto uses the name of the operation as the action, although `sqs:SendMessageBatch`, for example, is not an action. It does
  not support NotResource and most conditions, and a condition that is not met denies the whole request. This module
  evaluates policies with policy.py.
- In moto, AssumeRole returns status 500 if the role's trust policy has a service principal.
- moto returns authorization errors as XML even if the service uses JSON, and adds an extra element to the XML of IAM and
  STS, so SDKs cannot find the error code.
- In moto, a request from a session whose role was deleted returns status 500.
- moto does not evaluate the policies of event buses. This module evaluates them, also for callers of other accounts, who need
  an Allow both in their own account and in the bus policy.
- moto requires no permissions for locks. This module requires s3:PutObjectRetention of whoever locks an object, and
  s3:BypassGovernanceRetention of whoever bypasses a lock.
- moto checks DeleteObjects and CopyObject on the bucket and on the copy only. This module checks every object.
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
from moto.resourcegroupstaggingapi.models import resourcegroupstaggingapi_backends
from moto.s3.models import FakeBucket, s3_backends
from moto.s3.responses import ACTION_MAP
from moto.secretsmanager.models import secretsmanager_backends
from moto.sqs.models import sqs_backends
from werkzeug.exceptions import HTTPException

import buses
from policy import Decision, Principal, Request, decide
from resources import copy_source, locks, param, resources

# Operations whose required action has a different name (see the AWS Service Authorization Reference).
ACTIONS = {
    "sqs:SendMessageBatch": "sqs:SendMessage",
    "sqs:DeleteMessageBatch": "sqs:DeleteMessage",
    "sqs:ChangeMessageVisibilityBatch": "sqs:ChangeMessageVisibility",
    "s3:HeadBucket": "s3:ListBucket",
    "lambda:Invoke": "lambda:InvokeFunction",
    # The name in signatures differs from that in policies.
    "tagging:GetResources": "tag:GetResources",
}

# The actions for settings of a bucket that moto takes for CreateBucket.
ACTION_MAP["BUCKET"]["PUT"].update(
    {
        "encryption": "PutEncryptionConfiguration",
        "object-lock": "PutBucketObjectLockConfiguration",
        "ownershipControls": "PutBucketOwnershipControls",
        "publicAccessBlock": "PutBucketPublicAccessBlock",
        "replication": "PutReplicationConfiguration",
    }
)

# The action for a setting of an object that moto takes for PutObject.
ACTION_MAP["KEY"]["PUT"]["retention"] = "PutObjectRetention"

QUERY_ERROR = (
    "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>"
    "<RequestId>emulator</RequestId></ErrorResponse>"
)

# Error codes of services that use XML, mapped to the codes that services with JSON use for the same errors.
JSON_CODES = {
    "AccessDenied": "AccessDeniedException",
    "InvalidClientTokenId": "UnrecognizedClientException",
    "SignatureDoesNotMatch": "InvalidSignatureException",
}

# Condition keys that are absent from requests that a program sends directly.
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
    """Patches moto with the functions below. Returns a factory of Flask apps that keep the bytes received."""
    ActionAuthenticatorMixin._authenticate_and_authorize_action = authenticate_and_authorize
    IAMRequestBase.check_action_permitted = check_action_permitted
    # moto evaluates the bucket policy without regard to the caller. check_action_permitted evaluates it for the caller.
    FakeBucket.get_permission = lambda _self, _action, _resource: PermissionResult.NEUTRAL

    def create(service):
        app = app_factory(service)
        app.before_request_funcs.setdefault(None, []).insert(0, keep_body)
        return app

    return create


def keep_body():
    """Caches the request body, because parsing a form would consume the bytes that were signed."""
    flask.request.get_data(cache=True, parse_form_data=False)


def authenticate_and_authorize(self, iam_request_cls, resource="*"):
    """Replaces ActionAuthenticatorMixin._authenticate_and_authorize_action. `resource` is correct for S3 only."""
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
            # moto takes this for the body of a request that has none. Lambda's consists of what is in the path.
            data={} if self.service_name == "awslambda" else self.data,
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
    """Converts `error` to the format that SDKs expect: JSON if the service uses JSON, otherwise XML with one <Error>."""
    code = getattr(error, "error_type", "AccessDenied")
    if "X-Amz-Target" not in response.headers and response.service_name != "lakeformation":
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
        raise denied("the security token is invalid: its role or user does not exist", "InvalidClientTokenId") from None
    context = {**general_context(self, caller), **service_context(response, self._service, action)}
    required = [(action, arn) for arn in resources(response, self._service, action, resource)]
    required += copy_source(response, self._service)
    required += locks(response, action, resource)
    for action, arn in required:
        request = Request(action, arn, {**context, **resource_context(self, arn)}, caller.principal)
        reason = refusal(caller, request, resource_policies(self, arn))
        if reason:
            raise refused(self, action, arn, reason)
        if action == "s3:GetObject" and not object_exists(self, arn):
            # S3 reports that an object does not exist only to callers who are allowed to list the bucket.
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
        iam_request._raise_access_denied()  # in S3's error format
    user = iam_request._access_key.arn
    return denied(f"User: {user} is not authorized to perform: {action} on resource: {resource} because {reason}")


def refusal(caller, request, resource_documents):
    """Returns the reason why `request` is denied, or None if it is allowed."""
    identity = decide(caller.documents, request)
    boundary = Decision.ALLOW if caller.boundary is None else decide([caller.boundary], request)
    assumes = request.action == "sts:AssumeRole"
    # Between two accounts, a policy on either side has to allow the request.
    foreign = request.values("aws:ResourceAccount".lower()) != [caller.principal.account]
    resource = decide(resource_documents, request, resource_policy=True, delegation=assumes or foreign)
    if Decision.DENY in (identity, boundary, resource):
        return "of an explicit deny"
    by_identity = identity == Decision.ALLOW and boundary == Decision.ALLOW
    if assumes and resource != Decision.ALLOW:
        return "the role's trust policy does not allow it"
    if foreign and resource != Decision.ALLOW:
        return f"no resource-based policy allows the {request.action} action"
    if foreign and not by_identity:
        return f"no identity-based policy allows the {request.action} action"
    if by_identity or (resource == Decision.ALLOW and not assumes):
        return None
    if identity == Decision.ALLOW:
        return f"the permissions boundary does not allow the {request.action} action"
    return f"no identity-based policy allows the {request.action} action"


class Caller:
    """The IAM user or role session that sends a request, with its policies, permissions boundary and tags."""

    def __init__(self, access_key, account):
        self.documents = [document(policy) for policy in access_key.collect_policies()]
        self.boundary = None
        self.tags = []
        self.arn = access_key.arn
        role_name = getattr(access_key, "_owner_role_name", None)
        if role_name:
            role = access_key.backend.get_role(role_name)
            self.arn = role.arn
            self.user_id = f"{role.id}:{access_key._session_name}"
            self.tags = role.tags
            if role.permissions_boundary_arn:
                self.boundary = document(access_key.backend.get_policy(role.permissions_boundary_arn))
        else:
            self.user_id = access_key.backend.get_user(access_key._owner_user_name).id
        self.principal = Principal(account, [self.arn, access_key.arn])


def document(policy):
    """Returns the parsed document of an inline policy, or of the default version of a managed policy."""
    if isinstance(policy, Policy):
        policy = next(version.document for version in policy.versions if version.is_default)
    elif not isinstance(policy, str):
        policy = policy["policy_document"]
    return json.loads(policy)


def resource_policies(iam_request, arn):
    """Returns the resource-based policies: of the bucket, queue or bus, or the trust policy of the role to assume."""
    account, region = iam_request.account_id, iam_request._region
    found = None
    if iam_request._service == "s3":
        bucket = s3_backends[account]["aws"].buckets.get(arn.split(":::")[-1].split("/")[0])
        found = bucket.policy if bucket else None
    elif iam_request._service == "sqs":
        queue = sqs_backends[account][region].queues.get(arn.rsplit(":", 1)[-1])
        found = queue.policy if queue else None
    elif iam_request._service == "events":
        found = buses.policy_of(arn)
    elif iam_request._action == "sts:AssumeRole":
        backend = iam_backends[arn.split(":")[4]][iam_request.response.partition] if arn.startswith("arn:") else None
        role = next((role for role in backend.get_roles() if role.arn == arn), None) if backend else None
        found = role.assume_role_policy_document if role else None
    return [json.loads(found)] if found else []


def general_context(iam_request, caller):
    """Returns the condition keys of every request. aws:SecureTransport is true, because AWS's endpoints use HTTPS."""
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
            "aws:userid": caller.user_id,
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
    if service == "sns":
        return {"sns:Protocol": param(response, "Protocol"), "sns:Endpoint": param(response, "Endpoint")}
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


def tags_of(account, region, arn):
    """Returns the tags of a resource, as the Resource Groups Tagging API states them."""
    backend = resourcegroupstaggingapi_backends[account][region]
    _, found = backend.get_resources(tag_filters=[], resource_type_filters=[arn.split(":")[2]])
    return next(({tag["Key"]: tag["Value"] for tag in one["Tags"]} for one in found if one["ResourceARN"] == arn), {})


def resource_context(iam_request, arn):
    """Returns the condition keys of the resource: its account, its tags and, for a role, its permissions boundary."""
    account, region = iam_request.account_id, iam_request._region
    context = {"aws:ResourceAccount": arn.split(":")[4] if arn.count(":") > 4 and arn.split(":")[4] else account}
    if iam_request._service == "events" and ":rule/" in arn:
        # Absent until the rule exists.
        bus = buses.find(iam_request.response)
        rule = bus.rules.get(arn.rsplit("/", 1)[-1]) if bus else None
        context["events:creatorAccount"] = buses.creator(rule, bus) if rule else None
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
    elif iam_request._service in ("glue", "lambda"):
        tags = tags_of(account, region, arn)
    context.update({f"aws:ResourceTag/{key}": value for key, value in tags.items()})
    return context
