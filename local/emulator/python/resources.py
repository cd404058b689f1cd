"""The resources of a request, as ARNs: those that AWS's Service Authorization Reference lists for the action."""

from urllib.parse import unquote, urlparse

import xmltodict
from moto.iam.models import iam_backends
from moto.kms.models import kms_backends
from moto.secretsmanager.models import secretsmanager_backends

import buses


def param(response, name):
    return response._get_param(name)


def resources(response, service, action, resource):
    """Returns the ARNs of the request's resources, or "*" for actions without a specific resource."""
    account, region = response.current_account, response.region
    if service == "s3":
        if action == "s3:DeleteObject" and "/" not in resource:
            return [f"{resource}/{key}" for key in keys_to_delete(response)] or [resource]
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
    if service == "glue":
        return glue_resources(response, account, region)
    if service == "kms":
        key = param(response, "KeyId")
        if key and "alias/" in key:
            # KMS decides about the key to which an alias refers. About one that refers to none, it decides as about any key.
            key = kms_backends[account][region].get_key_id_from_alias(f"alias/{key.split('alias/', 1)[1]}") or "none"
        return ["*"] if not key else [key if key.startswith("arn:") else f"arn:aws:kms:{region}:{account}:key/{key}"]
    if service == "athena":
        return [param(response, "ResourceARN") or "*"]
    if service == "dynamodb":
        return table_resources(response, account, region)
    if service == "kinesis":
        name = param(response, "StreamName")
        return [param(response, "StreamARN") or (f"arn:aws:kinesis:{region}:{account}:stream/{name}" if name else "*")]
    if service == "sns":
        name = param(response, "Name")
        return [param(response, "TopicArn") or (f"arn:aws:sns:{region}:{account}:{name}" if name else "*")]
    if service == "lambda":
        return function_resources(response, account, region)
    if service == "iam":
        return [iam_resource(response, account)]
    if service == "sts":
        return [param(response, "RoleArn") or "*"]
    return ["*"]


def keys_to_delete(response):
    """Returns the keys in the body of DeleteObjects."""
    named = xmltodict.parse(response.body, strip_whitespace=False)["Delete"].get("Object", [])
    return [item["Key"] for item in (named if isinstance(named, list) else [named])]


def copy_source(response, service):
    """Returns the action and the ARN of the object that CopyObject or UploadPartCopy reads."""
    source = response.headers.get("x-amz-copy-source") if service == "s3" else None
    if not source:
        return []
    return [("s3:GetObject", f"arn:{response.partition}:s3:::{unquote(urlparse(source).path).lstrip('/')}")]


def locks(response, action, resource):
    """Returns what a request about objects needs besides its action: to lock an object, or to bypass locks."""
    if action == "s3:PutObject" and response.headers.get("x-amz-object-lock-mode"):
        return [("s3:PutObjectRetention", resource)]
    if action.startswith("s3:") and response.headers.get("x-amz-bypass-governance-retention", "").lower() == "true":
        return [("s3:BypassGovernanceRetention", arn) for arn in resources(response, "s3", action, resource)]
    return []


def secret_arn(name, account, region):
    """Returns the ARN of a secret that does not exist. Question marks replace the six-character suffix that AWS would add."""
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
        account, region, name = buses.named_by(response)
        rule = rule if name == "default" else f"{name}/{rule}"
        return [f"arn:aws:events:{region}:{account}:rule/{rule}"]
    name = param(response, "EventBusName") or param(response, "Name")
    return [bus(name)] if name else ["*"]


def glue_resources(response, account, region):
    """Returns the ARNs of the catalog, the database and the table: Glue checks all of those that contain the resource."""
    if param(response, "ResourceArn"):
        return [param(response, "ResourceArn")]
    prefix = f"arn:aws:glue:{region}:{param(response, 'CatalogId') or account}"
    database, name = param(response, "DatabaseName"), param(response, "Name")
    if database:
        return [f"{prefix}:catalog", f"{prefix}:database/{database}", f"{prefix}:table/{database}/{name or '*'}"]
    return [f"{prefix}:catalog", f"{prefix}:database/{name}"] if name else [f"{prefix}:catalog"]


def table_resources(response, account, region):
    """Returns the ARNs of the index, or of the tables: a read of an index needs no permission for its table."""

    def table(name):
        return name if name.startswith("arn:") else f"arn:aws:dynamodb:{region}:{account}:table/{name}"

    batch = param(response, "RequestItems")
    if isinstance(batch, dict):
        return sorted(table(name) for name in batch)
    name, index = param(response, "TableName"), param(response, "IndexName")
    if not name:
        return ["*"]
    return [f"{table(name)}/index/{index}" if index else table(name)]


def function_resources(response, account, region):
    """Returns the ARN of the function in the path, with its version or alias."""
    _, _, rest = unquote(response.raw_path).partition("/functions/")
    name = rest.split("/")[0]
    qualifier = response.querystring.get("Qualifier", [None])[0]
    if not name:
        return ["*"]
    arn = name if name.startswith("arn:") else f"arn:aws:lambda:{region}:{account}:function:{name}"
    return [f"{arn}:{qualifier}" if qualifier else arn]


def iam_resource(response, account):
    source = param(response, "PolicySourceArn")
    if source:
        return source
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
