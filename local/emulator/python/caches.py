"""Remembers what moto 5.2.1 computes again and again, although the result is always the same.

A server is forked for each stack, and much of its time went into this:

- the regions of each service, for which moto reads botocore's model of the service, and the names of all services, once per error,
- the methods of a service, and the names of moto's own modules, with each request,
- the shapes of a service's errors, with each error,
- the paths in the default template of an archive, with each event,
- an RSA key for each KMS key, also for symmetric ones.

`warm` loads the rest before the servers are forked.
"""

import functools
import inspect

import jsonpath_ng.ext
from moto import backends
from moto.core import errors, responses, utils
from moto.core.base_backend import AccountSpecificBackend
from moto.kms import models as kms
from moto.resourcegroupstaggingapi.models import resourcegroupstaggingapi_backends

# An account that no stack uses, and its region.
NOBODY, REGION = "000000000000", "us-east-1"

original_regions = AccountSpecificBackend._generate_regions.__wrapped__


def repair():
    """Patches moto with the functions below."""
    AccountSpecificBackend._generate_regions = lambda _self, _service: regions()
    utils.service_name_from_moto_package_name = functools.cache(utils.service_name_from_moto_package_name)
    responses.method_names_from_class = methods
    modules = list(backends.list_of_moto_modules())
    backends.list_of_moto_modules = lambda: modules
    shapes = errors.ErrorLookupFactory()
    errors.ErrorLookupFactory = lambda: shapes
    jsonpath_ng.ext.parse = functools.cache(jsonpath_ng.ext.parse)
    # Nothing here encrypts or signs with these keys.
    kms.generate_private_key = functools.cache(kms.generate_private_key)


@functools.cache
def regions():
    """Returns the regions of SQS, which exists in every region, for all services."""
    return original_regions(None, "sqs")


@functools.cache
def methods(service):
    """Replaces method_names_from_class."""
    return [name for name, _ in inspect.getmembers(service, predicate=inspect.isfunction)]


def warm():
    """Loads what the first requests would load: the tagging API imports all services that have tags."""
    resourcegroupstaggingapi_backends[NOBODY][REGION].get_resources(tag_filters=[])
    utils.service_name_from_moto_package_name("s3")
    kms.generate_private_key("SYMMETRIC_DEFAULT")
