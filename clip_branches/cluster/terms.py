"""How a catalogue is to be served by a cluster."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Terms:
    """address: of the Ray cluster, "auto" for the one that this machine is a node of. shards: 0 is one a node.
    replicas: of each shard, on as many nodes. cpus: that Ray sets aside for each. timeout_s: longest wait for a
    shard's part before another replica is asked as well, or the request is refused. start_s: longest wait for the
    shards of a new generation. local_dir: see ``ShardSpec``. threads: of a query on a shard. linger_s: how long the
    actors of an earlier generation stay after it was last asked.
    """

    address: str = "auto"
    shards: int = 0
    replicas: int = 1
    cpus: float = 0.5
    timeout_s: float = 10.0
    start_s: float = 120.0
    local_dir: Path | None = None
    threads: int = 1
    linger_s: float = 60.0
