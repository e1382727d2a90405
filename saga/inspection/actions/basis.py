"""The facts about one saga on which an action is decided."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from msgspec import Struct

from saga.core.condition.facts import Facts
from saga.core.definition.graph import Graph
from saga.core.state.saga_state import State
from saga.ports.ledger import Snapshot
from saga.ports.saga_detail import SagaDetail


class Basis(Struct, frozen=True):
    """A saga at one moment. `now`: the store's clock, in seconds since the epoch.

    `claimed`: the steps with a live claim; `unquiet`: those of which a call may still be on its way; `unclaimed`: those whose command
    no process has ever claimed; `facts`: what conditions read.
    """

    saga: UUID
    graph: Graph
    state: State
    claimed: frozenset[int]
    unquiet: frozenset[int]
    unclaimed: frozenset[int]
    now: float
    facts: Facts


def basis_of(detail: SagaDetail) -> Basis:
    """Returns the basis for what people look at. An action itself is decided on a fresh one."""
    commands = detail.commands.items()
    return Basis(
        saga=detail.saga,
        graph=detail.graph,
        state=detail.state,
        claimed=frozenset(step for step, command in commands if command.owner is not None),
        unquiet=frozenset(step for step, command in commands if (command.quiet_at or 0.0) > detail.now),
        unclaimed=detail.unclaimed,
        now=detail.now,
        facts=_facts(detail.graph, detail.input, {step: record.result for step, record in detail.records.items()}),
    )


def basis_of_snapshot(snapshot: Snapshot, graph: Graph, unclaimed: frozenset[int], now: float) -> Basis:
    """Returns the basis of a decision that is to be committed on this snapshot's version."""
    return Basis(
        saga=snapshot.saga,
        graph=graph,
        state=snapshot.state,
        claimed=snapshot.claimed,
        unquiet=snapshot.unquiet,
        unclaimed=unclaimed,
        now=now,
        facts=_facts(graph, snapshot.input, snapshot.results),
    )


def _facts(graph: Graph, data: bytes, results: Mapping[int, bytes | None]) -> Facts:
    """A step without a result has null, as `saga.ports.store.Store.facts` says."""
    return Facts(data, {step: results.get(step) for step in graph.read_by_conditions})
