"""Removes a guard from a copy of the product, and finds the seeds of the simulation that notice."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.mutants.guard import Guard
from tests.mutants.hunt import INVARIANTS

ROOT: Final = Path(__file__).parents[2]
PACKAGES: Final = ("saga", "adapters")
TRIAL_SECONDS_MAX: Final = 300


@dataclass(frozen=True, slots=True)
class Kill:
    """A seed in which the missing guard broke this invariant."""

    seed: int
    invariant: str


@contextmanager
def mutated(guard: Guard) -> Iterator[Path]:
    """Yields a copy of the packages without this guard. Raises AssertionError if its patch does not apply."""
    with tempfile.TemporaryDirectory(prefix=f"saga-{guard.number}-") as folder:
        copy = Path(folder)
        for package in PACKAGES:
            shutil.copytree(ROOT / package, copy / package, ignore=shutil.ignore_patterns("__pycache__"))
        done = subprocess.run(
            ["git", "apply", "-C1", str(guard.patch)],  # noqa: S607 (the developer's own)
            cwd=copy, env={**os.environ, "GIT_CEILING_DIRECTORIES": str(copy.parent)}, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{guard.patch.name} does not apply: {done.stderr}"
        yield copy


def kills(guard: Guard, known: Sequence[int], others: range, wanted: int) -> tuple[list[Kill], list[str]]:
    """Returns the seeds that kill it by a named invariant, and anomalies: exceptions, timeouts, dead loops.

    Leaves out seeds in which the unchanged product breaks an invariant too: they prove nothing about the guard.
    """
    killed: list[Kill] = []
    with mutated(guard) as copy:
        while True:
            found, anomalies = _run(copy, known, others, wanted - len(killed))
            unsound = {kill.seed for kill in _run(ROOT, [kill.seed for kill in found], range(0), len(found))[0]}
            killed += [kill for kill in found if kill.seed not in unsound]
            if not unsound or not others or len(killed) >= wanted:
                return killed, anomalies
            known, others = [], range(max(kill.seed for kill in found) + 1, others.stop)


def _run(root: Path, known: Sequence[int], others: range, wanted: int) -> tuple[list[Kill], list[str]]:
    environment = {**os.environ, "PYTHONPATH": f"{root}{os.pathsep}{root / 'adapters'}{os.pathsep}{ROOT}"}
    span = f"{others.start}-{others.stop}" if others else ""
    done = subprocess.run(
        [sys.executable, "-m", "tests.mutants.hunt", ",".join(map(str, known)), span, str(wanted)],
        cwd=root, env=environment, capture_output=True, text=True, check=False, timeout=TRIAL_SECONDS_MAX,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2_000:]
    first, *found = [json.loads(line) for line in done.stdout.splitlines()]
    assert first["saga"] == str(root / "saga"), f"{first['saga']} was run, and not the copy"
    named = [Kill(line["seed"], line["invariant"]) for line in found if line["invariant"] in INVARIANTS]
    anomalies = [line for line in found if line["invariant"] not in INVARIANTS]
    return named, [f"seed {line['seed']}: {line['invariant']} {line['text']}" for line in anomalies]
