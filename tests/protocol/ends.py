"""The end of a saga, as the models of functions and of maps check it."""

from __future__ import annotations

from typing import Protocol

from tests.protocol.explorer import Violation


class Effects(Protocol):
    """The row of a saga, and how often each step took effect and was undone."""

    @property
    def phase(self) -> str: ...
    @property
    def vector(self) -> str: ...
    @property
    def effects(self) -> tuple[int, ...]: ...
    @property
    def undone(self) -> tuple[int, ...]: ...


def check_end(before: Effects, after: Effects) -> None:
    """I5, I6 and I7: a saga that was rolled back has left nothing, and nothing changes after an end."""
    if after.phase == "Z" and before.phase != "Z" and after.effects != after.undone:
        raise Violation(f"I7 COMPENSATED with effects {after.effects} undone {after.undone}")
    if before.phase not in "DZ":
        return
    if (after.phase, after.vector) != (before.phase, before.vector):
        raise Violation(f"I5 the outcome changed from {before.phase} {before.vector} to {after.phase} {after.vector}")
    if (after.effects, after.undone) != (before.effects, before.undone):
        raise Violation(f"I6 an effect or a compensation after {before.phase}")
