"""The fields of a saga that are hidden because their type marks them as sensitive, and the value of one of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Final, NamedTuple

from saga.core.definition.json_value import Json
from saga.core.definition.paths import Segment, Segments
from saga.core.text import shown_value
from saga.errors import UsageError
from saga.inspection.masking.marks import Marks
from saga.inspection.masking.saga_marks import SagaMarks
from saga.inspection.masking.shown import DEPTH_MAX, decoded, kind_of
from saga.ports.saga_detail import SagaDetail

FIELDS_MAX: Final = 100
"""Maximum number of hidden fields that are listed."""


class HiddenField(NamedTuple):
    """A field that is not shown. `path`: ("input", ...) or ("steps", its name, "output", ...). `kind`: its type and size."""

    path: Segments
    kind: str

    @property
    def words(self) -> str:
        return path_words(self.path)


def path_words(path: Sequence[Segment]) -> str:
    """A path as people write it, such as `input.card.number`."""
    return ".".join(map(str, path))


def hidden_fields(detail: SagaDetail, marks: SagaMarks) -> list[HiddenField]:
    """The hidden fields of the input and of the results, at most FIELDS_MAX."""
    return [HiddenField(path, kind_of(value)) for path, value in islice(_hidden(detail, marks), FIELDS_MAX)]


def hidden_value(detail: SagaDetail, marks: SagaMarks, path: Sequence[Segment]) -> Json:
    """Returns the value of one hidden field. Raises UsageError if the path leads to none; fields that are shown are not hidden."""
    for place, value in _hidden(detail, marks):
        if place == tuple(path):
            return value
    found = ", ".join(field.words for field in hidden_fields(detail, marks)) or "none"
    raise UsageError(f"{shown_value(path_words(path))} is not a hidden field: those of this saga are {found}")


def _hidden(detail: SagaDetail, marks: SagaMarks) -> Iterator[tuple[Segments, Json]]:
    yield from _below(("input",), decoded(detail.input), marks.input, DEPTH_MAX)
    for position, record in sorted(detail.records.items()):
        name = detail.graph.steps[position].name
        yield from _below(("steps", name, "output"), decoded(record.result), marks.result(name), DEPTH_MAX)


def _below(path: Segments, value: Json, marks: Marks, depth: int) -> Iterator[tuple[Segments, Json]]:
    if value is None or marks.is_empty:
        return
    if marks.is_sensitive or depth == 0:
        yield path, value
    elif isinstance(value, dict):
        for name, part in value.items():
            yield from _below((*path, name), part, marks.part(name), depth - 1)
    elif isinstance(value, list):
        for place, part in enumerate(value):
            yield from _below((*path, place), part, marks.part(place), depth - 1)
