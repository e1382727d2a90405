"""One attempt at a step: a claim, the handler that runs it, and what the handler is told."""

from __future__ import annotations

import json
from typing import Final

import pydantic_core
from msgspec import Struct

from saga.core import events as ev
from saga.core.graph import Graph, Json, Step
from saga.core.paths import resolve
from saga.ports.work import Work
from saga.runtime.context import Context
from saga.runtime.handlers import Callee, Value
from saga.runtime.outcome import Outcome
from saga.runtime.served import Served

ERROR_CHARS_MAX: Final = 500


class Attempt(Struct):
    """What the three modes have in common: reading the input, calling the handler's functions, wording the outcome."""

    work: Work
    graph: Graph
    served: Served
    context: Context

    @property
    def step(self) -> Step:
        return self.graph.steps[self.work.step]

    async def execute(self) -> bytes:
        """Run the step; returns its result as JSON.

        Raises:
            InputRefused: the input or the result does not fit the handler's types.
            TimeoutError: no answer within the step's time-out.
        """
        handler = self.served.handler
        result = await self._call(handler.execute, handler.execute.read(self.input()))
        return handler.encode(result)

    async def compensate(self, result: bytes | None) -> None:
        """Undo the step that had this result."""
        handler = self.served.handler
        if handler.undo is None:
            raise LookupError(f"{handler.full_name} has no compensation in this process")
        await self._call(handler.undo, handler.undo.read(self.input()), handler.decode(result))

    async def probe(self) -> bytes:
        """Ask what became of the step; returns its result as JSON. Raises DidNotHappen."""
        handler = self.served.handler
        if handler.ask is None:
            raise LookupError(f"{handler.full_name} has no probe in this process")
        return handler.encode(await self._call(handler.ask, handler.ask.read(self.input())))

    async def _call(self, callee: Callee, *values: Value) -> Value:
        return await self.served.call(callee, values, self.context, self.step.timeout_seconds)

    def input(self) -> bytes:
        """The step's input as JSON: the saga's own, or what its template makes of input and results."""
        template = self.step.inputs
        if template is None:
            return self.work.input
        steps = self.graph.steps
        results: dict[str, Json] = dict.fromkeys(steps[position].name for position in self.step.reads)
        results |= {
            steps[position].name: pydantic_core.from_json(value) for position, value in self.work.results.items()
        }
        return json.dumps(resolve(template, pydantic_core.from_json(self.work.input), results)).encode()

    # -- outcomes -------------------------------------------------------------------------------------------------------------

    def succeeded(self, result: bytes | None) -> Outcome:
        return Outcome(self.work, ev.Succeeded(self.work.step), result)

    def rejected(self, reason: str) -> Outcome:
        return Outcome(self.work, ev.Rejected(self.work.step, reason), is_fenced=True)

    def compensated(self) -> Outcome:
        return Outcome(self.work, ev.Compensated(self.work.step))

    def ongoing(self, after_seconds: float, why: str | None = None) -> Outcome:
        return Outcome(self.work, ev.Ongoing(self.work.step, after_seconds), error=why)

    def failed(self, error: BaseException, *, is_final: bool = False, quiet_seconds: float = 0.0) -> Outcome:
        """A technical failure: what became of the effect is unknown."""
        text = "no answer in time" if isinstance(error, TimeoutError) else f"{type(error).__name__}: {error}"
        work = self.work
        event = ev.Failed(
            work.step,
            text[:ERROR_CHARS_MAX],
            work.failures + 1,
            work.first_failed_ago,
            is_final,
            operation=work.operation,
        )
        return Outcome(work, event, quiet_seconds=quiet_seconds, error=event.error)
