"""IAM's quotas in Service Quotas, which moto 5.2.1 has for VPC only, and the one for managed policies per role, which it does not
hold anybody to.

Service Quotas tells IAM's quotas in the region of IAM's own endpoint. RequestServiceQuotaIncrease is granted at once.
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

# What was granted, by account and quota.
granted = {}


def repair():
    """Puts the functions below in place."""
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
    self.backend.get_service_quota(asked["ServiceCode"], code)  # that there is such a quota
    if desired <= value(self.current_account, code):
        raise JsonRESTError("IllegalArgumentException", "You must provide a quota value greater than the current quota value.")
    granted[(self.current_account, code)] = desired
    return json.dumps({"RequestedQuota": {"QuotaCode": code, "DesiredValue": desired, "Status": "APPROVED"}})


def attach_role_policy(original):
    def limited(self, policy_arn, role_name):
        attached = self.get_role(role_name).managed_policies
        if policy_arn in attached:
            return  # moto would count it twice
        limit = int(value(self.account_id, PER_ROLE))
        if len(attached) >= limit:
            raise LimitExceededException(f"Cannot exceed quota for PoliciesPerRole: {limit}")
        original(self, policy_arn, role_name)

    return limited


def delete_policy(original):
    """A policy that is attached, or has other versions than its default one, cannot be deleted (DeletePolicy)."""

    def limited(self, policy_arn):
        policy = self.get_policy(policy_arn)
        if policy.attachment_count > 0:
            raise DeleteConflictException("Cannot delete a policy attached to entities.")
        if len(policy.versions) > 1:
            raise DeleteConflictException("This policy has more than one version. Before you delete a policy, you must delete the policy's versions.")
        original(self, policy_arn)

    return limited
