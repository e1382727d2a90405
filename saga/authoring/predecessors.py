"""The predecessors of the steps of one definition."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from saga.authoring.step_handle import After, AtLeast, StepHandle
from saga.core.check.finding import Code, refused


class Predecessors:
    """Knows which steps have finished before each step that has been added."""

    def __init__(self) -> None:
        self._finished: dict[str, frozenset[str]] = {}

    def add(self, name: str, after: Sequence[str], successes: int) -> None:
        """Adds a step that comes after these. `successes`: the number of them that must succeed; 0 if all must finish."""
        self._finished[name] = self._common(after) if successes else self._closure(after)

    def finished_before(self, name: str) -> frozenset[str]:
        """The steps that have finished whenever this one begins."""
        return self._finished[name]

    def of(self, place: str, after: After, read: Iterable[str], known: Sequence[StepHandle]) -> tuple[str, ...]:
        """The predecessors of a new step: those in `after`, and the steps it reads that are not ordered before it already.

        If it waits for a number of successes, only those that it names count.

        Raises:
            DefinitionError: `after` is not a step of this definition.
        """
        names = [self.checked(place, "after", handle, known) for handle in _named(after)]
        if isinstance(after, AtLeast):
            return tuple(dict.fromkeys(names))
        written = list(self._finished)
        for name in sorted({*read} & {*written}, key=written.index, reverse=True):
            if name not in names and name not in self._closure(names):
                names.append(name)
        return tuple(dict.fromkeys(names))

    @staticmethod
    def checked(place: str, word: str, handle: object, known: Sequence[StepHandle]) -> str:
        """The name of a step that an author passes for `word`. Raises DefinitionError: it is not a step of this definition."""
        if not isinstance(handle, StepHandle):
            raise refused(Code.FOREIGN, place, f"{word}={handle!r} is not a step.", "Pass what step() returned.")
        if handle not in known:
            reason = f"{handle!r} is a step of another definition."
            raise refused(Code.FOREIGN, place, reason, "Use the steps of this one.")
        return handle.name

    def _closure(self, names: Iterable[str]) -> frozenset[str]:
        found = frozenset(names)
        return found.union(*(self._finished[name] for name in found))

    def _common(self, names: Iterable[str]) -> frozenset[str]:
        """The steps before every one of them. Any of them may be the one that does not finish first."""
        found = [self._finished[name] for name in names]
        return frozenset.intersection(*found) if found else frozenset()


def _named(after: After) -> Sequence[object]:
    if isinstance(after, AtLeast):
        return after.steps
    return list(after) if isinstance(after, list | tuple) else [] if after is None else [after]
