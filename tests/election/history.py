"""Judges whether there was ever more than one leader, from the notes of the candidates, on one clock."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Note:
    """A line of a candidate's file of notes."""

    at: float
    what: str
    term: int = 0
    until: float = -math.inf


@dataclass(frozen=True, slots=True)
class TrustedTerm:
    """The time in which a candidate trusted itself to lead, in one term."""

    candidate: str
    term: int
    begins: float
    ends: float


def notes_in(path: Path) -> list[Note]:
    """Reads a file of notes. The last line of a killed process may be incomplete."""
    lines = path.read_bytes().split(b"\n")[:-1] if path.exists() else []
    return [Note(**json.loads(line)) for line in lines]


def trusted_terms_of(candidate: str, notes: Sequence[Note], died_at: float = math.inf) -> list[TrustedTerm]:
    """The terms of a candidate. One ends by time, by a note, or with the process; suspending the process does not end it."""
    by_term: dict[int, list[Note]] = {}
    for note in notes:
        if note.what in {"leads", "over"}:
            by_term.setdefault(note.term, []).append(note)
    terms = []
    for term, noted in by_term.items():
        over_at = min((note.at for note in noted if note.what == "over"), default=math.inf)
        until = max(note.until for note in noted)
        terms.append(TrustedTerm(candidate, term, noted[0].at, min(until, over_at, died_at)))
    return terms


def faults(books: Mapping[str, Sequence[Note]], died_at: Mapping[str, float]) -> list[str]:
    """The violations of an election; empty if it is correct."""
    terms = {name: trusted_terms_of(name, notes, died_at.get(name, math.inf)) for name, notes in books.items()}
    found = _overlaps(itertools.chain.from_iterable(terms.values()))
    for name, notes in books.items():
        for note in notes:
            if note.what == "acts" and not any(trusted.begins <= note.at <= trusted.ends for trusted in terms[name]):
                found.append(f"{name} acts at {note.at:.3f}, when it does not lead")
    return found


def _overlaps(terms: Iterable[TrustedTerm]) -> list[str]:
    found = []
    ordered = sorted(terms, key=lambda trusted: trusted.begins)
    for before, after in itertools.pairwise(ordered):
        if after.begins < before.ends:
            found.append(f"{after} begins before {before} has ended")
        if after.term <= before.term:
            found.append(f"the term of {after} is not above that of {before}")
    return found
