"""EventBridge. What moto 5.2.1's moto/events does differently from AWS, and how it is repaired:

- An event is put into a text template before it is delivered: a quote in `source`, or `<id>` anywhere in `detail`, breaks it,
  and `account` and `version` are lost. Here a queue gets the event as it is.
- `Input` and `InputPath` of a target are ignored.
- A disabled rule delivers.
- An event without `Time` gets another one for each rule. AWS gives it one, the time of PutEvents. Here that is the time at which
  the request was signed, so that whoever watches the requests knows it, too.
- TraceHeader is dropped. AWS hands it to queues as the system attribute AWSTraceHeader.
- Patterns are matched and checked only in part: arrays of objects, `exists` of empty objects, some operators. Here the crate `rules` is
  asked, over HTTP.
- A target that does not exist fails PutEvents as a whole. AWS accepts the event, and fails to deliver it.

Targets are queues here; others are left to moto, which knows no Lambda functions.
"""

import contextvars
import copy
import json
import os
import re
import sys
import urllib.error
import urllib.request
from datetime import datetime, timezone

from jsonpath_ng.ext import parse as json_path
from moto.core.exceptions import ServiceException
from moto.core.utils import iso_8601_datetime_without_milliseconds, utcfromtimestamp
from moto.events.exceptions import InvalidEventPatternException, ValidationException
from moto.events.models import EventPattern, EventPatternParser, EventsBackend, Rule
from moto.events.responses import EventsHandler
from moto.sqs.models import sqs_backends

MEMBERS = ["version", "id", "detail-type", "source", "account", "time", "region", "resources", "detail"]

request_time = contextvars.ContextVar("request_time", default=None)
trace_header = contextvars.ContextVar("trace_header", default=None)


def repair():
    """Puts the functions below in place."""
    EventsHandler.put_events = timed(EventsHandler.put_events)
    EventsBackend.put_events = put_events(EventsBackend.put_events)
    Rule.send_to_targets = send_to_targets(Rule.send_to_targets)
    EventPatternParser._validate_event_pattern = check_pattern
    EventPattern.matches_event = matches_event


def timed(original):
    """Notes when the request was signed."""

    def with_time(self):
        signed = self.headers.get("X-Amz-Date")
        now = datetime.now(timezone.utc)
        time = datetime.strptime(signed, "%Y%m%dT%H%M%S%z") if signed else now
        token = request_time.set(time.timestamp())
        try:
            return original(self)
        finally:
            request_time.reset(token)

    return with_time


def put_events(original):
    def one_by_one(self, events):
        if len(events) > 10:
            raise ValidationException("'entries' must have length less than or equal to 10")
        entries = []
        for event in events:
            token = trace_header.set(event.get("TraceHeader"))
            entries += original(self, [{"Time": request_time.get(), **event}])
            trace_header.reset(token)
        return entries

    return one_by_one


def send_to_targets(original):
    def send(self, original_event, transform_input=True):
        if self.state == "DISABLED" or not self.event_pattern.matches_event(original_event):
            return
        others = copy.copy(self)
        others.targets = []
        for target in self.targets:
            if target["Arn"].split(":")[2] == "sqs":
                deliver(target, message_body(target, envelope(original_event)))
            else:
                others.targets.append(target)
        if others.targets:
            original(others, original_event, transform_input)

    return send


def check_pattern(self, _):
    """Refuses what EventBridge refuses. A rule without a pattern has a schedule."""
    if self.pattern:
        ask({"pattern": self.pattern})


def matches_event(self, event):
    raw = self.dump()
    if not raw:
        return False
    seen = envelope(event)
    if "replay-name" in event:
        seen["replay-name"] = event["replay-name"]
    return ask({"pattern": raw, "event": seen})


def ask(question):
    request = urllib.request.Request(
        os.environ["EVENT_MATCHER_URL"], json.dumps(question).encode(), {"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=300) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        raise InvalidEventPatternException(reason=error.read().decode()) from error


def envelope(event):
    """The event as its receivers see it."""
    seen = {name: event[name] for name in MEMBERS}
    seen["time"] = iso_8601_datetime_without_milliseconds(utcfromtimestamp(float(event["time"])))
    return seen


def deliver(target, body):
    _, _, _, region, account, name = target["Arn"].split(":", 5)
    header = trace_header.get()
    attributes = {"AWSTraceHeader": {"DataType": "String", "StringValue": header}} if header else None
    try:
        sqs_backends[account][region].send_message(
            queue_name=name,
            message_body=body,
            group_id=target.get("SqsParameters", {}).get("MessageGroupId"),
            system_attributes=attributes,
        )
    except ServiceException as error:
        print(f"an event could not be delivered to {target['Arn']}: {error}", file=sys.stderr)


def message_body(target, event):
    """What a target receives: all, a constant, a part, or a text made of parts."""
    if "Input" in target:
        return target["Input"]
    if "InputPath" in target:
        return compact(at(target["InputPath"], event))
    if "InputTransformer" in target:
        return transformed(target["InputTransformer"], event)
    return compact(event)


def at(path, event):
    """The first thing a JSON path finds. Members with a hyphen need no quotes in AWS."""
    quoted = re.sub(r"\.([A-Za-z0-9_]+(?:-[A-Za-z0-9_]+)+)", r'."\1"', path)
    found = json_path(quoted).find(event)
    return found[0].value if found else None


def transformed(transformer, event):
    """Replaces `<name>`: by plain text inside quotes, by JSON elsewhere."""
    values = {name: at(path, event) for name, path in transformer.get("InputPathsMap", {}).items()}
    values["aws.events.event"] = event
    values["aws.events.event.json"] = event
    pieces, quoted = [], False
    for piece in re.split(r'(<[^<>\s]+>|\\.|")', transformer["InputTemplate"]):
        name = piece[1:-1] if piece.startswith("<") and piece.endswith(">") else None
        if piece == '"':
            quoted = not quoted
        if name not in values:
            pieces.append(piece)
        elif quoted and isinstance(values[name], str):
            pieces.append(json.dumps(values[name], ensure_ascii=False)[1:-1])
        elif quoted:
            pieces.append(json.dumps(compact(values[name]), ensure_ascii=False)[1:-1])
        else:
            pieces.append(compact(values[name]))
    return "".join(pieces)


def compact(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
