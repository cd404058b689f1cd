"""Tests objects.py with two concurrent writers. The crate's tests run this file with the Python of moto's environment."""

import threading
import unittest
from unittest import mock

from moto.moto_server.werkzeug_app import create_backend_app
from moto.s3.models import S3Backend

import objects


class ConditionalWrites(unittest.TestCase):
    def test_only_one_of_two_concurrent_conditional_writes_succeeds(self):
        app = create_backend_app("s3")
        url = "http://127.0.0.1:5000/bucket"
        self.assertEqual(app.test_client().put(url).status_code, 200)
        # A writer that has found that the object does not exist waits until the other writer has found the same.
        meeting = threading.Barrier(2)
        get_object = S3Backend.get_object

        def meet(backend, *arguments, **named):
            found = get_object(backend, *arguments, **named)
            try:
                meeting.wait(timeout=0.5)
            except threading.BrokenBarrierError:
                pass
            return found

        statuses = []

        def write():
            answer = app.test_client().put(f"{url}/key", data=b"x", headers={"If-None-Match": "*"})
            statuses.append(answer.status_code)

        original = objects.S3Response._key_response_put
        objects.repair()
        self.addCleanup(setattr, objects.S3Response, "_key_response_put", original)
        with mock.patch.object(S3Backend, "get_object", meet):
            writers = [threading.Thread(target=write) for _ in range(2)]
            for writer in writers:
                writer.start()
            for writer in writers:
                writer.join()
        self.assertEqual(sorted(statuses), [200, 412])


class ObjectLock(unittest.TestCase):
    def test_it_can_be_enabled_on_a_bucket_with_objects_and_locks_versions(self):
        original = S3Backend.put_object_lock_configuration, objects.S3Response._key_response_put
        objects.repair()
        self.addCleanup(setattr, S3Backend, "put_object_lock_configuration", original[0])
        self.addCleanup(setattr, objects.S3Response, "_key_response_put", original[1])
        client = create_backend_app("s3").test_client()
        url = "http://127.0.0.1:5000/locked"
        client.put(url)
        enabled = "<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled></ObjectLockConfiguration>"
        self.assertEqual(client.put(f"{url}?object-lock", data=enabled).status_code, 400)
        versioned = "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"
        client.put(f"{url}?versioning", data=versioned)
        client.put(f"{url}/before", data=b"x")
        self.assertEqual(client.put(f"{url}?object-lock", data=enabled).status_code, 200)
        headers = {
            "x-amz-object-lock-mode": "COMPLIANCE",
            "x-amz-object-lock-retain-until-date": "2999-01-01T00:00:00Z",
            "x-amz-sdk-checksum-algorithm": "SHA256",
        }
        version = client.put(f"{url}/key", data=b"x", headers=headers).headers["x-amz-version-id"]
        self.assertEqual(client.delete(f"{url}/key?versionId={version}").status_code, 403)


if __name__ == "__main__":
    unittest.main()
