"""An image and words that change it, checks and saved searches, from Python and from the shell."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from clip_branches.client import Client
from clip_branches.errors import InvalidInput
from tests.conftest import SCENES
from tests.running import ROOT, Running


def test_an_image_and_words_that_change_it(client: Client) -> None:
    plain = client.compose("the boat is red", image_id=17)
    assert plain.total == SCENES
    same = client.search(image_id=17, compose={"texts": ["the boat is red"]})
    assert plain.result_set == same.result_set
    weighed = client.compose(
        ("red", 2.0), "at night", image_id=17, images=[(3, 0.5), 4], without=["a tree"], balance=0.7
    )
    assert weighed.request.compose is not None
    assert weighed.request.compose.images[0].weight == 0.5
    assert weighed.result_set != plain.result_set
    refined = weighed.refine(positive=weighed.ids()[:4], negative=weighed.ids()[-3:])
    assert refined.request.compose == weighed.request.compose
    assert refined.response.model != "text"
    with pytest.raises(InvalidInput, match="must have an image"):
        client.compose("red")
    with pytest.raises(InvalidInput, match="switched off"):
        client.search(image_url="http://example.com/a.png")


def test_an_answer_is_checked(client: Client) -> None:
    boats = client.search("a boat")
    refined = boats.refine(positive=boats.ids()[:5], negative=boats.ids()[-4:])
    sample = [hit.id for hit in refined.sample(0, 12).hits]
    told = {item.id: "boat" in item.caption for item in client.items(sample)}
    report = refined.check([told[item] for item in sample])
    assert report.inside_judged + report.outside_judged == len(sample)
    assert 0 <= report.recall.low <= report.recall.high <= 1


def test_an_answer_is_saved_under_a_name(client: Client) -> None:
    saved = client.search("a kite").save("kites", "from Python", where=["style:ink"])
    assert (saved.name, saved.notes, saved.catalogue) == ("kites", "from Python", "demo")
    assert saved.id in [one.id for one in client.saved()]
    assert 0 < saved.total < SCENES
    with pytest.raises(InvalidInput):
        client.search("a kite").save("")


@pytest.mark.parametrize("module", ["clip_branches", "clip_branches.client"])
def test_the_shell_composes(client: Client, services: Running, module: str) -> None:
    command = [sys.executable, "-m", module, "search", "--url", services.url, "-c", "demo", "--image-id", "17"]
    command += ["--compose", "the boat is red=2", "--compose", "at night", "--less", "a tree", "--balance", "0.6"]
    done = subprocess.run([*command, "-f", "answer"], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    weighed = client.compose(("the boat is red", 2.0), "at night", image_id=17, without=["a tree"], balance=0.6)
    assert json.loads(done.stdout)["response"]["result_set"] == weighed.result_set
