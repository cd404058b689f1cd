"""Evaluates IAM policies for a single request.

Implements "Policy evaluation logic" and "IAM JSON policy elements" of the IAM User Guide, as far as this project's policies
need it. This module does not depend on moto. Its tests are in test_policy.py.

If the value of a condition key is unknown, an Allow statement with that key does not apply. In a Deny statement, such a key
is treated as absent, because most of these keys are absent from requests that a program sends directly.
"""

import enum
import functools
import ipaddress
import re
from datetime import datetime, timezone


class Decision(enum.Enum):
    ALLOW = "allow"
    DENY = "deny"
    NEUTRAL = "neutral"


class Request:
    """One action on one resource. `context` maps each condition key to a value or a list of values. A key that is known to
    be absent maps to None; a key whose value is unknown is not in `context`."""

    def __init__(self, action, resource, context=None, principal=None):
        self.action = action
        self.resource = resource
        self.principal = principal
        self.context = {key.lower(): _listed(value) for key, value in (context or {}).items()}

    def knows(self, key):
        return key in self.context or key.split("/")[0] in _TAG_KEYS

    def values(self, key):
        return self.context.get(key)


class Principal:
    """The caller: an IAM user or a role session."""

    def __init__(self, account, arns):
        self.account = account
        self.arns = set(arns)

    def named_by(self, element, delegation):
        """Returns whether the Principal element of a policy matches this caller. The account principal matches only with
        `delegation`: an Allow for the account only lets the account's own policies grant access."""
        if element == "*":
            return True
        if not isinstance(element, dict):
            return False
        for name in _listed(element.get("AWS")) or []:
            if name == "*" or name in self.arns:
                return True
            root = name == self.account or re.fullmatch(rf"arn:[^:]+:iam::{self.account}:root", name)
            if root and delegation:
                return True
        return False


def decide(documents, request, resource_policy=False, delegation=False):
    """Returns the combined decision of the policies: an explicit Deny overrides any Allow."""
    decision = Decision.NEUTRAL
    for document in documents:
        for statement in _listed(document.get("Statement")) or []:
            effect = statement.get("Effect")
            if not _applies(statement, effect, request, resource_policy, delegation):
                continue
            if effect == "Deny":
                return Decision.DENY
            decision = Decision.ALLOW
    return decision


def _applies(statement, effect, request, resource_policy, delegation):
    denies = effect == "Deny"
    if resource_policy:
        if "NotPrincipal" in statement:
            return denies
        if not request.principal.named_by(statement.get("Principal"), delegation or denies):
            return False
    if not _matches_element(statement, "Action", request.action, request, ignore_case=True):
        return False
    names_resource = "Resource" in statement or "NotResource" in statement
    if names_resource and not _matches_element(statement, "Resource", request.resource, request):
        return False
    return _conditions_hold(statement.get("Condition"), request, denies)


def _matches_element(statement, name, value, request, ignore_case=False):
    def matches(patterns):
        return any(_like(value, _filled(p, request), ignore_case) for p in _listed(patterns) or [])

    if f"Not{name}" in statement:
        return not matches(statement[f"Not{name}"])
    return matches(statement.get(name))


def _conditions_hold(conditions, request, denies):
    for operator, keys in (conditions or {}).items():
        for key, expected in keys.items():
            key = key.lower()
            if not request.knows(key) and not denies:
                return False
            if not _holds(operator, request.values(key), expected, request):
                return False
    return True


def _holds(operator, actual, expected, request):
    quantifier, _, name = operator.rpartition(":")
    expected = [_filled(str(e) if not isinstance(e, bool) else str(e).lower(), request) for e in _listed(expected)]
    if name == "Null":
        return (actual is None) == (expected[0].lower() == "true")
    if_exists = name.endswith("IfExists")
    name = name.removesuffix("IfExists")
    negated = name in _NEGATED
    test = _OPERATORS.get(_NEGATED.get(name, name))
    if test is None:
        raise ValueError(f"the condition operator {operator} is not supported")
    if actual is None:
        return if_exists or negated or quantifier == "ForAllValues"

    def one(value):
        found = any(e is not None and test(value, e) for e in expected)
        return found != negated

    if quantifier == "ForAnyValue":
        return any(one(value) for value in actual)
    return all(one(value) for value in actual)


