"""The text from which a definition was read, and the places in it of what checks find later."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import yaml

from saga.core.check.finding import Code, Finding, error
from saga.errors import DefinitionError


@dataclass(frozen=True)
class Source:
    """The text, and the place of each part of the definition: "order v1, step charge" is at "order.yaml:12:5"."""

    text: str
    file: str | None
    places: dict[str, str] = field(default_factory=dict)

    def where(self, line: int, column: int) -> str:
        """A place in the text. Lines and columns count from 1; 0 stands for the whole text."""
        if self.file is None:
            return f"line {line}, column {column}" if line else "the text"
        return f"{self.file}:{line}:{column}" if line else self.file

    def of(self, node: yaml.Node) -> str:
        """The place where a node begins."""
        return self.where(node.start_mark.line + 1, node.start_mark.column + 1)

    def refused(self, node: yaml.Node, reason: str, remedy: str, code: Code = Code.TEXT_INVALID) -> DefinitionError:
        """The error of a node."""
        return located_error(self.of(node), error(code, "", reason, remedy))

    @contextmanager
    def at(self, node: yaml.Node) -> Iterator[None]:
        """Puts the place of a node before the errors of the definition that are raised inside."""
        try:
            yield
        except DefinitionError as refusal:
            found = [each for each in refusal.findings if isinstance(each, Finding)]
            findings = found or [error(Code.TEXT_INVALID, "", str(refusal), "")]
            raise located_error(self.of(node), *findings) from refusal


def located(findings: tuple[Finding, ...], source: Source | None) -> tuple[Finding, ...]:
    """The findings with their places in the text. The place of a step stands for its parts that have no place of their own."""
    if source is None:
        return findings
    return tuple(replace(each, place=_joined(_where(each.place, source.places), each.place)) for each in findings)


def located_error(where: str, *findings: Finding) -> DefinitionError:
    """The error of findings at one place."""
    placed = tuple(replace(each, place=_joined(where, each.place)) for each in findings)
    return DefinitionError("\n".join(map(str, placed)).rstrip(), placed)


def _where(place: str, places: Mapping[str, str]) -> str:
    while place not in places and ", " in place:
        place = place.rpartition(", ")[0]
    return places.get(place, "")


def _joined(*places: Any) -> str:
    return ": ".join(filter(None, places))
