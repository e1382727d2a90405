"""Runs claims: finds the handler, runs it in its mode, and passes on the outcome."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Sequence
from typing import Any, Final

import structlog
from pydantic_core import to_json

from saga.core.definition.graph import Graph, Json
from saga.core.rules import events as ev
from saga.core.state.mode import Mode
from saga.errors import SagaError, Unavailable
from saga.ports.adapter import StoreAdapter
from saga.ports.clock import Clock
from saga.ports.values.claim import Claim
from saga.ports.values.notification import Notifications
from saga.ports.values.write import Delay, Write
from saga.runtime.commit.committer import Committer
from saga.runtime.definition_cache import DefinitionCache
from saga.runtime.handlers.bound_handler import BoundHandler
from saga.runtime.handlers.context import Context, current_step
from saga.runtime.planning.outcome import Outcome
from saga.runtime.planning.plan import CommitPlan, OutcomeGroup
from saga.runtime.steps.attempt import Attempt
from saga.runtime.steps.external import run_external
from saga.runtime.steps.journaled import run_journaled
from saga.runtime.steps.transactional import Committed, Transactional
from saga.runtime.telemetry import Run, Telemetry
from saga.runtime.timing.fair_gate import FairGate, is_poison, is_suspect

UNKNOWN_HANDLER_SECONDS: Final = 5.0
ALONE_WITHIN_SECONDS: Final = 10.0  # so long a suspect holds up what comes after it, while longer steps are under way
ALONE_AGAIN_SECONDS: Final = 30.0


class Executor:
    """One per process. `run` never raises: whatever happens becomes an outcome, or is left to the lease."""

    def __init__(
        self,
        adapter: StoreAdapter,
        clock: Clock,
        definitions: DefinitionCache,
        committer: Committer,
        process: Callable[[], int],
        on_committed: Callable[[OutcomeGroup, CommitPlan], None],
    ) -> None:
        self._adapter = adapter
        self._clock = clock
        self._definitions = definitions
        self._committer = committer
        self._process = process
        self._on_committed = on_committed
        self._transactional = Transactional(adapter, clock, committer.plan, process, committer.on_recovered)
        self._perform: Run = self._run_in_mode
        self._turns = FairGate()
        self._loop = asyncio.get_running_loop()
        self._served: dict[tuple[str, str], BoundHandler] = {}
        self._log = structlog.get_logger("saga.participant")
        self._tells_all = _is_debugged(self._log)

    def show(self, telemetry: Telemetry) -> None:
        """Let attempts be timed and traced from now on. Who only passes them on costs nothing."""
        self._perform = telemetry.tracer.around(telemetry.meter.around(self._perform))

    def serve(self, service: str, name: str, served: BoundHandler) -> None:
        self._served[service, name] = served

    async def run(self, claim: Claim) -> None:
        """Run a claim to its outcome and give that to the committer."""
        try:
            graph = self._definitions.known(claim.definition) or await self._definitions.graph(claim.definition)
        except SagaError as error:
            await self._put_back(claim, error)
            return
        step = graph.steps[claim.step]
        served = self._served.get((step.service, step.handler))
        if served is None or served.mode is not step.mode:
            handler = f"{step.service}.{step.handler}"
            said = self._said_of(claim)
            self._log.error("no such handler here, leaving it to others", **said, handler=handler, mode=step.mode.value)
            why = f"process {self._process()} took it and has no such handler"
            outcome = Outcome(claim, ev.Ongoing(claim.step, UNKNOWN_HANDLER_SECONDS), error=why)
        else:
            attempt = Attempt(claim, graph, served, self._context(claim, step.name))
            if is_poison(claim):
                why = f"handed out {claim.deliveries} times without an answer, at last alone: it seems to kill its process"
                outcome = attempt.failed(RuntimeError(why), is_final=True)
            else:
                found = await self._run(attempt, served)
                if isinstance(found, Committed):
                    self._committer.remember(found.plan)
                    self._committer.tell(found.notifications)
                    self._on_committed(found.group, found.plan)
                    self._tell_done()
                    return
                outcome = found
        self._report(outcome)
        self._committer.add(group_of(graph, outcome))

    def give_back(self, claims: Sequence[Claim]) -> None:
        """Claims that have not begun go back to their queues at once: nothing of theirs can be on its way (G25)."""
        for claim in claims:
            graph = self._definitions.known(claim.definition)
            if graph is not None:
                self._committer.add(group_of(graph, Outcome(claim, None)))

    async def _put_back(self, claim: Claim, error: SagaError) -> None:
        """A saga of a definition that this build cannot read is left to others."""
        self._log.error(
            "definition cannot be loaded", saga=str(claim.saga), definition=claim.definition, error=str(error)
        )
        delay = Delay(claim.step, claim.number, UNKNOWN_HANDLER_SECONDS, 0.0, claim.failures, str(error), claim.trials)
        write = Write(claim.saga, claim.version, changed=False, state=claim.state, delays=[delay])
        with contextlib.suppress(SagaError):  # then the claim's lease brings it back
            await self._adapter.store.commit(
                [write], Notifications(), process=self._process(), durable=False, wait=False
            )

    async def _run(self, attempt: Attempt, served: BoundHandler) -> Outcome | Committed:
        try:
            if not served.slots.has_entered():
                await served.slots.enter()
            try:
                return await self._in_turn(attempt, served)
            finally:
                served.slots.leave()
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            # nobody has cancelled us: it comes out of the handler, which may have cancelled a task of its own
            quiet_seconds = attempt.step.timeout_seconds + self._adapter.options.margin_seconds
            return attempt.failed(error, quiet_seconds=quiet_seconds)

    async def _in_turn(self, attempt: Attempt, served: BoundHandler) -> Outcome | Committed:
        if is_suspect(attempt.claim):
            return await self._alone(attempt, served)
        if not self._turns.has_entered():
            await self._turns.enter()
        try:
            return await self._perform(attempt, served)
        finally:
            self._turns.leave()

    async def _alone(self, attempt: Attempt, served: BoundHandler) -> Outcome | Committed:
        claim = attempt.claim
        try:
            async with asyncio.timeout(ALONE_WITHIN_SECONDS):
                await self._turns.enter(alone=True)
        except TimeoutError:
            return Outcome(claim, ev.Ongoing(claim.step, ALONE_AGAIN_SECONDS), error="no moment yet to run it alone")
        try:
            return await self._try(attempt, served)
        finally:
            self._turns.leave()

    async def _try(self, attempt: Attempt, served: BoundHandler) -> Outcome | Committed:
        """Run a suspect, alone. The trial is counted before it begins: if it kills us, nobody can do that afterwards."""
        claim, asked_at = attempt.claim, self._clock.monotonic()
        self._log.warning("runs alone, it was handed out often without an answer", **self._said_of(claim))
        try:
            lost = await self._adapter.store.extend([claim], process=self._process(), trial=True)
        except Unavailable as error:
            return Outcome(claim, None, error=str(error))
        if lost:
            return Outcome(claim, None)
        claim.lease_ends = asked_at + self._adapter.options.lease_seconds
        found = await self._perform(attempt, served)
        claim.trials = 0  # it has answered
        return found

    async def _run_in_mode(self, attempt: Attempt, served: BoundHandler) -> Outcome | Committed:
        match served.mode:
            case Mode.EXTERNAL:
                return await run_external(attempt, self._clock, self._adapter.options.margin_seconds)
            case Mode.JOURNALED:
                assert served.journal is not None  # noqa: S101 (a journaled handler is served with one)
                return await run_journaled(attempt, served.journal)
            case Mode.TRANSACTIONAL:
                return await self._transactional.run(attempt)

    def _context(self, claim: Claim, step: str) -> Context:
        context = Context(claim, step, self._beat, asyncio.current_task(self._loop))
        current_step.set(context)  # for the log; every claim runs in a task of its own
        return context

    async def _beat(self, claim: Claim, task: asyncio.Task[None] | None, progress: Json) -> None:
        """Prolong a claim for its handler; where that cannot be done because it is lost, stop the handler."""
        note = None if progress is None else to_json(progress)
        asked_at = self._clock.monotonic()
        try:
            lost = await self._adapter.store.extend([claim], process=self._process(), progress=note)
        except Unavailable as error:  # no reason to stop: the outcome is retried until the store is back
            self._log.warning("heartbeat not heard", **self._said_of(claim), error=str(error))
            return
        if not lost:
            claim.lease_ends = asked_at + self._adapter.options.lease_seconds
            return
        self._log.info("step is not wanted any more, stopping", **self._said_of(claim))
        if task is not None:
            task.cancel()
        await asyncio.sleep(0)
        raise asyncio.CancelledError

    def _report(self, outcome: Outcome) -> None:
        if isinstance(outcome.event, ev.Failed):
            attempt = outcome.claim.deliveries
            self._log.warning("step failed", **self._said_of(outcome.claim), attempt=attempt, error=outcome.error)
        elif isinstance(outcome.event, ev.Rejected):
            self._log.debug("step rejected", **self._said_of(outcome.claim), reason=outcome.event.reason)
        else:
            self._tell_done()

    def _said_of(self, claim: Claim) -> dict[str, str]:
        """Saga and step by name, for a line of the log in whatever configuration."""
        graph = self._definitions.known(claim.definition)
        return {"saga": str(claim.saga), "step": str(claim.step) if graph is None else graph.steps[claim.step].name}

    def _tell_done(self) -> None:
        if self._tells_all:
            self._log.debug("step done")


def _is_debugged(log: Any) -> bool:
    """Whether a line a step is wanted. Without a configuration structlog prints every level; not every logger can be asked."""
    if not structlog.is_configured():
        return False
    asked = getattr(log.bind(), "is_enabled_for", None)
    return asked is None or bool(asked(logging.DEBUG))


def group_of(graph: Graph, outcome: Outcome) -> OutcomeGroup:
    """One outcome, as a group to be committed."""
    claim = outcome.claim
    return OutcomeGroup(claim.saga, graph, claim.version, claim.state, claim.waiter, claim.store_clock, [outcome])