def _filled(pattern, request):
    """Replaces policy variables such as ${aws:PrincipalTag/team}. Returns None if a variable has no value; then nothing
    matches."""
    missing = False

    def value(match):
        nonlocal missing
        name, _, default = match.group(1).partition(",")
        if name in ("*", "?", "$"):
            return f"[{name}]" if name != "$" else name
        values = request.values(name.strip().lower())
        if values and len(values) == 1:
            return values[0]
        default = default.strip().strip("'")
        missing = missing or not default
        return default

    filled = re.sub(r"\$\{([^}]+)\}", value, pattern)
    return None if missing else filled


def _like(value, pattern, ignore_case=False):
    """Returns whether `value` matches `pattern`. `*` matches any text and `?` any character; `[*]` and `[?]` match a literal
    asterisk and question mark."""
    return pattern is not None and _expression(pattern, ignore_case).fullmatch(value) is not None


@functools.lru_cache(maxsize=10_000)
def _expression(pattern, ignore_case):
    """Returns a pattern of `_like` as a regular expression. A stack has some hundred patterns, more than Python remembers."""
    parts = re.split(r"(\[\*\]|\[\?\]|\*|\?)", pattern)
    wild = {"*": ".*", "?": ".", "[*]": r"\*", "[?]": r"\?"}
    expression = "".join(wild.get(part, re.escape(part)) for part in parts)
    return re.compile(expression, re.DOTALL | (re.IGNORECASE if ignore_case else 0))


def _arn_like(value, pattern):
    """Returns whether an ARN matches `pattern`. The six components are matched separately, so that an asterisk does not match
    across components."""
    values, patterns = value.split(":", 5), pattern.split(":", 5)
    if len(values) != 6 or len(patterns) != 6:
        return pattern == "*" or value == pattern
    return all(_like(v, p) for v, p in zip(values, patterns))


def _time(text):
    if re.fullmatch(r"-?\d+(\.\d+)?", text):
        return datetime.fromtimestamp(float(text), timezone.utc)
    time = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return time if time.tzinfo else time.replace(tzinfo=timezone.utc)


def _in_network(value, network):
    return ipaddress.ip_address(value) in ipaddress.ip_network(network, strict=False)


def _listed(value):
    if value is None or isinstance(value, list):
        return value
    return [value]


_TAG_KEYS = {"aws:resourcetag", "aws:principaltag", "aws:requesttag", "iam:resourcetag", "secretsmanager:resourcetag"}

_OPERATORS = {
    "StringEquals": lambda actual, expected: actual == expected,
    "StringEqualsIgnoreCase": lambda actual, expected: actual.lower() == expected.lower(),
    "StringLike": _like,
    "ArnEquals": _arn_like,
    "ArnLike": _arn_like,
    "Bool": lambda actual, expected: actual.lower() == expected.lower(),
    "IpAddress": _in_network,
    "NumericEquals": lambda actual, expected: float(actual) == float(expected),
    "NumericLessThan": lambda actual, expected: float(actual) < float(expected),
    "NumericLessThanEquals": lambda actual, expected: float(actual) <= float(expected),
    "NumericGreaterThan": lambda actual, expected: float(actual) > float(expected),
    "NumericGreaterThanEquals": lambda actual, expected: float(actual) >= float(expected),
    "DateEquals": lambda actual, expected: _time(actual) == _time(expected),
    "DateLessThan": lambda actual, expected: _time(actual) < _time(expected),
    "DateLessThanEquals": lambda actual, expected: _time(actual) <= _time(expected),
    "DateGreaterThan": lambda actual, expected: _time(actual) > _time(expected),
    "DateGreaterThanEquals": lambda actual, expected: _time(actual) >= _time(expected),
}

_NEGATED = {
    "StringNotEquals": "StringEquals",
    "StringNotEqualsIgnoreCase": "StringEqualsIgnoreCase",
    "StringNotLike": "StringLike",
    "ArnNotEquals": "ArnEquals",
    "ArnNotLike": "ArnLike",
    "NotIpAddress": "IpAddress",
    "NumericNotEquals": "NumericEquals",
    "DateNotEquals": "DateEquals",
}
