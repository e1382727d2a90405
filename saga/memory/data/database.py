"""The tables that all processes of one memory store share, with their locks, the list of processes and the clock."""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from operator import methodcaller
from typing import Any, Final
from uuid import UUID

from msgspec.structs import replace

from saga.core.definition.contract import Contract
from saga.core.definition.graph import Graph
from saga.core.rules.decision import HistoryEntry
from saga.core.state.mode import Mode
from saga.core.state.saga_state import State
from saga.memory.data.commands import CommandRow, Commands
from saga.memory.data.due_queue import DueQueue
from saga.memory.data.inbox import InboxRows
from saga.memory.data.transaction import Locks, Transaction
from saga.ports.access.tokens import Session, TokenLine
from saga.ports.clock import Clock
from saga.ports.membership import ClaimCost, ProcessListener
from saga.ports.schedules.rows import RunLine, ScheduleRow
from saga.ports.values.audit import Audit, AuditLine, request_recorded
from saga.ports.values.claim import Claim, CommandRef
from saga.ports.values.notification import Notifications

HISTORY_ENTRIES_MAX: Final = 1_000_000
AUDIT_ENTRIES_MAX: Final = 100_000


@dataclass(frozen=True, slots=True)
class ResultRow:
    """The result of a step that succeeded."""

    finished_at: float
    process: int
    attempts: int
    value: bytes | None


@dataclass(slots=True)
class SagaRow:
    """Times are on the store's monotonic clock, except the deadline within `state`."""

    id: UUID
    definition: int
    version: int
    state: State
    wake_at: float | None
    waiter: int | None
    started_at: float
    changed_at: float
    ended_at: float | None
    input: bytes
    tags: str | None
    key: tuple[str, str] | None
    trace: str | None = None
    results: dict[int, ResultRow] = field(default_factory=dict)

    def values(self) -> dict[int, bytes]:
        """The values that steps returned, by position."""
        return {step: row.value for step, row in self.results.items() if row.value is not None}


@dataclass(frozen=True, slots=True)
class DefinitionRow:
    """A registered definition. A start by name uses the version that was activated last."""

    number: int
    graph: Graph
    activation: int | None = None  # the order in which versions were activated; None: never
    is_overwritten: bool = False  # another graph now has its name and version
    source: str | None = None


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """One line of the history; `version` is None if the saga row did not change."""

    at: float
    saga: UUID
    version: int | None
    process: int
    state: State
    entry: HistoryEntry


@dataclass(slots=True)
class Member:
    """A process in the list. A dead one stays in it until a peer finds it dead."""

    id: int
    name: str
    services: frozenset[str]
    capacity: int
    listener: ProcessListener
    seen_at: float
    in_flight: int = 0
    cost: ClaimCost | None = None
    is_alive: bool = True


@dataclass(slots=True)
class Term:
    """The current leadership. `holder` is the election object that won it."""

    number: int = 0
    holder: object | None = None
    ends_at: float = -math.inf
    changed: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(frozen=True, slots=True)
class Leader:
    """The supervisor that was last seen working, and when. `name` is None after a resignation."""

    term: int
    name: str | None
    seen_at: float


