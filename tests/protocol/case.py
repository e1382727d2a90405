"""A model with its configurations, and the cases in which a missing guard is noticed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from tests.protocol.explorer import Model


class Case(NamedTuple):
    """In this configuration, which has no such guard, a shortest way of `steps` moves breaks this invariant."""

    guard: str
    invariant: str
    steps: int
    config: Any


class Part(NamedTuple):
    """One model. `weaker`: rules and assumptions that look right and are not enough."""

    name: str
    make: Callable[[Any], Model[Any]]
    configs: tuple[Any, ...]
    cases: tuple[Case, ...]
    weaker: tuple[Case, ...] = ()
