"""The services of a harness: the user's participants and scripted ones, made ready to be watched."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from typing import Final

from saga.authoring import Definition
from saga.codec.codec import Value
from saga.core.definition.outline import StepOutline
from saga.core.nearest import with_nearest
from saga.errors import UsageError
from saga.runtime.handlers.handler_function import HandlerFunction
from saga.runtime.handlers.participant import STORE, Participant
from saga.runtime.handlers.step_handler import StepHandler
from saga.testing.scenario.answers import REAL, Script, script_of
from saga.testing.scenario.calls import Part
from saga.testing.scenario.watched import Scripts, Stage, WatchedFunction

NOTHING: Final[Mapping[str, Script]] = {}


class Scripted:
    """A service with scripted handlers. `own` is None if the test does not have its participant."""

    def __init__(self, service: str, own: Participant | None, scripts: Mapping[str, Script]) -> None:
        self.service = service
        self.own = own
        self.scripts = scripts

    def __repr__(self) -> str:
        return f"<scripted {self.service}: {', '.join(self.scripts) or 'no answers'}>"


Given = Participant | Scripted | str
"""A service as a harness takes it: a participant, a service that is scripted, or only the name of one."""


def scripted(service: Participant | str, /, **answers: object) -> Scripted:
    """Scripts a service: `scripted("payments", charge=Reject("declined"))`. The names of the answers are those of its handlers.

    With a `Participant`, its other handlers stay real, and what is answered is checked against the types of the handler. With a
    name, every handler that the definition calls is external, can be undone, and returns None unless it has an answer. An answer is
    a value, an exception, a function of the input, or one of `InTurn`, `After`, `Never`, `Crash`, `REAL` and `Script`.
    """
    own = None if isinstance(service, str) else service
    name = service if isinstance(service, str) else service.service
    return Scripted(name, own, {handler: script_of(answer) for handler, answer in answers.items()})


class Services:
    """The services by name. `participants` are what the production code serves."""

    def __init__(self, definition: Definition, given: Iterable[Given], stage: Stage, store: str) -> None:
        self.scripts: Scripts = Scripts()
        self.participants: dict[str, Participant] = {}
        self._definition = definition
        self._stage = stage
        self._store = store
        for each in given:
            self._add(_scripted_of(each))
        self._check_complete()

    def script(self, service: str, answers: Mapping[str, object]) -> None:
        """Replaces answers. Raises UsageError."""
        participant = self.participants.get(service)
        if participant is None:
            raise UsageError(with_nearest(f"the harness has no service {service}", service, self.participants))
        self._set(participant, {handler: script_of(answer) for handler, answer in answers.items()})

    @property
    def handlers(self) -> list[str]:
        """All of them, as "service.handler"."""
        return [handler.full_name for each in self.participants.values() for handler in each.handlers.values()]

    def database_of(self, participant: Participant) -> str | None:
        """The database of a participant here: the store, a journal in memory, or none."""
        if participant.database in (None, STORE):
            return participant.database
        return f"{self._store}-{participant.service}"

    def _add(self, given: Scripted) -> None:
        if given.service in self.participants:
            raise UsageError(f"the harness was given {given.service} twice: give each service once")
        own = self._unknown(given) if given.own is None else given.own
        watched = Participant(given.service, database=self.database_of(own), concurrency=own.concurrency)
        for name, handler in own.handlers.items():
            watched.handlers[name] = self._watched(handler)
        self.participants[given.service] = watched
        self._set(watched, given.scripts)

    def _set(self, participant: Participant, scripts: Mapping[str, Script]) -> None:
        for name, script in scripts.items():
            handler = participant.handlers.get(name)
            if handler is None:
                reason = f"{participant.service} has no handler {name} to script"
                raise UsageError(with_nearest(reason, name, participant.handlers))
            for answer, function, word in (
                (script.undo, handler.compensate_function, "compensation"),
                (script.probe, handler.probe_function, "probe"),
            ):
                if function is None and answer is not REAL:
                    raise UsageError(f"{handler.full_name} has no {word} to script")
            self.scripts.set(handler.full_name, script)

    def _watched(self, handler: StepHandler) -> StepHandler:
        watched = copy.copy(handler)
        watched.execute_function = self._function(handler.execute_function, handler, Part.EXECUTE)
        if handler.compensate_function is not None:
            watched.compensate_function = self._function(handler.compensate_function, handler, Part.UNDO)
        if handler.probe_function is not None:
            watched.probe_function = self._function(handler.probe_function, handler, Part.PROBE)
        return watched

    def _function(self, own: HandlerFunction, handler: StepHandler, part: Part) -> WatchedFunction:
        return WatchedFunction(own, handler.full_name, part, self.scripts, self._stage)

    def _unknown(self, given: Scripted) -> Participant:
        """A participant with the handlers that the definition calls, as far as it says what they are."""
        made = Participant(given.service)
        for step in _calls(self._definition):
            if step.service != given.service or step.handler in made.handlers:
                continue
            script = given.scripts.get(step.handler, Script())
            handler = made.step(name=step.handler, external=True, read_only=step.read_only)(_nothing)
            if script.compensation and not step.read_only:
                handler.compensation(_undo_nothing)
            if script.probe is not REAL:
                handler.probe(_nothing)
        return made

    def _check_complete(self) -> None:
        for step in _calls(self._definition):
            if step.service not in self.participants:
                raise UsageError(
                    f"{self._definition}, step {step.name}: the harness has no service {step.service}. "
                    f'Give it your Participant, or "{step.service}" to script it'
                )


async def _nothing(_input: Value) -> Value:
    """Does nothing. A value of any type may be scripted in its place."""


async def _undo_nothing(_input: Value, _result: Value) -> None:
    """Undoes nothing."""


def _scripted_of(given: Given) -> Scripted:
    if isinstance(given, Scripted):
        return given
    if isinstance(given, Participant):
        return Scripted(given.service, given, NOTHING)
    if isinstance(given, str):
        return Scripted(given, None, NOTHING)
    raise UsageError(f"a harness takes participants, names of services and scripted(...), not {given!r}")


def _calls(definition: Definition) -> list[StepOutline]:
    return [step for step in definition.outline().steps if isinstance(step, StepOutline)]
