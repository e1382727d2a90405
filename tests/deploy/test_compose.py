"""docker-compose.yml: its services, its URLs, and that Compose accepts it."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from saga import registry
from saga.cli.program import build_program
from tests.services.places import go_binary

ROOT = Path(__file__).parents[2]
FILE = ROOT / "docker-compose.yml"
SERVICES = yaml.safe_load(FILE.read_text())["services"]
PARTICIPANTS = ("inventory", "payments", "shipping", "notifications")
COMPOSE = ("docker-compose", "github.com/docker/compose/v2/cmd", "v2.40.3")


@pytest.fixture
def compose() -> str:
    """Compose, built from its sources once, which takes some minutes."""
    return str(go_binary(*COMPOSE))


@pytest.mark.parametrize("service", PARTICIPANTS)
def test_each_service_has_a_supervisor_as_its_sidecar(service: str) -> None:
    sidecar = SERVICES[f"{service}-supervisor"]

    assert SERVICES[service]["command"] == ["participant", f"examples.order.services.{service}:{service}"]
    assert (sidecar["command"], sidecar["network_mode"]) == (["supervisor"], f"service:{service}")


def test_the_services_have_all_that_they_depend_on() -> None:
    assert {
        "postgres",
        "kafka-1",
        "kafka-2",
        "kafka-3",
        "kinesis",
        "nats",
        "provider",
        "migrate",
        "topics",
    } <= SERVICES.keys()


@pytest.mark.parametrize("name", [name for name, service in SERVICES.items() if service.get("build")])
def test_the_program_accepts_every_command(name: str) -> None:
    service = SERVICES[name]
    if "entrypoint" in service:
        python, option, module = service["entrypoint"]
        assert (python, option) == ("python", "-m")
        path = ROOT / module.replace(".", "/")
        assert path.with_suffix(".py").exists() or (path / "__main__.py").exists()
    else:
        build_program(is_overview=False).parse_args(service["command"], print_error=False, exit_on_error=False)


async def test_every_bus_that_it_names_can_be_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    environment = SERVICES["inventory"]["environment"]
    monkeypatch.setenv("SAGA_STORE", environment["SAGA_STORE"])
    (default,) = re.findall(r"^\$\{SAGA_BUS:-(.*)\}$", environment["SAGA_BUS"])
    others = re.findall(r"SAGA_BUS='?(\S+?)'? docker compose", FILE.read_text())

    for url in (default, *others):
        await registry.open_bus(url, "saga").close()

    assert [url.partition(":")[0] for url in (default, *others)] == ["kafka", "kinesis", "nats", "postgresql"]


def test_ports_are_published_on_loopback_only() -> None:
    ports = [port for service in SERVICES.values() for port in service.get("ports", ())]

    assert [port for port in ports if not port.startswith("127.0.0.1:")] == []


def test_every_mounted_file_exists() -> None:
    mounts = [volume for service in SERVICES.values() for volume in service.get("volumes", ()) if volume[0] == "."]

    assert [mount for mount in mounts if not (ROOT / mount.split(":")[0]).exists()] == []


def test_prometheus_scrapes_every_process() -> None:
    (job,) = yaml.safe_load((ROOT / "deploy/compose/prometheus.yml").read_text())["scrape_configs"]

    assert job["static_configs"][0]["targets"] == [f"{name}:{port}" for name in PARTICIPANTS for port in (9464, 9465)]


@pytest.mark.chaos
@pytest.mark.timeout(1_800)
def test_compose_accepts_the_file(compose: str) -> None:
    done = subprocess.run(
        [compose, "--file", str(FILE), "config", "--format", "yaml"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    made: dict[str, Any] = yaml.safe_load(done.stdout)

    assert made["services"].keys() == SERVICES.keys() - {"shop"}
    assert made["services"]["payments-supervisor"]["environment"]["SAGA_HTTP"] == "0.0.0.0:9465"
