"""Tests policy.py. The crate's tests run this file. It does not need moto."""

import unittest

from policy import Decision, Principal, Request, decide

ROLE = "arn:aws:iam::123456789012:role/consumer"


def statement(effect="Allow", **elements):
    return {"Statement": [{"Effect": effect, "Action": "iam:PutRolePolicy", "Resource": "*", **elements}]}


def ask(*documents, action="iam:PutRolePolicy", resource=ROLE, **context):
    return decide(documents, Request(action, resource, context.get("context")))


class Statements(unittest.TestCase):
    def test_nothing_is_allowed_unless_a_policy_allows_it(self):
        self.assertEqual(ask(), Decision.NEUTRAL)
        self.assertEqual(ask(statement(Action="iam:GetRole")), Decision.NEUTRAL)

    def test_deny_overrides_allow_in_any_order(self):
        self.assertEqual(ask(statement("Deny"), statement()), Decision.DENY)
        self.assertEqual(ask(statement(), statement("Deny")), Decision.DENY)

    def test_actions_are_case_insensitive_and_resources_are_case_sensitive(self):
        self.assertEqual(ask(statement(Action="IAM:putrole*")), Decision.ALLOW)
        self.assertEqual(ask(statement(Resource=ROLE.upper())), Decision.NEUTRAL)

    def test_only_wildcards_have_a_special_meaning(self):
        for pattern, expected in [
            ("arn:aws:iam::*:role/consumer", Decision.ALLOW),
            ("arn:aws:iam::123456789012:role/consume?", Decision.ALLOW),
            ("arn.aws.iam..123456789012.role.consumer", Decision.NEUTRAL),
            ("arn:aws:iam::123456789012:role/", Decision.NEUTRAL),
        ]:
            self.assertEqual(ask(statement(Resource=pattern)), expected, pattern)

    def test_not_action_and_not_resource_exclude_matches(self):
        document = {"Statement": {"Effect": "Deny", "NotAction": "s3:*", "NotResource": "arn:aws:iam::*:role/app-*"}}
        self.assertEqual(ask(document), Decision.DENY)
        self.assertEqual(ask(document, resource="arn:aws:iam::1:role/app-1"), Decision.NEUTRAL)
        self.assertEqual(ask(document, action="s3:GetObject"), Decision.NEUTRAL)

    def test_policy_variables_are_replaced_from_the_context(self):
        document = statement(Resource="arn:aws:iam::123456789012:role/${aws:PrincipalTag/team}")
        self.assertEqual(ask(document, context={"aws:PrincipalTag/team": "consumer"}), Decision.ALLOW)
        self.assertEqual(ask(document), Decision.NEUTRAL)


