"""The manifests fit the schemas of Kubernetes and what the processes serve."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import kubernetes_validate  # type: ignore[import-untyped]
import pytest
import yaml

from saga.settings import load

FOLDER = Path(__file__).parents[2] / "deploy" / "kubernetes"
VERSIONS = ("1.29", "1.33")
MANIFESTS = [
    (path.name, document)
    for path in sorted(FOLDER.glob("*.yaml"))
    if path.name != "kustomization.yaml"
    for document in yaml.safe_load_all(path.read_text())
]
IDS = [f"{document['kind']} {document['metadata']['name']}" for _, document in MANIFESTS]
DEPLOYMENT = next(document for _, document in MANIFESTS if document["kind"] == "Deployment")
POD = DEPLOYMENT["spec"]["template"]["spec"]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("document", [document for _, document in MANIFESTS], ids=IDS)
def test_a_manifest_fits_its_schema(document: dict[str, Any], version: str) -> None:
    kubernetes_validate.validate(document, version, strict=True)


def test_a_wrong_manifest_is_refused() -> None:
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate({**DEPLOYMENT, "spec": {"replica": 2}}, VERSIONS[0], strict=True)


def test_every_manifest_is_applied() -> None:
    listed = yaml.safe_load((FOLDER / "kustomization.yaml").read_text())["resources"]

    assert sorted(listed) == sorted({name for name, _ in MANIFESTS})


def test_the_supervisor_is_beside_the_participant() -> None:
    assert [container["args"][0] for container in POD["containers"]] == ["participant", "supervisor"]


@pytest.mark.parametrize("container", POD["containers"], ids=lambda container: container["name"])
def test_a_container_is_probed_where_it_listens(container: dict[str, Any]) -> None:
    (http,) = [entry["value"] for entry in container["env"] if entry["name"] == "SAGA_HTTP"]
    (port,) = container["ports"]

    assert http == f"0.0.0.0:{port['containerPort']}"
    for probe, path in (("livenessProbe", "/livez"), ("readinessProbe", "/readyz")):
        assert container[probe]["httpGet"] == {"path": path, "port": port["name"]}


@pytest.mark.parametrize("container", POD["containers"], ids=lambda container: container["name"])
def test_a_container_has_no_rights_that_it_does_not_need(container: dict[str, Any]) -> None:
    security = container["securityContext"]

    assert (security["allowPrivilegeEscalation"], security["readOnlyRootFilesystem"]) == (False, True)
    assert security["capabilities"] == {"drop": ["ALL"]}
    assert "memory" in container["resources"]["limits"]


def test_the_api_is_probed_where_it_listens_and_has_a_service() -> None:
    api, service = (document for name, document in MANIFESTS if name == "saga-api.yaml")
    (container,) = api["spec"]["template"]["spec"]["containers"]
    addresses = [entry["value"] for entry in container["env"] if entry["name"] in {"SAGA_API", "SAGA_GRPC"}]

    assert addresses == [f"0.0.0.0:{port['containerPort']}" for port in container["ports"]]
    assert {container[probe]["httpGet"]["port"] for probe in ("livenessProbe", "readinessProbe")} == {"api"}
    assert service["spec"]["selector"].items() <= api["spec"]["template"]["metadata"]["labels"].items()
    assert [port["targetPort"] for port in service["spec"]["ports"]] == [port["name"] for port in container["ports"]]
    assert container["securityContext"]["readOnlyRootFilesystem"]


def test_a_pod_has_enough_time_to_drain() -> None:
    config = next(document for _, document in MANIFESTS if document["kind"] == "ConfigMap")
    settings = load(store="postgresql://host/saga", **yaml.safe_load(config["data"]["saga.yaml"]))

    assert settings.drain * 2 < POD["terminationGracePeriodSeconds"]  # steps, then the commits of their outcomes