class Database:
    """One memory store. `clock` is the store's clock, `epoch` the moment of its zero in seconds since 1970."""

    def __init__(self, clock: Clock, epoch: float) -> None:
        self.clock = clock
        self.epoch = epoch
        self.sagas: dict[UUID, SagaRow] = {}
        self.start_keys: dict[tuple[str, str], tuple[UUID, bytes]] = {}
        self.commands: Commands = Commands()
        self.inbox: InboxRows = InboxRows()
        self.wake: DueQueue[UUID] = DueQueue[UUID]()
        self.definitions: dict[int, DefinitionRow] = {}
        self.contracts: dict[str, Contract] = {}
        self.members: dict[int, Member] = {}
        self.last_member = 0
        self.term: Term = Term()
        self.leader: Leader | None = None
        self.history: deque[HistoryRow] = deque(maxlen=HISTORY_ENTRIES_MAX)
        self.history_since: float | None = None  # older lines were dropped
        self.audit: deque[AuditLine] = deque(maxlen=AUDIT_ENTRIES_MAX)
        self.rows: dict[str, Any] = {}  # the effects of transactional steps
        self.tokens: dict[str, TokenLine] = {}
        self.sessions: dict[bytes, Session] = {}
        self.schedules: dict[str, ScheduleRow] = {}
        self.schedule_lines: dict[str, list[RunLine]] = {}
        self.schedule_line_id = 0  # of the newest line
        self.locks: Locks = Locks()

    def now(self) -> float:
        return self.clock.monotonic()

    def check_request(self, audit: Audit) -> None:
        """Raises AlreadyExists if the audit has a line of this request."""
        request = audit.action.request
        if request is not None and any(line.audit.action.request == request for line in self.audit):
            raise request_recorded(request)

    def add_audit(self, saga: UUID | None, audit: Audit) -> None:
        newest = self.audit[-1].id if self.audit else 0
        self.audit.append(AuditLine(newest + 1, self.epoch + self.now(), saga, audit))

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """Committed at the end of the block, rolled back if an exception leaves it."""
        transaction = Transaction(self.locks, self.rows)
        try:
            yield transaction
        except BaseException:
            transaction.roll_back()
            raise
        transaction.commit()

    def wake_at(self, row: SagaRow, at: float | None) -> None:
        row.wake_at = at
        if at is None:
            self.wake.discard(row.id)
        else:
            self.wake.put(row.id, at)

    def owner_of(self, owner: int | None, process: int) -> int | None:
        """The process that gets a claim, if it is alive. None: the command is queued."""
        return owner if owner == process or owner in self.members else None

    def give_back(self, row: CommandRow, margin_seconds: float) -> None:
        """Ends a claim without an outcome: until lease + timeout + margin a call of it may still arrive (G24, G25)."""
        step = self.definitions[self.sagas[row.ref.saga].definition].graph.steps[row.ref.step]
        if step.mode is Mode.EXTERNAL and row.lease_until is not None:
            quiet_at = row.lease_until + step.timeout_seconds + margin_seconds
            row.quiet_at = quiet_at if row.quiet_at is None else max(row.quiet_at, quiet_at)
        self.commands.queue(row, self.now())

    def notify(self, notifications: Notifications, *, is_whole: bool) -> None:
        """Notify processes: soon but not at once, and only live ones. `is_whole`: every write of the commit was made."""
        claims = notifications.claims if is_whole else {}
        for process, refs in notifications.claim_refs.items():
            inline = [self._received(claim) for claim in claims.get(process, ())]
            if inline:
                self._call(self.members.get(process), methodcaller("on_claims", inline))
            sent = {CommandRef(claim.saga, claim.step) for claim in inline}
            if rest := [ref for ref in refs if ref not in sent]:
                self._call(self.members.get(process), methodcaller("on_claim_refs", rest))
        for process, sagas in notifications.ended.items():
            known = notifications.statuses.get(process, {}) if is_whole else {}
            self._call(self.members.get(process), methodcaller("on_ended", {saga: known.get(saga) for saga in sagas}))
        self.notify_services(notifications.services)

    def _received(self, claim: Claim) -> Claim:
        """The claim as it arrives: a copy, with its times on the receiver's clock, which is this one."""
        lease_ends = claim.lease_ends + claim.store_clock - self.epoch
        return replace(claim, results=dict(claim.results), lease_ends=lease_ends, store_clock=self.epoch)

    def notify_services(self, services: Iterable[str]) -> None:
        for service in sorted(services):
            for member in self.members.values():
                if service in member.services:
                    self._call(member, methodcaller("on_queue", service))

    def notify_peers(self) -> None:
        for member in self.members.values():
            self._call(member, methodcaller("on_peers_changed"))

    def _call(self, member: Member | None, call: Callable[[ProcessListener], None]) -> None:
        if member is not None:
            asyncio.get_running_loop().call_soon(lambda: call(member.listener) if member.is_alive else None)


def ref_order(ref: CommandRef) -> tuple[int, int]:
    """The order in which rows are locked."""
    return ref.saga.int, ref.step
