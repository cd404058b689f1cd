"""moto's server with its repairs, on 127.0.0.1.

Loading moto takes seconds, so it is loaded once: this process then forks a server for each connection to its control port. Its
first line on stdout names that port: {"port": 34567}. It ends when its stdin does.

Whoever connects sends one line, {"port": 0, "matcher": URL}: the port to listen on, 0 for a free one, and who is asked which
events a pattern matches. The answer is one line, {"port": 34568}, or {"error": ...} if the server cannot listen. What the server
prints comes after it. A server ends when its connection does, so that it does not outlive the program that asked for it.
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

from moto import backends
from moto.core.utils import get_service_model
from moto.moto_api._internal import mock_random
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

import authorization
import events
import limits
import objects
import queues
import quotas

# moto loads a service with the first request for it. These are what a stack uses, each with its name in botocore.
SERVICES = {
    "cloudwatch": "cloudwatch",
    "events": "events",
    "iam": "iam",
    "logs": "logs",
    "s3": "s3",
    "secretsmanager": "secretsmanager",
    "servicequotas": "service-quotas",
    "sqs": "sqs",
    "sts": "sts",
}


class Handler(WSGIRequestHandler):
    # Headers and body leave in two writes, the second of which would wait for the first one's acknowledgement.
    disable_nagle_algorithm = True


def main():
    application = load()
    control = listen(0)
    # Objects that live from before the fork are not looked at again, which would copy the memory that they share.
    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    report({"port": control.getsockname()[1]})
    while True:
        # No thread waits here: a fork would take its locks along.
        ready, _, _ = select.select([control, sys.stdin.fileno()], [], [])
        if control not in ready:
            return
        connection, _ = control.accept()
        if os.fork() == 0:
            control.close()
            serve(connection, application)
        connection.close()


def load():
    """moto with its repairs and the apps of SERVICES."""
    for module in (events, limits, objects, queues, quotas):
        module.repair()
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    application = DomainDispatcherApplication(authorization.repair(create_backend_app))
    for service, model in SERVICES.items():
        application.app_instances[service] = application.create_app(service)
        get_service_model(model)
    # moto would look for its modules on the disk with each request.
    modules = list(backends.list_of_moto_modules())
    backends.list_of_moto_modules = lambda: modules
    return application


def serve(connection, application):
    """The server for one connection, which becomes its stdin, stdout and stderr. Does not return."""
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for descriptor in range(3):
            os.dup2(connection.fileno(), descriptor)
        # Else every server would make the same ids.
        random.seed()
        mock_random.seed()
        with connection.makefile("rb") as lines:
            asked = json.loads(lines.readline())
        connection.detach()
        threading.Thread(target=end_with_stdin, daemon=True).start()
        os.environ["EVENT_MATCHER_URL"] = asked["matcher"]
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
        logging.exception("the server ended")
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
    """Port 0 is a free one. Bound here, before it is reported, so that nobody else can take it in between."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    listener.listen(128)
    return listener


if __name__ == "__main__":
    main()
