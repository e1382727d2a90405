"""A condition together with what the letters of the steps say about it: to be answered from the recorded input and results."""

from __future__ import annotations

from typing import Final, final

from msgspec.json import Decoder

from saga.core.condition.cel import Outcome
from saga.core.condition.condition import Condition
from saga.core.condition.facts import THE_INPUT, Facts, FactsMissingError
from saga.core.condition.rejection import Rejection, result_of
from saga.core.definition.json_value import Json

BACKSLASH: Final = ord("\\")  # is found much faster than a text
NUL: Final = rb"\u0000"  # up to which the library reads a text
NULL: Final = b"null"
decode: Final = Decoder().decode


@final
class Question:
    """Asks whether a condition holds. While the letters stay as they are, the answer depends on the facts alone."""

    __slots__ = ("_cells", "_condition", "_direct", "_documents", "_reasons")

    def __init__(self, condition: Condition, cells: list[Json], documents: dict[int, int], reasons: list[int]) -> None:
        """`cells` are filled but for those that the facts hold: `documents` names each with its step, or THE_INPUT.

        Those of `reasons` hold handled rejections.
        """
        self._condition = condition
        self._direct = condition.direct
        self._cells = cells
        self._documents = tuple(documents.items())
        self._reasons = tuple(reasons)

    def ask(self, facts: Facts) -> Outcome:
        """Returns whether the condition holds, or why that cannot be told. Raises FactsMissingError."""
        cells, direct, results = self._cells.copy(), self._direct, facts.results
        for cell, step in self._documents:
            if step == THE_INPUT:
                document = facts.input
            elif step in results:
                document = results[step] or NULL
            else:
                document = None
            if document is None:
                raise FactsMissingError
            cells[cell] = decode(document)
            if BACKSLASH in document and NUL in document:
                direct = None
        for cell in self._reasons:
            found = result_of(cells[cell])
            cells[cell] = found.reason if isinstance(found, Rejection) else None
        if direct is not None:
            try:
                return bool(direct(cells))
            except (LookupError, TypeError):
                pass
        return self._condition.evaluate(cells)
