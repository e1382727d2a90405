"""Handlers that answer as their script says, and whose calls are recorded."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from contextvars import copy_context
from functools import partial
from typing import Final, Protocol

from saga.codec.codec import JSON, Value, encode_untyped
from saga.core.text import class_name
from saga.errors import UsageError
from saga.runtime.handlers.context import Context
from saga.runtime.handlers.handler_function import HandlerFunction
from saga.testing.scenario.answers import REAL, After, Crash, InTurn, Never, Script
from saga.testing.scenario.calls import Call, Outcome, Part
from saga.testing.scenario.inner_loop import is_background

_NO_SQL: Final = "memory:// has no SQL"


class WrongScript(UsageError):
    """A script that cannot be played: the test is wrong, and fails."""


class Stage(Protocol):
    """The world in which handlers run."""

    def begun(self, call: Call) -> None:
        """A handler was called."""

    def ended(self, call: Call) -> None:
        """A handler has answered, or was cut off."""

    def crash(self) -> None:
        """Kills the process that runs this."""

    def refuse(self, message: str) -> None:
        """Fails the test: it uses what a harness does not have."""

    def seconds(self) -> float:
        """The virtual time since the harness was opened."""


class Scripts:
    """The scripts of all handlers, by "service.handler". They may be replaced while sagas run."""

    def __init__(self) -> None:
        self._scripts: dict[str, Script] = {}
        self._turns: dict[InTurn, int] = {}  # how many answers each has given

    def set(self, handler: str, script: Script) -> None:
        """Replaces the script of a handler."""
        self._scripts[handler] = script

    def answer(self, handler: str, part: Part) -> object:
        """The answer to the next call, which may be a delay or a crash that contains another one."""
        script = self._scripts.get(handler)
        if script is None:
            return REAL
        return {Part.EXECUTE: script.answer, Part.UNDO: script.undo, Part.PROBE: script.probe}[part]

    def turn(self, answers: InTurn) -> object:
        """The answer whose turn it is."""
        turn = self._turns.get(answers, 0)
        self._turns[answers] = turn + 1
        return answers.answers[min(turn, len(answers.answers) - 1)]


class WatchedFunction(HandlerFunction):
    """A function of a handler, real or not, behind its script. It reads and writes the same types as the function itself."""

    def __init__(self, own: HandlerFunction, handler: str, part: Part, scripts: Scripts, stage: Stage) -> None:
        vars(self).update(vars(own))
        self.is_async = True
        self._own = own
        self._handler = handler
        self._part = part
        self._scripts = scripts
        self._stage = stage

    def call(self, values: tuple[Value, ...], context: Context) -> Awaitable[Value]:
        """Records the call, and gives the answer of the script."""
        return self._answered(values, context)

    async def _answered(self, values: tuple[Value, ...], context: Context) -> Value:
        call = Call(
            saga=context.saga_id,
            step=context.step,
            handler=self._handler,
            part=self._part,
            input=values[0],
            attempt=context.attempt,
            at=self._stage.seconds(),
            undone=values[1] if len(values) > 1 else None,
        )
        before = is_background.get()
        is_background.set(False)
        self._stage.begun(call)
        try:
            call.value = await self._play(self._scripts.answer(self._handler, self._part), values, context, call)
            call.outcome = Outcome.RETURNED
        except BaseException as error:
            self._note(call, error)
            if isinstance(error, WrongScript):
                self._stage.refuse(str(error))
            if isinstance(error, AttributeError) and _NO_SQL in str(error):
                self._stage.refuse(
                    f"{call.step}: it uses SQL, which the harness does not have. Script {self._handler}."
                )
            raise
        finally:
            self._stage.ended(call)
            is_background.set(before)
        return call.value

    @staticmethod
    def _note(call: Call, error: BaseException) -> None:
        if isinstance(error, asyncio.CancelledError | GeneratorExit):
            call.outcome = Outcome.CUT_OFF if call.outcome is Outcome.RUNNING else call.outcome
            return
        call.outcome, call.error = Outcome.RAISED, error

    async def _play(self, answer: object, values: tuple[Value, ...], context: Context, call: Call) -> Value:
        match answer:
            case InTurn():
                return await self._play(self._scripts.turn(answer), values, context, call)
            case After():
                await asyncio.sleep(answer.seconds)
                return await self._play(answer.answer, values, context, call)
            case Crash():
                await self._play(answer.after, values, context, call)
                call.outcome = Outcome.CRASHED
                self._stage.crash()
                await asyncio.sleep(0)  # it never goes on
            case Never():
                await asyncio.get_running_loop().create_future()
            case BaseException():
                raise answer.with_traceback(None)
            case type() if issubclass(answer, BaseException):
                raise answer
            case _ if answer is REAL:
                return await _run(self._own, values, context)
            case _ if callable(answer):
                return self._fitting(await self._run_script(answer, values, context))
        return self._fitting(answer)

    def _fitting(self, value: Value) -> Value:
        """A scripted value as the handler can return it: where it has no type, a model is written as JSON."""
        if self._own.returned is not JSON:
            return value
        try:
            return JSON.decode(encode_untyped(value))
        except ValueError as error:
            raise WrongScript(f"a {class_name(value)} cannot be the answer of {self._handler}: {error}") from error

    async def _run_script(self, function: Callable[..., Value], values: tuple[Value, ...], context: Context) -> Value:
        """Calls a function of the test. Where the handler has no types, those of the function count."""
        place = f"the script of {self._part.value}{self._handler}"
        if _takes_anything(function):
            found = function(*values)
            return await found if isinstance(found, Awaitable) else found
        try:
            scripted = HandlerFunction(function, place, values=len(values))
        except UsageError as error:
            raise WrongScript(str(error)) from error
        if self._own.accepted is JSON and scripted.accepted is not JSON:
            values = (scripted.read(encode_untyped(values[0])), *values[1:])
        if scripted.is_async:
            return await scripted.call(values, context)
        found = scripted.call(values, context)
        return await found if isinstance(found, Awaitable) else found


def _takes_anything(function: Callable[..., Value]) -> bool:
    """True for a function with `*args`, such as a mock."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):  # a built-in one
        return False
    return any(each.kind is each.VAR_POSITIONAL for each in parameters)


async def _run(function: HandlerFunction, values: tuple[Value, ...], context: Context) -> Value:
    """Calls a participant's own function, as a process does: a synchronous one in a thread."""
    if function.is_async:
        return await function.call(values, context)
    call = partial(copy_context().run, function.call, values, context)
    found = await asyncio.get_running_loop().run_in_executor(None, call)
    return await found if isinstance(found, Awaitable) else found
