"""The module for the library of CEL, the Common Expression Language (https://cel.dev): Google's cel-expr-python.

Only the independent checker uses the library beside it, since it shares no code with the core.

Its results are checked here, since errors come back as values, and every value is true for Python.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Final, TypeAlias

from saga.core.definition.json_value import Json

Outcome: TypeAlias = bool | str
"""True or false, or a clause that says why neither can be told."""
Evaluate: TypeAlias = Callable[[Mapping[str, Json]], Outcome]

INTEGER_LIMIT: Final = 2**63  # an int of CEL has 64 bits
_PLACE: Final = re.compile(r"ERROR: <input>:(\d+):(\d+): (.*)")
_STATUS: Final = re.compile(r"^[A-Z_]+: |\s*\[[A-Z_]+\]$")


class CompileError(Exception):
    """A text is not a condition. The message is a clause with its place in the text."""


def compiled(text: str, *, is_bool: bool = False) -> Evaluate:
    """Compiles a condition. What it returns evaluates the condition on values for `input` and `steps`.

    `is_bool`: the caller knows that its type is bool, although the text does not tell.

    Raises:
        CompileError: the text is not CEL, names something unknown, or its type is not bool.
    """
    library, environment = _environment()
    try:
        expression = environment.compile(text)
    except RuntimeError as error:
        raise CompileError(_clause(str(error))) from None
    if expression.return_type() != library.Type.BOOL and not is_bool:
        kind = str(expression.return_type().name()).lower()
        hint = "; compare it, as in x == true" if kind == "dyn" else ""
        raise CompileError(f"has the type {kind} and not bool{hint}")
    boolean = library.Type.BOOL

    def evaluate(values: Mapping[str, Json]) -> Outcome:
        try:
            found = expression.eval(data=_fitting(values))
            plain = found.plain_value()
        except (
            RuntimeError,
            OverflowError,
            TypeError,
            ValueError,
        ) as error:  # a number that is too large, too many iterations
            return _clause(str(error))
        return bool(plain) if found.type() == boolean else _clause(str(plain))

    return evaluate


def _fitting(value: Json) -> Json:
    """The value with a double in place of each integer that CEL does not have, so that such a one spoils no other field."""
    if isinstance(value, dict):
        return {key: _fitting(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_fitting(part) for part in value]
    if type(value) is int and not -INTEGER_LIMIT <= value < INTEGER_LIMIT:
        return _double(value)
    return value


def _double(value: int) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


@cache
def _environment() -> tuple[Any, Any]:
    """Imports 14 MB of library, which only sagas with conditions need."""
    from cel_expr_python import cel  # noqa: PLC0415

    return cel, cel.NewEnv(variables={"input": cel.Type.DYN, "steps": cel.Type.DYN})


def _clause(message: str) -> str:
    """A message of the library, without its status codes and its picture of the text."""
    place = _PLACE.search(message)
    if place is not None:
        return f"line {place[1]}, column {place[2]}: {_STATUS.sub('', place[3])}"
    return _STATUS.sub("", message.splitlines()[0] if message else "unknown")
