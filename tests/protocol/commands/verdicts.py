"""The decisions on the locked row, made by the production code: the one part that the model does not imitate."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from typing import Any, Final, NamedTuple

import pytest

from saga.core.definition.graph import Graph
from saga.core.definition.step import Step
from saga.core.rules import decide as decide_module
from saga.core.rules import events as ev
from saga.core.rules.decide import decide
from saga.core.state.called_for import called_for
from saga.core.state.phase import Phase
from saga.core.state.saga_state import State
from tests.core import graphs
from tests.protocol.commands.world import SHAPES, Config

_DEADLINE = 1.0
BEFORE_DEADLINE, AFTER_DEADLINE = 0.0, 2.0


TRUE: Final = "1 == 1"
FALSE: Final = "1 == 2"
BROKEN: Final = "1 / 0 == 1"
"""Conditions that need no facts; this one cannot be evaluated."""


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

    def _make_graph(self, skipped: tuple[int, ...]) -> Graph:
        """The steps with what they may do besides. G43: a pivot that is handled is refused, so none is."""
        plain = graphs.shaped(self._after, self._config.modes, pivot=self._config.pivot)
        steps = tuple(self._make_step(at, step, is_false=at in skipped) for at, step in enumerate(plain.steps))
        return replace(plain, steps=steps)

    def _make_step(self, at: int, step: Step, *, is_false: bool) -> Step:
        config = self._config
        false = BROKEN if config.broken else FALSE
        branch: dict[str, Any] = {
            "successes": dict(config.joins).get(at, 0),
            "handled": at in config.handled and (at != config.pivot or config.without == "handled_pivot"),
        }
        if config.modes[at] == "E":
            return replace(graphs.check(step.name, holds=false if is_false else TRUE, after=step.after), **branch)
        if at in config.optional:
            branch |= {"optional": True, "read_only": True, "compensation": False}
        return replace(step, condition=false if is_false else None, **branch)

    def _decide(
        self,
        row: tuple[str, str, bool, bool],
        event: ev.Event,
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
        """Production without the rules that this configuration takes away."""
        with pytest.MonkeyPatch.context() as patch:
            for module, name, value in self._mutant.rules:
                patch.setattr(module, name, value)
            for kind, rule in self._mutant.events.items():
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
