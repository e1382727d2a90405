"""Wheels of this project and of others, and empty environments to install them in."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent


def build(project: Path, target: Path) -> Path:
    """Builds the wheel of a project into a folder."""
    before = set(target.glob("*.whl"))
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", target], check=True, cwd=project)
    (wheel,) = set(target.glob("*.whl")) - before
    return wheel


def environment(folder: Path, *requirements: str | Path) -> Path:
    """The interpreter of an environment with these requirements, their pinned dependencies and nothing else."""
    place = folder / "venv"
    python = place / "bin" / "python"
    install: list[str | Path]
    if uv := shutil.which("uv"):
        subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, place], check=True)
        install = [uv, "pip", "install", "--quiet", "--python", python]
    else:
        subprocess.run([sys.executable, "-m", "venv", place], check=True)
        install = [python, "-m", "pip", "install", "--quiet"]
    subprocess.run([*install, "-c", _pins(place), *requirements], check=True)
    return python


def output(folder: Path, *command: str | Path) -> str:
    """The output of a command that cannot see our source tree and must succeed."""
    variables = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PYTEST"))}
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=folder, env=variables)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _pins(folder: Path) -> Path:
    """The pinned versions without hashes, which would be required of our own wheel as well."""
    pins = [line.removesuffix(" \\") for line in (ROOT / "constraints.txt").read_text().splitlines() if "==" in line]
    file = folder / "pins.txt"
    file.write_text("\n".join(pin for pin in pins if not pin.lstrip().startswith(("#", "--"))) + "\n")
    return file
