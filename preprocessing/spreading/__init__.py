"""The embed stage on many machines: one task a shard, on the nodes of a Ray cluster."""

from preprocessing.spreading.run import embed_on_ray

__all__ = ["embed_on_ray"]
