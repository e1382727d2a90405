"""An adapter of another distribution, installed from a wheel, is found by its scheme and passes the shipped suite."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests import wheels

FILE_BUS = Path(__file__).parent / "file_bus"
INSTALL_TIMEOUT_SECONDS = 300
CONFIGURATION = """
[pytest]
filterwarnings = error
asyncio_default_fixture_loop_scope = function
"""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(INSTALL_TIMEOUT_SECONDS)]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment with the wheels of Saga and of the outside adapter, and pytest."""
    folder = tmp_path_factory.mktemp("outside")
    built = [wheels.build(project, folder) for project in (wheels.ROOT, FILE_BUS)]
    return wheels.environment(folder, *built, "pytest", "pytest-asyncio")


def test_an_outside_bus_is_found_by_its_scheme(installed: Path, tmp_path: Path) -> None:
    shown = wheels.output(tmp_path, installed, "-c", "from saga import registry; print(registry.schemes('saga.bus'))")

    assert "'file'" in shown


def test_an_outside_bus_passes_the_suite_from_the_wheel(installed: Path, tmp_path: Path) -> None:
    shutil.copy(FILE_BUS / "test_conformance.py", tmp_path)
    (tmp_path / "pytest.ini").write_text(CONFIGURATION)

    shown = wheels.output(tmp_path, installed, "-m", "pytest", "-q", "test_conformance.py")

    assert " passed" in shown
    assert "skipped" not in shown
