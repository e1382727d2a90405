"""The recorded input and results of a saga. Conditions are evaluated on them a second time, on whole values and by code of its own."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from functools import cache, cached_property, lru_cache
from typing import Any, Final

from saga.history.plan import GraphView
from saga.ports.saga_history import SagaHistory

COMPILED_MAX: Final = 2_048
_READ: Final = r"""\bsteps\s*(?:\.\s*|\[\s*["'])\b{}\b"""  # steps.charge or steps["charge"]
INTEGER_LIMIT: Final = 2**63
INTEGER_CHARS_MAX: Final = len(str(-INTEGER_LIMIT))


class Recorded:
    """The input and the results of one saga. They never change, so a condition is evaluated on the end of the history."""

    def __init__(self, plan: GraphView, chronicle: SagaHistory) -> None:
        self._plan = plan
        self._facts = chronicle.facts
        declared = [line.step for line in chronicle.transitions if line.kind == "resolved by an operator: it happened"]
        self._uncertain = [re.compile(_READ.format(plan.steps[step].name)) for step in declared if step is not None]

    def holds(self, text: str, letters: Sequence[str]) -> bool | str | None:
        """Returns whether a condition holds, or why that cannot be told.

        None: nobody knows any more what was recorded when the condition was evaluated.
        """
        if self._facts is None or any(read.search(text) for read in self._uncertain):
            return None
        steps = {step.name: self._words(position, letters[position]) for position, step in enumerate(self._plan.steps)}
        return _evaluated(text, {"input": self._input, "steps": steps})

    def reason(self, step: int) -> str | None:
        """The recorded reason of a handled rejection. None: there is none."""
        value = self._values.get(step)
        if not isinstance(value, dict) or value.keys() != {"$saga", "reason"} or value["$saga"] != "rejected":
            return None
        return str(value["reason"])

    @property
    def is_known(self) -> bool:
        """The store has given the values."""
        return self._facts is not None

    def _words(self, step: int, letter: str) -> dict[str, Any]:
        words: dict[str, Any] = {"succeeded": letter == "S", "skipped": letter == "N", "rejected": letter == "H"}
        if letter == "S" and self._plan.steps[step].holds is None:
            words["output"] = self._values.get(step)
        elif letter == "H":
            words["reason"] = self.reason(step)
        return words

    @cached_property
    def _input(self) -> Any:
        return None if self._facts is None or self._facts.input is None else _loaded(self._facts.input)

    @cached_property
    def _values(self) -> Mapping[int, Any]:
        results = {} if self._facts is None else self._facts.results
        return {step: None if value is None else _loaded(value) for step, value in results.items()}


def _loaded(document: bytes) -> Any:
    return json.loads(document, parse_int=_number)


def _number(digits: str) -> int | float:
    """An integer, or the double that stands for one of more than 64 bits, which CEL does not have."""
    if len(digits) <= INTEGER_CHARS_MAX and -INTEGER_LIMIT <= int(digits) < INTEGER_LIMIT:
        return int(digits)
    return float(digits)


def _evaluated(text: str, values: Mapping[str, Any]) -> bool | str:
    """Errors come back from the library as values, and every value of its own is true for Python."""
    library, _ = _library()
    try:
        found = _compiled(text).eval(data=values)
        plain = found.plain_value()
    except (RuntimeError, OverflowError, TypeError, ValueError) as error:
        return str(error)
    return bool(plain) if found.type() == library.Type.BOOL else str(plain)


@lru_cache(maxsize=COMPILED_MAX)
def _compiled(text: str) -> Any:
    return _library()[1].compile(text)


@cache
def _library() -> tuple[Any, Any]:
    from cel_expr_python import cel  # noqa: PLC0415 (large, and only sagas with conditions need it)

    return cel, cel.NewEnv(variables={"input": cel.Type.DYN, "steps": cel.Type.DYN})
