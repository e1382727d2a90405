"""The units: systemd accepts them, and they run commands that exist."""

from __future__ import annotations

import configparser
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from saga.cli.program import build_program
from saga.settings import load

UNITS = sorted((Path(__file__).parents[2] / "deploy" / "systemd").glob("*.service"))

ANALYZE = shutil.which("systemd-analyze")


def read(path: Path) -> configparser.ConfigParser:
    unit = configparser.ConfigParser(strict=False, interpolation=None, delimiters=("=",))
    unit.optionxform = str  # type: ignore[assignment,method-assign] # names have capitals
    unit.read_string(path.read_text())
    return unit


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_a_unit_runs_a_command_that_exists(path: Path) -> None:
    binary, *arguments = read(path)["Service"]["ExecStart"].split()

    assert Path(binary).name == "saga"
    build_program(is_overview=False).parse_args(
        [argument.replace("%i", "shop") for argument in arguments], print_error=False, exit_on_error=False
    )


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_a_unit_waits_longer_than_draining_takes(path: Path) -> None:
    service = read(path)["Service"]

    assert service["KillSignal"] == "SIGTERM"
    assert int(service["TimeoutStopSec"]) > 2 * load(store="postgresql://host/saga").drain


@pytest.mark.skipif(ANALYZE is None, reason="NO systemd-analyze: the units are only read by this test")
@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_systemd_accepts_the_unit(path: Path, tmp_path: Path) -> None:
    """Checks a copy that names a program and an account of this machine."""
    here = tmp_path / path.name.replace("@", "@shop")
    text = re.sub(r"/opt/saga/bin/saga\b", "/bin/true", path.read_text())
    here.write_text(re.sub(r"^(User|Group)=saga$", r"\1=root", text, flags=re.MULTILINE).replace("%i", "shop"))

    done = subprocess.run(
        [str(ANALYZE), "verify", "--man=no", str(here)], capture_output=True, text=True, check=False, timeout=60
    )

    assert (done.returncode, [line for line in done.stderr.splitlines() if str(here) in line]) == (0, [])
