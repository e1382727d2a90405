"""A compiled condition, and the values on which it is evaluated."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Final, TypeVar

from saga.core.condition.cel import CompileError, Outcome, compiled
from saga.core.condition.cells import INPUT, Cells, Read, root_of, values_of
from saga.core.condition.direct import direct
from saga.core.condition.growth import growth
from saga.core.condition.paths_read import UnreadableConditionError, is_word_of_step, path_of_whole, paths_read
from saga.core.definition.json_value import Json
from saga.core.definition.paths import Segment, Segments, is_unicode

CONDITION_CHARS_MAX: Final = 2_000
GROWTH_MAX: Final = 1_000
COMPILED_MAX: Final = 2_048  # conditions that a process keeps
Written = TypeVar("Written")


class Condition:
    """A condition of a definition, ready to be evaluated."""

    __slots__ = ("_evaluate", "_input_parts", "direct", "roots", "steps")

    def __init__(self, text: str) -> None:
        paths = paths_read(text)
        self._evaluate = compiled(text, is_bool=is_word_of_step(text))
        self.roots: tuple[Segments, ...] = tuple(dict.fromkeys(map(root_of, paths)))
        """The source of each cell: ("input",), or a step with one of its words, as in ("steps", "charge", "output")."""
        self.direct: Read | None = direct(text, {root: cell for cell, root in enumerate(self.roots)})
        """Says the same as `evaluate`, in a fraction of the time; raises LookupError or TypeError if it cannot. None: it never can."""
        self._input_parts = _parts([path[1:] for path in paths if path[0] == "input"])
        self.steps: tuple[str, ...] = tuple(dict.fromkeys(str(root[1]) for root in self.roots if root != INPUT))
        """The names of the steps that it reads."""

    @property
    def step_words(self) -> frozenset[tuple[str, str]]:
        """The step and the word of every path into `steps`."""
        return frozenset((str(root[1]), str(root[2])) for root in self.roots if root != INPUT)

    def evaluate(self, cells: Cells) -> Outcome:
        """Asks the library. Returns whether it holds for these values of its `roots`, or why that cannot be told."""
        values = values_of(self.roots, cells)
        if "input" in values:
            values["input"] = _pruned(values["input"], self._input_parts)
        return self._evaluate(values)


@lru_cache(maxsize=COMPILED_MAX)
def condition_of(text: str) -> Condition:
    """Compiles a condition, or returns the one of the same text if it is among the last `COMPILED_MAX`.

    Raises:
        CompileError: the text is not a condition.
        UnreadableConditionError: it reads what a condition cannot read.
    """
    return Condition(text)


def steps_read(text: str | None) -> tuple[str, ...]:
    """The names of the steps that a sound condition reads."""
    return () if text is None else condition_of(text).steps


def stated(text: Written) -> Written | str:
    """The condition that a text states: of a path alone, that its value is true. Everything else stays as it is."""
    if not isinstance(text, str) or len(text) > CONDITION_CHARS_MAX or is_word_of_step(text):
        return text
    path = path_of_whole(text)
    return text if path is None else f"{path} == true"


def condition_fault(text: object) -> str | None:
    """Returns the clause that says why something is not the text of a condition, None if it is."""
    if not isinstance(text, str):
        return "is neither a comparison nor a text in CEL"
    if len(text) > CONDITION_CHARS_MAX:
        return f"has {len(text):,} characters; {CONDITION_CHARS_MAX:,} are allowed"
    if not is_unicode(text):
        return "has an unpaired surrogate in it"
    try:
        condition_of(text)
    except (CompileError, UnreadableConditionError) as error:
        return str(error)
    if growth(text) > GROWTH_MAX:
        return f"may make values more than {GROWTH_MAX:,} times as large as those that it reads"
    return None


def _parts(paths: list[tuple[Segment, ...]]) -> frozenset[Segment] | None:
    """The fields that are read; None: the whole value."""
    if any(not path or not isinstance(path[0], str) for path in paths):
        return None
    return frozenset(path[0] for path in paths)


def _pruned(value: Json, parts: frozenset[Segment] | None) -> Json:
    """Only what is read: to hand a value over to the library costs as much as the value is large."""
    if parts is None or not isinstance(value, Mapping):
        return value
    return {name: value[name] for name in parts if name in value}
