"""Makes conditional writes to S3 atomic, and enables Object Lock on any bucket with versions.

moto 5.2.1 checks If-Match and If-None-Match, but it handles requests in threads, so two concurrent writers can both pass the
check. This module serializes writes.

In moto, Object Lock can be enabled only on an empty bucket. S3 has enabled it on any bucket since November 2023.
"""

import threading

from moto.s3.exceptions import InvalidBucketState
from moto.s3.models import S3Backend
from moto.s3.responses import S3Response

lock = threading.RLock()


def repair():
    """Patches moto with the functions below."""
    S3Backend.put_object_lock_configuration = put_object_lock_configuration
    S3Response._key_response_put = one_at_a_time(S3Response._key_response_put)
    S3Response._key_response_delete = one_at_a_time(S3Response._key_response_delete)


def one_at_a_time(method):
    def under_lock(self, *arguments):
        with lock:
            return method(self, *arguments)

    return under_lock


def put_object_lock_configuration(self, bucket_name, lock_enabled, mode=None, days=None, years=None):
    """Replaces S3Backend.put_object_lock_configuration."""
    bucket = self.get_bucket(bucket_name)
    if not bucket.is_versioned:
        raise InvalidBucketState("Versioning must be 'Enabled' on the bucket to apply a Object Lock configuration")
    bucket.object_lock_enabled = bucket.object_lock_enabled or lock_enabled
    bucket.default_lock_mode, bucket.default_lock_days, bucket.default_lock_years = mode, days, years
