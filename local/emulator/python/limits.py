"""Enforces IAM's size limits for policies, which moto 5.2.1 does not.

The inline policies of a role may have 10,240 characters in total; a managed policy may have 6,144. White space does not
count. Source: "IAM and AWS STS quotas" in the IAM User Guide.
"""

import re

from moto.iam.exceptions import LimitExceededException
from moto.iam.models import IAMBackend

INLINE = 10_240
MANAGED = 6_144


def repair():
    """Patches moto with the functions below."""
    IAMBackend.put_role_policy = put_role_policy(IAMBackend.put_role_policy)
    IAMBackend.create_policy = managed(IAMBackend.create_policy, "policy_document")
    IAMBackend.create_policy_version = managed(IAMBackend.create_policy_version, "policy_document")


def size(document):
    return len(re.sub(r"\s", "", document))


def put_role_policy(original):
    def limited(self, role_name, policy_name, policy_json):
        role = self.get_role(role_name)
        others = sum(size(document) for name, document in role.policies.items() if name != policy_name)
        if others + size(policy_json) > INLINE:
            raise LimitExceededException(f"Maximum policy size of {INLINE} bytes exceeded for role {role_name}")
        original(self, role_name, policy_name, policy_json)

    return limited


def managed(original, parameter):
    position = original.__code__.co_varnames.index(parameter) - 1

    def limited(self, *arguments, **named):
        document = named[parameter] if parameter in named else arguments[position]
        if size(document) > MANAGED:
            raise LimitExceededException(f"Cannot exceed quota for PolicySize: {MANAGED}")
        return original(self, *arguments, **named)

    return limited
