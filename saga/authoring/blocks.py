"""Blocks of steps with one condition: `with order.when(...)` and `with order.otherwise()`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from saga.core.check.finding import Code, refused


class Blocks:
    """The conditions of the blocks that are open while a definition is written."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._open: list[str] = []
        self._last: dict[int, str] = {}  # by depth, the condition of the last block that was closed there

    @property
    def are_open(self) -> bool:
        """Returns whether a step that is added now is inside a block."""
        return bool(self._open)

    def condition_of_step(self, own: str | None) -> str | None:
        """The condition of a step that is added now: that of each open block, and its own."""
        texts = [*self._open, *([] if own is None else [own])]
        self._last.pop(len(self._open), None)  # an else belongs to the block right before it
        if len(texts) < 2:  # noqa: PLR2004
            return texts[0] if texts else None
        return " && ".join(f"({text})" for text in texts)

    @contextmanager
    def when(self, text: str) -> Iterator[None]:
        """Gives every step that is added inside this condition."""
        depth = len(self._open)
        self._open.append(text)
        try:
            yield
        finally:
            del self._open[depth:]
            self._last = {place: last for place, last in self._last.items() if place <= depth}
            self._last[depth] = text

    def otherwise(self) -> str:
        """The condition of the else of the block that was closed last. Raises DefinitionError: there is none."""
        text = self._last.pop(len(self._open), None)
        if text is None:
            reason = "otherwise() does not follow a block of when()."
            raise refused(Code.CONDITION_MISUSED, self._title, reason, "Write it right after the block, at its level.")
        return f"!({text})"
