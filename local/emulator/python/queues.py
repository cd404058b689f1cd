"""Patches SQS. moto/sqs/models.py in moto 5.2.1 differs from AWS as follows:

- If several messages of a FIFO group become visible again one by one, moto returns them in the wrong order, because it treats
  the group as blocked until it has checked each of them. With the patch, a group is blocked while one of its messages is in
  flight.
- In moto, a long poll on a blocked group is a busy loop. With the patch, it sleeps.
- In moto, concurrent sends, receives and deletes can lose messages, because a delete replaces the list that a send appends
  to. With the patch, each operation holds the queue's lock.
- moto forgets a deduplication ID when its message is deleted. AWS remembers it for five minutes, per queue or per message
  group (DeduplicationScope).
- moto's SendMessageBatch drops system attributes, namely AWSTraceHeader.
- moto's sequence numbers are random. With the patch, they increase.
- moto does not implement StartMessageMoveTask and ListMessageMoveTasks. The patch does; a task completes immediately.
"""

import base64
import itertools
import time
from copy import deepcopy

from moto.core.responses import ActionResult
from moto.core.utils import unix_time_millis
from moto.moto_api._internal import mock_random
from moto.sqs.exceptions import SQSException
from moto.sqs.models import (
    DEDUPLICATION_TIME_IN_SECONDS,
    Message,
    Queue,
    SQSBackend,
    _filter_message_attributes,
)
from moto.sqs.responses import SQSResponse

from gate import gate

# The interval, in seconds, at which a waiting receiver checks for messages whose visibility timeout has expired.
LOOK_AGAIN = 0.1

sequence_numbers = itertools.count(18_850_000_000_000_000_000)


def repair():
    """Patches moto with the functions below."""
    Queue.add_message = add_message
    Queue.delete_message = locked(Queue.delete_message)
    SQSBackend.receive_message = receive_message
    SQSBackend.send_message_batch = send_message_batch(SQSBackend.send_message_batch)
    SQSBackend.change_message_visibility = change_message_visibility(SQSBackend.change_message_visibility)
    SQSResponse.start_message_move_task = start_message_move_task
    SQSResponse.list_message_move_tasks = list_message_move_tasks


def locked(method):
    """Runs a queue's `method` under the queue's lock, then wakes waiting receivers, because a group may be unblocked."""

    def under_lock(self, *arguments):
        with self._messages_lock:
            result = method(self, *arguments)
            self._messages_lock.notify_all()
            return result

    return under_lock


def add_message(self, message):
    """Replaces Queue.add_message. Does not support moto's event source mappings: the service that runs the functions polls."""
    with self._messages_lock:
        if self.fifo_queue:
            if is_duplicate(self, message):
                return
            message.sequence_number = str(next(sequence_numbers))
        self._messages.append(message)
        self._messages_lock.notify_all()


def is_duplicate(queue, message):
    """Records the message's deduplication ID. Returns whether the queue already received it in the last five minutes."""
    if not message.deduplication_id:
        return False
    seen = queue.__dict__.setdefault("_deduplication_ids", {})
    oldest = message.sent_timestamp - DEDUPLICATION_TIME_IN_SECONDS * 1000
    for key in list(itertools.takewhile(lambda key: seen[key] <= oldest, seen)):
        del seen[key]
    group = message.group_id if queue.deduplication_scope == "messageGroup" else None
    key = (group, message.deduplication_id)
    if key in seen:
        return True
    seen[key] = message.sent_timestamp
    return False


def receive_message(
    self, queue_name, count, wait_seconds_timeout, visibility_timeout, message_attribute_names=None
):
    """Replaces SQSBackend.receive_message."""
    queue = self.get_queue(queue_name)
    deadline = time.monotonic() + wait_seconds_timeout
    while True:
        with queue._messages_lock:
            received, dead = take(queue, count, visibility_timeout, message_attribute_names or [])
            left = deadline - time.monotonic()
            if not received and not dead and left > 0:
                queue._messages_lock.wait(min(left, LOOK_AGAIN))
        bury(queue, dead)
        # While the state of the services is read, no request may be running. An empty answer is always possible.
        if received or left <= 0 or gate.closed:
            return received


def take(queue, count, visibility_timeout, attribute_names):
    """Returns up to `count` messages, in order, and the messages that have reached the maximum receive count."""
    received, dead = [], []
    expired_before = unix_time_millis() - int(queue.message_retention_period) * 1000
    blocked = {message.group_id for message in queue._messages if queue.fifo_queue and not message.visible}
    for message in list(queue._messages):
        if len(received) == count:
            break
        if not message.visible or message.delayed or message.group_id in blocked:
            continue
        if message.sent_timestamp <= expired_before:
            queue._messages.remove(message)
        elif is_spent(queue, message):
            queue._messages.remove(message)
            dead.append(message)
        else:
            message.mark_received(visibility_timeout=visibility_timeout)
            copy = deepcopy(message)
            _filter_message_attributes(copy, attribute_names)
            received.append(copy)
    return received, dead


