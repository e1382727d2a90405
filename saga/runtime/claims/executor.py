"""Runs claims: finds the handler, makes an attempt, and passes on the outcome."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Collection, Sequence
from typing import Final

import structlog

from saga.core.definition.graph import Graph
from saga.core.definition.step import Step
from saga.core.rules import events as ev
from saga.core.state.mode import Mode
from saga.errors import SagaError
from saga.logger import get_logger
from saga.ports.adapter import StoreAdapter
from saga.ports.values.claim import Claim
from saga.ports.values.notification import Notifications
from saga.ports.values.write import Delay, Write
from saga.runtime.after_commit import AfterCommit
from saga.runtime.claims.claim_heartbeat import ClaimHeartbeat
from saga.runtime.claims.isolation import Isolation, is_poison
from saga.runtime.claims.misfits import Misfits, Peers
from saga.runtime.commit.outcome_queue import OutcomeQueue
from saga.runtime.definition_cache import DefinitionCache
from saga.runtime.handlers.context import Context, current_step
from saga.runtime.handlers.raised import described, is_foreign
from saga.runtime.identity import ProcessIdentity
from saga.runtime.planning.commit_plan import Committed
from saga.runtime.planning.outcome import NOT_BEGUN, Outcome
from saga.runtime.planning.outcome_group import group_of
from saga.runtime.planning.planner import CommitPlanner
from saga.runtime.steps.attempt import Attempt
from saga.runtime.steps.bound_handler import BoundHandler
from saga.runtime.steps.engine import EngineRunner
from saga.runtime.timing.fair_gate import GateClosed
from saga.runtime.timing.store_clock import StoreClock

UNKNOWN_HANDLER_SECONDS: Final = 5.0
_ENGINE: Final = Mode.ENGINE


class Executor:
    """One per process. Each claim gets an outcome, or is left until its lease ends."""

    def __init__(  # noqa: PLR0913, PLR0917 (wired in one place)
        self,
        adapter: StoreAdapter,
        clock: StoreClock,
        identity: ProcessIdentity,
        definitions: DefinitionCache,
        outcomes: OutcomeQueue,
        planner: CommitPlanner,
        after_commit: AfterCommit,
        peers: Peers,
        engine: EngineRunner,
    ) -> None:
        self._adapter = adapter
        self._identity = identity
        self._definitions = definitions
        self._outcomes = outcomes
        self._planner = planner
        self._after_commit = after_commit
        self._engine = engine
        lease_seconds = adapter.options.lease_seconds
        self._isolation = Isolation(adapter.store, clock, identity, definitions, lease_seconds)
        self._heartbeat = ClaimHeartbeat(adapter.store, clock, identity, definitions, lease_seconds)
        self._misfits = Misfits(clock, peers)
        self._loop = asyncio.get_running_loop()  # kept, because asking for it is a system call
        self._bound: dict[tuple[str, str], BoundHandler] = {}
        self._withdrawn: set[str] = set()
        self._log = get_logger("saga.participant")
        self._logs_each_step = _is_debug_logged(self._log)

    def serve(self, service: str, name: str, bound: BoundHandler) -> None:
        """Runs the claims of this handler from now on."""
        self._withdrawn.discard(service)
        self._bound[service, name] = bound

    def withdraw(self, service: str) -> None:
        """Runs no more claims of this service; they are given back."""
        self._withdrawn.add(service)
        for key in [key for key in self._bound if key[0] == service]:
            del self._bound[key]

    def is_of(self, services: Collection[str], claim: Claim) -> bool:
        """Returns whether a claim is of one of these services. One whose definition is not known here is of all."""
        graph = self._definitions.known(claim.definition)
        return graph is None or graph.steps[claim.step].service in services

    async def run(self, claim: Claim) -> None:
        """Runs a claim, and enqueues its outcome for the committer unless the step's own transaction has committed it."""
        try:
            graph = self._definitions.known(claim.definition) or await self._definitions.graph(claim.definition)
        except Exception as error:  # noqa: BLE001 (whatever is wrong with a stored definition, other builds may read it)
            await self._put_back(claim, error)
            return
        step = graph.steps[claim.step]
        bound = self._bound.get((step.service, step.handler))
        found: Outcome | Committed
        if step.mode is _ENGINE:
            found = Outcome(claim, None) if step.service in self._withdrawn else await self._engine.run(claim, graph)
        elif bound is None or bound.mode is not step.mode:
            found = self._without_handler(claim, graph)
        else:
            context = self._context(claim, step.name)
            attempt = Attempt(claim, graph, bound.handler, bound.caller, context, bound.patience, self._misfits)
            try:
                found = await self._run(attempt, bound)
                if attempt.misfit is not None:
                    self._log_misfit(attempt)
            except BaseException as error:  # noqa: BLE001 (raised again where it is not an outcome)
                found = self._broken_off(attempt, error)
        if isinstance(found, Committed):
            self._planner.remember(found.plan)
            self._outcomes.notify(found.notifications)
            self._after_commit.committed(found.group, found.plan)
            self._log_done()
        else:
            self._log_outcome(found)
            self._outcomes.add(group_of(graph, found))

    def _broken_off(self, attempt: Attempt, error: BaseException) -> Outcome:
        """Returns the outcome of an attempt that an exception has ended; raises it if the framework has cut off what had begun."""
        is_cut_off = is_foreign(error, attempt.context)
        if isinstance(error, KeyboardInterrupt | SystemExit) or (is_cut_off and attempt.has_begun):
            raise error
        if is_cut_off:
            return Outcome(attempt.claim, None, error=NOT_BEGUN)  # its delivery does not count
        return attempt.failed(error, quiet_seconds=self._quiet_seconds(attempt.step))

    def give_back(self, waiting: Sequence[Claim], begun: Sequence[Claim] = ()) -> None:
        """Returns claims to their queues at once.

        `waiting`: they have not begun, and their deliveries do not count. `begun`: they were cut off. Their deliveries count, because the
        process may be stopping because of one of them, and an external call of theirs can still arrive (G24, G25).
        """
        for claim in waiting:
            self._give_back(claim, is_cut_off=False)
        for claim in begun:
            self._give_back(claim, is_cut_off=True)

    def _give_back(self, claim: Claim, *, is_cut_off: bool) -> None:
        graph = self._definitions.known(claim.definition)
        if graph is not None:
            step = graph.steps[claim.step]
            may_arrive = is_cut_off and step.mode is Mode.EXTERNAL
            quiet_seconds = self._quiet_seconds(step) if may_arrive else 0.0
            error = None if is_cut_off else NOT_BEGUN
            outcome = Outcome(claim, None, quiet_seconds=quiet_seconds, error=error, is_cut_off=is_cut_off)
            self._outcomes.add(group_of(graph, outcome))

    def _quiet_seconds(self, step: Step) -> float:
        """The time for which a call of this step that broke off at once may still arrive."""
        return step.timeout_seconds + self._adapter.options.margin_seconds

    async def _put_back(self, claim: Claim, error: Exception) -> None:
        """Leaves the claim to other processes, because this build cannot read its definition."""
        why = described(error)
        self._log.error("definition cannot be loaded", saga=str(claim.saga), definition=claim.definition, error=why)
        pause_seconds = self._misfits.pause_seconds(claim)
        delay = Delay(claim.step, claim.number, pause_seconds, 0.0, claim.failures, why, claim.isolated_attempts)
        write = Write(claim.saga, claim.version, changed=False, state=claim.state, delays=[delay])
        with contextlib.suppress(SagaError):  # otherwise the command is due again when the lease ends
            await self._adapter.store.commit(
                [write], Notifications(), process=self._identity.number, durable=False, wait=False
            )

    def _without_handler(self, claim: Claim, graph: Graph) -> Outcome:
        step = graph.steps[claim.step]
        if step.service in self._withdrawn:
            return Outcome(claim, None, error=NOT_BEGUN)
        self._log.error(
            "no such handler here, leaving it to others",
            **self._definitions.described(claim),
            handler=f"{step.service}.{step.handler}",
            mode=step.mode.name.lower(),
        )
        why = f"process {self._identity.number} claimed it and has no such handler"
        left = self._misfits.leave(claim, step.service, why)
        return left or Outcome(claim, ev.Ongoing(claim.step, UNKNOWN_HANDLER_SECONDS), error=why)

    async def _run(self, attempt: Attempt, bound: BoundHandler) -> Outcome | Committed:
        claim = attempt.claim
        if is_poison(claim):
            why = f"delivered {claim.deliveries} times without an answer, the last time alone: it seems to kill its process"
            return attempt.failed(RuntimeError(why), is_final=True)
        try:
            if not bound.slots.try_enter():
                await bound.slots.enter()
        except GateClosed:
            return Outcome(claim, None, error=NOT_BEGUN)
        try:
            return await self._isolation.run(attempt, bound.runner)
        finally:
            bound.slots.leave()

    def _context(self, claim: Claim, step: str) -> Context:
        context = Context(claim, step, self._heartbeat, asyncio.current_task(self._loop))
        current_step.set(context)  # for log lines; every claim runs in a task of its own
        return context

    def _log_misfit(self, attempt: Attempt) -> None:
        where = "any process" if attempt.left is None else "here, leaving it to others"
        self._log.warning(
            f"input does not fit {where}", **self._definitions.described(attempt.claim), error=attempt.misfit
        )

    def _log_outcome(self, outcome: Outcome) -> None:
        described = self._definitions.described
        if isinstance(outcome.event, ev.Failed):
            facts = {**described(outcome.claim), "attempt": outcome.claim.deliveries, "error": outcome.error}
            if outcome.traceback is not None:
                facts["exception"] = outcome.traceback
            self._log.warning("step failed", **facts)
        elif isinstance(outcome.event, ev.Rejected):
            self._log.debug("step rejected", **described(outcome.claim), reason=outcome.event.reason)
        else:
            self._log_done()

    def _log_done(self) -> None:
        if self._logs_each_step:
            self._log.debug("step done")


def _is_debug_logged(log: structlog.typing.BindableLogger) -> bool:
    """Returns whether DEBUG lines are wanted. Not every logger knows its level, and structlog's spell the question differently."""
    bound = log.bind()
    is_enabled_for = getattr(bound, "is_enabled_for", None) or getattr(bound, "isEnabledFor", None)
    return is_enabled_for is None or bool(is_enabled_for(logging.DEBUG))
