"""Turns commands into messages and back: the wire format, signed where there are keys."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from uuid import UUID

from saga.core.definition.graph import Graph
from saga.core.rules.decision import Command
from saga.errors import SagaError
from saga.ports.bus import Message, topic_of
from saga.ports.values.claim import Claim
from saga.runtime.bus.refusals import Refusals
from saga.runtime.bus.signing import KeyRing, Refused
from saga.runtime.bus.wire import WireCommand, decode, encode, headers
from saga.runtime.definition_cache import DefinitionCache
from saga.runtime.timing.store_clock import StoreClock


@dataclass(frozen=True, slots=True)
class Sending:
    """The saga whose commands are sent. `input` and `trace` are None where the sender does not know them."""

    saga: UUID
    graph: Graph
    input: bytes | None
    trace: str | None


class Envelopes:
    """Makes and opens messages. A message that cannot be opened is counted and dropped: the store redrives what it stood for."""

    def __init__(
        self,
        namespace: str,
        definitions: DefinitionCache,
        refusals: Refusals,
        keys: KeyRing | None,
        clock: StoreClock,
    ) -> None:
        self._namespace = namespace
        self._definitions = definitions
        self._refusals = refusals
        self._keys = keys
        self._clock = clock

    def topic(self, service: str) -> str:
        return topic_of(self._namespace, service)

    def closed(self, sending: Sending, asked: Command) -> Message | None:
        """The message of a command; None if there is no key for its service."""
        step = sending.graph.steps[asked.step]
        command = WireCommand(sending.saga, asked.step, asked.operation)
        said = headers(command, self._namespace, step.name, sending.trace)
        if self._keys is None:
            return Message(self.topic(step.service), sending.saga.bytes, encode(command), said)
        message = Message(self.topic(step.service), sending.saga.bytes, b"", said)
        hashed = "" if sending.input is None else hashlib.sha256(sending.input).hexdigest()
        full = WireCommand(sending.saga, asked.step, asked.operation, sending.graph.hash.hex(), hashed)
        try:
            return self._keys.signed(full, message, step.service, self._clock.now())
        except SagaError as error:
            self._refusals.add("no key", message.topic, error)
            return None

    def opened(self, message: Message, service: str) -> WireCommand | None:
        """The command of a message; None if it is not one, or its signature does not hold."""
        try:
            return decode(message) if self._keys is None else self._keys.verified(message, service, self._clock.now())
        except Refused as error:
            self._refusals.add(error.reason, message.topic, error)
        except SagaError as error:
            self._refusals.add("no command", message.topic, error)
        return None

    @property
    def are_signed(self) -> bool:
        return self._keys is not None

    async def is_as_signed(self, command: WireCommand, claim: Claim) -> bool:
        """Returns whether the claim has the definition and the input that were signed."""
        try:
            graph = await self._definitions.graph(claim.definition)
        except SagaError:  # without its definition it cannot run: the executor finds that out too, and puts it back
            return True
        if command.definition and command.definition != graph.hash.hex():
            self._refusals.add("other definition", self.topic(graph.steps[claim.step].service), str(claim.saga))
            return False
        if command.input and command.input != hashlib.sha256(claim.input).hexdigest():
            self._refusals.add("other input", self.topic(graph.steps[claim.step].service), str(claim.saga))
            return False
        return True
