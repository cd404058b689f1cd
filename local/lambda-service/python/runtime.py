"""Runs a Lambda function that is written in Python: python runtime.py FOLDER HANDLER.

Gets invocations from the Runtime API and answers them one after the other; see
https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html. AWS's own runtime interface client, awslambdaric, must be compiled
during installation, which needs tools that the rest of this project does not need.
"""

import http.client
import importlib
import json
import os
import sys
import time
import traceback

API = os.environ["AWS_LAMBDA_RUNTIME_API"]


class Context:
    """The context that a handler receives, with the same names as in Lambda's own runtime."""

    def __init__(self, headers):
        self.aws_request_id = headers["Lambda-Runtime-Aws-Request-Id"]
        self.invoked_function_arn = headers["Lambda-Runtime-Invoked-Function-Arn"]
        self.function_name = os.environ["AWS_LAMBDA_FUNCTION_NAME"]
        self.function_version = os.environ["AWS_LAMBDA_FUNCTION_VERSION"]
        self.memory_limit_in_mb = os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]
        self.log_group_name = os.environ["AWS_LAMBDA_LOG_GROUP_NAME"]
        self.log_stream_name = os.environ["AWS_LAMBDA_LOG_STREAM_NAME"]
        self._deadline = int(headers["Lambda-Runtime-Deadline-Ms"])

    def get_remaining_time_in_millis(self):
        return max(0, self._deadline - int(time.time() * 1000))


def call(method, path, body=None):
    # No time limit: the next invocation may take long to arrive.
    connection = http.client.HTTPConnection(API)
    connection.request(method, f"/2018-06-01/runtime/{path}", body)
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer.headers, content


def problem(error):
    trace = traceback.format_exception(type(error), error, error.__traceback__)
    print("".join(trace), file=sys.stderr, flush=True)
    return json.dumps({"errorType": type(error).__name__, "errorMessage": str(error), "stackTrace": trace})


def main(folder, handler):
    os.environ.update(LAMBDA_TASK_ROOT=folder, _HANDLER=handler)
    os.chdir(folder)
    sys.path.insert(0, folder)
    try:
        module, _, name = handler.rpartition(".")
        function = getattr(importlib.import_module(module.replace("/", ".")), name)
    except Exception as error:
        call("POST", "init/error", problem(error))
        sys.exit(1)
    while True:
        headers, event = call("GET", "invocation/next")
        context = Context(headers)
        os.environ["_X_AMZN_TRACE_ID"] = headers.get("Lambda-Runtime-Trace-Id", "")
        try:
            outcome, answer = "response", json.dumps(function(json.loads(event), context))
        except Exception as error:
            outcome, answer = "error", problem(error)
        sys.stdout.flush()
        call("POST", f"invocation/{context.aws_request_id}/{outcome}", answer)


if __name__ == "__main__":
    main(*sys.argv[1:])
