"""The public types: every name is typed, and what users see of them is what they were promised."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent

pytestmark = pytest.mark.slow


def test_pyright_sees_the_types_that_mypy_sees() -> None:
    assert "0 errors" in pyright()


def pyright(*arguments: str) -> str:
    """The report of pyright, which takes the Python that it finds first for the one to look into."""
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    command = [sys.executable, "-m", "pyright", *arguments]
    done = subprocess.run(
        command, cwd=ROOT, env=os.environ | {"PATH": path}, capture_output=True, text=True, check=False
    )
    return done.stdout + done.stderr
