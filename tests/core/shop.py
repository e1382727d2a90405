"""A definition that is written in Python, and the contracts of its shop: for the tests of authoring."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import pytest
from pydantic import (
    BaseModel,
)

from saga.authoring import Definition, Path
from saga.authoring.path import record_of
from saga.core.check.finding import Finding
from saga.core.definition.contract import Contract
from saga.core.definition.graph import Graph
from saga.core.definition.json_value import Json
from saga.core.state.mode import Mode
from saga.errors import DefinitionError
from tests.core.samples import CONTRACT


class Street(BaseModel):
    name: str
    number: int | None = None


class Line(BaseModel):
    sku: str
    cents: int


class Order(BaseModel):
    sku: str
    quantity: int
    address: Street | None = None
    lines: list[Line] = []
    by_name: dict[str, Line] = {}


class Charge(BaseModel):
    id: str


def order(version: int = 1) -> Definition:
    return Definition("order", version, input=Order, deadline="2m")


def contracts(*bare: str, **modes: Mode) -> Mapping[str, Contract]:
    """A contract for every handler of the shop; those that are named in `bare` have no compensation."""
    names = ("reserve", "charge", "ship", "confirm", "wrap")
    return {
        f"shop.{name}": replace(
            CONTRACT, handler=name, mode=modes.get(name, Mode.EXTERNAL), has_compensation=name not in bare
        )
        for name in names
    }


def after(graph: Graph, name: str) -> list[str]:
    return [graph.steps[before].name for before in graph.steps[graph.position(name)].after]


def stored(path: Path) -> Json:
    return record_of(path).template()


def refusal_of(write: Callable[[], object]) -> Finding:
    """The one finding with which a line is refused."""
    with pytest.raises(DefinitionError) as refusal:
        write()
    (finding,) = refusal.value.findings
    assert isinstance(finding, Finding)
    assert str(refusal.value) == str(finding)
    return finding
