"""Patches EventBridge. moto/events in moto 5.2.1 differs from AWS as follows:

- moto inserts the event into a text template before delivery. A quote in `source`, or `<id>` anywhere in `detail`, breaks the
  event, and `account` and `version` are lost. With the patch, a queue receives the event unchanged.
- moto ignores `Input` and `InputPath` of a target.
- moto delivers events for disabled rules.
- moto gives an event without `Time` a different time for each rule. AWS uses the time of PutEvents for all rules. The patch
  uses the time at which the request was signed, so that a proxy that records requests can determine it as well.
- moto drops TraceHeader. AWS passes it to queues as the system attribute AWSTraceHeader.
- moto's pattern matching and validation are incomplete: for example, arrays of objects, `exists` for empty objects, and some
  operators. The patch calls the crate `dmm-rules` over HTTP.
- In moto, PutEvents fails if a target does not exist. AWS accepts the event and fails to deliver it.

The patch delivers events to queues only. moto handles all other targets; it does not support Lambda functions.
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

import jsonpath_ng.ext
from moto.core.exceptions import ServiceException
from moto.core.utils import iso_8601_datetime_without_milliseconds, utcfromtimestamp
from moto.events.exceptions import InvalidEventPatternException, ValidationException
from moto.events.models import EventPattern, EventPatternParser, EventsBackend, Rule
from moto.events.responses import EventsHandler
from moto.sqs.models import sqs_backends

MEMBERS = ["version", "id", "detail-type", "source", "account", "time", "region", "resources", "detail"]

# The matcher runs on this machine, so requests to it must bypass any proxy that is set in the environment.
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
request_time = contextvars.ContextVar("request_time", default=None)
trace_header = contextvars.ContextVar("trace_header", default=None)


def repair():
    """Patches moto with the functions below."""
    EventsHandler.put_events = timed(EventsHandler.put_events)
    EventsBackend.put_events = put_events(EventsBackend.put_events)
    Rule.send_to_targets = send_to_targets(Rule.send_to_targets)
    EventPatternParser._validate_event_pattern = check_pattern
    EventPattern.matches_event = matches_event


def timed(original):
    """Records the time at which the request was signed."""

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
    """Rejects the patterns that EventBridge rejects. A rule without a pattern has a schedule."""
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
        with opener.open(request, timeout=300) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        raise InvalidEventPatternException(reason=error.read().decode()) from error


def envelope(event):
    """Returns the event as targets receive it."""
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
    """Returns what a target receives: a constant, a part of the event, a transformed event, or the whole event."""
    if "Input" in target:
        return target["Input"]
    if "InputPath" in target:
        return compact(at(target["InputPath"], event))
    if "InputTransformer" in target:
        return transformed(target["InputTransformer"], event)
    return compact(event)


def at(path, event):
    """Returns the first match of a JSON path. AWS does not require quotes around names with a hyphen; jsonpath_ng does."""
    quoted = re.sub(r"\.([A-Za-z0-9_]+(?:-[A-Za-z0-9_]+)+)", r'."\1"', path)
    found = jsonpath_ng.ext.parse(quoted).find(event)
    return found[0].value if found else None


def transformed(transformer, event):
    """Replaces each `<name>` in the template: with plain text inside quotes, with JSON elsewhere."""
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
