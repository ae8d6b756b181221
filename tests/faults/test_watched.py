"""What ships for Prometheus and Grafana, against the services as they run and the real servers where they are."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from tests.faults.fleet import Fleet, until
from tests.running import ROOT, SERVICES, free_ports

pytestmark = pytest.mark.slow
PROMETHEUS, GRAFANA = ROOT / "deploy" / "prometheus", ROOT / "deploy" / "grafana"
DASHBOARD = GRAFANA / "dashboards" / "clip-branches.json"
_WORDS = "by without on ignoring group_left group_right or and unless offset bool".split()
_OF_PROMETHEUS = {"up", "ALERTS"}


def rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load((PROMETHEUS / "rules.yml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def panels() -> list[dict[str, Any]]:
    return [panel for panel in json.loads(DASHBOARD.read_text())["panels"] if panel["type"] != "row"]


def expressions() -> dict[str, str]:
    """Every PromQL expression that ships, by where it is."""
    found = {rule.get("alert") or rule["record"]: rule["expr"] for rule in rules()}
    for panel in panels():
        found |= {f"{panel['title']} {target['refId']}": target["expr"] for target in panel["targets"]}
    annotations = json.loads(DASHBOARD.read_text())["annotations"]["list"]
    return found | {f"annotation {each['name']}": each["expr"] for each in annotations}


def names(expression: str) -> set[str]:
    """The metrics that a PromQL expression names."""
    bare = re.sub(r'"[^"]*"', "", expression)
    bare = re.sub(r"\{[^}]*\}|\[[^\]]*\]|\b(by|without|on|ignoring)\s*\([^)]*\)", " ", bare)
    words = re.findall(r"(?<![\w:.])([a-zA-Z_:][\w:]*)(?!\s*\(|[\w:])", bare)
    return {word for word in words if word not in _WORDS}


def labels(expression: str, metric: str) -> set[str]:
    """The labels by which an expression chooses among the series of a metric."""
    chosen = re.findall(re.escape(metric) + r"\{([^}]*)\}", expression)
    return {name for one in chosen for name in re.findall(r"(\w+)\s*[=!]~?", re.sub(r'"[^"]*"', "", one))}


def test_the_parser_of_these_tests_reads_promql() -> None:
    expression = (
        'sum by (job) (rate(a_total{x="b_c",y=~"5.."}[5m])) / on (job) d:e:f > 0.9 or predict_linear(g[6h], 24 * 3600)'
    )
    assert names(expression) == {"a_total", "d:e:f", "g"}
    assert labels(expression, "a_total") == {"x", "y"}


IMAGES = 'catalogue_images{catalogue="noise"}'
TRAINED = 'stage_seconds_count{stage="train"}'


@pytest.fixture
def asked(running: Fleet) -> Fleet:
    """The services after real requests: a search with labels, images, a saved search, one thing that is missing."""
    answer = running.found(text="red", positive=[1, 2, 3], negative=[9])
    assert running.save("reds", answer["result_set"]).status_code == 201
    assert running.image(1).status_code == 200
    assert running.image(10**9).status_code == 404
    return running


def test_every_metric_that_rules_and_panels_name_is_there(asked: Fleet) -> None:
    known: dict[str, set[str]] = {}
    for service in SERVICES:
        for sample in asked.metrics(service):
            name, _, rest = sample.partition("{")
            known.setdefault(name, set()).update({"job", *re.findall(r'(\w+)="', rest)})
    recorded = {rule["record"] for rule in rules() if "record" in rule}
    for where, expression in expressions().items():
        for name in names(expression) - _OF_PROMETHEUS:
            assert name in known or name in recorded, f"{where} names {name}, which no service has"
            if name in known:
                assert labels(expression, name) <= known[name], f"{where} chooses by a label that {name} has not"
    # Few series: what a caller may send makes none of its own.
    before = len(asked.metrics("web"))
    for number in range(50):
        requests.get(f"{asked.url}/no-such-{number}", timeout=60)
        requests.request(f"X{number}", f"{asked.url}/", timeout=60)
    assert len(asked.metrics("web")) < before + 100


def test_the_figures_are_true(asked: Fleet) -> None:
    trained = asked.metrics("search").get(TRAINED, 0)
    asked.found(text="never asked before", positive=[4, 5, 6], negative=[8])
    search, data, web = (asked.metrics(service) for service in SERVICES)
    assert search["service_ready"] == data["service_ready"] == 1
    assert search[IMAGES] == data[IMAGES] == 240
    assert search[TRAINED] - trained == 1
    until(lambda: at_work(asked.metrics("search")) == [0, 0])
    assert search["http_request_places"] == 32
    assert web['upstream_seconds_count{outcome="answered",upstream="data"}'] >= 2
    used = shutil.disk_usage(asked.data_dir)
    assert data['disk_size_bytes{folder="thumbnails"}'] == used.total
    assert abs(data['disk_free_bytes{folder="thumbnails"}'] - used.free) < 2**30
    thumbnails = asked.data_dir / "cache" / "thumbnails"

    def kept() -> int:
        return sum(path.stat().st_size for path in thumbnails.rglob("*.webp"))

    # The figure counts a thumbnail twice that two requests made at the same time; one that one request makes, once.
    before, figure = kept(), data['cache_bytes{cache="thumbnails"}']
    assert figure >= before > 0
    assert asked.image(239, width=80).status_code == 200
    until(lambda: asked.metrics("data")['cache_bytes{cache="thumbnails"}'] - figure == kept() - before > 0)
    assert 10**7 < web["process_resident_memory_bytes"] < 2**30
    assert 5 < web["process_open_fds"] < web["process_max_fds"]


def at_work(figures: dict[str, float]) -> list[float]:
    return [figures[f'work_places{{state="{state}"}}'] for state in ("computing", "waiting")]


def test_two_workers_are_counted_together(own_data: Path) -> None:
    running = Fleet(own_data, {"DATA_WORKERS": "2"})
    running.start("data")
    try:
        # Each worker opens the catalogue by itself, and whichever answers says what it has open.
        until(lambda: all(running.metrics("data").get(IMAGES) == 240 for _ in range(20)))
        for _ in range(30):
            assert requests.get(f"{running.address('data')}/v1/catalogues", timeout=60).status_code == 200
        name = 'http_requests_total{method="GET",route="/v1/catalogues",status="200"}'
        for _ in range(6):
            # The one that asks; that a request is over is counted when its answer is sent already.
            until(lambda: running.metrics("data")["http_requests_in_progress"] == 1)
            figures = running.metrics("data")
            assert figures[name] == 30
            assert figures["http_request_places"] == 32
            assert figures[IMAGES] == 240
            assert figures["process_resident_memory_bytes"] > 10**8
    finally:
        running.stop()


def test_the_files_are_whole_and_agree() -> None:
    dashboard = json.loads(DASHBOARD.read_text())
    (source,) = yaml.safe_load((GRAFANA / "provisioning" / "datasources" / "prometheus.yml").read_text())["datasources"]
    (provider,) = yaml.safe_load((GRAFANA / "provisioning" / "dashboards" / "clip-branches.yml").read_text())[
        "providers"
    ]
    compose = yaml.safe_load((ROOT / "deploy" / "compose.observe.yml").read_text())["services"]
    assert source["url"] == "http://prometheus:9090"
    assert any(volume.endswith(f":{provider['options']['path']}:ro") for volume in compose["grafana"]["volumes"])
    for volume in (volume for one in compose.values() for volume in one["volumes"] if volume.startswith("./")):
        assert (ROOT / volume.partition(":")[0]).is_dir()
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])
    cells = [(x, y) for panel in dashboard["panels"] for x, y in _cells(panel["gridPos"])]
    assert len(cells) == len(set(cells)), "two panels lie on one another"
    for panel in panels():
        assert panel["description"]
        assert {target["datasource"]["uid"] for target in panel["targets"]} == {source["uid"]}
    # The targets are where docker-compose.yml has the services.
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    for job in yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text())["scrape_configs"]:
        (target,) = job["static_configs"][0]["targets"]
        assert target.partition(":")[0] == job["job_name"] in services
    for rule in (rule for rule in rules() if "alert" in rule):
        assert set(rule["annotations"]) == {"summary", "action"}


def _cells(place: dict[str, int]) -> Iterator[tuple[int, int]]:
    assert place["x"] + place["w"] <= 24
    return (
        (x, y) for x in range(place["x"], place["x"] + place["w"]) for y in range(place["y"], place["y"] + place["h"])
    )


def test_prometheus_itself_accepts_the_rules_and_each_alert_fires() -> None:
    promtool = tool("promtool")
    for arguments in (
        ["check", "config", "prometheus.yml"],
        ["check", "rules", "rules.yml"],
        ["test", "rules", "rules_test.yml"],
    ):
        done = subprocess.run([promtool, *arguments], cwd=PROMETHEUS, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    tried = {
        case["alertname"]
        for test in yaml.safe_load((PROMETHEUS / "rules_test.yml").read_text())["tests"]
        for case in test["alert_rule_test"]
        if case["exp_alerts"]
    }
    assert tried == {rule["alert"] for rule in rules() if "alert" in rule}


def test_prometheus_scrapes_the_services_and_answers_every_panel(asked: Fleet, tmp_path: Path) -> None:
    with prometheus(asked, tmp_path) as ask:
        until(
            lambda: (
                len(ask("targets")["activeTargets"]) == 3
                and all(one["health"] == "up" for one in ask("targets")["activeTargets"])
            ),
        )
        until(lambda: all(rule["health"] == "ok" for group in ask("rules")["groups"] for rule in group["rules"]))
        alerts = {rule["alert"] for rule in rules() if "alert" in rule}
        # Nothing failed, so what counts failures alone has no series; alerts that have one would be wrong here.
        silent = {"Refused and failed a second A", "No answer from behind A", "annotation Alerts"}

        def without_series() -> set[str]:
            return {where for where, what in expressions().items() if not ask("query", query=what)["result"]}

        # A rate needs requests between two looks, of each service.
        until(lambda: asked.found(text="blue") and asked.image(2).ok and without_series() - alerts <= silent)
        assert without_series() >= alerts - {"DiskNearlyFull", "DiskFullTomorrow"}  # a test machine's disk is as it is
        asked.kill("data")
        until(lambda: "ServiceDown" in {one["labels"]["alertname"] for one in ask("alerts")["alerts"]})
        assert asked.search(text="blue").status_code == 200


@contextmanager
def prometheus(running: Fleet, folder: Path) -> Iterator[Callable[..., Any]]:
    """The real server with the shipped rules, over the services' own ports, looking every second."""
    program = tool("prometheus")
    config = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text())
    config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    config["rule_files"] = [str(PROMETHEUS / "rules.yml")]
    for job in config["scrape_configs"]:
        address = running.address(job["job_name"]).removeprefix("http://")
        job["static_configs"] = [{"targets": [address]}]
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    (port,) = free_ports(1)
    command = [program, f"--config.file={folder / 'prometheus.yml'}", f"--storage.tsdb.path={folder / 'tsdb'}"]
    with (folder / "prometheus.log").open("wb") as log:
        process = subprocess.Popen([*command, f"--web.listen-address=127.0.0.1:{port}"], stdout=log, stderr=log)

    def ask(what: str, **parameters: str) -> Any:
        answer = requests.get(f"http://127.0.0.1:{port}/api/v1/{what}", params=parameters, timeout=60).json()
        assert answer["status"] == "success", answer
        return answer["data"]

    try:
        until(lambda: requests.get(f"http://127.0.0.1:{port}/-/ready", timeout=60).status_code == 200)
        yield ask
    finally:
        process.terminate()
        process.wait(timeout=60)


def tool(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed (Debian: apt-get install prometheus)")
    return found
