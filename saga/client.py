"""Starting sagas, waiting for them, acting on them."""

from __future__ import annotations

import asyncio
import hashlib
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final
from uuid import UUID

import pydantic
import pydantic_core
from pydantic import TypeAdapter

from saga.authoring import Definition
from saga.core import events as ev
from saga.core.decide import is_pivot_passed
from saga.core.graph import Graph, Json
from saga.core.ids import RANDOM_BYTES, uuid7
from saga.core.paths import resolve
from saga.core.schema import misfits
from saga.core.states import Mode, Phase
from saga.errors import Conflict, InputRefused, NotFound, Unavailable, UsageError
from saga.ports.store import Connection, Snapshot
from saga.ports.work import Signals, Standing
from saga.runtime.handlers import Adapter, Value
from saga.runtime.process import Process
from saga.runtime.starter import Order, first_decision, start_of

INPUT_BYTES_MAX: Final = 256 * 1024
KEY_CHARS_MAX: Final = 200
START_TIMEOUT_SECONDS: Final = 30.0
_STATUS: Final = {Phase.COMPLETED: "completed", Phase.COMPENSATED: "compensated", Phase.ABANDONED: "abandoned"}
_JSON: Final[Adapter] = TypeAdapter(Value)


@dataclass(frozen=True, slots=True)
class Ending:
    """How a saga ended: `status` is completed, compensated (rolled back) or abandoned; `value` is what a completed one returns."""

    saga: UUID
    status: str
    value: Value
    reason: str | None

    @property
    def is_completed(self) -> bool:
        return self.status == "completed"


class Handle:
    """A saga that was started."""

    def __init__(self, sagas: Sagas, saga: UUID, *, is_new: bool = False) -> None:
        self._sagas = sagas
        self._is_new = is_new
        self.id = saga

    def __repr__(self) -> str:
        return f"<saga {self.id}>"

    async def result(self, timeout_seconds: float | None = None) -> Ending:
        """Wait until the saga has ended.

        Raises:
            TimeoutError: it has not, in that time; it goes on.
            NotFound: it is not there (any more).
        """
        is_new, self._is_new = self._is_new, False
        waiting = self._sagas.wait(self.id, is_new=is_new)
        return await (waiting if timeout_seconds is None else asyncio.wait_for(waiting, timeout_seconds))


