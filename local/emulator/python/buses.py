"""Patches the event buses of moto 5.2.1, which differ from AWS as follows:

- moto looks for the bus only in the caller's account. In AWS, a caller may name a bus of another account by its ARN, if the
  policy of that bus allows it (authorization.py evaluates the policy).
- In moto, PutPermission with a policy adds its statements to the existing ones. In AWS, the policy replaces the existing one.
- moto does not have UpdateEventBus. The patch changes the description.
- moto does not remember which account created a rule, which the condition key events:creatorAccount is about.
"""

import json

from moto.events.models import EventBus, events_backends
from moto.events.responses import EventsHandler


def repair():
    """Patches moto with the functions below."""
    EventBus.add_policy = replace_policy(EventBus.add_policy)
    EventsHandler.update_event_bus = update_event_bus
    EventsHandler.events_backend = property(backend_of_the_bus)
    EventsHandler.put_rule = recording_the_creator(EventsHandler.put_rule)


def replace_policy(original):
    """PutPermission with a policy replaces the whole policy of the bus."""

    def replace(self, policy):
        self.remove_statements()
        original(self, policy)

    return replace


def update_event_bus(handler):
    bus = handler.events_backend.describe_event_bus(handler._get_param("Name"))
    bus.description = handler._get_param("Description")
    return json.dumps({"Arn": bus.arn, "Name": bus.name, "Description": bus.description}), handler.response_headers


def backend_of_the_bus(handler):
    """Returns the backend of the account that owns the bus of the request, which may be another account than the caller's."""
    account, region = named_by(handler)[:2]
    return events_backends[account][region]


def recording_the_creator(original):
    """Keeps the account that created a rule, for the condition key events:creatorAccount."""

    def put_rule(handler):
        name, bus = handler._get_param("Name"), find(handler)
        existing = bus.rules.get(name) if bus else None
        answer = original(handler)
        bus.rules[name].creator_account = creator(existing, bus) if existing else handler.current_account
        return answer

    return put_rule


def creator(rule, bus):
    return getattr(rule, "creator_account", bus.account_id)


def named_by(response):
    """Returns the account, the region and the name of the bus that the request names by its ARN or name."""
    bus = response._get_param("EventBusName") or "default"
    if bus.startswith("arn:"):
        _, _, _, region, account, name = bus.split(":", 5)
        return account, region, name.removeprefix("event-bus/")
    return response.current_account, response.region, bus


def find(response):
    account, region, name = named_by(response)
    return events_backends[account][region].event_buses.get(name)


def policy_of(arn):
    """Returns the policy of a bus, given the ARN of the bus or of one of its rules."""
    if not arn.startswith("arn:"):
        return None
    _, _, _, region, account, name = arn.split(":", 5)
    kind, _, name = name.partition("/")
    if kind == "rule":
        name = name.rsplit("/", 1)[0] if "/" in name else "default"
    bus = events_backends[account][region].event_buses.get(name) if kind in ("event-bus", "rule") else None
    return bus.policy if bus else None
