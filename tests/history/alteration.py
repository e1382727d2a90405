"""Ways to alter a history after it was written. Each says what is altered, and gives None where there is nothing of it."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Final

from saga.ports.saga_history import SagaHistory, Transition

Alteration = Callable[[Random, SagaHistory], list[Transition] | None]
LETTERS: Final = "PDWUKdwukSNHRVZG?"
SILENT: Final = ("failed", "late ", "redriven", "rollback refused")  # lines that change nothing


def altered(recorded: SagaHistory, notes: list[Transition]) -> SagaHistory:
    return SagaHistory(
        recorded.saga,
        1,
        recorded.version,
        recorded.phase,
        recorded.vector,
        0.0,
        recorded.results,
        notes,
        recorded.facts,
    )


def drop_transition(rng: Random, recorded: SagaHistory) -> list[Transition]:
    """All lines of one version."""
    version = rng.randint(1, recorded.version)
    return [note for note in recorded.transitions if note.version != version]


def double_transition(rng: Random, recorded: SagaHistory) -> list[Transition]:
    """A transition, once more under the next version; what came later moves up."""
    at = rng.randint(1, recorded.version)
    notes = []
    for note in recorded.transitions:
        is_later = note.version is not None and note.version > at
        notes.append(note._replace(version=(note.version or 0) + 1) if is_later else note)
    notes += [note._replace(version=at + 1) for note in recorded.transitions if note.version == at]
    return _ordered(notes)


def swap_transitions(rng: Random, recorded: SagaHistory) -> list[Transition] | None:
    """Two transitions that follow each other change places."""
    if recorded.version == 1:
        return None
    at = rng.randint(1, recorded.version - 1)
    places = {at: at + 1, at + 1: at}
    notes = [note._replace(version=places.get(note.version or 0, note.version)) for note in recorded.transitions]
    return _ordered(notes)


def change_letter(rng: Random, recorded: SagaHistory) -> list[Transition]:
    """One letter of one vector."""
    version, step = rng.randint(1, recorded.version), rng.randrange(len(recorded.vector))
    before = next(note.vector for note in recorded.transitions if note.version == version)
    assert before is not None
    letter = rng.choice([letter for letter in LETTERS if letter != before[step]])
    vector = before[:step] + letter + before[step + 1 :]
    return [note._replace(vector=vector) if note.version == version else note for note in recorded.transitions]


def change_phase(rng: Random, recorded: SagaHistory) -> list[Transition]:
    """The phase of one transition."""
    version = rng.randint(1, recorded.version)
    before = next(note.phase for note in recorded.transitions if note.version == version)
    phase = rng.choice([phase for phase in "RCADZX" if phase != before])
    return [note._replace(phase=phase) if note.version == version else note for note in recorded.transitions]


def drop_line(rng: Random, recorded: SagaHistory) -> list[Transition] | None:
    """One line that changes something."""
    return _without(rng, recorded, [note for note in recorded.transitions if not note.kind.startswith(SILENT)])


def drop_silent_line(rng: Random, recorded: SagaHistory) -> list[Transition] | None:
    """One line that changes nothing: of a failed attempt, of an outcome that came too late."""
    return _without(rng, recorded, [note for note in recorded.transitions if note.kind.startswith(SILENT)])


def change_step(rng: Random, recorded: SagaHistory) -> list[Transition] | None:
    """The step that a line is about, where it changes something."""
    at = [
        n for n, note in enumerate(recorded.transitions) if note.step is not None and not note.kind.startswith(SILENT)
    ]
    if not at or len(recorded.vector) == 1:
        return None
    notes, chosen = list(recorded.transitions), rng.choice(at)
    others = [step for step in range(len(recorded.vector)) if step != notes[chosen].step]
    notes[chosen] = notes[chosen]._replace(step=rng.choice(others))
    return notes


def _without(rng: Random, recorded: SagaHistory, candidates: list[Transition]) -> list[Transition] | None:
    if not candidates:
        return None
    gone = rng.choice(candidates)
    return [note for note in recorded.transitions if note is not gone]


def _ordered(notes: list[Transition]) -> list[Transition]:
    return sorted(notes, key=lambda note: (note.version is None, note.version or 0))


ALTERATIONS: Final[tuple[Alteration, ...]] = (
    drop_transition, double_transition, swap_transitions, change_letter, change_phase, drop_line, drop_silent_line, change_step,
)  # fmt: skip
