"""A process that loses its connection to the cluster says so: no wrong answer, and no cluster started unasked."""

from __future__ import annotations

import pytest

from clip_branches.errors import ServiceUnavailable
from tests.cluster.cluster_stage import NAME, copy_data, engine_of, start, stop, until
from tests.cluster.conftest import Nodes

pytestmark = pytest.mark.timeout(1_200)
_LOST = "This process is no longer connected to the Ray cluster of its shards; start the service again."


def test_a_lost_connection_is_a_clear_503(
    made_data: object, tmp_path_factory: pytest.TempPathFactory, nodes: Nodes
) -> None:
    import ray

    data = copy_data(made_data, tmp_path_factory.mktemp("lost"))
    app = start(data, engine="ray", ray_address=nodes.address, ray_shards=2)
    client = app.test_client()

    def search(text: str) -> tuple[int, str]:
        answer = client.post(f"/v1/catalogues/{NAME}/search", json={"text": text})
        return answer.status_code, answer.json.get("error", {}).get("message", "")  # type: ignore[union-attr]

    assert search("red") == (200, "")
    ray.shutdown()
    assert search("blue") == (503, _LOST)
    until(lambda: client.get("/readyz").status_code == 503)
    assert "no longer connected to the Ray cluster" in client.get("/readyz").text
    assert not ray.is_initialized()
    ray.init(address=nodes.address, log_to_driver=False)  # another connection: the shards ended with the first
    assert search("green") == (503, _LOST)
    with pytest.raises(ServiceUnavailable, match="no longer connected"):
        engine_of(app).count([])
    stop(app)
