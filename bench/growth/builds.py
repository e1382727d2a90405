"""The two builds: the packages of an old commit, unpacked under `build`, and those of this tree.

The code of the benchmark is always that of this tree, so that both builds run the same measure.
"""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.environment.fleet import COMMAND

ROOT = Path(__file__).parents[2]
PACKAGES = ("saga", "adapters")
UNPACKED = Path("build/growth")
BEFORE = "94d39f2"
"""The commit that this tree is compared with, unless another is asked for."""

# Imports as the command line does, and as a process of the benchmark does.
PROBE = """
import runpy, sys
runpy.run_path(sys.argv[1])
import saga, saga_postgres
print(saga.__file__, saga_postgres.__file__, sep='\\n')
"""


class WrongBuild(RuntimeError):
    """A process imports another build than the one that is to be measured."""


@dataclass(frozen=True, slots=True)
class Build:
    """A tree with the folders `saga` and `adapters`."""

    name: str
    tree: Path

    @property
    def environment(self) -> dict[str, str]:
        """The environment in which a process, and each process that it starts, imports this build."""
        paths = (self.tree, self.tree / "adapters", ROOT)
        # Without the safe path Python looks for packages in the current folder first, which is this tree.
        return {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, paths)), "PYTHONSAFEPATH": "1"}

    def verify(self) -> None:
        """Starts Python as the measures do, and looks where the packages come from.

        Raises:
            WrongBuild: they come from another tree, or cannot be imported.
        """
        probe = [sys.executable, "-c", PROBE, str(COMMAND)]
        done = subprocess.run(probe, env=self.environment, capture_output=True, text=True, check=False)
        found = done.stdout.splitlines()
        if done.returncode or found != [
            str(self.tree / path) for path in ("saga/__init__.py", "adapters/saga_postgres/__init__.py")
        ]:
            raise WrongBuild(
                f"the {self.name} build is in {self.tree}, but Python imports {found} {done.stderr[-500:]}"
            )


@contextmanager
def builds(old: str, root: Path = ROOT, unpacked: Path = UNPACKED) -> Iterator[list[Build]]:
    """Unpacks the packages of the old commit and verifies both builds. Removes what it has unpacked at the end."""
    folder = unpacked.resolve()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        unpack(old, root, folder)
        found = [Build("old", folder), Build("new", root)]
        for build in found:
            build.verify()
        yield found
    finally:
        shutil.rmtree(folder)


def unpack(commit: str, root: Path, folder: Path) -> None:
    """Writes the packages of a commit into a folder.

    Raises:
        SystemExit: git does not know the commit.
    """
    command = ["git", "-C", str(root), "archive", commit, *PACKAGES]
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode:
        raise SystemExit(
            f"cannot unpack {commit}: {done.stderr.decode().strip()}. OLD must be a commit of this repository"
        )
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        archive.extractall(folder, filter="data")
