"""External steps: at least once, always the same key, and no decline believed while an earlier call may still arrive."""

from __future__ import annotations

import asyncio
from typing import Any

from saga.core import events as ev
from saga.core.graph import Graph
from saga.core.states import Operation, Phase
from saga.errors import InputRefused
from saga.ports.clock import Clock
from saga.ports.work import Work
from saga.runtime.context import Context
from saga.runtime.outcome import Outcome
from saga.runtime.served import Served, input_of
from saga.runtime.signals import DidNotHappen, GiveUp, NotYet, Reject


async def run_external(
    work: Work, graph: Graph, served: Served, context: Context, clock: Clock, margin_seconds: float
) -> Outcome:
    """Run one claim of an external step."""
    if clock.monotonic() >= work.lease_ends:  # G26: too late to begin a call
        return Outcome(work, None)
    if work.operation is Operation.COMPENSATE:
        return await _compensate(work, graph, served, context)
    asked_at = clock.monotonic()
    try:
        if served.handler.ask is not None and _is_asked(work, graph):
            return await _probe(work, graph, served, context, asked_at)
        value = served.handler.execute.read(input_of(work, graph))
        result = await served.call(served.handler.execute, (value,), context, graph.steps[work.step].timeout_seconds)
        return Outcome(work, ev.Succeeded(work.step), served.handler.encode(result))
    except Reject as answer:
        if asked_at < work.quiet_at:  # G25: an earlier call may still arrive after this decline
            return Outcome(
                work,
                ev.Ongoing(work.step, work.quiet_at - asked_at),
                error=f"declined ({answer.reason}), not final yet",
            )
        return Outcome(work, ev.Rejected(work.step, answer.reason), is_fenced=True)
    except InputRefused as error:
        return failure(work, error, quiet_seconds=margin_seconds, final=True)
    except NotYet as answer:
        return Outcome(work, ev.Ongoing(work.step, answer.after_seconds))
    except Exception as error:  # noqa: BLE001 (whatever a handler raises is a technical failure: G23)
        return failure(work, error, quiet_seconds=margin_seconds, final=isinstance(error, GiveUp))


def _is_asked(work: Work, graph: Graph) -> bool:
    """An unknown outcome is asked for where there is a probe: while RESOLVING, or for a pivot that holds up a roll-back."""
    return work.state.phase is Phase.COMPENSATING or (work.state.cancel_requested and graph.pivot == work.step)


async def _probe(work: Work, graph: Graph, served: Served, context: Context, asked_at: float) -> Outcome:
    ask = served.handler.ask
    assert ask is not None  # noqa: S101 (the caller looked)
    try:
        found: Any = await served.call(
            ask, (ask.read(input_of(work, graph)),), context, graph.steps[work.step].timeout_seconds
        )
    except DidNotHappen:
        if asked_at < work.quiet_at:  # G28: what counts is when it was asked
            return Outcome(work, ev.Ongoing(work.step, work.quiet_at - asked_at), error="no trace of it yet, not final")
        return Outcome(work, ev.Absent(work.step), is_fenced=True)
    return Outcome(work, ev.Succeeded(work.step), served.handler.encode(found))


async def _compensate(work: Work, graph: Graph, served: Served, context: Context) -> Outcome:
    undo = served.handler.undo
    if undo is None:
        return failure(
            work, LookupError(f"{served.handler.full_name} has no compensation in this process"), quiet_seconds=0.0
        )
    try:
        values = (undo.read(input_of(work, graph)), served.handler.decode(work.results.get(work.step)))
        await served.call(undo, values, context, graph.steps[work.step].timeout_seconds)
    except NotYet as answer:
        return Outcome(work, ev.Ongoing(work.step, answer.after_seconds))
    except Exception as error:  # noqa: BLE001
        return failure(work, error, quiet_seconds=0.0, final=isinstance(error, GiveUp))
    return Outcome(work, ev.Compensated(work.step))


def failure(work: Work, error: BaseException, *, quiet_seconds: float, final: bool = False) -> Outcome:
    """A technical failure: what became of the effect is unknown."""
    text = (
        "no answer in time"
        if isinstance(error, TimeoutError | asyncio.TimeoutError)
        else f"{type(error).__name__}: {error}"
    )
    event = ev.Failed(work.step, text[:ERROR_CHARS_MAX], work.failures + 1, work.first_failed_ago, final)
    return Outcome(work, event, quiet_seconds=quiet_seconds, error=event.error)


ERROR_CHARS_MAX = 500
