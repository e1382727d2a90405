"""Orders of a parent's step, carried out on the child's row (E16), and their reports on the parent's."""

from __future__ import annotations

from typing import Final

from tests.protocol.families.draft import Draft
from tests.protocol.families.family import wanted
from tests.protocol.families.world import Row

_THAWED: Final = {"k": "S", "v": "V", "z": "Z", "x": "?", "d": "Z"}
_MISSING: Final = "-."


def carry_out(draft: Draft, child: int, order: str) -> str:
    """Changes the child's row; returns the stage of the worker, which says what it will report."""
    if order == "E":
        return _run(draft, child)
    if draft.rows[child].phase in _MISSING:
        if draft.has("child_tombstone"):
            draft.rows[child] = Row("Z", "V" * draft.tree[child].size, cancel=False)
        return "d" if order == "C" else "v"
    return {"O": _void, "C": _roll_back, "F": _freeze}[order](draft, child)


def _run(draft: Draft, child: int) -> str:
    phase = draft.rows[child].phase
    if phase in _MISSING or not draft.has("child_id"):
        draft.insert(child)
        return "P"
    ends = {"H": "k", "D": "k", "Z": "f", "X": "b" if draft.has("child_abandoned") else "f"}
    return ends.get(phase, "P" if draft.has("child_ongoing") else "k")


def _void(draft: Draft, child: int) -> str:
    draft.request_rollback(child)
    ends = {"H": "k", "D": "k", "Z": "v", "X": "b" if draft.has("child_abandoned") else "v"}
    return ends.get(draft.rows[child].phase, "P" if draft.has("child_ongoing") else "v")


def _roll_back(draft: Draft, child: int) -> str:
    phase = draft.rows[child].phase
    is_held = phase == "H" or (phase == "D" and not draft.has("child_held"))
    if (phase == "R" or is_held) and draft.is_passed(child):
        return "b"
    if phase == "R":
        draft.request_rollback(child)
    elif is_held:
        draft.roll_back(child)
    ends = {"Z": "d", "D": "b", "X": "b" if draft.has("child_abandoned") else "d"}
    return ends.get(draft.rows[child].phase, "P" if draft.has("child_awaited") else "d")


def _freeze(draft: Draft, child: int) -> str:
    phase = draft.rows[child].phase
    if phase in "RC" and not draft.has("freeze_running"):
        return "k"
    if phase in "RC":
        draft.abandon(child)
    elif phase == "H" and draft.has("freeze_held"):
        draft.set_phase(child, "D")
    return {"H": "k", "D": "k", "Z": "z", "X": "x"}.get(draft.rows[child].phase, "P")


def report(draft: Draft, saga: int, step: int, order: str, stage: str, *, newest: bool) -> None:
    """A transaction on the parent's row."""
    phase, letter = draft.rows[saga].phase, draft.rows[saga].vector[step]
    if phase == "A":
        if letter == "G" and (order == "F" or not draft.has("freeze_order")):
            draft.set_letter(saga, step, _THAWED.get(stage, "G"))
            draft.end_if_thawed(saga)
    elif stage == "k":
        draft.record_success(saga, step)
    elif stage == "f" and newest:
        draft.record_rejection(saga, step)
    elif stage == "v" and letter in "Ww":
        draft.set_letter(saga, step, "V")
        draft.roll_back(saga)
    elif stage == "d" and phase in "RC" and letter in "Kk":
        draft.set_letter(saga, step, "Z")
        draft.goes_on(saga)
    elif stage == "b" and newest and wanted(phase, letter) == order:
        draft.set_letter(saga, step, letter.lower())
