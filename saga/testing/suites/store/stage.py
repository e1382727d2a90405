"""The base of the store suite: hooks of the adapter, and processes, definitions and sagas for its tests."""

from __future__ import annotations

import abc
import asyncio
import os
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

import pytest
import pytest_asyncio
from msgspec.structs import replace

from saga.core.definition.graph import Graph
from saga.core.definition.retry_policy import RetryPolicy
from saga.core.definition.step import Call, Step
from saga.core.ids import RANDOM_BYTES, uuid7
from saga.core.state.mode import Mode
from saga.core.state.operation import Operation
from saga.core.state.phase import Phase
from saga.core.state.saga_state import State
from saga.ports.adapter import StoreAdapter, StoreOptions
from saga.ports.membership import Heartbeat, ProcessListener
from saga.ports.values.claim import Claim, CommandRef, DeliveredCommand
from saga.ports.values.notification import Notifications, SagaStatus
from saga.ports.values.start import Start, TakenKey
from saga.ports.values.write import Dispatch, Write, WriteConflict
from saga.testing.suites.timeout import TIMEOUT_SECONDS

CLAIMS_PER_PROCESS: Final = 1_000_000
SERVICE: Final = "stock"
OTHER_SERVICE: Final = "mail"
INPUT: Final = b'{"sku":"lamp"}'
TRACE: Final = f"00-{'a1' * 16}-{'b2' * 8}-01"
EXECUTE, COMPENSATE, VOID_OR_REPORT = Operation.EXECUTE, Operation.COMPENSATE, Operation.VOID_OR_REPORT
LETTER_OPERATIONS: Final = {"D": EXECUTE, "U": EXECUTE, "K": COMPENSATE, "W": VOID_OR_REPORT}


def state(vector: str, phase: Phase = Phase.RUNNING) -> State:
    """The state of a saga, with defaults for everything but vector and phase."""
    return State(phase, vector, rollback_requested=False, paused=False, deadline=None, reason=None)


def moved(start: Start, vector: str, phase: Phase = Phase.RUNNING, *, version: int = 1) -> Write:
    """A write of the next transition of a saga, decided on that version."""
    return Write(start.saga, version, changed=True, state=state(vector, phase))


def unmoved(start: Start, *, version: int = 1) -> Write:
    """A write that does not change the row of the saga."""
    return Write(start.saga, version, changed=False, state=start.state)


def ref(start: Start, position: int = 0) -> CommandRef:
    return CommandRef(start.saga, position)


def delivery(start: Start, position: int = 0, operation: Operation = EXECUTE) -> DeliveredCommand:
    return DeliveredCommand(start.saga, position, operation)


def retry_policy() -> RetryPolicy:
    return RetryPolicy(
        attempts=3, first_ms=100, cap_ms=1_000, factor_percent=200, jitter_percent=0, give_up_after_ms=None
    )


def step(
    name: str,
    service: str = SERVICE,
    mode: Mode = Mode.EXTERNAL,
    *,
    after: tuple[int, ...] = (),
    reads: tuple[int, ...] = (),
) -> Step:
    """A step with a timeout of one second; `after` and `reads` are positions."""
    return Call(
        name=name,
        service=service,
        handler=name,
        mode=mode,
        after=after,
        pivot=False,
        retriable=False,
        read_only=False,
        compensation=True,
        probe=False,
        timeout_ms=1_000,
        retry=retry_policy(),
        compensation_retry=retry_policy(),
        inputs=None,
        reads=reads,
    )


def graph(*steps: Step, name: str = "order", version: int = 1) -> Graph:
    return Graph(name, version, steps, deadline_ms=None, compensation_budget_ms=60_000, returns=None)


def queued(position: int = 0, operation: Operation = EXECUTE, after_seconds: float = 0.0) -> Dispatch:
    """A command for the queue of the first service."""
    return Dispatch(position, operation, SERVICE, None, None, after_seconds)


