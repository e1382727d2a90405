"""The store's hot path in memory: does in Python what the functions of the Postgres store do in SQL."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from functools import partial
from uuid import UUID

from msgspec.structs import replace

from saga.core.condition.facts import Facts
from saga.core.state.called_for import called_for
from saga.core.state.letters import keeps_command
from saga.core.state.operation import Operation
from saga.core.state.saga_state import State
from saga.errors import AlreadyExists
from saga.memory.data.changes import insert_saga, state_after, touched, write_saga
from saga.memory.data.commands import CommandRow
from saga.memory.data.database import Database, SagaRow, ref_order
from saga.memory.data.session import Session
from saga.memory.data.transaction import Transaction
from saga.memory.rows import claim_of, overdue_of
from saga.ports.adapter import StoreOptions
from saga.ports.values.claim import Claim, CommandRef, DeliveredCommand
from saga.ports.values.notification import Notifications
from saga.ports.values.overdue import BEGINNING, OverdueSaga, Place
from saga.ports.values.start import Start, TakenKey
from saga.ports.values.write import Write, WriteConflict


class MemoryStore:
    """See `saga.ports.store.Store`. Every call yields to the event loop first; a call that is cancelled there has done nothing.

    `durable` has no effect: memory is as durable as the process.
    """

    def __init__(self, database: Database, options: StoreOptions) -> None:
        self._database = database
        self._options = options
        self.session: Session = Session(database)

    async def start(
        self,
        starts: Sequence[Start],
        notifications: Notifications,
        *,
        process: int,
        waiter: int | None,
        is_retry: bool,
        connection: Transaction | None = None,
    ) -> list[TakenKey]:
        if connection is not None:
            self.session.check(connection)
        async with self.session.using(connection) as transaction:
            taken: list[TakenKey] = []
            for position, start in sorted(enumerate(starts), key=_by_start_key):
                await transaction.lock(start.saga)
                exists = start.saga in self._database.sagas or start.saga in transaction.sagas
                if exists and not is_retry:
                    raise AlreadyExists(f"saga {start.saga} was started before")
                holder = await self._holder_of_key(transaction, start)
                if holder is not None:
                    taken.append(TakenKey(position, holder[0], holder[1] == start.input_hash))
                if exists or holder is not None:
                    continue
                transaction.sagas[start.saga] = (1, start.state)
                insert = partial(insert_saga, self._database, self._options, start, process=process, waiter=waiter)
                transaction.then(insert)
            transaction.then(lambda: self._database.notify(notifications, is_whole=not taken and not is_retry))
        return sorted(taken, key=lambda key: key.position)

    async def _holder_of_key(self, transaction: Transaction, start: Start) -> tuple[UUID, bytes] | None:
        """Returns the saga that has the start key, and the hash of its input. None: the key was free, and now belongs to this start."""
        if start.key is None:
            return None
        key = (start.definition_name, start.key)
        await transaction.lock(("start key", *key))
        holder = self._database.start_keys.get(key) or transaction.start_keys.get(key)
        if holder is None:
            transaction.start_keys[key] = (start.saga, start.input_hash)
        return holder

    async def commit(
        self,
        writes: Sequence[Write],
        notifications: Notifications,
        *,
        process: int,
        durable: bool,  # noqa: ARG002
        wait: bool,
        connection: Transaction | None = None,
    ) -> list[WriteConflict]:
        async with self.session.using(connection) as transaction:
            conflicts: list[WriteConflict] = []
            for position, write in sorted(enumerate(writes), key=lambda item: item[1].saga.int):
                is_event_gone = await self._is_event_gone(transaction, write)
                if is_event_gone or not await self._is_current(transaction, write, wait=wait):
                    conflicts.append(self._conflict(transaction, position, write.saga, is_event_gone=is_event_gone))
                    continue
                for ref in touched(write):
                    await transaction.lock(ref)
                transaction.consumed |= {(write.saga, consumption.event) for consumption in write.consumptions}
                for audit in write.audits:
                    await transaction.lock(("request", audit.action.request))
                    self._database.check_request(audit)
                if write.changed:
                    version, before = self._seen(transaction, write.saga)
                    transaction.sagas[write.saga] = (version + 1, state_after(write, before or write.state))
                transaction.then(partial(write_saga, self._database, self._options, write, process=process))
            transaction.then(lambda: self._database.notify(notifications, is_whole=not conflicts))
        return sorted(conflicts, key=lambda conflict: conflict.position)

    async def _is_current(self, transaction: Transaction, write: Write, *, wait: bool) -> bool:
        """G4: the state on which the decision was based is current and locked. G27: only the newest claim rejects."""
        if write.changed:
            if not wait and transaction.is_locked_elsewhere(write.saga):
                return False
            await transaction.lock(write.saga)
            if self._seen(transaction, write.saga)[0] != write.version:
                return False
        for step, claim in write.fences:
            ref = CommandRef(write.saga, step)
            await transaction.lock(ref)
            if self._newest_claim(ref) != claim:
                return False
        return True

    def _newest_claim(self, ref: CommandRef) -> int | None:
        row = self._database.commands.get(ref)
        return None if row is None else row.claim

    def _seen(self, transaction: Transaction, saga: UUID) -> tuple[int, State | None]:
        """Returns a saga as this transaction sees it: with its own changes, else as committed."""
        if saga in transaction.sagas:
            return transaction.sagas[saga]
        row = self._database.sagas.get(saga)
        return (0, None) if row is None else (row.version, row.state)

    async def _is_event_gone(self, transaction: Transaction, write: Write) -> bool:
        """G55: an event that the write consumes is consumed already. G56: or it is consumed twice by this write."""
        events = sorted(consumption.event for consumption in write.consumptions)
        for event in events:
            await transaction.lock(("event", write.saga, event))
            row = self._database.inbox.get(write.saga, event)
            if row is None or row.step is not None or (write.saga, event) in transaction.consumed:
                return True
        return len(set(events)) < len(events)

    def _conflict(self, transaction: Transaction, position: int, saga: UUID, *, is_event_gone: bool) -> WriteConflict:
        version, state = self._seen(transaction, saga)
        return WriteConflict(position, version, state, self._database.epoch, is_event_gone)

    async def poll(
        self,
        services: Sequence[str],
        limit: int,
        *,
        process: int,
        first_claim: int,
        durable: bool,  # noqa: ARG002
    ) -> list[Claim]:
        await self.session.enter()
        database, claimed = self._database, list[CommandRow]()
        for service in services:
            claimed += database.commands.due(service, database.now(), limit - len(claimed), database.locks.is_free)
        before = {row.ref: row.claim for row in claimed}
        for number, row in enumerate(claimed, first_claim + 1):
            row.deliveries += 1
            database.commands.claim(row, process, number, self._lease_end())
        claims = self._claims(claimed)
        if len(claims) < len(claimed):
            self._refuse(claimed, None)
            for row in claimed:
                if row.owner is None:  # no process got it
                    row.claim = before[row.ref]
        return claims

    async def admit(
        self,
        deliveries: Sequence[DeliveredCommand],
        services: Sequence[str],
        *,
        process: int,
        first_claim: int,
        durable: bool,  # noqa: ARG002
    ) -> list[Claim]:
        async with self.session.using(None) as transaction:
            asked = [
                (CommandRef(delivery.saga, delivery.step), claim, delivery.operation, service)
                for claim, (delivery, service) in enumerate(zip(deliveries, services, strict=True), first_claim + 1)
            ]
            for ref in sorted({ask[0] for ask in asked}, key=ref_order):
                await transaction.lock(ref)
            claimed: dict[CommandRef, CommandRow] = {}
            for ref, claim, operation, service in asked:
                row = self._admit_one(ref, operation, service)
                if row is not None and ref not in claimed:
                    self._database.commands.claim(row, process, claim, self._lease_end())
                    claimed[ref] = row
            return self._claims(claimed.values())

    def _admit_one(self, ref: CommandRef, operation: Operation, service: str) -> CommandRow | None:
        """The row of a delivered command, with the delivery counted. None: the vector does not call for it (G1), or it is claimed."""
        saga, commands, now = self._database.sagas.get(ref.saga), self._database.commands, self._database.now()
        if saga is None or saga.state.paused or self._called_for(saga, ref.step) is not operation:
            return None
        if self._database.definitions[saga.definition].graph.steps[ref.step].service != service:
            return None
        row = commands.get(ref)
        if row is None:
            row = CommandRow(ref, operation, service, due_at=now)
            commands.add(row)
        elif row.operation is not operation:
            row.reset(operation)
            row.forget()
        elif row.owner is not None or row.due_at > now:
            return None
        row.deliveries += 1
        return row

    async def fetch(self, refs: Sequence[CommandRef], *, process: int) -> list[Claim]:
        await self.session.enter()
        commands = self._database.commands
        rows = [commands.get(ref) for ref in refs] if refs else commands.of_owner(process)
        held = [row for row in rows if row is not None and row.owner == process]
        claims = self._claims(held)
        if len(claims) < len(held):
            async with self.session.using(None) as transaction:
                for row in sorted(held, key=lambda row: ref_order(row.ref)):
                    await transaction.lock(row.ref)
                still = [row for row in held if commands.get(row.ref) is row and row.owner == process]
                self._refuse(still, self._options.margin_seconds)
        return claims

    async def unclaimed(self, refs: Sequence[CommandRef]) -> set[CommandRef]:
        await self.session.enter()
        return {ref for ref in refs if self._newest_claim(ref) is None}

    async def facts(self, saga: UUID, steps: Sequence[int]) -> Facts:
        async with self.session.using(None):
            row = self._database.sagas.get(saga)
            values = {} if row is None else row.values()
            return Facts(b"null" if row is None else row.input, {step: values.get(step) for step in steps})

    async def overdue(self, limit: int, services: Sequence[str] | None, after: Place = BEGINNING) -> list[OverdueSaga]:
        await self.session.enter()
        database = self._database
        wanted = None if services is None else frozenset(services)

        def is_wanted(saga: UUID) -> bool:
            graph = database.definitions[database.sagas[saga].definition].graph
            return wanted is None or not wanted.isdisjoint(graph.services)

        due = database.wake.due(database.now(), len(database.wake), is_wanted)
        found = [overdue_of(database, database.sagas[saga]) for saga in due]
        return sorted((saga for saga in found if saga.place > after), key=lambda saga: saga.place)[:limit]

    async def extend(
        self, claims: Sequence[Claim], *, process: int, progress: bytes | None = None, isolated: bool = False
    ) -> set[int]:
        await self.session.enter()
        lost: set[int] = set()
        for claim in claims:
            row, saga = (
                self._database.commands.get(CommandRef(claim.saga, claim.step)),
                self._database.sagas.get(claim.saga),
            )
            is_held = row is not None and (row.owner, row.claim) == (process, claim.number)
            if row is None or saga is None or not is_held or not self._is_called_for(saga, row):
                lost.add(claim.number)
                continue
            row.lease_until = self._lease_end()
            row.progress = row.progress if progress is None else progress
            row.isolated_attempts += isolated
        return lost

    def _lease_end(self) -> float:
        return self._database.now() + self._options.lease_seconds

    def _called_for(self, saga: SagaRow, step: int) -> Operation | None:
        graph = self._database.definitions[saga.definition].graph
        if not 0 <= step < len(graph.steps):
            return None
        return called_for(graph, replace(saga.state, paused=False), step)

    def _is_called_for(self, saga: SagaRow, row: CommandRow) -> bool:
        return self._called_for(saga, row.ref.step) is row.operation

    def _is_kept(self, saga: SagaRow, row: CommandRow) -> bool:
        step = self._database.definitions[saga.definition].graph.steps[row.ref.step]
        return keeps_command(saga.state.vector[row.ref.step], step.mode)

    def _claims(self, rows: Iterable[CommandRow]) -> list[Claim]:
        """Claims with everything needed to run them, except those that the vector does not call for."""
        found = [(row, self._database.sagas.get(row.ref.saga)) for row in rows]
        return [
            claim_of(self._database, row, saga)
            for row, saga in found
            if saga and not saga.state.paused and self._is_called_for(saga, row)
        ]

    def _refuse(self, rows: Sequence[CommandRow], margin_seconds: float | None) -> None:
        """G1: deletes commands that the vector does not call for, or parks them where the step keeps them.

        `margin_seconds` None: the claims were made in this call, and those of paused sagas are parked. Otherwise they may be running
        already, and their calls can still arrive and count. A pause does not end such a claim; one that is not called for any more is
        given back first, and the next poll parks it.
        """
        for row in rows:
            saga = self._database.sagas.get(row.ref.saga)
            is_called_for = saga is not None and self._is_called_for(saga, row)
            if saga is None or not (is_called_for or self._is_kept(saga, row)):
                self._database.commands.remove(row)
            elif margin_seconds is None and (saga.state.paused or not is_called_for):
                row.deliveries -= 1
                self._database.commands.queue(row, math.inf)
            elif margin_seconds is not None and not is_called_for:
                self._database.give_back(row, margin_seconds)


def _by_start_key(item: tuple[int, Start]) -> tuple[str, str, int]:
    """Orders starts by key, as locks are taken everywhere; of two equal keys in a batch the first wins."""
    position, start = item
    return start.definition_name, start.key or "", position
