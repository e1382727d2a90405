"""The group committer over a store that refuses what it is told to refuse."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from uuid import UUID

from saga.core import events as ev
from saga.core.decide import initial_state
from saga.core.states import Operation
from saga.errors import InputRefused
from saga.ports.clock import SystemClock
from saga.ports.store import Store
from saga.ports.work import Miss, Ref, Signals, Work, Write
from saga.runtime.committer import Committer
from saga.runtime.outcome import Outcome
from saga.runtime.planning import Group
from saga.runtime.router import Router
from tests.core.graphs import chain

SAGA, OTHER = UUID(int=1), UUID(int=2)
PEER = 7


class RefusingStore:
    """Refuses the first commit, takes the others, and keeps whom they told."""

    def __init__(self) -> None:
        self.commits = 0
        self.told: list[Ref] = []

    async def commit(self, _: Sequence[Write], signals: Signals, **__: object) -> list[Miss]:
        self.commits += 1
        if self.commits == 1:
            raise InputRefused("a result that cannot be written")
        self.told += signals.claims.get(PEER, [])
        return []


async def test_a_poisoned_outcome_does_not_silence_what_committed_steps_had_to_tell() -> None:
    store = RefusingStore()
    committer = committer_over(store)
    committer.tell(Signals(claims={PEER: [Ref(OTHER, 0)]}))
    committer.add(poisoned_group())
    run = asyncio.create_task(committer.run())

    async with asyncio.timeout(5):
        await committer.drained()

    run.cancel()
    assert Ref(OTHER, 0) in store.told


def committer_over(store: RefusingStore) -> Committer:
    clock = SystemClock()
    router = Router(clock, queues_commands=True, has_room=lambda _: False)
    port: Store = store  # type: ignore[assignment]  # the committer commits, and does nothing else
    return Committer(port, clock, router, lambda _, __: None, lambda: True, lambda: None)


def poisoned_group() -> Group:
    graph = chain("X")
    state = initial_state(graph, now=0.0)
    work = Work(
        saga=SAGA, step=0, operation=Operation.EXECUTE, claim=1, definition=1, version=1, state=state, waiter=None,
        input=b"{}", results={}, deliveries=1, failures=0, first_failed_ago=0.0, lease_ends=0.0, quiet_at=0.0,
        progress=None, store_clock=0.0,
    )  # fmt: skip
    return Group(SAGA, graph, 1, state, None, 0.0, [Outcome(work, ev.Succeeded(0), b"1")])