class Conditions(unittest.TestCase):
    def holds(self, operator, key, expected, effect="Allow", **context):
        decision = ask(statement(effect, Condition={operator: {key: expected}}), context=context.get("context"))
        return decision == (Decision.ALLOW if effect == "Allow" else Decision.DENY)

    def test_conditions_on_tags(self):
        key = "aws:ResourceTag/dmm"
        self.assertTrue(self.holds("StringEquals", key, "yes", context={key: "yes"}))
        self.assertFalse(self.holds("StringEquals", key, "yes", context={key: "no"}))
        self.assertFalse(self.holds("StringEquals", key, "yes"))
        self.assertTrue(self.holds("StringLike", key, ["y*", "n?"], context={key: "no"}))
        self.assertTrue(self.holds("StringNotEquals", key, "yes", context={key: "no"}))
        self.assertTrue(self.holds("StringNotEquals", key, "yes"), "an absent tag is not equal")
        self.assertFalse(self.holds("StringNotLike", key, "y*", context={key: "yes"}))

    def test_conditions_on_a_permissions_boundary_compare_arns(self):
        key = "iam:PermissionsBoundary"
        arn = "arn:aws:iam::123456789012:policy/boundary"
        self.assertTrue(self.holds("StringEquals", key, arn, context={key: arn}))
        self.assertTrue(self.holds("ArnLike", key, "arn:aws:iam::*:policy/b*", context={key: arn}))
        self.assertFalse(self.holds("ArnLike", key, "arn:aws:iam::*", context={key: arn}))
        self.assertFalse(self.holds("StringEquals", key, arn, context={key: None}))

    def test_an_unknown_condition_key_never_allows_but_can_deny(self):
        self.assertFalse(self.holds("StringEquals", "kms:ViaService", "s3"))
        self.assertFalse(self.holds("StringNotEquals", "kms:ViaService", "s3"))
        self.assertFalse(self.holds("StringEqualsIfExists", "kms:ViaService", "s3"))
        self.assertTrue(self.holds("StringNotEquals", "kms:ViaService", "s3", effect="Deny"))
        self.assertFalse(self.holds("StringEquals", "kms:ViaService", "s3", effect="Deny"))

    def test_bool_numeric_date_ip_address_and_null_operators(self):
        secure = {"aws:SecureTransport": "true"}
        self.assertFalse(self.holds("Bool", "aws:SecureTransport", "false", effect="Deny", context=secure))
        self.assertTrue(self.holds("Bool", "aws:SecureTransport", True, context=secure))
        tls = {"s3:TlsVersion": "1.3"}
        self.assertFalse(self.holds("NumericLessThan", "s3:TlsVersion", "1.2", effect="Deny", context=tls))
        now = {"aws:CurrentTime": "2026-11-01T00:00:00Z"}
        self.assertTrue(self.holds("DateLessThan", "aws:CurrentTime", "2027-01-01T00:00:00Z", context=now))
        ip = {"aws:SourceIp": "10.1.2.3"}
        self.assertTrue(self.holds("IpAddress", "aws:SourceIp", "10.0.0.0/8", context=ip))
        self.assertFalse(self.holds("NotIpAddress", "aws:SourceIp", "10.0.0.0/8", context=ip))
        self.assertTrue(self.holds("Null", "aws:ResourceTag/dmm", "true"))
        self.assertFalse(self.holds("Null", "aws:ResourceTag/dmm", "false"))

    def test_set_operators_and_missing_keys(self):
        sources = {"events:source": ["a", "b"]}
        self.assertFalse(self.holds("StringEquals", "events:source", "a", context=sources))
        self.assertTrue(self.holds("ForAnyValue:StringEquals", "events:source", "a", context=sources))
        self.assertFalse(self.holds("ForAllValues:StringEquals", "events:source", "a", context=sources))
        self.assertTrue(self.holds("ForAllValues:StringEquals", "events:source", ["a", "b"], context=sources))
        self.assertTrue(self.holds("StringEqualsIfExists", "events:source", "a", context={"events:source": None}))

    def test_an_unsupported_condition_operator_is_an_error(self):
        with self.assertRaises(ValueError):
            self.holds("StringSortOf", "aws:SecureTransport", "x", context={"aws:SecureTransport": "true"})


class ResourcePolicies(unittest.TestCase):
    CALLER = Principal("123456789012", [ROLE, "arn:aws:sts::123456789012:assumed-role/consumer/session"])

    def ask(self, principal, effect="Allow", delegation=False):
        document = {"Statement": [{"Effect": effect, "Principal": principal, "Action": "*"}]}
        request = Request("sts:AssumeRole", ROLE, principal=self.CALLER)
        return decide([document], request, resource_policy=True, delegation=delegation)

    def test_principal_elements_match_callers(self):
        self.assertEqual(self.ask("*"), Decision.ALLOW)
        self.assertEqual(self.ask({"AWS": [ROLE]}), Decision.ALLOW)
        self.assertEqual(self.ask({"AWS": "arn:aws:iam::123456789012:role/other"}), Decision.NEUTRAL)
        self.assertEqual(self.ask({"Service": "lambda.amazonaws.com"}), Decision.NEUTRAL)

    def test_an_account_principal_delegates_and_denies_but_does_not_grant_access(self):
        root = {"AWS": "arn:aws:iam::123456789012:root"}
        self.assertEqual(self.ask(root), Decision.NEUTRAL)
        self.assertEqual(self.ask(root, delegation=True), Decision.ALLOW)
        self.assertEqual(self.ask(root, effect="Deny"), Decision.DENY)


if __name__ == "__main__":
    unittest.main()
