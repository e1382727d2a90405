"""What is released: the wheel, built and installed in an empty environment, where no source tree can help it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
INSTALL_TIMEOUT_SECONDS = 300
REPORT = """
import importlib.metadata, importlib.resources, json
import saga, saga_postgres
points = importlib.metadata.entry_points()
print(json.dumps({
    "places": [saga.__path__[0], saga_postgres.__path__[0]],
    "points": {group: sorted(point.name for point in points.select(group=group))
               for group in ("saga.bus", "saga.store", "saga.election")},
    "commands": [point.name for point in points.select(group="console_scripts", name="saga")],
    "loaded": [point.load().__name__ for group in ("saga.bus", "saga.store", "saga.election")
               for point in points.select(group=group)],
}))
"""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(INSTALL_TIMEOUT_SECONDS)]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("wheel")
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", target], check=True, cwd=ROOT)
    return next(target.glob("*.whl"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment that holds the wheel, its pinned dependencies and nothing else."""
    environment = tmp_path_factory.mktemp("environment") / "venv"
    python = environment / "bin" / "python"
    install: list[str | Path]
    if uv := shutil.which("uv"):
        subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, environment], check=True)
        install = [uv, "pip", "install", "--quiet", "--python", python]
    else:
        subprocess.run([sys.executable, "-m", "venv", environment], check=True)
        install = [python, "-m", "pip", "install", "--quiet"]
    subprocess.run([*install, "-c", _pins(environment), wheel], check=True)
    return python


def test_the_wheel_holds_every_file_of_its_packages(wheel: Path) -> None:
    packages = [ROOT / "saga", *(ROOT / "adapters").glob("saga_*")]
    sources = {
        path.relative_to(package.parent).as_posix()
        for package in packages
        for path in package.rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }

    held = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}

    assert held == sources
    assert {"saga/py.typed", "saga_postgres/py.typed", "saga_postgres/migrations/0001_tables.sql"} <= held


def test_the_wheel_works_where_there_is_nothing_else(installed: Path, tmp_path: Path) -> None:
    report = json.loads(_output([installed, "-c", REPORT], tmp_path))

    assert all(place.startswith(str(installed.parent.parent)) for place in report["places"])
    assert all(names == ["memory", "postgres", "postgresql"] for names in report["points"].values())
    assert sorted(set(report["loaded"])) == ["open_bus", "open_election", "open_store"]
    assert report["commands"] == ["saga"]


def test_the_command_of_the_wheel_starts(installed: Path, tmp_path: Path) -> None:
    assert "Usage: saga" in _output([installed.parent / "saga", "--help"], tmp_path)


def _output(command: list[str | Path], folder: Path) -> str:
    shown = subprocess.run(command, check=False, capture_output=True, text=True, cwd=folder)
    assert shown.returncode == 0, shown.stderr
    return shown.stdout


def _pins(folder: Path) -> Path:
    """The pinned versions without their hashes, which would be asked of our own wheel too."""
    pins = [line.removesuffix(" \\") for line in (ROOT / "constraints.txt").read_text().splitlines() if "==" in line]
    file = folder / "pins.txt"
    file.write_text("\n".join(pin for pin in pins if not pin.lstrip().startswith(("#", "--"))) + "\n")
    return file