@dataclass
class Heard:
    """The notifications that a process has received, in order."""

    claim_refs: asyncio.Queue[list[CommandRef]] = field(default_factory=asyncio.Queue)
    queue: asyncio.Queue[str] = field(default_factory=asyncio.Queue)
    claims: asyncio.Queue[list[Claim]] = field(default_factory=asyncio.Queue)
    ended: asyncio.Queue[dict[UUID, SagaStatus | None]] = field(default_factory=asyncio.Queue)
    peers: asyncio.Event = field(default_factory=asyncio.Event)
    lost: asyncio.Event = field(default_factory=asyncio.Event)

    def listener(self) -> ProcessListener:
        return ProcessListener(
            on_claim_refs=self.claim_refs.put_nowait,
            on_claims=self.claims.put_nowait,
            on_queue=self.queue.put_nowait,
            on_ended=self.ended.put_nowait,
            on_peers_changed=self.peers.set,
            on_session_lost=self.lost.set,
        )


@dataclass
class StageProcess:
    """One process over the store under test, with defaults for most arguments."""

    adapter: StoreAdapter
    id: int
    heard: Heard
    claims: int = 0

    async def start(
        self,
        *starts: Start,
        notifications: Notifications | None = None,
        waiter: int | None = None,
        is_retry: bool = False,
        connection: object = None,
    ) -> list[TakenKey]:
        return await self.adapter.store.start(
            starts,
            notifications or Notifications(),
            process=self.id,
            waiter=waiter,
            is_retry=is_retry,
            connection=connection,
        )

    async def commit(
        self,
        *writes: Write,
        notifications: Notifications | None = None,
        durable: bool = True,
        wait: bool = False,
        connection: object = None,
    ) -> list[WriteConflict]:
        return await self.adapter.store.commit(
            writes, notifications or Notifications(), process=self.id, durable=durable, wait=wait, connection=connection
        )

    async def poll(self, *services: str, limit: int = 100, durable: bool = True) -> list[Claim]:
        return await self.adapter.store.poll(
            services or (SERVICE,), limit, process=self.id, first_claim=self._next_claims(limit), durable=durable
        )

    async def admit(self, *deliveries: DeliveredCommand, durable: bool = True) -> list[Claim]:
        services, first_claim = [SERVICE] * len(deliveries), self._next_claims(len(deliveries))
        return await self.adapter.store.admit(
            deliveries, services, process=self.id, first_claim=first_claim, durable=durable
        )

    async def fetch(self, *refs: CommandRef) -> list[Claim]:
        return await self.adapter.store.fetch(refs, process=self.id)

    async def extend(self, *claims: Claim, isolated: bool = False) -> set[int]:
        return await self.adapter.store.extend(claims, process=self.id, isolated=isolated)

    async def notify_service(self, service: str) -> None:
        """Notifies a service that its queue has commands."""
        await self.commit(notifications=Notifications(services={service}))

    async def heartbeat(self, *, full: bool = False) -> Heartbeat:
        return await self.adapter.membership.heartbeat(0, full=full)

    async def poll_one(self, *services: str) -> Claim:
        (claim,) = await self.poll(*services)
        return claim

    def for_me(self, position: int = 0, operation: Operation = EXECUTE) -> Dispatch:
        """A dispatch to this process itself, under a new claim."""
        return Dispatch(position, operation, SERVICE, self.id, self._next_claims(1) + 1, 0.0)

    def _next_claims(self, count: int) -> int:
        first = self.id * CLAIMS_PER_PROCESS + self.claims
        self.claims += count
        return first


class _RolledBack(Exception):
    pass


