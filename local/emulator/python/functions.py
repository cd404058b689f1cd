"""Lets Lambda functions in moto answer without running.

moto would run them in Docker. The functions of a stack run elsewhere; those in moto only stand for functions of data providers, about
which IAM decides who may invoke them.
"""

from moto.awslambda.models import LambdaFunction


def repair():
    """Patches moto with the function below."""
    LambdaFunction._invoke_lambda = answer


def answer(_function, event=None):
    """Returns the result, whether it is an error, and the log."""
    return "{}", False, ""
