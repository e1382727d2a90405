"""Was there ever more than one leader? Judged from what the candidates themselves wrote down, on one clock."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Note:
    """A line of a candidate's book."""

    at: float
    what: str
    term: int = 0
    until: float = -math.inf


@dataclass(frozen=True, slots=True)
class Reign:
    """From when until when a candidate trusted itself in a term."""

    candidate: str
    term: int
    begins: float
    ends: float


def notes_in(path: Path) -> list[Note]:
    """What a book says; the last line of a killed process may be half a line."""
    lines = path.read_bytes().split(b"\n")[:-1] if path.exists() else []
    return [Note(**json.loads(line)) for line in lines]


def reigns_of(candidate: str, notes: Sequence[Note], died_at: float = math.inf) -> list[Reign]:
    """Trust ends by itself, when the candidate says so, or with its process; being suspended does not end it."""
    by_term: dict[int, list[Note]] = {}
    for note in notes:
        if note.what in {"leads", "over"}:
            by_term.setdefault(note.term, []).append(note)
    reigns = []
    for term, said in by_term.items():
        over_at = min((note.at for note in said if note.what == "over"), default=math.inf)
        until = max(note.until for note in said)
        reigns.append(Reign(candidate, term, said[0].at, min(until, over_at, died_at)))
    return reigns


def faults(books: Mapping[str, Sequence[Note]], died_at: Mapping[str, float]) -> list[str]:
    """Everything that an election must not do, and did; empty: it is flawless."""
    reigns = {name: reigns_of(name, notes, died_at.get(name, math.inf)) for name, notes in books.items()}
    found = _overlaps(itertools.chain.from_iterable(reigns.values()))
    for name, notes in books.items():
        for note in notes:
            if note.what == "acts" and not any(reign.begins <= note.at <= reign.ends for reign in reigns[name]):
                found.append(f"{name} acts at {note.at:.3f}, when it does not lead")
    return found


def _overlaps(reigns: Iterable[Reign]) -> list[str]:
    found = []
    ordered = sorted(reigns, key=lambda reign: reign.begins)
    for before, after in itertools.pairwise(ordered):
        if after.begins < before.ends:
            found.append(f"{after} begins before {before} has ended")
        if after.term <= before.term:
            found.append(f"the term of {after} is not above that of {before}")
    return found
