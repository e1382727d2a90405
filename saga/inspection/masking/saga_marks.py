"""The marks of everything that is recorded about the sagas of a definition: input, results, and what is made of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from itertools import product
from typing import Final

from saga.core.definition.contract import Contract
from saga.core.definition.graph import Graph
from saga.core.definition.json_value import Json
from saga.core.definition.paths import DEFAULT_KEY, PATH_KEY, Segment, plain_key
from saga.core.definition.step import Wait
from saga.errors import DefinitionError, NotFound
from saga.inspection.masking.marks import EVERYTHING, Marks, marks_in
from saga.ports.directory import Directory

_STEP_PREFIX: Final = 3  # "steps", the name, "output"
Source = str | None
"""The step that a value comes from; None for the input of the saga."""


class SagaMarks:
    """The marks of the definition's input type, and of what its handlers accept and return.

    A handler marks what it is given: the part of the input, or of another step's result, from which its own input is made. `newest`: the
    same graph, read later than the first: its types may have got more marks.
    """

    def __init__(self, graph: Graph, contracts: Mapping[str, Contract], newest: Graph | None = None) -> None:
        self._sources: dict[Source, Marks] = {}
        read = (graph,) if newest is None else (graph, newest)
        for each in read:
            self._add(None, marks_in(each.input_schema))
        for step in graph.steps:
            if isinstance(step, Wait):
                place = () if len(step.names) == 1 else ("payload",)
                for schemas, name in product((each.event_schemas for each in read), step.names):
                    self._add(step.name, marks_in((schemas or {}).get(name)).at(place))
                continue
            contract = contracts.get(f"{step.service}.{step.handler}")
            if contract is not None:
                self._add(step.name, marks_in(contract.output_schema))
                self._add_read(step.inputs, marks_in(contract.input_schema))

    @property
    def input(self) -> Marks:
        return self._of(None)

    def result(self, step: str) -> Marks:
        return self._of(step)

    def made(self, template: Json) -> Marks:
        """The marks of a value that a template makes of input and results."""
        if isinstance(template, list):
            return _joined(self.made(entry).at((place,)) for place, entry in enumerate(template))
        if not isinstance(template, dict):
            return Marks()
        if PATH_KEY not in template:
            return _joined(self.made(entry).at((plain_key(key),)) for key, entry in template.items())
        return self._at_path(template[PATH_KEY]).joined(self.made(template.get(DEFAULT_KEY)))

    def _of(self, source: Source) -> Marks:
        return self._sources.get(source, Marks())

    def _add(self, source: Source, marks: Marks) -> None:
        if not marks.is_empty:
            self._sources[source] = self._of(source).joined(marks)

    def _add_read(self, template: Json, marks: Marks) -> None:
        """Adds the marks of a step's input to the values of which its template makes it."""
        if marks.is_empty:
            return
        if template is None:
            self._add(None, marks)
            return
        for place, path in _paths(template):
            source, rest = _source_of(path)
            self._add(source, _followed(marks, place).at(rest))

    def _at_path(self, path: list[Json]) -> Marks:
        source, rest = _source_of(path)
        return _followed(self._of(source), rest)


async def read_marks(directory: Directory, graph: Graph) -> SagaMarks:
    """Reads the marks that count now: the type of the input may have got some since the graph was read. Raises Unavailable."""
    newest = None
    with suppress(NotFound, DefinitionError):
        newest = (await directory.find(graph.name, graph.version))[1]
    return SagaMarks(graph, await directory.contracts(), newest)


def _joined(all_marks: Iterator[Marks]) -> Marks:
    found = Marks()
    for marks in all_marks:
        found = found if marks.is_empty else found.joined(marks)
    return found


def _followed(marks: Marks, path: tuple[Segment, ...]) -> Marks:
    """The marks of a part. Of something that is sensitive, every part is."""
    for segment in path:
        if marks.is_sensitive:
            return EVERYTHING
        marks = marks.part(segment)
    return EVERYTHING if marks.is_sensitive else marks


def _source_of(path: list[Json]) -> tuple[Source, tuple[Segment, ...]]:
    return (None, tuple(path[1:])) if path[0] == "input" else (path[1], tuple(path[_STEP_PREFIX:]))


def _paths(template: Json, place: tuple[Segment, ...] = ()) -> Iterator[tuple[tuple[Segment, ...], list[Json]]]:
    """The paths in a template, each with the place at which it stands. A default stands at the same place."""
    if isinstance(template, list):
        for position, entry in enumerate(template):
            yield from _paths(entry, (*place, position))
    elif isinstance(template, dict) and PATH_KEY in template:
        yield place, template[PATH_KEY]
        yield from _paths(template.get(DEFAULT_KEY), place)
    elif isinstance(template, dict):
        for key, entry in template.items():
            yield from _paths(entry, (*place, plain_key(key)))
