"""The documentation as a site: built with warnings as errors, every page and every public name on it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import saga

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
    environment = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=110)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_every_page_is_on_the_site(site: Path) -> None:
    pages = {path.relative_to(ROOT / "docs").with_suffix("") for path in (ROOT / "docs").rglob("*.md")}
    folders = {page.parent if page.name == "README" else page for page in pages}

    assert [folder for folder in folders if not (site / folder / "index.html").exists()] == []


def test_every_public_name_is_described(site: Path) -> None:
    reference = (site / "reference" / "api" / "index.html").read_text()

    assert [
        name for name in saga.__all__ if f">{name}<" not in reference and f'id="saga.{name}"' not in reference
    ] == []
