"""One attempt at a step: a claim, its handler, and the context that the handler gets."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

import pydantic_core
from msgspec import Struct, field

from saga.codec.codec import Value
from saga.core.definition.graph import Graph
from saga.core.definition.json_value import Json
from saga.core.definition.paths import resolve
from saga.core.definition.retry_policy import RetryPolicy
from saga.core.definition.step import Step
from saga.core.rules import events as ev
from saga.core.rules.retraction import without_retracted
from saga.core.state.letters import DISPATCHED
from saga.core.state.mode import Mode
from saga.core.state.operation import Operation
from saga.core.text import DOES_NOT_FIT, TEXT_CHARS_MAX, storable
from saga.errors import AccessRefused, InputRefused, ServerFailed, TransactionEnded, Unavailable
from saga.ports.values.claim import Claim
from saga.runtime.handlers.answers import GiveUp, NotYet, Pending, Reject
from saga.runtime.handlers.context import Context
from saga.runtime.handlers.handler_caller import HandlerCaller
from saga.runtime.handlers.handler_function import HandlerFunction
from saga.runtime.handlers.origin import place_of, traceback_of
from saga.runtime.handlers.raised import answer_of, described, is_foreign, is_plain_failure
from saga.runtime.handlers.step_handler import StepHandler
from saga.runtime.planning.outcome import Outcome
from saga.runtime.steps.patience import Patience

Finished = TypeVar("Finished")


class DoesNotFit(InputRefused):
    """The input or a recorded result does not fit the handler of this process: nothing has begun. Another build may read it."""


class Others(Protocol):
    """The other processes of a service. Implemented by `saga.runtime.claims.misfits.Misfits`."""

    def leave(self, claim: Claim, service: str, why: str, retry: RetryPolicy) -> Outcome | None:
        """Returns the outcome that leaves the claim to another process; None once no process can run it."""


class Attempt(Struct):
    """Reads the input, calls the handler's functions, and makes the outcome: the part that all modes share.

    `has_begun`: a function of the handler was called. What happens before that is not an attempt. `has_returned`: and has returned.
    `misfit`: why this process cannot run the claim; `left`: the outcome that leaves it to others, which may run it.
    `refusal`: the error with which the result was refused.
    """

    claim: Claim
    graph: Graph
    handler: StepHandler
    caller: HandlerCaller
    context: Context
    patience: Patience = field(default_factory=Patience)
    others: Others | None = None
    has_begun: bool = False
    has_returned: bool = False
    misfit: str | None = None
    left: Outcome | None = None
    refusal: BaseException | None = None

    @property
    def step(self) -> Step:
        return self.graph.steps[self.claim.step]

    async def execute(self) -> bytes:
        """Runs the step; returns its result as JSON.

        Raises:
            DoesNotFit: the input does not fit the handler's types.
            Reject: in the same case, if no process can read it and it is certain that the step has no effect.
            InputRefused: its result does not fit.
            TimeoutError: no answer within the step's timeout.
        """
        return await self._call(self.handler.execute_function, self.handler.encode)

    async def compensate(self, result: bytes | None) -> None:
        """Compensates the step that had this result. Raises DoesNotFit."""
        function = self.handler.compensate_function
        if function is None:
            raise self._unread(f"{self.handler.full_name} has no compensation in this process")
        await self._call(function, _ignore, result)

    async def probe(self) -> bytes:
        """Finds out whether the step took effect; returns its result as JSON. Raises DidNotHappen, and as `execute` does."""
        function = self.handler.probe_function
        if function is None:
            raise self._unread(f"{self.handler.full_name} has no probe in this process")
        return await self._call(function, self.handler.encode)

    async def _call(
        self, function: HandlerFunction, finish: Callable[[Value], Finished], *results: bytes | None
    ) -> Finished:
        """Runs all user code of an attempt, the types of its values included. Whatever that raises leaves it as an `Exception`."""
        try:
            values = self._read(function, results)
            self.has_begun = True
            self.patience.waiting_since = None
            returned = await self.caller.call(function, values, self.context, self.step.timeout_seconds)
            self.has_returned = True
            return finish(returned)
        except BaseException as error:
            # Not isinstance, which asks the exception of the user for its class
            self.refusal = error if issubclass(type(error), InputRefused) else None
            if is_plain_failure(error) or is_foreign(error, self.context):
                raise
            raise answer_of(error) from error

    def _read(self, function: HandlerFunction, results: Sequence[bytes | None]) -> tuple[Value, ...]:
        """Reads the values of a function. Whatever the types of the user raise: such values reach no function."""
        try:
            data = self.input()
        except InputRefused as error:
            raise self._unread(f"{function.place}: the input {DOES_NOT_FIT}{error}") from error
        try:
            return (function.read(data), *map(self.handler.decode, results))
        except InputRefused as error:
            raise self._unread(str(error)) from error
        except Exception as error:
            raise self._unread(f"{function.place}: the input {DOES_NOT_FIT}{described(error)}") from error

    def _unread(self, why: str) -> Exception:
        """Makes the error of an attempt that has reached no function. G136: it is a rejection if nothing has begun before it either.

        A transactional step has no effect without a commit, and for a journaled one a rejection is journaled (G16).
        """
        claim, step = self.claim, self.step
        self.misfit = storable(why)
        if self.others is not None:
            retry = step.retry if claim.state.vector[claim.step] == DISPATCHED else step.compensation_retry
            self.left = self.others.leave(claim, step.service, self.misfit, retry)
        is_certain = step.mode is not Mode.EXTERNAL or claim.is_first_to_begin
        if self.left is None and claim.operation is Operation.EXECUTE and is_certain:
            return Reject(self.misfit)
        return DoesNotFit(self.misfit)

    def input(self) -> bytes:
        """The step's input as JSON: the saga's input, or the step's template filled from it and from results."""
        template = self.step.inputs
        if template is None:
            return self.claim.input
        results: dict[int, Json] = dict.fromkeys(self.step.reads)
        recorded = without_retracted(self.claim.results, self.claim.state.vector)
        results |= {position: pydantic_core.from_json(value) for position, value in recorded.items()}
        named = self.graph.results_by_name(results)
        return json.dumps(resolve(template, pydantic_core.from_json(self.claim.input), named)).encode()

    # -- outcomes -------------------------------------------------------------------------------------------------------------

    def succeeded(self, result: bytes | None) -> Outcome:
        return Outcome(self.claim, ev.Succeeded(self.claim.step), result)

    def rejected(self, reason: str) -> Outcome:
        return Outcome(self.claim, ev.Rejected(self.claim.step, storable(reason)), is_fenced=True)

    def compensated(self, *, found_nothing: bool = False) -> Outcome:
        return Outcome(self.claim, ev.Compensated(self.claim.step, found_nothing))

    def ongoing(self, after_seconds: float, why: str | None = None) -> Outcome:
        return Outcome(
            self.claim, ev.Ongoing(self.claim.step, after_seconds), error=None if why is None else storable(why)
        )

    def not_done(self, error: Exception, *, quiet_seconds: float = 0.0) -> Outcome:
        """The outcome of an attempt that ended with an error, the same in each mode. Rejections are not among them.

        Waiting for a database or a connection before the handler is called is not an attempt: it counts against no retry policy.
        Final is only a result that its annotation does not allow, and a transaction that the handler has ended. An error of the
        database, at the commit too, is a failed attempt.
        """
        if isinstance(error, NotYet):
            return self.ongoing(error.after_seconds)
        if isinstance(error, Pending):
            why = "Pending is an answer of an external step alone, and not of its compensation or probe"
            return self.failed(GiveUp(why), is_final=True, quiet_seconds=quiet_seconds)
        if self.left is not None:
            return self.left
        if isinstance(
            error, DoesNotFit
        ):  # a compensation waits for a person; a call that may have been made is asked for again
            return self.failed(error, is_final=self.claim.operation is Operation.COMPENSATE)
        if is_waiting(error) and not self.has_begun:
            return self.ongoing(self.patience.pause_seconds(), f"not begun: {error}")
        return self.failed(
            error,
            is_final=isinstance(error, GiveUp | TransactionEnded) or error is self.refusal,
            quiet_seconds=quiet_seconds,
        )

    def failed(self, error: BaseException, *, is_final: bool = False, quiet_seconds: float = 0.0) -> Outcome:
        """A technical failure: whether the step took effect is unknown."""
        text, place = described(error), place_of(error)
        if isinstance(error, TimeoutError):
            text = f"no answer in time{text.removeprefix('TimeoutError')}"
        if place is not None:
            text = f"{storable(text, TEXT_CHARS_MAX - len(place) - 6)} (at {place})"
        claim = self.claim
        event = ev.Failed(
            claim.step,
            text,
            claim.failures + 1,
            claim.first_failed_ago,
            is_final,
            operation=claim.operation,
        )
        return Outcome(claim, event, quiet_seconds=quiet_seconds, error=event.error, traceback=traceback_of(error))


def _ignore(_: Value) -> None:
    """A compensation's return value means nothing."""


def is_waiting(error: Exception) -> bool:
    """Returns whether an error means that a database cannot be used at this moment. A server that has answered can be."""
    return isinstance(error, Unavailable | AccessRefused) and not isinstance(error, ServerFailed)
