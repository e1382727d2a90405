"""The wheel that is released, built and installed in an empty environment, out of reach of the source tree."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from tests import wheels

INSTALL_TIMEOUT_SECONDS = 300
REPORT = """
import importlib.metadata, importlib.resources, json
import saga, saga_postgres
from saga import registry
points = importlib.metadata.entry_points()
openers = {"saga.bus": registry.open_bus, "saga.store": registry.open_store, "saga.election": registry.open_election}
loaded, remedies = {}, {}
for group, opener in openers.items():
    for point in points.select(group=group):
        try:
            point.load()
            loaded.setdefault(group, []).append(point.name)
        except ModuleNotFoundError:
            try:
                opener(point.name + "://host", "saga")
            except saga.errors.MissingDriver as error:
                remedies[point.name] = str(error)
print(json.dumps({
    "places": [saga.__path__[0], saga_postgres.__path__[0]],
    "commands": [point.name for point in points.select(group="console_scripts", name="saga")],
    "loaded": loaded,
    "remedies": remedies,
}))
"""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(INSTALL_TIMEOUT_SECONDS)]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return wheels.build(wheels.ROOT, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment that holds the wheel, its pinned dependencies and nothing else."""
    return wheels.environment(tmp_path_factory.mktemp("environment"), wheel)


def test_the_wheel_holds_every_file_of_its_packages(wheel: Path) -> None:
    packages = [wheels.ROOT / "saga", *(wheels.ROOT / "adapters").glob("saga_*")]
    sources = {
        path.relative_to(package.parent).as_posix()
        for package in packages
        for path in package.rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }

    held = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}

    assert held == sources
    assert {"saga/py.typed", "saga_postgres/py.typed", "saga_postgres/sql/migrations/0001_tables.sql"} <= held


def test_the_wheel_works_in_an_empty_environment(installed: Path, tmp_path: Path) -> None:
    report = json.loads(wheels.output(tmp_path, installed, "-c", REPORT))

    assert all(place.startswith(str(installed.parent.parent)) for place in report["places"])
    assert all({"memory", "postgres", "postgresql"} <= set(names) for names in report["loaded"].values())
    assert set(report["loaded"]) == {"saga.bus", "saga.store", "saga.election"}
    assert report["commands"] == ["saga"]
    assert "kinesis" in report["remedies"]
    for name, remedy in report["remedies"].items():
        assert f"[{name.partition('+')[0]}]" in remedy


def test_the_command_of_the_wheel_starts(installed: Path, tmp_path: Path) -> None:
    assert "Usage: saga" in wheels.output(tmp_path, installed.parent / "saga", "--help")
