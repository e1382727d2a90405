"""The decisions on the locked row, made by the production code: the one part that the model does not imitate."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Final, NamedTuple

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
from tests.protocol.commands.replaced import Replaced
from tests.protocol.commands.world import SHAPES, Config

_DEADLINE = 1.0
BEFORE_DEADLINE, AFTER_DEADLINE = 0.0, 2.0


@dataclass(frozen=True)
class ConditionalGraph(Graph):
    """A graph with features that the protocol covers and definitions lack: conditions, joins on any predecessor."""

    skipped: tuple[int, ...] = ()
    any_joins: tuple[int, ...] = ()


def conditional(graph: Graph, *, skipped: tuple[int, ...], any_joins: tuple[int, ...]) -> ConditionalGraph:
    return ConditionalGraph(
        name=graph.name,
        version=graph.version,
        steps=graph.steps,
        deadline_ms=graph.deadline_ms,
        compensation_budget_ms=graph.compensation_budget_ms,
        returns=graph.returns,
        skipped=skipped,
        any_joins=any_joins,
    )


_IS_READY, _DISPATCH = forward.is_ready, forward.dispatch


def is_ready(fold: Fold, step: int) -> bool:
    """E5 for a ConditionalGraph."""
    graph = fold.graph
    assert isinstance(graph, ConditionalGraph)
    joins_on_any = step in graph.any_joins
    return _IS_READY(fold, step) or (joins_on_any and any(fold.letters[at] == "S" for at in graph.steps[step].after))


def dispatch(fold: Fold, step: int) -> None:
    graph = fold.graph
    assert isinstance(graph, ConditionalGraph)
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

    def _make_graph(self, skipped: tuple[int, ...]) -> ConditionalGraph:
        plain = graphs.shaped(self._after, self._config.modes, pivot=self._config.pivot)
        return conditional(plain, skipped=skipped, any_joins=self._config.any_joins)

    def _decide(
        self,
        row: tuple[str, str, bool, bool],
        event: ev.Event,
        skipped: tuple[int, ...],
        now: float,
        unclaimed: frozenset[int],
    ) -> Verdict:
        graph, events = self._graph(skipped), [ev.Unclaimed(unclaimed), event]
        with pytest.MonkeyPatch.context() as patch:
            for module, name, function in (*CONDITIONAL, *self._mutant.rules):
                patch.setattr(module, name, function)
            for kind, rule in self._mutant.events.items():
                patch.setitem(decide_module._RULES, kind, rule)
            decision = decide(graph, _state(row), events, now=now, jitter=0.5, enforce_deadline=True)
        after = decision.state
        commands = tuple((command.operation.value, command.step) for command in decision.commands)
        return Verdict(after.phase.value, after.vector, after.rollback_requested, after.paused, commands)

    def _wanted(self, row: tuple[str, str, bool, bool]) -> str:
        """The operation that each step calls for, - if it calls for none."""
        found = [called_for(self._graph(()), _state(row), step) for step in range(len(self._after))]
        return "".join("-" if operation is None else operation.value for operation in found)


def _state(row: tuple[str, str, bool, bool]) -> State:
    phase, vector, cancel, paused = row
    return State(
        phase=Phase(phase), vector=vector, rollback_requested=cancel, paused=paused, deadline=_DEADLINE, reason=None
    )
