"""The ways in which inputs and results are shown: without what is sensitive, as their size only, or not at all."""

from __future__ import annotations

import json
from typing import Any, Final, Protocol

from saga.core.definition.json_value import Json
from saga.inspection.masking.marks import Marks
from saga.inspection.masking.saga_marks import SagaMarks
from saga.inspection.returned import returned
from saga.inspection.wording import readable
from saga.ports.saga_detail import SagaDetail

HIDDEN: Final = "$hidden"
"""The only key of an object that stands for a value that is not shown; it says what the value is."""
DEPTH_MAX: Final = 200
"""Deeper parts of a value with marks are hidden, whatever the marks say."""


class Shown(Protocol):
    """A way to show what is recorded about a saga."""

    def input(self, detail: SagaDetail) -> Json: ...

    def result(self, detail: SagaDetail, position: int) -> Json: ...

    def returned(self, detail: SagaDetail) -> Json: ...


class Payloads:
    """Shows everything that is not marked as sensitive."""

    def __init__(self, marks: SagaMarks) -> None:
        self._marks = marks

    def input(self, detail: SagaDetail) -> Json:
        return _shown(detail.input, self._marks.input)

    def result(self, detail: SagaDetail, position: int) -> Json:
        return _shown(_recorded(detail, position), self._marks.result(detail.graph.steps[position].name))

    def returned(self, detail: SagaDetail) -> Json:
        return masked(returned(detail), self._marks.made(detail.graph.returns))

    def made(self, template: Json, value: Json) -> Json:
        """A value that a template has made of input and results."""
        return masked(value, self._marks.made(template))

    def input_text(self, detail: SagaDetail) -> str:
        """The input as a text, as it is stored if it has no marks."""
        return _text(detail.input, self._marks.input)

    def result_text(self, detail: SagaDetail, position: int) -> str:
        """The same of a result."""
        return _text(_recorded(detail, position), self._marks.result(detail.graph.steps[position].name))


class Sizes:
    """Shows how large inputs and results are, for readers without the right to read them."""

    def input(self, detail: SagaDetail) -> Json:
        return _size(detail.input)

    def result(self, detail: SagaDetail, position: int) -> Json:
        return _size(_recorded(detail, position))

    def returned(self, detail: SagaDetail) -> Json:
        value = returned(detail)
        return None if value is None else _size(json.dumps(value).encode())


class Nothing:
    """Shows no payloads: for documents that many readers share."""

    def input(self, _: SagaDetail) -> Json:
        return None

    def result(self, _: SagaDetail, __: int) -> Json:
        return None

    def returned(self, _: SagaDetail) -> Json:
        return None


def payloads_of(detail: SagaDetail) -> Payloads:
    """Payloads with the marks that the definition itself has, where the contracts are not known."""
    return Payloads(SagaMarks(detail.graph, {}))


def decoded(data: bytes | None) -> Any:
    """A payload as JSON; of a payload that is not JSON (a codec may encrypt it) only the size."""
    if data is None:
        return None
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return f"{len(data)} bytes"


def masked(value: Json, marks: Marks, depth: int = DEPTH_MAX) -> Json:
    """The value, with what it is in place of every sensitive part."""
    if value is None or marks.is_empty:
        return value
    if marks.is_sensitive or depth == 0:
        return {HIDDEN: kind_of(value)}
    if isinstance(value, dict):
        return {name: masked(part, marks.part(name), depth - 1) for name, part in value.items()}
    if isinstance(value, list):
        return [masked(part, marks.part(place), depth - 1) for place, part in enumerate(value)]
    return value


def _shown(data: bytes | None, marks: Marks) -> Json:
    return masked(decoded(data), marks)


def _text(data: bytes | None, marks: Marks) -> str:
    if data is None or marks.is_empty:
        return readable(data)
    value = _shown(data, marks)
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _recorded(detail: SagaDetail, position: int) -> bytes | None:
    record = detail.records.get(position)
    return None if record is None else record.result


def _size(data: bytes | None) -> Json:
    return None if data is None else {HIDDEN: f"{len(data)} bytes"}


def kind_of(value: Json) -> str:
    """The type and the size of a value, in words."""
    if isinstance(value, str):
        return f"text, {len(value)} characters"
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, dict):
        return f"object, {len(value)} fields"
    return f"list, {len(value)} entries" if isinstance(value, list) else "number"
