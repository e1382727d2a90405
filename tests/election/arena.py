"""Candidates as processes, and what becomes of them."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.election.history import Note, faults, notes_in
from tests.runtime.world import until

ROOT = Path(__file__).parents[2]
LEAD_SECONDS = 30.0
END_SECONDS = 15.0


class Candidate:
    """One process and its book."""

    def __init__(self, name: str, argv: Sequence[str], book: Path, log: Path) -> None:
        self.name = name
        self._book = book
        self.log = log
        self.died_at: float | None = None
        with log.open("wb") as output:
            self._process = subprocess.Popen(argv, cwd=ROOT, stdout=output, stderr=output, stdin=subprocess.DEVNULL)

    @property
    def notes(self) -> list[Note]:
        return notes_in(self._book)

    @property
    def leading(self) -> Note | None:
        """What it said last of the term in which it trusts itself now."""
        if self.died_at is not None:
            return None
        said = [note for note in self.notes if note.what in {"leads", "over"}]
        return said[-1] if said and said[-1].what == "leads" and time.monotonic() < said[-1].until else None

    def has_said(self, what: str, since: float) -> bool:
        return any(note.what == what and note.at >= since for note in self.notes)

    def send(self, number: signal.Signals) -> float:
        """Returns the moment before: what follows from it may have happened when this goes on."""
        at = time.monotonic()
        self._process.send_signal(number)
        return at

    def kill(self) -> float:
        """kill -9; returns when it was dead for sure."""
        if self.died_at is None:
            self._process.kill()
            self._process.wait()
            self.died_at = time.monotonic()
        return self.died_at

    async def ended(self) -> None:
        await until(lambda: self._process.poll() is not None, f"{self.name} has ended", seconds=END_SECONDS)
        assert self._process.returncode == 0, self.log.read_text()[-2_000:]
        self.died_at = time.monotonic()


class Arena:
    """Candidates of one election. At the end nobody is left, and the history is judged."""

    def __init__(self, folder: Path, namespace: str) -> None:
        self._folder = folder
        self._namespace = namespace
        self.candidates: list[Candidate] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for candidate in self.candidates:
            with contextlib.suppress(ProcessLookupError):
                candidate.kill()
        if error is not None:
            for candidate in self.candidates:
                print(f"--- {candidate.name}\n{candidate.notes[-3:]}\n{candidate.log.read_text()[-1_500:]}")
            return
        found = self.faults()
        assert not found, "\n".join(found)

    def faults(self) -> list[str]:
        died_at = {one.name: one.died_at for one in self.candidates if one.died_at is not None}
        return faults({one.name: one.notes for one in self.candidates}, died_at)

    async def enter(self, url: str, *, inside: Sequence[str] = ()) -> Candidate:
        """Starts a candidate; returns when it campaigns. `inside`: the words that bring a program elsewhere."""
        name = f"c{len(self.candidates)}"
        book = self._folder / f"{name}.book"
        argv = [*inside, sys.executable, "-m", "tests.election.candidate", url, self._namespace, name, str(book)]
        candidate = Candidate(name, argv, book, self._folder / f"{name}.log")
        self.candidates.append(candidate)
        await until(lambda: candidate.notes, f"{name} campaigns", seconds=LEAD_SECONDS)
        return candidate

    async def leader(self, *, other_than: Candidate | None = None, since: float = 0.0) -> tuple[Candidate, Note]:
        """Waits until somebody leads, and for what it said when its term began."""

        def found() -> Candidate | None:
            leading = (one for one in self.candidates if one is not other_than and one.leading is not None)
            return next(leading, None)

        await until(lambda: found() is not None, "somebody leads", seconds=LEAD_SECONDS)
        leader = found()
        assert leader is not None
        note = leader.leading
        assert note is not None
        first = next(one for one in leader.notes if one.what == "leads" and one.term == note.term)
        assert first.at >= since
        return leader, first
