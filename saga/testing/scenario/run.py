"""One saga of a harness."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Final
from uuid import UUID

from saga.client import Ending
from saga.client.ending import Sent
from saga.codec.codec import Value
from saga.core.state.letters import WORDS
from saga.operations import Operations
from saga.ports.ledger import Snapshot
from saga.ports.saga_detail import SagaDetail
from saga.testing.scenario.inner_loop import Nothing
from saga.testing.scenario.story import explained, story
from saga.testing.scenario.world import World

ACTOR: Final = "the test"


class CannotEnd(AssertionError):
    """Nothing in the test can bring about what it waits for. The message says why, and what has happened so far."""


class Run:
    """A saga that a test has started. It goes on only while the test waits: for it, for another saga, or for a time."""

    def __init__(self, world: World, saga: UUID) -> None:
        self.id = saga
        self._world = world

    def __repr__(self) -> str:
        return f"<saga {self.id}: {self.status}>"

    @property
    def status(self) -> str:
        """running, compensating, completed, compensated, abandoning or abandoned."""
        return self._world.row(self.id).state.phase.name.lower()

    @property
    def is_ended(self) -> bool:
        """True if it is completed, compensated or abandoned."""
        return self._world.row(self.id).state.phase.is_terminal

    @property
    def is_stuck(self) -> bool:
        """True while a step is quarantined."""
        state = self._world.row(self.id).state
        return state.is_stuck and not state.phase.is_terminal

    @property
    def steps(self) -> dict[str, str]:
        """The state of each step in words, as `saga show` prints it: {"reserve": "succeeded", "charge": "quarantined"}."""
        row = self._world.row(self.id)
        graph = self._world.database.definitions[row.definition].graph
        return {step.name: WORDS[letter] for step, letter in zip(graph.steps, row.state.vector, strict=True)}

    async def send(self, name: str, payload: Value = None, *, id: str | None = None) -> Sent:  # noqa: A002 (the word of the protocol)
        """Sends an event to the saga: `await order.send("review", Verdict(...))`. Raises as `Sagas.send`."""
        return self._world.perform(self._world.app.send(self.id, name, payload, id=id))

    async def end(self) -> Ending:
        """Lets time pass until the saga has ended.

        Raises:
            CannotEnd: it waits for something that cannot happen in this test.
        """
        self.wait_until(lambda: self.is_ended, "end")
        return self._world.perform(self._world.app.wait(self.id))

    async def detail(self) -> SagaDetail:
        """Everything about the saga, as `saga show` prints it."""
        return self._world.detail(self.id)

    async def why(self) -> str:
        """The reason why the saga does not move on, as `saga why` prints it."""
        return explained(self._world.detail(self.id))

    async def roll_back(self, reason: str = "the test asks for it") -> None:
        """Requests a rollback, as `saga rollback`. Raises Conflict once the pivot has passed."""
        self._act(lambda operations: operations.roll_back(self.id, actor=ACTOR, reason=reason))

    async def pause(self) -> None:
        """Pauses the saga, as `saga pause`."""
        self._act(lambda operations: operations.pause(self.id, actor=ACTOR, reason="test"))

    async def resume(self) -> None:
        """Resumes the saga, as `saga resume`."""
        self._act(lambda operations: operations.resume(self.id, actor=ACTOR, reason="test"))

    async def retry(self, step: str | None = None) -> None:
        """Retries a quarantined step, or all of them, as `saga retry`. Raises Conflict."""
        self._act(lambda operations: operations.retry(self.id, step, actor=ACTOR, reason="test"))

    async def resolve(self, step: str, what: str) -> None:
        """Settles a quarantined step, as `saga resolve`: happened, did-not-happen or compensated. Raises Conflict."""
        self._act(lambda operations: operations.resolve(self.id, step, what, actor=ACTOR, reason="test"))

    async def skip(self, step: str) -> None:
        """Goes on without a quarantined step behind the pivot, as `saga skip`. Raises Conflict."""
        self._act(lambda operations: operations.skip(self.id, step, actor=ACTOR, reason="test"))

    async def undo_step(self, step: str) -> None:
        """Undoes one step while the saga goes on, as `saga undo-step`. Raises Conflict."""
        self._act(lambda operations: operations.undo_step(self.id, step, actor=ACTOR, reason="test"))

    async def abandon(self) -> None:
        """Gives the saga up, as `saga abandon`."""
        self._act(lambda operations: operations.abandon(self.id, actor=ACTOR, reason="test"))

    def story(self) -> str:
        """The events of the saga so far, in plain words."""
        return story(self._world.detail(self.id))

    def wait_until(self, is_enough: Callable[[], bool], what: str) -> None:
        """Lets time pass until a condition holds. Raises CannotEnd, with `what` the saga cannot do."""
        try:
            self._world.run_until(is_enough)
        except Nothing:
            detail = self._world.detail(self.id)
            raise CannotEnd(f"the saga cannot {what} in this test: {explained(detail)}\n\n{story(detail)}") from None

    def _act(self, action: Callable[[Operations], Coroutine[None, None, Snapshot]]) -> None:
        self._world.perform(action(self._world.app.operations))
