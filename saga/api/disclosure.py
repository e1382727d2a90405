"""Shows each principal as much of inputs and results as its role allows."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Final, cast

from fastapi import Request

from saga.api.principals import Principal, Role, principal_of
from saga.core.definition.graph import Graph
from saga.core.definition.json_value import Json
from saga.inspection.masking.saga_marks import SagaMarks, read_marks
from saga.inspection.masking.shown import HIDDEN, Payloads, Shown, Sizes, masked
from saga.ports.clock import Clock
from saga.ports.directory import Directory
from saga.ports.saga_detail import SagaDetail

KEPT_SECONDS: Final = 2.0
"""For how long a process relies on the marks that it has read; a new mark hides values after that."""
KEPT_DEFINITIONS_MAX: Final = 1_000


class Disclosure:
    """The marks of sensitive values, as this process has read them."""

    def __init__(self, directory: Directory, clock: Clock) -> None:
        self._directory = directory
        self._clock = clock
        self._kept: dict[Hashable, tuple[float, SagaMarks]] = {}

    async def shown(self, principal: Principal, detail: SagaDetail) -> Shown:
        """The way in which this principal sees the payloads of a saga. Raises Unavailable."""
        return Payloads(await self.marks(detail.graph)) if principal.reads_payloads else Sizes()

    async def value(self, principal: Principal, graph: Graph, value: Json) -> Json:
        """The value of a saga as this principal sees it. A token that may only start sagas is a program's: it gets all of it.

        Raises Unavailable.
        """
        if value is None or principal.role is Role.STARTER:
            return value
        if not principal.reads_payloads:
            return {HIDDEN: "the value of the saga"}
        return masked(value, (await self.marks(graph)).made(graph.returns))

    async def marks(self, graph: Graph) -> SagaMarks:
        """The marks of the sagas of a definition. Raises Unavailable."""
        now = self._clock.monotonic()
        read_at, marks = self._kept.get(graph.hash, (float("-inf"), None))
        if marks is None or now - read_at >= KEPT_SECONDS:
            marks = await read_marks(self._directory, graph)
            if len(self._kept) >= KEPT_DEFINITIONS_MAX:
                self._kept.clear()
            self._kept[graph.hash] = now, marks
        return marks


@dataclass(frozen=True, slots=True)
class Reader:
    """A principal, and what it may see."""

    principal: Principal
    disclosure: Disclosure

    async def shown(self, detail: SagaDetail) -> Shown:
        """The way in which it sees the payloads of a saga. Raises Unavailable."""
        return await self.disclosure.shown(self.principal, detail)

    async def value(self, graph: Graph, value: Json) -> Json:
        """The value of a saga as it sees it. Raises Unavailable."""
        return await self.disclosure.value(self.principal, graph, value)


def reader_of(request: Request) -> Reader:
    """The sender of a request, with what it may see."""
    return Reader(principal_of(request), cast("Disclosure", request.app.state.disclosure))


async def shown_to(request: Request, detail: SagaDetail) -> Shown:
    """The way in which the sender of a request sees the payloads of a saga. Raises Unavailable."""
    return await reader_of(request).shown(detail)