class Sagas:
    """A connection to the fabric. Made by `saga.connect`."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self._registered: dict[int, tuple[Definition, int, Graph]] = {}

    def new_id(self) -> UUID:
        """An id for a saga that is about to be started: it carries the moment."""
        return uuid7(int(time.time() * 1000), os.urandom(RANDOM_BYTES))

    async def register(self, definition: Definition, *, activate: bool = True, overwrite: bool = False) -> int:
        """Check a definition against the published contracts and store it; returns its number.

        Raises:
            DefinitionError: with everything that is wrong, missing contracts included.
            Conflict: this name and version is another graph already.
        """
        graph = definition.graph(await self.process.adapter.directory.contracts())
        schema = graph.input_schema
        number = await self.process.adapter.directory.register(graph, schema, activate=activate, overwrite=overwrite)
        self.process.definitions.add(number, graph)
        self._registered[id(definition)] = (definition, number, graph)
        return number

    async def start(
        self,
        definition: Definition | str,
        input: Value = None,  # noqa: A002 (the word of the protocol)
        *,
        key: str | None = None,
        version: int | None = None,
        tags: dict[str, str] | None = None,
        tx: Connection = None,
    ) -> Handle:
        """Start a saga. It is durable when this returns (with `tx`: when the caller commits).

        `key`: the same key never starts a second saga of this definition. `tx`: an asyncpg connection to the store's database; the saga
        starts with its transaction, or not at all. By name, the newest activated version is started, or `version`.

        Raises:
            InputRefused: the input does not fit the definition, or is too large.
            Conflict: the key was used with another input.
            Unavailable: the store is away; whether the saga was started is unknown, so start again with the same key.
        """
        order = await self._order(definition, input, key, version, tags)
        with self.process.telemetry.tracer.starting(order):
            return await self._start(order, tx)

    async def _start(self, order: Order, connection: Connection) -> Handle:
        if connection is not None:
            return Handle(self, await self._start_within(order, connection))
        try:
            saga = await self.process.starter.start(order, START_TIMEOUT_SECONDS)
        except TimeoutError:
            raise Unavailable(
                f"the store did not answer for {START_TIMEOUT_SECONDS:.0f} s: whether {order.graph.name} was started is unknown; "
                "start again with the same key"
            ) from None
        return Handle(self, saga, is_new=saga is order.saga)

    async def find(self, definition: Definition | str, key: str) -> Handle:
        """The saga that a start key stands for. Raises NotFound."""
        name = definition if isinstance(definition, str) else definition.name
        saga = await self.process.adapter.ledger.find_key(name, key)
        if saga is None:
            raise NotFound(f"no saga of {name} was started with the key {key!r}")
        return Handle(self, saga)

    def handle(self, saga: UUID) -> Handle:
        """A handle of a saga that was started before."""
        return Handle(self, saga)

    async def _order(
        self,
        definition: Definition | str,
        value: Value,
        key: str | None,
        version: int | None,
        tags: dict[str, str] | None,
    ) -> Order:
        if isinstance(definition, Definition):
            found = self._registered.get(id(definition))
            if found is None:
                await self.register(definition)
                found = self._registered[id(definition)]
            _, number, graph = found
            data = _encoded(definition.name, definition.input_adapter, value)
        else:
            number, graph = await self.process.adapter.directory.find(definition, version)
            self.process.definitions.add(number, graph)
            data = _encoded(definition, _JSON, value)
            if problems := misfits(graph.input_schema, pydantic_core.from_json(data)):
                raise InputRefused(f"the input of {graph.name} v{graph.version} does not fit: {'; '.join(problems)}")
        if key is not None and not 1 <= len(key) <= KEY_CHARS_MAX:
            raise UsageError(f"a start key has 1 to {KEY_CHARS_MAX} characters, not {len(key)}")
        saga = self.new_id()
        text = None if tags is None else _JSON.dump_json(tags).decode()
        return Order(saga, number, graph, data, hashlib.sha256(data).digest(), key, text)

    async def _start_within(self, order: Order, connection: Connection) -> UUID:
        signals = Signals()
        decision = first_decision(order.graph, self.process.starter.store_clock + time.monotonic())
        start = start_of(order, decision, self.process.router, signals, assign=False)
        process = self.process.router.process
        taken = await self.process.adapter.store.start(
            [start], signals, process=process, waiter=process, again=False, connection=connection
        )
        if taken and not taken[0].is_same_input:
            raise Conflict(
                f"the start key {order.key!r} of {order.graph.name} belongs to saga {taken[0].saga}, started with another input"
            )
        return taken[0].saga if taken else order.saga

    async def wait(self, saga: UUID, *, is_new: bool = False) -> Ending:
        """Wait until a saga has ended. `is_new`: this connection has just started it."""
        standing = await self.process.endings.wait(saga, is_new=is_new)
        return Ending(saga, _STATUS[standing.phase], await self._returned(standing), standing.reason)

    async def snapshot(self, saga: UUID) -> Snapshot:
        """A saga as it is now. Raises NotFound."""
        return await self.process.adapter.ledger.snapshot(saga)

    async def _returned(self, standing: Standing) -> Value:
        """What a completed saga returns."""
        graph = await self.process.definitions.graph(standing.definition)
        if graph.returns is None or standing.input is None:
            return None
        # a person can declare that a step happened, but not what came of it: null
        results: dict[str, Value] = dict.fromkeys(step.name for step in graph.steps)
        results |= {graph.steps[step].name: _JSON.validate_json(data) for step, data in standing.results.items()}
        return resolve(graph.returns, _JSON.validate_json(standing.input), results)

    @cached_property
    def operations(self) -> Operations:
        """What people do to sagas."""
        return Operations(self)


class Operations:
    """Acts on one saga, audited. Each returns the saga as it is afterwards."""

    def __init__(self, sagas: Sagas) -> None:
        self._sagas = sagas

    async def roll_back(self, saga: UUID, *, actor: str, reason: str) -> Snapshot:
        """Ask for a roll-back. Refused, with a Conflict, once the pivot has passed."""
        return await self._act(saga, "roll back", [ev.RollBack(reason)], actor, reason, None)

    async def pause(self, saga: UUID, *, actor: str, reason: str) -> Snapshot:
        """Hold a saga: nothing new is dispatched; the deadline goes on."""
        return await self._act(saga, "pause", [ev.Paused()], actor, reason, None)

    async def resume(self, saga: UUID, *, actor: str, reason: str) -> Snapshot:
        return await self._act(saga, "resume", [ev.Resumed()], actor, reason, None)

    async def retry(self, saga: UUID, step: str | None, *, actor: str, reason: str) -> Snapshot:
        """Send quarantined steps round again: one, or all of them."""
        snapshot = await self._sagas.snapshot(saga)
        positions = await self._quarantined(snapshot, step)
        return await self._act(
            saga, "retry", [ev.Retried(position) for position in positions], actor, reason, positions[0]
        )

    async def resolve(self, saga: UUID, step: str, what: str, *, actor: str, reason: str) -> Snapshot:
        """Settle a quarantined step by evidence: `what` is happened, did-not-happen or compensated."""
        kinds: dict[str, type[ev.Happened | ev.DidNotHappen | ev.Undone]] = {
            "happened": ev.Happened, "did-not-happen": ev.DidNotHappen, "compensated": ev.Undone,
        }  # fmt: skip
        if what not in kinds:
            raise UsageError(f"{what!r} resolves nothing: say happened, did-not-happen or compensated")
        snapshot = await self._sagas.snapshot(saga)
        (position,) = await self._quarantined(snapshot, step)
        graph = await self._sagas.process.definitions.graph(snapshot.definition)
        if what == "did-not-happen" and graph.steps[position].mode is Mode.JOURNALED:  # G37
            raise Conflict(
                f"step {step} is journaled: its journal decides; retry it, or roll the saga back, and its service will void it"
            )
        if what == "did-not-happen" and (
            position in snapshot.overdue.claimed or position in snapshot.overdue.unquiet
        ):  # G37
            raise Conflict(
                f"step {step} cannot be declared void yet: a call of it may still arrive; wait until its claim and margin are over"
            )
        return await self._act(saga, f"resolve: {what}", [kinds[what](position)], actor, reason, position)

    async def abandon(self, saga: UUID, *, actor: str, reason: str) -> Snapshot:
        """Freeze the saga and give up what is left of it."""
        return await self._act(saga, "abandon", [ev.Abandoned()], actor, reason, None)

    async def _quarantined(self, snapshot: Snapshot, step: str | None) -> list[int]:
        graph = await self._sagas.process.definitions.graph(snapshot.definition)
        found = [position for position, letter in enumerate(snapshot.overdue.state.vector) if letter in "dwuk"]
        if step is not None:
            found = [position for position in found if graph.steps[position].name == step]
        if not found:
            raise Conflict(
                f"saga {snapshot.saga} has no quarantined step{'' if step is None else f' {step}'}: there is nothing to do"
            )
        return found

    async def _act(
        self, saga: UUID, action: str, events: Sequence[ev.Event], actor: str, reason: str, step: int | None
    ) -> Snapshot:
        process = self._sagas.process
        before = await self._sagas.snapshot(saga)
        is_changed = await process.committer.settle(await process.group_for(before.overdue, events))
        after = await self._sagas.snapshot(saga)
        detail = {"before": _shown(before), "after": _shown(after)}
        await process.adapter.ledger.audit(actor, action, saga, step, reason, detail)
        if not is_changed and _is_same(before, after):
            graph = await process.definitions.graph(after.definition)
            raise Conflict(f"{action} changed nothing: {_standing(graph, after)}")
        return after


def _shown(snapshot: Snapshot) -> dict[str, Json]:
    state = snapshot.overdue.state
    return {
        "phase": state.phase.name,
        "vector": state.vector,
        "paused": state.paused,
        "cancel_requested": state.cancel_requested,
    }


def _standing(graph: Graph, snapshot: Snapshot) -> str:
    state = snapshot.overdue.state
    if state.phase is Phase.RUNNING and is_pivot_passed(graph, state.vector):
        return f"saga {snapshot.saga} has passed its pivot {graph.steps[graph.pivot].name} and only goes forward"
    flags = (", paused" if state.paused else "") + (", roll-back requested" if state.cancel_requested else "")
    return f"saga {snapshot.saga} is {state.phase.name.lower()}{flags}"


def _is_same(before: Snapshot, after: Snapshot) -> bool:
    return _shown(before) == _shown(after)


def _encoded(name: str, adapter: Adapter, value: Value) -> bytes:
    try:
        data = adapter.serializer.to_json(adapter.validator.validate_python(value), by_alias=True)
    except (pydantic.ValidationError, ValueError) as error:
        raise InputRefused(f"the input of {name} does not fit: {_first_line(error)}") from error
    if len(data) > INPUT_BYTES_MAX:
        raise InputRefused(
            f"the input of {name} has {len(data):,} bytes, more than {INPUT_BYTES_MAX:,}: store it elsewhere and pass its address"
        )
    return data


def _first_line(error: Exception) -> str:
    if isinstance(error, pydantic.ValidationError):
        return "; ".join(
            f"{'.'.join(map(str, detail['loc'])) or 'value'}: {detail['msg']}" for detail in error.errors()
        )
    return str(error)
