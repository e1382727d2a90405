"""The decisions on the locked row, made by the production code: the one part that the model does not imitate."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, Final, NamedTuple

import pytest

from saga.core.definition.graph import Graph
from saga.core.rules import decide as decide_module
from saga.core.rules import events as ev
from saga.core.rules import forward
from saga.core.rules.called_for import called_for
from saga.core.rules.decide import decide
from saga.core.rules.fold import Fold
from saga.core.state.phase import Phase
from saga.core.state.saga_state import State
from tests.core import graphs
from tests.protocol.commands.coming import EVENTS, RULES, ComingGraph, Retracted
from tests.protocol.commands.replaced import Replaced
from tests.protocol.commands.world import SHAPES, Config

_DEADLINE = 1.0
BEFORE_DEADLINE, AFTER_DEADLINE = 0.0, 2.0


def conditional(graph: Graph, *, skipped: tuple[int, ...], any_joins: tuple[int, ...]) -> ComingGraph:
    """The same graph with conditions and joins on any predecessor."""
    return _coming(graph, skipped=skipped, any_joins=any_joins)


def _coming(graph: Graph, **features: Any) -> ComingGraph:
    return ComingGraph(
        name=graph.name,
        version=graph.version,
        steps=graph.steps,
        deadline_ms=graph.deadline_ms,
        compensation_budget_ms=graph.compensation_budget_ms,
        returns=graph.returns,
        **features,
    )


_IS_READY, _DISPATCH = forward.is_ready, forward.dispatch


def is_ready(fold: Fold, step: int) -> bool:
    """E5 with joins on any predecessor."""
    graph = fold.graph
    assert isinstance(graph, ComingGraph)
    joins_on_any = step in graph.any_joins
    return _IS_READY(fold, step) or (joins_on_any and any(fold.letters[at] == "S" for at in graph.steps[step].after))


def dispatch(fold: Fold, step: int) -> None:
    graph = fold.graph
    assert isinstance(graph, ComingGraph)
    if step in graph.skipped:
        fold.letters[step] = "N"
        forward.advance(fold, graph.successors[step])
    else:
        _DISPATCH(fold, step)


CONDITIONAL: Final = (Replaced(forward, "is_ready", is_ready), Replaced(forward, "dispatch", dispatch))


class Verdict(NamedTuple):
    """The write to the saga row, and the commands (operation, step) that are published after it."""

    phase: str
    vector: str
    cancel: bool
    paused: bool
    commands: tuple[tuple[str, int], ...]


class Verdicts:
    """`decide` for the graphs of one configuration. Answers are cached: it is a pure function."""

    def __init__(self, config: Config) -> None:
        self._mutant = config.mutant
        self._after = SHAPES[config.shape]
        self._config = config
        self._graph = cache(self._make_graph)
        self.decide = cache(self._decide)
        self.wanted = cache(self._wanted)

    def _make_graph(self, skipped: tuple[int, ...]) -> ComingGraph:
        config = self._config
        return _coming(
            graphs.shaped(self._after, config.modes, pivot=config.pivot),
            skipped=skipped,
            any_joins=config.any_joins,
            handled=config.handled,
            joins=config.joins,
            cascades=config.cascades,
            without=config.without,
        )

    def _decide(
        self,
        row: tuple[str, str, bool, bool],
        event: ev.Event | Retracted,
        skipped: tuple[int, ...],
        now: float,
        unclaimed: frozenset[int],
    ) -> Verdict:
        graph = self._graph(skipped)
        events: list[Any] = [ev.Unclaimed(unclaimed), event]
        with self._patched():
            decision = decide(graph, _state(row), events, now=now, jitter=0.5, enforce_deadline=True)
        after = decision.state
        commands = tuple((command.operation.value, command.step) for command in decision.commands)
        return Verdict(after.phase.value, after.vector, after.rollback_requested, after.paused, commands)

    @contextmanager
    def _patched(self) -> Iterator[None]:
        """Production with the rules to come that this configuration uses, and without the rules that it takes away."""
        rules: tuple[Replaced, ...] = RULES if self._config.is_coming else CONDITIONAL
        events: dict[Any, Any] = EVENTS if self._config.is_coming else {}
        with pytest.MonkeyPatch.context() as patch:
            for module, name, function in (*rules, *self._mutant.rules):
                patch.setattr(module, name, function)
            for kind, rule in {**events, **self._mutant.events}.items():
                patch.setitem(decide_module._RULES, kind, rule)
            yield

    def _wanted(self, row: tuple[str, str, bool, bool]) -> str:
        """The operation that each step calls for, - if it calls for none."""
        with self._patched():
            found = [called_for(self._graph(()), _state(row), step) for step in range(len(self._after))]
        return "".join("-" if operation is None else operation.value for operation in found)


def _state(row: tuple[str, str, bool, bool]) -> State:
    phase, vector, cancel, paused = row
    return State(
        phase=Phase(phase), vector=vector, rollback_requested=cancel, paused=paused, deadline=_DEADLINE, reason=None
    )
