"""The examples of deployments: Kubernetes' own schemas, KubeRay's types, and settings and options that exist."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml

from clip_branches.settings import DataSettings, SearchSettings, WebSettings

ROOT = Path(__file__).resolve().parents[2]
KUBERNETES = ROOT / "deploy" / "kubernetes"
VERSION = "1.33"
_RAY_CLUSTER = json.loads(Path(__file__).with_name("raycluster_v1.json").read_text(encoding="utf-8"))
_SETTINGS = {kind.service.upper(): kind for kind in (SearchSettings, DataSettings, WebSettings)}


def documents() -> Iterator[tuple[str, dict[str, Any]]]:
    for path in sorted(KUBERNETES.glob("*.yaml")):
        for number, document in enumerate(yaml.safe_load_all(path.read_text(encoding="utf-8"))):
            yield f"{path.name}-{number}", document


def check(document: dict[str, Any]) -> None:
    """Raise unless Kubernetes, and KubeRay, would take the document."""
    if document["apiVersion"] != "ray.io/v1":
        kubernetes_validate.validate(document, VERSION, strict=True)
        return
    jsonschema.Draft202012Validator(_RAY_CLUSTER).validate(document)
    for template in templates(document):
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x", **template.get("metadata", {})}}
        kubernetes_validate.validate({**pod, "spec": template["spec"]}, VERSION, strict=True)


def templates(document: dict[str, Any]) -> list[dict[str, Any]]:
    spec = document.get("spec", {})
    if document["kind"] == "RayCluster":
        return [spec["headGroupSpec"]["template"], *(group["template"] for group in spec["workerGroupSpecs"])]
    return [spec["template"]] if document["kind"] == "Deployment" else []


DOCUMENTS = dict(documents())


@pytest.mark.parametrize("name", DOCUMENTS)
def test_kubernetes_would_take_every_document(name: str) -> None:
    check(DOCUMENTS[name])


def test_mistakes_are_found() -> None:
    """The check can say no: a wrong kind of number, an unknown field, a field of the pod in the wrong place."""
    cluster = next(document for document in DOCUMENTS.values() if document["kind"] == "RayCluster")
    for path, value in (
        (("spec", "workerGroupSpecs", 0, "replicas"), "two"),
        (("spec", "workerGroupSpecs", 0, "replica"), 2),
        (("spec", "headGroupSpec", "rayStartParams", "num-cpus"), 0),
        (("spec", "headGroupSpec", "template", "spec", "container"), []),
        (("spec", "headGroupSpec", "template", "spec", "containers", 0, "ports", 0, "containerPort"), "6379"),
    ):
        wrong = copy.deepcopy(cluster)
        place: Any = wrong
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = value
        with pytest.raises(jsonschema.ValidationError):
            check(wrong)


def test_names_lead_somewhere() -> None:
    """Claims, mounted volumes, the selectors of services and deployments, and the addresses of services."""
    kinds = {(document["kind"], document["metadata"]["name"]): document for document in DOCUMENTS.values()}
    labels = [template["metadata"]["labels"] for one in DOCUMENTS.values() for template in templates(one)]
    for document in DOCUMENTS.values():
        for template in templates(document):
            volumes = {volume["name"]: volume for volume in template["spec"]["volumes"]}
            for volume in volumes.values():
                if "persistentVolumeClaim" in volume:
                    assert ("PersistentVolumeClaim", volume["persistentVolumeClaim"]["claimName"]) in kinds
            for container in template["spec"]["containers"]:
                assert {mount["name"] for mount in container["volumeMounts"]} == set(volumes)
        if document["kind"] == "Deployment":
            assert document["spec"]["selector"]["matchLabels"] == document["spec"]["template"]["metadata"]["labels"]
        if document["kind"] == "Service":
            assert any(document["spec"]["selector"].items() <= one.items() for one in labels)
    # KubeRay calls the head's service by the cluster's name.
    services = {name for kind, name in kinds if kind == "Service"} | {f"{kinds_name(kinds)}-head-svc"}
    told = "\n".join(path.read_text(encoding="utf-8") for path in KUBERNETES.glob("*.yaml"))
    asked = re.findall(r"(?:http://|--address=)([a-z-]+):\d+", told)
    assert len(asked) >= 4
    assert set(asked) <= services


def kinds_name(kinds: dict[tuple[str, str], Any]) -> str:
    return next(name for kind, name in kinds if kind == "RayCluster")


def test_every_setting_exists() -> None:
    compose = yaml.safe_load((ROOT / "deploy" / "compose.ray.yml").read_text(encoding="utf-8"))
    given = dict(compose["services"]["search"]["environment"])
    for document in DOCUMENTS.values():
        for template in templates(document):
            for container in template["spec"]["containers"]:
                given.update({one["name"]: one["value"] for one in container.get("env", [])})
    known = {name: value for name, value in given.items() if name.partition("_")[0] in _SETTINGS}
    assert len(known) >= 6
    for name, value in known.items():
        service, _, key = name.partition("_")
        assert key.lower() in _SETTINGS[service].model_fields, name
        _SETTINGS[service](**{key.lower(): value})


def test_ray_is_published_nowhere() -> None:
    compose = yaml.safe_load((ROOT / "deploy" / "compose.ray.yml").read_text(encoding="utf-8"))
    assert {"ray-head", "ray-worker-1", "ray-worker-2", "search"} <= set(compose["services"])
    assert not any("ports" in service for service in compose["services"].values())
    pinned = re.search(r"^ray==(.+)$", (ROOT / "requirements-ray.txt").read_text(), re.MULTILINE)
    cluster = next(document for document in DOCUMENTS.values() if document["kind"] == "RayCluster")
    assert pinned is not None
    assert cluster["spec"]["rayVersion"] == pinned[1]
    inside = next(one for one in DOCUMENTS.values() if one["metadata"]["name"] == "clip-branches-inside")
    allowed = inside["spec"]["ingress"][0]["from"][0]["podSelector"]["matchLabels"]
    assert all(
        allowed.items() <= template["metadata"]["labels"].items()
        for document in DOCUMENTS.values()
        for template in templates(document)
    )


@pytest.mark.parametrize("path", ["compose.ray.yml", "kubernetes/ray.yaml", "kubernetes/search.yaml"])
def test_options_of_ray_start_exist(path: str) -> None:
    scripts = pytest.importorskip("ray.scripts.scripts", reason="Ray is needed: pip install -r requirements-ray.txt")
    known = {option for parameter in scripts.start.params for option in parameter.opts}
    told = (ROOT / "deploy" / path).read_text(encoding="utf-8")
    given = set(re.findall(r"--(?:head|block|port|address|num-cpus|object-store-memory|include-dashboard)\b", told))
    for document in (one for one in DOCUMENTS.values() if path.endswith("ray.yaml") and one["kind"] == "RayCluster"):
        groups = [document["spec"]["headGroupSpec"], *document["spec"]["workerGroupSpecs"]]
        given |= {f"--{key}" for group in groups for key in group["rayStartParams"]}
    assert given
    assert given <= known
