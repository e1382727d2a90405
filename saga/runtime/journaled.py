"""Journaled steps: the effect and its journal row are one transaction in the service's own database."""

from __future__ import annotations

from typing import Final

from saga.core import events as ev
from saga.core.graph import Graph
from saga.core.states import Operation, Phase
from saga.errors import InputRefused
from saga.ports.journal import Journal, JournalRow, JournalTransaction, Mark
from saga.ports.work import Work
from saga.runtime.context import Context
from saga.runtime.external import failure
from saga.runtime.outcome import Outcome
from saga.runtime.served import Served, input_of
from saga.runtime.signals import GiveUp, NotYet, Reject

RACES_MAX: Final = 3
_TOMBSTONE: Final = JournalRow(Mark.TOMBSTONE, None, None)


class _Raced(Exception):
    """Somebody else has written the journal row meanwhile: nothing of ours may stay."""


async def run_journaled(work: Work, graph: Graph, served: Served, context: Context) -> Outcome:
    """Run one claim of a journaled step. The journal protects it, not the lease."""
    assert served.journal is not None  # noqa: S101 (a journaled handler is served with one)
    run = {Operation.EXECUTE: _execute, Operation.COMPENSATE: _compensate, Operation.VOID_OR_REPORT: _void_or_report}[
        work.operation
    ]
    try:
        for _ in range(RACES_MAX):
            try:
                return await run(work, graph, served, context, served.journal)
            except _Raced:
                work.deliveries += 1  # from now on it asks the journal first
        return failure(work, RuntimeError("another process keeps writing the journal of this step"), quiet_seconds=0.0)
    except NotYet as answer:
        return Outcome(work, ev.Ongoing(work.step, answer.after_seconds))
    except Exception as error:  # noqa: BLE001 (whatever a handler or its database raises: tried again, the journal knows)
        return failure(work, error, quiet_seconds=0.0, final=isinstance(error, GiveUp | InputRefused))


async def _execute(work: Work, graph: Graph, served: Served, context: Context, journal: Journal) -> Outcome:
    try:
        async with journal.transaction() as transaction:
            # The first delivery does not ask: if it is not the first after all, the insert below finds out, and nothing of it stays.
            row = await transaction.find(work.saga, work.step) if work.deliveries > 1 else None
            if row is None:
                row = await _make_effect(work, graph, served, context, transaction)
                if not await transaction.write(work.saga, work.step, row):
                    raise _Raced
    except Reject as answer:  # G16: what the handler did is rolled back, the rejection is journaled
        row = await _journal_rejection(work, journal, answer.reason)
    match row.mark:
        case Mark.EXECUTED | Mark.FROZEN:  # G15: returned, not produced again
            return Outcome(work, ev.Succeeded(work.step), row.result)
        case Mark.REJECTED:
            return Outcome(work, ev.Rejected(work.step, row.reason or "rejected"), is_fenced=True)
        case Mark.TOMBSTONE:  # G39: it reports, it is not silent
            return Outcome(work, ev.Rejected(work.step, "voided before it was executed"), is_fenced=True)
        case Mark.COMPENSATED:
            return Outcome(work, ev.Ongoing(work.step, 1.0), error="compensated already")


async def _make_effect(
    work: Work, graph: Graph, served: Served, context: Context, transaction: JournalTransaction
) -> JournalRow:
    context._connection = transaction.connection  # noqa: SLF001 (the context is ours to fill)
    value = served.handler.execute.read(input_of(work, graph))
    result = await served.call(served.handler.execute, (value,), context, graph.steps[work.step].timeout_seconds)
    return JournalRow(Mark.EXECUTED, served.handler.encode(result), None)


async def _journal_rejection(work: Work, journal: Journal, reason: str) -> JournalRow:
    rejection = JournalRow(Mark.REJECTED, None, reason)
    async with journal.transaction() as transaction:
        if await transaction.write(work.saga, work.step, rejection):
            return rejection
        return await transaction.find(work.saga, work.step) or rejection


async def _compensate(work: Work, graph: Graph, served: Served, context: Context, journal: Journal) -> Outcome:
    async with journal.transaction() as transaction:
        row = await transaction.find(work.saga, work.step)
        if row is None:  # G17
            if not await transaction.write(work.saga, work.step, _TOMBSTONE):
                raise _Raced
        elif row.mark is Mark.EXECUTED:  # G18
            await _undo_effect(work, graph, served, context, transaction, row)
            await transaction.mark(work.saga, work.step, Mark.COMPENSATED)
        elif row.mark is Mark.FROZEN:
            return Outcome(work, ev.Ongoing(work.step, 1.0), error="frozen: the saga is being abandoned")
    return Outcome(work, ev.Compensated(work.step))


async def _undo_effect(
    work: Work, graph: Graph, served: Served, context: Context, transaction: JournalTransaction, row: JournalRow
) -> None:
    undo = served.handler.undo
    if undo is None:
        if served.handler.read_only:
            return
        raise LookupError(f"{served.handler.full_name} has no compensation in this process")
    context._connection = transaction.connection  # noqa: SLF001
    values = (undo.read(input_of(work, graph)), served.handler.decode(row.result))
    await served.call(undo, values, context, graph.steps[work.step].timeout_seconds)


async def _void_or_report(work: Work, graph: Graph, served: Served, context: Context, journal: Journal) -> Outcome:
    async with journal.transaction() as transaction:
        row = await transaction.find(work.saga, work.step)
        if row is None and not await transaction.write(work.saga, work.step, _TOMBSTONE):
            raise _Raced
        if row is not None and row.mark is Mark.EXECUTED and work.state.phase is Phase.ABANDONING:  # G40
            await transaction.mark(work.saga, work.step, Mark.FROZEN)
    mark = Mark.TOMBSTONE if row is None else row.mark
    found = {
        Mark.EXECUTED: ev.Finding.EXECUTED,
        Mark.FROZEN: ev.Finding.EXECUTED,
        Mark.COMPENSATED: ev.Finding.COMPENSATED,
    }
    finding = found.get(mark, ev.Finding.VOIDED)
    return Outcome(work, ev.Reported(work.step, finding), None if row is None else row.result)
