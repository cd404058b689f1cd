"""S3. moto 5.2.1 checks If-Match and If-None-Match, but two writers at once can both pass the check: requests run in threads.
Here one write happens at a time."""

import threading

from moto.s3.responses import S3Response

lock = threading.RLock()


def repair():
    """Puts the function below in place."""
    S3Response._key_response_put = one_at_a_time(S3Response._key_response_put)
    S3Response._key_response_delete = one_at_a_time(S3Response._key_response_delete)


def one_at_a_time(method):
    def under_lock(self, *arguments):
        with lock:
            return method(self, *arguments)

    return under_lock
