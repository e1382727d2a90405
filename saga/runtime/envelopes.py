"""Commands into messages and back: the wire format, signed where a ring of keys says so."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from saga.core import decide
from saga.core.graph import Graph
from saga.errors import SagaError
from saga.ports.bus import Message, topic_of
from saga.ports.work import Work
from saga.runtime.definitions import Definitions
from saga.runtime.refusals import Refusals
from saga.runtime.signing import KeyRing, Refused
from saga.runtime.wire import Command, decode, encode, headers


@dataclass(frozen=True, slots=True)
class Sending:
    """The saga whose commands are sent. `input` and `trace` are None where the sender has them not at hand."""

    saga: UUID
    graph: Graph
    input: bytes | None
    trace: str | None


class Envelopes:
    """Makes and opens messages. What cannot be opened is counted and dropped: the store sends again what was true."""

    def __init__(
        self,
        namespace: str,
        definitions: Definitions,
        refusals: Refusals,
        keys: KeyRing | None,
        store_now: Callable[[], float],
    ) -> None:
        self._namespace = namespace
        self._definitions = definitions
        self._refusals = refusals
        self._keys = keys
        self._store_now = store_now

    def topic(self, service: str) -> str:
        return topic_of(self._namespace, service)

    def closed(self, sending: Sending, asked: decide.Command) -> Message | None:
        """The message of a command; None where the ring has no key for its service."""
        step = sending.graph.steps[asked.step]
        command = Command(sending.saga, asked.step, asked.operation)
        said = headers(command, self._namespace, step.name, sending.trace)
        if self._keys is None:
            return Message(self.topic(step.service), sending.saga.bytes, encode(command), said)
        message = Message(self.topic(step.service), sending.saga.bytes, b"", said)
        hashed = "" if sending.input is None else hashlib.sha256(sending.input).hexdigest()
        full = Command(sending.saga, asked.step, asked.operation, sending.graph.hash.hex(), hashed)
        try:
            return self._keys.signed(full, message, step.service, self._store_now())
        except SagaError as error:
            self._refusals.add("no key", message.topic, error)
            return None

    def opened(self, message: Message, service: str) -> Command | None:
        """The command of a message; None where it is none, or not to be believed."""
        try:
            return decode(message) if self._keys is None else self._keys.verified(message, service, self._store_now())
        except Refused as error:
            self._refusals.add(error.reason, message.topic, error)
        except SagaError as error:
            self._refusals.add("no command", message.topic, error)
        return None

    @property
    def are_signed(self) -> bool:
        return self._keys is not None

    async def is_meant(self, command: Command, work: Work) -> bool:
        """Whether what was claimed is what was signed: the saga's definition and input."""
        try:
            graph = await self._definitions.graph(work.definition)
        except SagaError:  # it cannot run without its definition, and is put back where that is found out
            return True
        if command.definition and command.definition != graph.hash.hex():
            self._refusals.add("other definition", self.topic(graph.steps[work.step].service), str(work.saga))
            return False
        if command.input and command.input != hashlib.sha256(work.input).hexdigest():
            self._refusals.add("other input", self.topic(graph.steps[work.step].service), str(work.saga))
            return False
        return True
