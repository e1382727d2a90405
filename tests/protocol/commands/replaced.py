"""Rules of production that a configuration replaces, to add what is to come or to take a guard away."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType, ModuleType
from typing import Any, NamedTuple

from saga.core.rules import events as ev


class Replaced(NamedTuple):
    """A rule, or a constant of rules, by its module and name, and what takes its place."""

    module: ModuleType
    name: str
    value: Any


class Mutant(NamedTuple):
    """The production rules without some of their parts: single rules, or the rules for whole events."""

    rules: tuple[Replaced, ...] = ()
    events: Mapping[type[ev.Event], Any] = MappingProxyType({})


PRODUCTION = Mutant()
