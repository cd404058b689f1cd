"""Makes conditional writes to S3 atomic.

moto 5.2.1 checks If-Match and If-None-Match, but it handles requests in threads, so two concurrent writers can both pass the
check. This module serializes writes.
"""

import threading

from moto.s3.responses import S3Response

lock = threading.RLock()


def repair():
    """Patches moto with the function below."""
    S3Response._key_response_put = one_at_a_time(S3Response._key_response_put)
    S3Response._key_response_delete = one_at_a_time(S3Response._key_response_delete)


def one_at_a_time(method):
    def under_lock(self, *arguments):
        with lock:
            return method(self, *arguments)

    return under_lock
