"""Writes the state of the services to bytes, and restores it.

The format is pickle, because everything survives: ids, ETags, versions, timestamps, messages. The state fits only the
version of moto that wrote it.

Secrets are left out: the values of secrets in Secrets Manager, access keys, passwords, the credentials of sessions, and
the private keys of KMS, which are replaced with new ones. Times of last use are left out as well, so that two states of
services in which nothing has changed are equal.

Unpickling can run any code, so only classes of moto and a few of the standard library are accepted.
"""

import copyreg
import enum
import importlib
import io
import itertools
import pickle
import sys
import threading
import types

from moto.core.base_backend import BackendDict
from moto.iam.models import IAMBackend, Role, User
from moto.kms.models import Key, kms_backends
from moto.kms.utils import generate_private_key
from moto.s3.models import s3_backends
from moto.s3.utils import _VersionedKeyStore
from moto.secretsmanager.models import FakeSecret
from moto.sqs.models import sqs_backends
from moto.sts.models import STSBackend

import queues
import quotas

# What is left out of objects of a class: the attributes with the values that they get instead.
LEFT_OUT = {
    FakeSecret: lambda: {"secret_string": None, "secret_binary": None, "versions": {}, "default_version_id": None},
    IAMBackend: lambda: {"access_keys": {}},
    Key: lambda: {"private_key": None},
    Role: lambda: {"last_used": None},
    STSBackend: lambda: {"assumed_roles": []},
    User: lambda: {"access_keys": [], "password": None, "password_last_used": None},
}

# The services whose state is saved, by their folders in moto: those that a stack and the sample landscape use. moto starts
# others, such as EC2, to search them for tags. The functions of a stack are not in moto.
SERVICES = {
    "athena",
    "cloudwatch",
    "dynamodb",
    "events",
    "glue",
    "iam",
    "kafka",
    "kinesis",
    "kms",
    "lakeformation",
    "logs",
    "s3",
    "secretsmanager",
    "servicequotas",
    "sns",
    "sqs",
    "sts",
}

# What a state may refer to by name besides the classes of moto.
NAMES = {
    ("_thread", "allocate_lock"),
    ("_thread", "lock"),
    ("builtins", "bytearray"),
    ("builtins", "complex"),
    ("builtins", "dict"),
    ("builtins", "frozenset"),
    ("builtins", "int"),
    ("builtins", "list"),
    ("builtins", "object"),
    ("builtins", "set"),
    ("builtins", "str"),
    ("collections", "OrderedDict"),
    ("collections", "defaultdict"),
    ("collections", "deque"),
    ("copyreg", "__newobj__"),
    ("copyreg", "_reconstructor"),
    ("datetime", "date"),
    ("datetime", "datetime"),
    ("datetime", "timedelta"),
    ("datetime", "timezone"),
    ("decimal", "Decimal"),
    ("moto.lakeformation.models", "default_settings"),
    ("re", "_compile"),
    ("threading", "Condition"),
    ("threading", "RLock"),
    ("uuid", "UUID"),
}

LOCKS = {
    type(threading.Condition()): threading.Condition,
    type(threading.Lock()): threading.Lock,
    type(threading.RLock()): threading.RLock,
}


def is_accepted(module, name, found):
    """Returns whether a state may refer to `found`, a class or function, by its name in `module`."""
    is_class_of_moto = isinstance(found, type) and found.__module__ == module and module.startswith("moto.")
    return is_class_of_moto or (module, name) in NAMES


def refuse(module, name):
    return f"{module}.{name} does not belong to a state of the emulated AWS"


class Pickler(pickle.Pickler):
    def reducer_override(self, obj):
        kind = type(obj)
        if isinstance(obj, (type, types.FunctionType, types.BuiltinFunctionType, types.MethodType)):
            # What cannot be restored is not saved.
            module, name = obj.__module__, obj.__qualname__
            if not is_accepted(module, name, obj):
                raise pickle.PicklingError(refuse(module, name))
        if isinstance(obj, enum.Enum):
            return kind, (obj.value,)
        if kind is _VersionedKeyStore:
            # An assignment adds a version.
            versions = [(key, version) for key, versions in obj._iterlists() for version in versions]
            return copyreg.__newobj__, (kind,), None, None, iter(versions)
        if kind in LOCKS:
            return LOCKS[kind], ()
        if kind in LEFT_OUT:
            return copyreg.__newobj__, (kind,), {**obj.__dict__, **LEFT_OUT[kind]()}
        return NotImplemented


class Unpickler(pickle.Unpickler):
    def find_class(self, module, name):
        if (module, name) in NAMES or module.startswith("moto."):
            found = super().find_class(module, name)
            if is_accepted(module, name, found):
                return found
        raise pickle.UnpicklingError(refuse(module, name))


def backend_dicts():
    """Returns the services' backends by the module and the name of the variable that holds them."""
    names = [f"moto.{service}.models" for service in sorted(SERVICES)]
    return {
        (name, variable): value
        for name in names
        if name in sys.modules
        for variable, value in vars(sys.modules[name]).items()
        if isinstance(value, BackendDict) and value.backend.__module__ == name
    }


def save():
    """Returns the state of the services. No request may be running."""
    services = {
        key: {account: dict(regions.items()) for account, regions in backends.items()}
        for key, backends in backend_dicts().items()
        if backends
    }
    state = {
        "services": services,
        "bucket_accounts": dict(s3_backends.bucket_accounts),
        "next_sequence_number": next(queues.sequence_numbers),
        "quotas": dict(quotas.granted),
    }
    queues.sequence_numbers = itertools.count(state["next_sequence_number"])
    written = io.BytesIO()
    Pickler(written, protocol=5).dump(state)
    return written.getvalue()


def restore(content):
    """Replaces the state of the services. Nobody receives messages that were in flight, so they become visible."""
    state = Unpickler(io.BytesIO(content)).load()
    for (module, variable), accounts in state["services"].items():
        if module.split(".")[1] not in SERVICES:
            raise pickle.UnpicklingError(refuse(module, variable))
        backends = getattr(importlib.import_module(module), variable)
        for account, regions in accounts.items():
            for region, backend in regions.items():
                backends[account][region] = backend
    s3_backends.bucket_accounts.update(state["bucket_accounts"])
    queues.sequence_numbers = itertools.count(state["next_sequence_number"])
    quotas.granted.update(state["quotas"])
    for _, _, backend in sqs_backends.iter_backends():
        for queue in backend.queues.values():
            for message in queue._messages:
                message.visible_at = 0
            queue._pending_messages.clear()
    for _, _, backend in kms_backends.iter_backends():
        for key in backend.keys.values():
            key.private_key = generate_private_key(key.key_spec)
