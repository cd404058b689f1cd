"""Holds every IAM policy of the stack, and every one that its grants produce, against parliament's rules.

Usage: lint_policies.py PREVIEW.json DEMO.json: what `dmm-local preview --json` and `dmm-local demo --json` print.
"""

import fnmatch
import json
import sys

import parliament

# Trust policies and policies of buckets, queues and buses name principals, which parliament does not know.
IDENTITY_POLICIES = {"aws:iam:RolePolicy", "aws:iam:Policy"}


# parliament wants a resource of each type that an action supports. These statements name the only type that they need.
ONE_TYPE_IS_ENOUGH = {"athena:ListTagsForResource"}


def as_list(value):
    return value if isinstance(value, list) else [value]


def is_covered(document, action, required_format):
    """Whether any statement of the policy allows the action on a resource of this form. Resources that carry a tag are in a
    statement of their own, and AWS decides about each resource of a call separately."""
    return any(
        action in as_list(statement["Action"]) and fnmatch.fnmatchcase(resource, required_format)
        for statement in json.loads(document)["Statement"]
        for resource in as_list(statement["Resource"])
    )


def is_expected(document, finding):
    details = finding.detail if isinstance(finding.detail, list) else []
    missing = [(detail["action"], detail["required_format"]) for detail in details if isinstance(detail, dict)]
    return finding.issue == "RESOURCE_MISMATCH" and bool(missing) and all(
        action in ONE_TYPE_IS_ENOUGH or is_covered(document, action, required_format)
        for action, required_format in missing
    )


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
        if not is_expected(document, finding)
    ]
    print("\n".join([*found, f"{len(documents)} policies, {len(found)} findings"]))
    sys.exit(bool(found) or not documents)


if __name__ == "__main__":
    main()
