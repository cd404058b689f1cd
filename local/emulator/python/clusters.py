"""Lets the creator of an MSK cluster choose its whole ARN.

AWS chooses the UUID at its end, and moto leaves the cluster's name out of it. On one machine, the custom fields of a sample data
product name a topic of the cluster before the cluster exists, so the part of the name after a slash becomes the UUID.
"""

from moto.kafka.models import FakeKafkaCluster


def repair():
    """Patches moto with the function below."""
    FakeKafkaCluster._generate_arn = arn


def arn(cluster):
    name, _, chosen = cluster.cluster_name.partition("/")
    resource = f"cluster/{name}/{chosen or cluster.cluster_id}"
    return f"arn:aws:kafka:{cluster.region_name}:{cluster.account_id}:{resource}"
