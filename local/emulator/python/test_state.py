"""Tests state.py: what is saved and restored, and what is left out. The crate's tests run this file."""

import collections
import json
import os
import pickle
import threading
import unittest
from unittest import mock

import boto3
from moto import mock_aws
from moto.core.base_backend import BackendDict

import gate
import queues
import state

REGION = "eu-central-1"
KEYS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": REGION}
POLICY = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "*"}]})


def client(service):
    return boto3.client(service, region_name=REGION)


class Restored(unittest.TestCase):
    """Each test creates something, saves the state, forgets everything, and restores it."""

    def setUp(self):
        environment = mock.patch.dict(os.environ, KEYS)
        environment.start()
        self.addCleanup(environment.stop)
        aws = mock_aws()
        aws.start()
        self.addCleanup(aws.stop)
        original = queues.SQSBackend.receive_message
        queues.repair()
        self.addCleanup(setattr, queues.SQSBackend, "receive_message", original)

    def restart(self):
        saved = state.save()
        BackendDict.reset()
        state.s3_backends.bucket_accounts.clear()
        state.restore(saved)
        return saved

    def test_objects_keep_their_etags_versions_and_times(self):
        s3 = client("s3")
        s3.create_bucket(Bucket="bucket", CreateBucketConfiguration={"LocationConstraint": REGION})
        s3.put_bucket_versioning(Bucket="bucket", VersioningConfiguration={"Status": "Enabled"})
        for body in (b"one", b"two"):
            s3.put_object(Bucket="bucket", Key="key", Body=body)
        read = lambda: s3.list_object_versions(Bucket="bucket")["Versions"]
        before = read()
        self.restart()
        self.assertEqual(read(), before)
        self.assertEqual(s3.get_object(Bucket="bucket", Key="key")["Body"].read(), b"two")
        with self.assertRaises(s3.exceptions.ClientError):
            s3.put_object(Bucket="bucket", Key="key", Body=b"three", IfNoneMatch="*")

    def test_roles_keep_their_ids_tags_and_policies(self):
        iam = client("iam")
        iam.create_role(RoleName="role", AssumeRolePolicyDocument=POLICY, Tags=[{"Key": "a", "Value": "b"}])
        iam.put_role_policy(RoleName="role", PolicyName="inline", PolicyDocument=POLICY)
        arn = iam.create_policy(PolicyName="managed", PolicyDocument=POLICY)["Policy"]["Arn"]
        iam.attach_role_policy(RoleName="role", PolicyArn=arn)
        before = iam.get_role(RoleName="role")["Role"]
        self.restart()
        self.assertEqual(iam.get_role(RoleName="role")["Role"], before)
        self.assertEqual(iam.list_role_policies(RoleName="role")["PolicyNames"], ["inline"])
        attached = iam.list_attached_role_policies(RoleName="role")["AttachedPolicies"]
        self.assertEqual([policy["PolicyName"] for policy in attached], ["managed"])

    def test_messages_keep_their_order_and_those_in_flight_become_visible(self):
        sqs = client("sqs")
        attributes = {"FifoQueue": "true", "VisibilityTimeout": "3600"}
        url = sqs.create_queue(QueueName="queue.fifo", Attributes=attributes)["QueueUrl"]
        for name in ("first", "second"):
            sqs.send_message(QueueUrl=url, MessageBody=name, MessageGroupId="group", MessageDeduplicationId=name)
        self.assertEqual(len(sqs.receive_message(QueueUrl=url)["Messages"]), 1)
        self.restart()
        sqs.send_message(QueueUrl=url, MessageBody="again", MessageGroupId="group", MessageDeduplicationId="first")
        sqs.send_message(QueueUrl=url, MessageBody="third", MessageGroupId="group", MessageDeduplicationId="third")
        names = ["SequenceNumber"]
        found = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, AttributeNames=names)["Messages"]
        self.assertEqual([message["Body"] for message in found], ["first", "second", "third"])
        numbers = [int(message["Attributes"]["SequenceNumber"]) for message in found]
        self.assertEqual(numbers, sorted(set(numbers)))

    def test_rules_and_the_data_of_other_services_are_restored(self):
        events, glue, kms, dynamodb = client("events"), client("glue"), client("kms"), client("dynamodb")
        events.create_event_bus(Name="bus")
        pattern = json.dumps({"source": ["a"]})
        events.put_rule(Name="rule", EventBusName="bus", EventPattern=pattern, State="DISABLED")
        bus = events.describe_event_bus(Name="bus")["Arn"]
        events.create_archive(ArchiveName="archive", EventSourceArn=bus)
        glue.create_database(DatabaseInput={"Name": "database"})
        glue.create_table(DatabaseName="database", TableInput={"Name": "table"})
        key = kms.create_key()["KeyMetadata"]["KeyId"]
        dynamodb.create_table(
            TableName="table",
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            BillingMode="PAY_PER_REQUEST",
        )
        dynamodb.put_item(TableName="table", Item={"id": {"S": "1"}})
        client("sns").create_topic(Name="topic")
        client("resourcegroupstaggingapi").get_resources()
        client("lakeformation").get_data_lake_settings()
        client("kinesis").create_stream(StreamName="stream", ShardCount=1)
        client("kafka").create_cluster_v2(ClusterName="cluster", Serverless={"VpcConfigs": []})
        client("athena").create_work_group(Name="group")
        self.restart()
        rule = events.describe_rule(Name="rule", EventBusName="bus")
        self.assertEqual((rule["EventPattern"], rule["State"]), (pattern, "DISABLED"))
        self.assertEqual(events.describe_archive(ArchiveName="archive")["EventSourceArn"], bus)
        self.assertEqual(glue.get_table(DatabaseName="database", Name="table")["Table"]["Name"], "table")
        self.assertEqual(kms.describe_key(KeyId=key)["KeyMetadata"]["KeyId"], key)
        self.assertEqual(dynamodb.get_item(TableName="table", Key={"id": {"S": "1"}})["Item"], {"id": {"S": "1"}})
        self.assertEqual(len(client("sns").list_topics()["Topics"]), 1)
        self.assertEqual(client("kinesis").list_streams()["StreamNames"], ["stream"])
        self.assertEqual(len(client("kafka").list_clusters_v2()["ClusterInfoList"]), 1)

    def test_secrets_are_left_out(self):
        secrets, iam = client("secretsmanager"), client("iam")
        arn = secrets.create_secret(Name="secret", SecretString="do-not-keep-this")["ARN"]
        iam.create_user(UserName="user")
        iam.create_login_profile(UserName="user", Password="nor-this")
        key = iam.create_access_key(UserName="user")["AccessKey"]
        role = "arn:aws:iam::123456789012:role/role"
        session = client("sts").assume_role(RoleArn=role, RoleSessionName="session")["Credentials"]
        saved = self.restart()
        for secret in ("do-not-keep-this", "nor-this", key["SecretAccessKey"], session["SecretAccessKey"]):
            self.assertNotIn(secret.encode(), saved)
        self.assertEqual(secrets.describe_secret(SecretId="secret")["ARN"], arn)
        with self.assertRaises(secrets.exceptions.ResourceNotFoundException):
            secrets.get_secret_value(SecretId="secret")
        secrets.put_secret_value(SecretId="secret", SecretString="another")
        self.assertEqual(secrets.get_secret_value(SecretId="secret")["SecretString"], "another")
        self.assertEqual(iam.list_access_keys(UserName="user")["AccessKeyMetadata"], [])
        iam.create_access_key(UserName="user")

    def test_a_state_without_changes_is_equal(self):
        iam = client("iam")
        iam.create_role(RoleName="role", AssumeRolePolicyDocument=POLICY)
        first = state.save()
        iam.get_role(RoleName="role")
        self.assertEqual(state.save(), first)

    def test_what_could_not_be_restored_is_not_saved(self):
        backend = state.sqs_backends["123456789012"][REGION]
        backend.smuggled = os.system
        with self.assertRaises(pickle.PicklingError):
            state.save()

    def test_what_is_not_a_state_is_refused(self):
        for foreign in (os.system, collections.Counter(), print):
            with self.assertRaises(pickle.UnpicklingError):
                state.restore(pickle.dumps({"services": foreign}))
        # A function that a module of moto has imported.
        smuggled = b"\x80\x05\x8c\x10moto.core.models\x8c\x09os.system\x93."
        with self.assertRaises(Exception):
            state.restore(smuggled)


class Paused(unittest.TestCase):
    def test_requests_wait_while_the_gate_is_closed(self):
        served = threading.Event()
        application = gate.guard(lambda *_: served.set() or [b""], lambda: b"state")
        statuses = []

        def ask(path):
            answer = application({"PATH_INFO": path}, lambda status, _: statuses.append(status))
            return b"".join(answer)

        ask("/moto-api/dmm/state")
        self.assertEqual(statuses.pop(), "404 Not Found", "the state is read only while nothing changes")
        ask("/moto-api/dmm/pause")
        request = threading.Thread(target=ask, args=("/bucket",))
        request.start()
        self.assertEqual(ask("/moto-api/dmm/state"), b"state")
        self.assertFalse(served.is_set())
        ask("/moto-api/dmm/resume")
        request.join()
        self.assertTrue(served.is_set())


if __name__ == "__main__":
    unittest.main()
