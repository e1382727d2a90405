"""The public types: every name is typed, and users see of them what `public_names.py` says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent

pytestmark = pytest.mark.slow


def test_pyright_sees_the_types_that_mypy_sees() -> None:
    assert pyright().startswith("0 errors")


def test_the_type_of_every_public_name_is_known() -> None:
    report = pyright("--verifytypes", "saga", "--ignoreexternal")
    problems = re.findall(r"^ +(/.+ - error: (?!Type of parameter|Return type|Type of base).+)$", report, re.MULTILINE)

    assert "Type completeness score: 100%" in report, "\n".join(problems) or report


def pyright(*arguments: str) -> str:
    """The report of pyright, which examines the packages of the Python that it finds first on the path."""
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    command = [sys.executable, "-m", "pyright", *arguments]
    done = subprocess.run(
        command, cwd=ROOT, env=os.environ | {"PATH": path}, capture_output=True, text=True, check=False, timeout=110
    )
    return done.stdout + done.stderr
