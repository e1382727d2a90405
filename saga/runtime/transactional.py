"""Transactional steps: the handler's SQL and the saga's progress are one transaction. The saga row is locked last (G2, G3)."""

from __future__ import annotations

from collections.abc import Callable

from saga.core import events as ev
from saga.core.graph import Graph
from saga.core.states import Operation
from saga.errors import InputRefused, Unavailable
from saga.ports.clock import Clock
from saga.ports.store import StoreAdapter
from saga.ports.work import Signals, Work
from saga.runtime.context import Context
from saga.runtime.external import failure
from saga.runtime.outcome import Outcome
from saga.runtime.planning import Group, Plan
from saga.runtime.served import Served, input_of
from saga.runtime.signals import GiveUp, NotYet, Reject

Planner = Callable[[Group, Signals], Plan]
_DONE = {Operation.EXECUTE: "SKZ", Operation.COMPENSATE: "Z"}  # K, Z: it happened, and a deadline undoes it at once


class _Refused(Exception):
    """The re-check says no: the saga has moved on, and the handler's work is rolled back."""


async def run_transactional(
    work: Work,
    graph: Graph,
    served: Served,
    context: Context,
    adapter: StoreAdapter,
    planner: Planner,
    process: int,
    clock: Clock,
) -> tuple[Outcome | None, Plan | None, Signals]:
    """Run one claim. Returns an outcome that is still to be committed, or the plan and the signals of what was committed."""
    signals = Signals()
    try:
        async with adapter.transaction() as connection:
            context._connection = connection  # noqa: SLF001 (the context is ours to fill)
            event, value = await _handle(work, graph, served, context)
            group = Group(
                work.saga, graph, work.version, work.state, work.waiter, work.store_clock, [Outcome(work, event, value)]
            )
            committed = await _record(group, adapter, planner, process, connection, signals, clock)
        return None, committed, signals
    except Reject as answer:
        return Outcome(work, ev.Rejected(work.step, answer.reason), is_fenced=True), None, Signals()
    except NotYet as answer:
        return Outcome(work, ev.Ongoing(work.step, answer.after_seconds)), None, Signals()
    except _Refused:
        return Outcome(work, None, error="not called for any more"), None, Signals()
    except Unavailable as error:  # also an unknown commit: the next delivery meets the letter that is true
        return failure(work, error, quiet_seconds=0.0), None, Signals()
    except Exception as error:  # noqa: BLE001 (whatever a handler raises is a technical failure)
        final = isinstance(error, GiveUp | InputRefused)
        return failure(work, error, quiet_seconds=0.0, final=final), None, Signals()


async def _handle(work: Work, graph: Graph, served: Served, context: Context) -> tuple[ev.Event, bytes | None]:
    handler, timeout_seconds = served.handler, graph.steps[work.step].timeout_seconds
    if work.operation is Operation.EXECUTE:
        value = handler.execute.read(input_of(work, graph))
        result = await served.call(handler.execute, (value,), context, timeout_seconds)
        return ev.Succeeded(work.step), handler.encode(result)
    if handler.undo is None:
        raise LookupError(f"{handler.full_name} has no compensation in this process")
    values = (handler.undo.read(input_of(work, graph)), handler.decode(work.results.get(work.step)))
    await served.call(handler.undo, values, context, timeout_seconds)
    return ev.Compensated(work.step), None


async def _record(
    group: Group,
    adapter: StoreAdapter,
    planner: Planner,
    process: int,
    connection: object,
    signals: Signals,
    clock: Clock,
) -> Plan:
    """Decide on what was read at the claim; where that is old, on the row that is locked now."""
    work = group.outcomes[0].work
    while True:
        signals.claims.clear()
        signals.services.clear()
        signals.ended.clear()
        made = planner(group, signals)
        before, after = group.state.vector[work.step], made.decision.state.vector[work.step]
        if before == after or after not in _DONE[work.operation]:
            raise _Refused
        made.sent_at = clock.monotonic()
        # NOTIFY stays out of a handler's transaction: it takes a lock of the whole database at commit
        misses = await adapter.store.commit(
            [made.write], Signals(), process=process, durable=True, wait=True, connection=connection
        )
        if not misses:
            return made
        if misses[0].state is None:
            raise _Refused
        group.version, group.state = misses[0].version, misses[0].state
