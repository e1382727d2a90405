"""Runs claims: finds the handler, runs it in its mode, and passes on the outcome."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final

import structlog

from saga.core import events as ev
from saga.core.graph import Graph
from saga.core.states import Mode, Operation
from saga.errors import SagaError
from saga.ports.clock import Clock
from saga.ports.store import StoreAdapter
from saga.ports.work import Work
from saga.runtime.committer import Committer
from saga.runtime.context import Context, current_step
from saga.runtime.definitions import Definitions
from saga.runtime.external import run_external
from saga.runtime.journaled import run_journaled
from saga.runtime.outcome import Outcome
from saga.runtime.planning import Group, Plan
from saga.runtime.served import Served
from saga.runtime.transactional import run_transactional

DELIVERIES_MAX: Final = 10  # without an answer: then it is taken for a poison
UNKNOWN_HANDLER_SECONDS: Final = 5.0


class Executor:
    """One per process. `run` never raises: whatever happens becomes an outcome, or is left to the lease."""

    def __init__(
        self,
        adapter: StoreAdapter,
        clock: Clock,
        definitions: Definitions,
        committer: Committer,
        process: Callable[[], int],
        on_committed: Callable[[Group, Plan], None],
    ) -> None:
        self._adapter = adapter
        self._clock = clock
        self._definitions = definitions
        self._committer = committer
        self._process = process
        self._on_committed = on_committed
        self._served: dict[tuple[str, str], Served] = {}
        self._log = structlog.get_logger("saga.participant")

    def serve(self, service: str, name: str, served: Served) -> None:
        self._served[service, name] = served

    async def run(self, work: Work) -> None:
        """Run a claim to its outcome and give that to the committer."""
        try:
            graph = await self._definitions.graph(work.definition)
        except SagaError as error:  # the claim's lease brings it back
            self._log.error(
                "definition cannot be loaded", saga=str(work.saga), definition=work.definition, error=str(error)
            )
            return
        step = graph.steps[work.step]
        served = self._served.get((step.service, step.handler))
        if served is None or served.mode is not step.mode:
            name = f"{step.service}.{step.handler}"
            self._log.error(
                "no such handler here, leaving it to others", saga=str(work.saga), handler=name, mode=step.mode.value
            )
            outcome = Outcome(
                work,
                ev.Ongoing(work.step, UNKNOWN_HANDLER_SECONDS),
                error="the process that took it has no such handler",
            )
        elif work.deliveries - work.failures > DELIVERIES_MAX:
            text = f"handed out {work.deliveries} times without an answer: it seems to kill its process"
            event = ev.Failed(work.step, text, work.failures + 1, work.first_failed_ago, final=True)
            outcome = Outcome(work, event, error=text)
        else:
            try:
                found = await self._run(work, graph, served)
            except asyncio.CancelledError:
                self._log.info("stopped", saga=str(work.saga), step=step.name)
                raise
            if found is None:
                return
            outcome = found
        self._report(outcome, step.name)
        self._committer.add(group_of(graph, outcome))

    async def _run(self, work: Work, graph: Graph, served: Served) -> Outcome | None:
        step = graph.steps[work.step]
        context = Context(
            saga_id=work.saga,
            step=step.name,
            attempt=work.deliveries,
            operation=work.operation,
            deadline=work.state.deadline,
            last_progress=work.progress,
        )
        current_step.set(context)  # every claim runs in a task of its own
        if served.mode is Mode.EXTERNAL:
            return await run_external(work, graph, served, context, self._clock, self._adapter.options.margin_seconds)
        if served.mode is Mode.JOURNALED:
            return await run_journaled(work, graph, served, context)
        if work.operation is Operation.VOID_OR_REPORT:
            return Outcome(work, None, error="a transactional step has nothing to void")
        outcome, made, signals = await run_transactional(
            work, graph, served, context, self._adapter, self._committer.plan, self._process(), self._clock
        )
        if made is not None:
            self._committer.remember(made)
            self._committer.tell(signals)
            self._on_committed(group_of(graph, Outcome(work, ev.Succeeded(work.step), _result(made, work))), made)
        return outcome

    def _report(self, outcome: Outcome, step: str) -> None:
        if isinstance(outcome.event, ev.Failed):
            self._log.warning(
                "step failed",
                saga=str(outcome.work.saga),
                step=step,
                attempt=outcome.work.deliveries,
                error=outcome.error,
            )
        elif isinstance(outcome.event, ev.Rejected):
            self._log.debug("step rejected", saga=str(outcome.work.saga), step=step, reason=outcome.event.reason)


def group_of(graph: Graph, outcome: Outcome) -> Group:
    """One outcome, as a group to be committed."""
    work = outcome.work
    return Group(work.saga, graph, work.version, work.state, work.waiter, work.store_clock, [outcome])


def _result(made: Plan, work: Work) -> Any:
    return next((result.value for result in made.write.results if result.step == work.step), None)
