"""Lets requests run at the same time, and stops all of them while the state of the services is read.

The endpoints below are not part of AWS. They are under /moto-api/, which moto reserves for itself:

- POST /moto-api/dmm/pause returns when no request is running. Later requests wait.
- GET /moto-api/dmm/state returns the state of the services. The server must be paused.
- POST /moto-api/dmm/resume lets requests continue.
"""

import threading

PATH = "/moto-api/dmm/"


class Gate:
    """Counts the requests that are running, and keeps new ones out while it is closed."""

    def __init__(self):
        self._changed = threading.Condition()
        self._running = 0
        self.closed = False

    def enter(self):
        with self._changed:
            self._changed.wait_for(lambda: not self.closed)
            self._running += 1

    def leave(self):
        with self._changed:
            self._running -= 1
            self._changed.notify_all()

    def close(self):
        """Returns when no request is running. A request that waits for something must end when the gate is closed."""
        with self._changed:
            self.closed = True
            self._changed.wait_for(lambda: self._running == 0)

    def open(self):
        with self._changed:
            self.closed = False
            self._changed.notify_all()


gate = Gate()


def guard(application, read_state):
    """Returns a WSGI application that passes requests through the gate and serves the endpoints above."""

    def handle(environ, start_response):
        path = environ.get("PATH_INFO", "")
        if path.startswith(PATH):
            return control(path.removeprefix(PATH), read_state, start_response)
        gate.enter()
        try:
            return application(environ, start_response)
        finally:
            gate.leave()

    return handle


def control(operation, read_state, start_response):
    status, body = "200 OK", b""
    try:
        if operation == "pause":
            gate.close()
        elif operation == "resume":
            gate.open()
        elif operation == "state" and gate.closed:
            body = read_state()
        else:
            status = "404 Not Found"
    except Exception as error:
        status, body = "500 Internal Server Error", f"{type(error).__name__}: {error}".encode()
    start_response(status, [("Content-Type", "application/octet-stream"), ("Content-Length", str(len(body)))])
    return [body]
