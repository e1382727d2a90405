"""Runs candidates as processes."""

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
    """One process and its file of notes."""

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
        """The last note of the term in which the candidate trusts itself now."""
        if self.died_at is not None:
            return None
        notes = [note for note in self.notes if note.what in {"leads", "over"}]
        return notes[-1] if notes and notes[-1].what == "leads" and time.monotonic() < notes[-1].until else None

    def has_said(self, what: str, since: float) -> bool:
        return any(note.what == what and note.at >= since for note in self.notes)

    def send(self, number: signal.Signals) -> float:
        """Sends a signal. Returns the time before: its effects may already be visible when this returns."""
        at = time.monotonic()
        self._process.send_signal(number)
        return at

    def kill(self) -> float:
        """Kills the process with SIGKILL. Returns a time at which it was certainly dead."""
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
    """The candidates of one election. Kills them at the end, and judges their history."""

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
        died_at = {each.name: each.died_at for each in self.candidates if each.died_at is not None}
        return faults({each.name: each.notes for each in self.candidates}, died_at)

    async def enter(self, url: str, *, inside: Sequence[str] = ()) -> Candidate:
        """Starts a candidate, and waits until it campaigns. `inside` is a command prefix that runs it on another host."""
        name = f"c{len(self.candidates)}"
        book = self._folder / f"{name}.book"
        argv = [*inside, sys.executable, "-m", "tests.election.candidate", url, self._namespace, name, str(book)]
        candidate = Candidate(name, argv, book, self._folder / f"{name}.log")
        self.candidates.append(candidate)
        await until(lambda: candidate.notes, f"{name} campaigns", seconds=LEAD_SECONDS)
        return candidate

    async def leader(self, *, other_than: Candidate | None = None, since: float = 0.0) -> tuple[Candidate, Note]:
        """Waits for a leader. Returns it with the first note of its term."""

        def found() -> Candidate | None:
            leading = (each for each in self.candidates if each is not other_than and each.leading is not None)
            return next(leading, None)

        await until(lambda: found() is not None, "a candidate leads", seconds=LEAD_SECONDS)
        leader = found()
        assert leader is not None
        note = leader.leading
        assert note is not None
        first = next(each for each in leader.notes if each.what == "leads" and each.term == note.term)
        assert first.at >= since
        return leader, first