class StoreStage(abc.ABC):
    """The hooks of an adapter, and helpers for the tests."""

    pytestmark: pytest.MarkDecorator = pytest.mark.asyncio

    has_sessions = True  # liveness depends on a session that a live process can lose

    @abc.abstractmethod
    async def open_store(self, options: StoreOptions) -> StoreAdapter:
        """Opens another process's adapter over the store of this test, which is empty at the first call."""

    async def kill(self, adapter: StoreAdapter) -> None:
        """Ends the adapter's process as a crash does: without leaving, noticed by its peers."""
        await adapter.close()

    async def cut(self, adapter: StoreAdapter) -> None:
        """Ends the session that shows that the process is alive, while the process lives on."""
        raise NotImplementedError("override `cut`, or lower `has_sessions` with a reason")

    async def advance(self, seconds: float) -> None:
        """Lets time pass on the store's clock. Override it where a test can advance that clock."""
        await asyncio.sleep(seconds)

    @pytest_asyncio.fixture(autouse=True)
    async def _open_adapters(self) -> AsyncIterator[None]:
        async with AsyncExitStack() as self._adapters:
            yield

    async def adapter(self, options: StoreOptions | None = None) -> StoreAdapter:
        """An open adapter, closed after the test."""
        adapter = await self.open_store(options or StoreOptions())
        self._adapters.push_async_callback(adapter.close)
        return adapter

    @asynccontextmanager
    async def rolled_back(self, process: StageProcess) -> AsyncIterator[object]:
        """A transaction on the store, as of a transactional step, that is rolled back."""
        with suppress(_RolledBack):
            async with process.adapter.transaction() as connection:
                yield connection
                raise _RolledBack

    async def process(self, *services: str, options: StoreOptions | None = None) -> StageProcess:
        """A process that has joined and serves these services, by default the first one."""
        adapter, heard = await self.adapter(options), Heard()
        number = await adapter.membership.join("a process", services or (SERVICE,), 10, heard.listener())
        self._adapters.push_async_callback(adapter.membership.leave)
        return StageProcess(adapter, number, heard)

    async def started(self, process: StageProcess, vector: str = "D", *, definition: Graph | None = None) -> Start:
        """A started saga with this vector, and its commands in the queues."""
        start = await self.ready(process, vector, definition=definition)
        assert await process.start(start) == []
        return start

    async def ready(self, process: StageProcess, vector: str = "D", *, definition: Graph | None = None) -> Start:
        """A start that is not written yet. Without a definition, all steps are external steps of the first service."""
        steps = (step(f"step_{position}") for position in range(len(vector)))
        plan = definition or graph(*steps, name=f"order_{len(vector)}")
        number = await process.adapter.directory.register(plan, None, activate=True, overwrite=False)
        return Start(
            saga=uuid7(time.time_ns() // 1_000_000, os.urandom(RANDOM_BYTES)),
            definition=number,
            definition_name=plan.name,
            state=state(vector, Phase.COMPENSATING if "K" in vector or "U" in vector else Phase.RUNNING),
            deadline_seconds=None,
            input=INPUT,
            key=None,
            input_hash=b"hash",
            tags=None,
            dispatches=[
                Dispatch(position, LETTER_OPERATIONS[letter], plan.steps[position].service, None, None, 0.0)
                for position, letter in enumerate(vector)
                if letter in LETTER_OPERATIONS
            ],
            entries=(),
        )

    async def version_and_state(self, process: StageProcess, start: Start) -> tuple[int, State]:
        """The stored version and state of a saga."""
        overdue = await process.adapter.ledger.snapshot(start.saga)
        return overdue.version, overdue.state

    async def held(self, process: StageProcess, start: Start) -> frozenset[int]:
        """The steps of a saga that have a command row."""
        return (await process.adapter.ledger.snapshot(start.saga)).held

    async def until_released(self, peer: StageProcess, lost: CommandRef) -> None:
        """Sends heartbeats until the claim of a dead process is returned."""
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while lost.step in (await peer.adapter.ledger.snapshot(lost.saga)).claimed:
                await peer.heartbeat()

    async def paused(self, process: StageProcess, start: Start) -> None:
        """Pauses a saga that was just started."""
        write = moved(start, start.state.vector, start.state.phase)
        assert await process.commit(replace(write, state=replace(write.state, paused=True))) == []
