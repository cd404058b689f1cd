"""moto's server, repaired, on 127.0.0.1.

Its first line on stdout is one JSON object: {"port": 34567}, or {"error": ...} when it cannot listen. It ends when its stdin does,
so that it does not outlive the program that started it.
"""

import argparse
import errno
import json
import logging
import os
import socket
import sys
import threading


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    port = parser.parse_args().port
    threading.Thread(target=end_with_stdin, daemon=True).start()
    try:
        listener = listen(port)
    except OSError as error:
        report({"error": "port-taken" if error.errno == errno.EADDRINUSE else "cannot-listen", "detail": str(error)})
        sys.exit(1)
    server = create_server(listener)
    report({"port": listener.getsockname()[1]})
    server.serve_forever()


def end_with_stdin():
    while sys.stdin.buffer.read(1024):
        pass
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


def create_server(listener):
    # Imported here, so that a taken port is reported before the seconds that moto takes to load.
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import WSGIRequestHandler, make_server

    import authorization
    import events
    import limits
    import objects
    import queues
    import quotas

    class Handler(WSGIRequestHandler):
        # Headers and body leave in two writes, the second of which would wait for the first one's acknowledgement.
        disable_nagle_algorithm = True

    for module in (events, limits, objects, queues, quotas):
        module.repair()
    application = DomainDispatcherApplication(authorization.repair(create_backend_app))
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    port = listener.getsockname()[1]
    return make_server("127.0.0.1", port, application, threaded=True, request_handler=Handler, fd=listener.fileno())


if __name__ == "__main__":
    main()