def is_spent(queue, message):
    return (
        queue.dead_letter_queue is not None
        and queue.redrive_policy
        and message.approximate_receive_count >= queue.redrive_policy["maxReceiveCount"]
    )


def bury(queue, dead):
    """Moves messages to the dead-letter queue, without deduplication, so that no message is lost."""
    for message in dead:
        message.dead_letter_source = queue.name
        append(queue.dead_letter_queue, message)


def append(queue, message):
    with queue._messages_lock:
        queue._messages.append(message)
        queue._messages_lock.notify_all()


def send_message_batch(original):
    def with_system_attributes(self, queue_name, entries):
        # The lock, which is reentrant, ensures that no message is received before its attributes are set.
        with self.get_queue(queue_name)._messages_lock:
            messages, failed = original(self, queue_name, entries)
            attributes = {entry["Id"]: entry.get("MessageSystemAttributes") for entry in entries.values()}
            for message in messages:
                message.system_attributes = attributes[message.user_id] or {}
            return messages, failed

    return with_system_attributes


def change_message_visibility(original):
    def under_lock(self, queue_name, receipt_handle, visibility_timeout):
        lock = self.get_queue(queue_name)._messages_lock
        with lock:
            original(self, queue_name, receipt_handle, visibility_timeout)
            lock.notify_all()

    return under_lock


def start_message_move_task(self):
    """Moves the visible messages of a dead-letter queue to `DestinationArn`, or to their source queues if it is not set."""
    source_arn, destination_arn = self._get_param("SourceArn"), self._get_param("DestinationArn")
    backend = self.sqs_backend
    source = queue_of(backend, source_arn)
    if not any(queue.dead_letter_queue is source for queue in backend.queues.values()):
        raise SQSException("InvalidParameterValue", "Source queue must be configured as a Dead Letter Queue.")
    destination = queue_of(backend, destination_arn) if destination_arn else None
    with source._messages_lock:
        homes = [(m, destination or home(backend, m)) for m in source._messages if m.visible and not m.delayed]
        moving = list(itertools.takewhile(lambda pair: pair[1] is not None, homes))
        source._messages = [m for m in source._messages if m not in {message for message, _ in moving}]
    for message, queue in moving:
        append(queue, renewed(message))
    task = {
        "TaskHandle": base64.b64encode(f"{source_arn}/{time.time_ns()}".encode()).decode(),
        "Status": "COMPLETED" if len(moving) == len(homes) else "FAILED",
        "SourceArn": source_arn,
        "DestinationArn": destination_arn,
        "ApproximateNumberOfMessagesMoved": len(moving),
        "ApproximateNumberOfMessagesToMove": len(homes),
        "FailureReason": None if len(moving) == len(homes) else "CouldNotDetermineMessageSource",
        "StartedTimestamp": int(unix_time_millis()),
    }
    source.__dict__.setdefault("_move_tasks", []).insert(0, task)
    return ActionResult({"TaskHandle": task["TaskHandle"]})


def list_message_move_tasks(self):
    tasks = queue_of(self.sqs_backend, self._get_param("SourceArn")).__dict__.get("_move_tasks", [])
    listed = tasks[: int(self._get_param("MaxResults") or 1)]
    # SQS returns the handle of running tasks only, and all tasks here have completed.
    return ActionResult(
        {"Results": [{k: v for k, v in task.items() if k != "TaskHandle" and v is not None} for task in listed]}
    )


def queue_of(backend, arn):
    for queue in backend.queues.values():
        if queue.queue_arn == arn:
            return queue
    raise SQSException("ResourceNotFoundException", "The resource that you specified for the SourceArn parameter doesn't exist.")


def home(backend, message):
    """Returns the source queue of the message, or None if it was sent to the dead-letter queue directly."""
    return backend.queues.get(getattr(message, "dead_letter_source", None))


def renewed(message):
    """Returns a copy of the message with a new ID, a new timestamp and a receive count of zero, as a redrive in SQS does."""
    new = Message(str(mock_random.uuid4()), message.body, message.system_attributes)
    new.message_attributes = message.message_attributes
    new.deduplication_id, new.group_id = message.deduplication_id, message.group_id
    new.sequence_number = str(next(sequence_numbers)) if message.sequence_number else None
    new.mark_sent()
    return new
