"""Lets the creator of a KMS key choose the key's id.

AWS chooses it. On one machine, the custom fields of a sample data product name a key before the key exists, so a description
that is a UUID becomes the key's id.
"""

import uuid

from moto.kms.models import Key


def repair():
    """Patches moto with the function below."""
    Key.__init__ = with_id_from_description(Key.__init__)


def with_id_from_description(original):
    def create(self, *arguments, **named):
        original(self, *arguments, **named)
        try:
            chosen = str(uuid.UUID(self.description))
        except ValueError:
            return
        self.arn = self.arn.replace(self.id, chosen)
        self.id = chosen

    return create
