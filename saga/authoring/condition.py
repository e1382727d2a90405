"""Recorded conditions: `order.input.cents > 100_000` says what will be compared, and is stored as CEL."""

from __future__ import annotations

import abc
import json
from collections.abc import Callable
from typing import ClassVar, Final, NoReturn

from saga.core.check.finding import Code, refused
from saga.core.definition.json_value import Json
from saga.core.definition.paths import Segment, Segments, value_fault

_WORDS: Final = (
    "as break const continue else false for function if import in let loop namespace null package return true"
)
_RESERVED: Final = frozenset((*_WORDS.split(), "var", "void", "while"))
"""Words of CEL that no field after a dot may be."""


class Stated(abc.ABC):
    """A value of a definition that is a condition by itself: a recorded path to true or false."""

    __slots__ = ()

    @abc.abstractmethod
    def _condition(self) -> Condition:
        """The condition that the value is true. Raises DefinitionError: it never is."""


def condition_in(value: object) -> Condition | None:
    """The condition that a value is, or states. None: it is none. Raises DefinitionError: a path to something else than true or false."""
    if isinstance(value, Stated):
        return value._condition()  # noqa: SLF001 (its fields have all the public names)
    return value if isinstance(value, Condition) else None


class Condition:
    """A condition that is evaluated while a saga runs. Combine conditions with `&`, `|` and `~`."""

    __slots__ = ("_owner", "text")

    def __init__(self, text: str, owner: object) -> None:
        self.text: str = text
        self._owner: object = owner

    def __and__(self, other: object) -> Condition:
        return self._joined("&&", other)

    def __or__(self, other: object) -> Condition:
        return self._joined("||", other)

    def __rand__(self, other: object) -> Condition:
        return self._joined("&&", other)  # a Condition on the left never comes here, so this refuses, as __ror__ does

    def __ror__(self, other: object) -> Condition:
        return self._joined("||", other)

    def __invert__(self) -> Condition:
        return Condition(f"!({self.text})", self._owner)

    def __bool__(self) -> NoReturn:
        reason = f"({self.text}) is neither true nor false while the definition is written."
        remedy = "Pass it as when=, and combine conditions with &, | and ~ in place of and, or and not."
        raise refused(Code.CONDITION_MISUSED, str(self._owner), reason, remedy)

    def __repr__(self) -> str:
        return f"<condition {self.text}>"

    __hash__: ClassVar[Callable[[object], int]] = object.__hash__

    def text_for(self, owner: object, place: str) -> str:
        """Returns the CEL text for a definition. Raises DefinitionError: the condition is about another one."""
        if owner is not self._owner:
            reason = f"The condition ({self.text}) is about {self._owner}."
            raise refused(Code.FOREIGN, place, reason, "Use the input and the steps of this definition.")
        return self.text

    def _joined(self, sign: str, other: object) -> Condition:
        joined = condition_in(other)
        if joined is None:  # as in `path == 1 & other`, where & binds closer
            reason = f"({self.text}) {sign} {other!r:.40}: the other side is not a condition."
            raise refused(Code.CONDITION_MISUSED, str(self._owner), reason, "Put parentheses around each comparison.")
        return Condition(f"({self.text}) {sign} ({joined.text_for(self._owner, str(self._owner))})", self._owner)


def literal(value: object, place: str) -> str:
    """Writes a JSON value as CEL. Raises DefinitionError."""
    if isinstance(value, list | tuple):
        return f"[{', '.join(literal(entry, place) for entry in value)}]"
    fault = value_fault(value)
    if fault is not None:
        raise refused(Code.CONDITION_INVALID, place, f"In a condition, {fault}.", "Compare with JSON values and paths.")
    return json.dumps(value, ensure_ascii=False)


def path_text(root: str, segments: Segments) -> str:
    """Writes a path as CEL: input.lines[0].sku, steps.charge.output["the id"]."""
    return root + "".join(map(_part, segments))


def with_default(root: str, segments: Segments, default: str) -> str:
    """The CEL of a value that may be absent or null. `root` itself may be absent if it is the output of a step."""
    text = path_text(root, segments)
    guards = [] if root == "input" else [f"has({root})"]
    for end, segment in enumerate(segments):
        above = path_text(root, segments[:end])
        guards += [f"{above} != null", _is_in(above, segment)]
    return f"({' && '.join([*guards, f'{text} != null'])} ? {text} : {default})"


def _is_in(above: str, segment: Segment) -> str:
    return f"size({above}) > {segment}" if isinstance(segment, int) else f"{_quoted(segment)} in {above}"


def _part(segment: Segment) -> str:
    if isinstance(segment, int):
        return f"[{segment}]"
    is_word = segment.isascii() and segment.isidentifier() and segment not in _RESERVED
    return f".{segment}" if is_word else f"[{_quoted(segment)}]"


def _quoted(text: Json) -> str:
    return json.dumps(text, ensure_ascii=False)
