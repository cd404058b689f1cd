"""Holds every IAM policy of the stack, and every one that its grants produce, against parliament's rules.

Usage: lint_policies.py PREVIEW.json DEMO.json: what `dmm-local preview --json` and `dmm-local demo --json` print.
"""

import json
import sys

import parliament

# Trust policies and policies of buckets, queues and buses name principals, which parliament does not know.
IDENTITY_POLICIES = {"aws:iam:RolePolicy", "aws:iam:Policy"}


# parliament wants a resource of each type that an action supports. These statements name the only type that they need.
ONE_TYPE_IS_ENOUGH = {"athena:ListTagsForResource"}


def is_expected(finding):
    details = finding.detail if isinstance(finding.detail, list) else []
    actions = {detail.get("action") for detail in details if isinstance(detail, dict)}
    return finding.issue == "RESOURCE_MISMATCH" and bool(actions) and actions <= ONE_TYPE_IS_ENOUGH


def policies(preview, demo):
    for resource in preview["resources"]:
        if resource["type"] in IDENTITY_POLICIES:
            yield resource["name"], resource["properties"]["policy"]
    for grant in demo["granted"]:
        yield f"{grant['policy_name']} on {grant['role']}", json.dumps(grant["document"])


def main():
    with open(sys.argv[1]) as preview, open(sys.argv[2]) as demo:
        documents = dict(policies(json.load(preview), json.load(demo)))
    found = [
        f"{name}: {finding.issue}: {finding.title or ''} {finding.detail} {finding.location}"
        for name, document in documents.items()
        for finding in map(parliament.enhance_finding, parliament.analyze_policy_string(document).findings)
        if not is_expected(finding)
    ]
    print("\n".join([*found, f"{len(documents)} policies, {len(found)} findings"]))
    sys.exit(bool(found) or not documents)


if __name__ == "__main__":
    main()
