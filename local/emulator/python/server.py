"""Runs moto's server, with the patches of the other modules, on 127.0.0.1.

Loading moto takes seconds, so this process loads it once and then forks a server for each connection to its control port. The
first line that it prints to stdout contains this port: {"port": 34567}. The process exits when its stdin is closed.

A client sends one line, {"port": 0, "matcher": URL, "state": PATH}: the port to listen on (0 for a free port), the URL of the
endpoint that matches events against patterns, and the file with the state to start with (null for none). The response is one
line, {"port": 34568}, or {"error": ...} if the server cannot listen or the state cannot be restored, followed by the server's
output. A server exits when its connection is closed, so that it does not outlive the client.
"""

import errno
import gc
import json
import logging
import os
import random
import select
import signal
import socket
import sys
import threading

from moto.core.utils import get_service_model
from moto.moto_api._internal import mock_random
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

import authorization
import buses
import caches
import clusters
import events
import functions
import gate
import keys
import limits
import objects
import queues
import quotas
import simulation
import state

# The services that a stack uses, each with its name in botocore. They are loaded in advance, because moto loads a service on
# its first request.
SERVICES = {
    "athena": "athena",
    "cloudwatch": "cloudwatch",
    "dynamodb": "dynamodb",
    "events": "events",
    "glue": "glue",
    "iam": "iam",
    "kinesis": "kinesis",
    "kms": "kms",
    "lakeformation": "lakeformation",
    "logs": "logs",
    "resourcegroupstaggingapi": "resourcegroupstaggingapi",
    "s3": "s3",
    "secretsmanager": "secretsmanager",
    "servicequotas": "service-quotas",
    "sns": "sns",
    "sqs": "sqs",
    "sts": "sts",
}


class Handler(WSGIRequestHandler):
    # Headers and body are sent in two writes. With Nagle's algorithm, the second would wait for the acknowledgement of the
    # first.
    disable_nagle_algorithm = True


def main():
    application = load()
    control = listen(0)
    # Exclude existing objects from garbage collection, which would otherwise copy memory that is shared between forks.
    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    report({"port": control.getsockname()[1]})
    while True:
        # This loop does not use threads, because a fork would copy the locks that they hold.
        ready, _, _ = select.select([control, sys.stdin.fileno()], [], [])
        if control not in ready:
            return
        connection, _ = control.accept()
        if os.fork() == 0:
            control.close()
            serve(connection, application)
        connection.close()


def load():
    """Patches moto and returns its application, with the apps of SERVICES loaded."""
    for module in (buses, caches, clusters, events, functions, keys, limits, objects, queues, quotas, simulation):
        module.repair()
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    application = DomainDispatcherApplication(authorization.repair(create_backend_app))
    for service, model in SERVICES.items():
        application.app_instances[service] = application.create_app(service)
        get_service_model(model)
    caches.warm()
    return gate.guard(application, state.save)


def serve(connection, application):
    """Runs the server for one connection, which becomes its stdin, stdout and stderr. Does not return."""
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for descriptor in range(3):
            os.dup2(connection.fileno(), descriptor)
        # Without new seeds, every server would generate the same IDs.
        random.seed()
        mock_random.seed()
        with connection.makefile("rb") as lines:
            asked = json.loads(lines.readline())
        connection.detach()
        threading.Thread(target=end_with_stdin, daemon=True).start()
        os.environ["EVENT_MATCHER_URL"] = asked["matcher"]
        if asked["state"]:
            try:
                with open(asked["state"], "rb") as file:
                    state.restore(file.read())
            except Exception as error:
                report({"error": "state", "detail": f"{type(error).__name__}: {error}"})
                return
        try:
            listener = listen(asked["port"])
        except OSError as error:
            report({"error": "port-taken" if error.errno == errno.EADDRINUSE else "cannot-listen", "detail": str(error)})
            return
        port = listener.getsockname()[1]
        server = make_server("127.0.0.1", port, application, threaded=True, request_handler=Handler, fd=listener.fileno())
        report({"port": port})
        server.serve_forever()
    except Exception:
        logging.exception("the server exited unexpectedly")
    finally:
        os._exit(1)


def end_with_stdin():
    try:
        while os.read(0, 1024):
            pass
    finally:
        os._exit(0)


def report(line):
    print(json.dumps(line), flush=True)


def listen(port):
    """Listens on `port`; 0 selects a free port. The port is bound before it is reported, so no other process can take it."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    listener.listen(128)
    return listener


if __name__ == "__main__":
    main()
