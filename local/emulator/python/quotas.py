"""Adds IAM's quotas to Service Quotas, and enforces the quota for managed policies per role.

In moto 5.2.1, Service Quotas supports VPC only, and IAM does not enforce the quota. As in AWS, Service Quotas returns IAM's
quotas only in us-east-1, the region of IAM's endpoint. RequestServiceQuotaIncrease is approved immediately.
"""

import json

from moto.core.exceptions import JsonRESTError
from moto.iam.exceptions import DeleteConflictException, LimitExceededException
from moto.iam.models import IAMBackend
from moto.servicequotas.models import ServiceQuotasBackend
from moto.servicequotas.responses import ServiceQuotasResponse

REGION = "us-east-1"
PER_ROLE = "L-0DA4ABF3"
NAMES = {PER_ROLE: "Managed policies per role"}
DEFAULTS = {PER_ROLE: 10.0}

# Approved quota increases, by account and quota code.
granted = {}


def repair():
    """Patches moto with the functions below."""
    ServiceQuotasBackend.get_service_quota = get_service_quota(ServiceQuotasBackend.get_service_quota)
    ServiceQuotasResponse.request_service_quota_increase = request_service_quota_increase
    IAMBackend.attach_role_policy = attach_role_policy(IAMBackend.attach_role_policy)
    IAMBackend.delete_policy = delete_policy(IAMBackend.delete_policy)


def value(account, code):
    return granted.get((account, code), DEFAULTS[code])


def quota(account, code):
    return {
        "ServiceCode": "iam",
        "QuotaCode": code,
        "QuotaName": NAMES[code],
        "QuotaArn": f"arn:aws:servicequotas::{account}:iam/{code}",
        "Value": value(account, code),
        "Unit": "None",
        "Adjustable": True,
        "GlobalQuota": True,
    }


def get_service_quota(original):
    def found(self, service_code, quota_code):
        if service_code == "iam" and quota_code in DEFAULTS and self.region_name == REGION:
            return quota(self.account_id, quota_code)
        return original(self, service_code, quota_code)

    return found


def request_service_quota_increase(self):
    asked = json.loads(self.body)
    code, desired = asked["QuotaCode"], float(asked["DesiredValue"])
    self.backend.get_service_quota(asked["ServiceCode"], code)  # fails if the quota does not exist
    if desired <= value(self.current_account, code):
        raise JsonRESTError("IllegalArgumentException", "You must provide a quota value greater than the current quota value.")
    granted[(self.current_account, code)] = desired
    return json.dumps({"RequestedQuota": {"QuotaCode": code, "DesiredValue": desired, "Status": "APPROVED"}})


def attach_role_policy(original):
    def limited(self, policy_arn, role_name):
        attached = self.get_role(role_name).managed_policies
        if policy_arn in attached:
            return  # moto would count the attachment twice
        limit = int(value(self.account_id, PER_ROLE))
        if len(attached) >= limit:
            raise LimitExceededException(f"Cannot exceed quota for PoliciesPerRole: {limit}")
        original(self, policy_arn, role_name)

    return limited


def delete_policy(original):
    """Rejects the deletion of a policy that is attached or has versions other than its default version (see DeletePolicy)."""

    def limited(self, policy_arn):
        policy = self.get_policy(policy_arn)
        if policy.attachment_count > 0:
            raise DeleteConflictException("Cannot delete a policy attached to entities.")
        if len(policy.versions) > 1:
            raise DeleteConflictException("This policy has more than one version. Before you delete a policy, you must delete the policy's versions.")
        original(self, policy_arn)

    return limited
