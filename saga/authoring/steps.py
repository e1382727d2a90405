"""The steps of a definition: the calls with which an author adds them, in the order of writing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TypeAlias

from saga.authoring.blocks import Blocks
from saga.authoring.condition import Condition, condition_in
from saga.authoring.delays import delayed
from saga.authoring.durations import STEP_TIMEOUT, milliseconds
from saga.authoring.events import NOT_GIVEN, Events, types_of
from saga.authoring.input_type import AnyType
from saga.authoring.naming import new_step_name, service_and_handler
from saga.authoring.path import Path, Record, template_from
from saga.authoring.predecessors import Predecessors
from saga.authoring.retry import COMPENSATION_ATTEMPTS, DEFAULT_ATTEMPTS, Retry
from saga.authoring.shape import UNKNOWN
from saga.authoring.step_handle import After, AtLeast, StepHandle
from saga.authoring.text.source import Source
from saga.core.check.branches import CONDITION_REMEDY, condition_reason
from saga.core.check.finding import Code, refused
from saga.core.check.limits import TIMEOUT_MS_MAX
from saga.core.condition.condition import condition_fault, stated, steps_read
from saga.core.definition.outline import AnyStepOutline, CheckOutline, StepOutline, TimerOutline, WaitOutline
from saga.core.definition.paths import REASON, reads
from saga.core.duration import Duration

AnyCondition: TypeAlias = Condition | Path | str
"""A condition as it is written: a comparison of recorded paths, a path to true or false, or CEL."""


@dataclass(frozen=True, slots=True)
class Written:
    """A step as its author wrote it. Its outline still lacks the defaults that depend on the step's place."""

    handle: StepHandle
    outline: AnyStepOutline
    retry: Retry


class Steps:
    """The part of a definition that adds steps. Every method raises DefinitionError if the step is invalid."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._written: dict[str, Written] = {}
        self._checks: list[str] = []
        self._timers: list[str] = []
        self._events = Events()
        self._predecessors = Predecessors()
        self._blocks = Blocks(title)
        self._source: Source | None = None  # the text from which all of this was read

    @property
    def steps(self) -> tuple[StepHandle, ...]:
        """The steps in the order of writing."""
        return tuple(written.handle for written in self._written.values())

    def step(  # noqa: PLR0913 (one keyword for each attribute of a step; all but the first have defaults)
        self,
        contract: str,
        *,
        name: str | None = None,
        after: After = None,
        when: AnyCondition | None = None,
        inputs: object = None,
        output: object = None,
        retry: Retry = Retry(),  # noqa: B008 (frozen)
        compensation_retry: Retry = Retry(),  # noqa: B008 (frozen)
        timeout: Duration = STEP_TIMEOUT,
        delay: Duration | None = None,
        until: StepHandle | None = None,
        pivot: bool = False,
        retriable: bool = False,
        read_only: bool = False,
        handled: bool = False,
        optional: bool = False,
    ) -> StepHandle:
        """Adds a step: the handler `contract`, as in "inventory.reserve".

        `after` names its predecessors; a step also comes after those that its `inputs` and its condition read. `inputs` is a
        recorded path, or dicts and lists of paths and JSON values; without it the step gets the saga's input. `output`
        is the type of its result, needed only to check paths into it. `timeout` limits one attempt, `retry` all of them.
        For the compensation, the same `timeout` applies, and `compensation_retry`.

        `when` is the condition under which it runs: a comparison of recorded paths, a path to true or false, or CEL. With `handled`
        the saga goes on after a rejection of the step, with `optional` also when its attempts are exhausted; an optional step must be
        read-only.

        With `delay` it runs that much later: a timer called `<name>_delay` takes its place, under the same condition, and the step
        comes after the timer. Once the step `until` has finished, this one is skipped, and its timer as well. `until` is a step
        beside it, such as the wait for an answer of which it reminds.

        Behind the `pivot` a saga only goes forward. `retriable` promises that the step never rejects: it is required
        beside the pivot and implied behind it. A `read_only` step has no effect to undo.

        Raises:
            DefinitionError: the step is invalid. Faults that need the contracts or the whole graph are found by `graph`.
        """
        service, handler = service_and_handler(self._title, contract)
        title, place = self._named(handler if name is None else name)
        template = None if inputs is None else template_from(inputs, self, f"{place}, inputs")
        condition = self._condition(place, when)
        outline = StepOutline(
            name=title,
            service=service,
            handler=handler,
            after=self._predecessors.of(place, after, (*reads(template), *steps_read(condition)), self.steps),
            successes=after.successes if isinstance(after, AtLeast) else 0,
            condition=condition,
            pivot=pivot,
            retriable=retriable,
            read_only=read_only,
            handled=handled,
            optional=optional,
            timeout_ms=milliseconds(place, "timeout", timeout, TIMEOUT_MS_MAX),
            retry=retry.policy(DEFAULT_ATTEMPTS.execute),
            compensation_retry=compensation_retry.policy(COMPENSATION_ATTEMPTS),
            inputs=template,
            until=self._end(place, until),
        )
        if delay is not None:
            timer, outline = delayed(outline, milliseconds(place, "delay", delay))
            self._named(timer.name)
            self._add(timer, UNKNOWN)
        return self._add(outline, UNKNOWN if output is None else output, retry)

    def check(
        self,
        condition: AnyCondition,
        reason: str,
        *,
        name: str | None = None,
        after: After = None,
        when: AnyCondition | None = None,
    ) -> StepHandle:
        """Adds a check: where `condition` is false, the saga is rolled back with this reason. It runs nowhere and takes no time.

        It comes before the pivot, and after the steps that it reads. Without a `name` it is called check_1, check_2 and so on.

        Raises:
            DefinitionError: the check is invalid.
        """
        title, place = self._named(f"check_{len(self._checks) + 1}" if name is None else name)
        holds, own = self._text(place, condition), self._condition(place, when)
        outline = CheckOutline(
            name=title,
            after=self._predecessors.of(place, after, (*steps_read(holds), *steps_read(own)), self.steps),
            successes=after.successes if isinstance(after, AtLeast) else 0,
            condition=own,
            pivot=False,
            retriable=False,
            holds=holds,
            reason=reason,
        )
        self._checks.append(title)
        return self._add(outline, UNKNOWN)

    def wait(  # noqa: PLR0913 (one keyword for each attribute of a wait)
        self,
        event: str | Sequence[str] | Mapping[str, AnyType],
        type: AnyType = None,  # noqa: A002 (the word that users read; any type, generic ones included)
        *,
        name: str | None = None,
        after: After = None,
        when: AnyCondition | None = None,
        timeout: Duration | None = None,
        otherwise: object = NOT_GIVEN,
        handled: bool = False,
    ) -> StepHandle:
        """Adds a wait for an event that is sent to the saga, such as a person's answer. The event may be there already.

        `type` is the type of what comes with the event, any that pydantic knows; recorded paths into `output` are checked against
        it. The step has the event's name, unless `name` gives it another. Its output is the payload of the event. Of several
        names, a list or a dict with the type of each, the first event that comes is taken; the wait then needs a `name`, and its
        output is {"event": the name, "payload": ...}.

        After `timeout` the step succeeds with the value of `otherwise`, of the form of the output. Without that it is rejected
        with a reason such as "no event review within 3d", and the saga is rolled back; with `handled` it goes on, and
        `with order.when(review.rejected)` is the other branch. Without a `timeout` it waits for ever.

        Raises:
            DefinitionError: the wait is invalid, or another wait for the event has another type.
        """
        types = types_of(self._title, event, type)
        if name is None and len(types) > 1:
            reason = f"A wait for {' or '.join(types)} has no name of its own."
            raise refused(Code.NAME_INVALID, self._title, reason, "Give it one with name=.")
        title, place = self._named(next(iter(types)) if name is None else name)
        condition = self._condition(place, when)
        self._events.add(place, types)
        outline = WaitOutline(
            name=title,
            names=tuple(types),
            after=self._predecessors.of(place, after, steps_read(condition), self.steps),
            successes=after.successes if isinstance(after, AtLeast) else 0,
            condition=condition,
            pivot=False,
            retriable=False,
            handled=handled,
            wait_ms=None if timeout is None else milliseconds(place, "timeout", timeout),
            otherwise=None if otherwise is NOT_GIVEN else self._events.otherwise(place, tuple(types), otherwise),
        )
        return self._add(outline, self._events.shape(outline.names))

    def timer(
        self,
        pause: Duration,
        *,
        name: str | None = None,
        after: After = None,
        when: AnyCondition | None = None,
        until: StepHandle | None = None,
    ) -> StepHandle:
        """Adds a timer: it is finished when this much time has passed since its predecessors were.

        Once the step `until` has finished, the timer is skipped, also while it runs. Without a `name` it is called timer_1 and so on.

        Raises:
            DefinitionError: the timer is invalid.
        """
        title, place = self._named(f"timer_{len(self._timers) + 1}" if name is None else name)
        condition = self._condition(place, when)
        outline = TimerOutline(
            name=title,
            after=self._predecessors.of(place, after, steps_read(condition), self.steps),
            successes=after.successes if isinstance(after, AtLeast) else 0,
            condition=condition,
            pivot=False,
            retriable=False,
            pause_ms=milliseconds(place, "pause", pause),
            until=self._end(place, until),
        )
        self._timers.append(title)
        return self._add(outline, UNKNOWN)

    def cancel_on(self, event: str, type: AnyType = None, *, name: str | None = None) -> None:  # noqa: A002 (as in wait)
        """Lets an event roll the saga back, from the start of the saga until its pivot has passed.

        `type` is the type of what comes with the event. The step that waits for it is called cancel_on_<event>, unless `name` gives
        it another name; no other step comes after it.

        Raises:
            DefinitionError: it is invalid, is inside a block of `when`, or a wait for the event has another type.
        """
        title, place = self._named(f"cancel_on_{event}" if name is None else name)
        if self._blocks.are_open:
            reason = "cancel_on() is inside a block of when()."
            raise refused(Code.CONDITION_MISUSED, place, reason, "Write it outside: it holds for the whole saga.")
        self._events.add(place, {event: type})
        outline = WaitOutline(
            name=title, names=(event,), after=(), pivot=False, retriable=False, wait_ms=None, cancels=True
        )
        self._add(outline, UNKNOWN)

    def when(self, condition: AnyCondition) -> AbstractContextManager[None]:
        """A block: every step that is added inside has this condition. `with order.when(order.input.cents > 100_000): ...`"""
        return self._blocks.when(self._text(f"{self._title}, when", condition))

    def otherwise(self) -> AbstractContextManager[None]:
        """The else of the block of `when` right before it."""
        return self._blocks.when(self._blocks.otherwise())

    def _named(self, name: str) -> tuple[str, str]:
        """The name of a new step, and its place in errors."""
        title = new_step_name(self._title, name, self._written)
        return title, f"{self._title}, step {title}"

    def _add(self, outline: AnyStepOutline, shape: object, retry: Retry = Retry()) -> StepHandle:  # noqa: B008 (frozen)
        title = outline.name
        place = f"{self._title}, step {title}"
        output = Path(Record(self, place, title, (), shape, f"{title}.output"))
        reason = Path(Record(self, place, title, (), str, f"{title}.reason", REASON))
        handle = StepHandle(title, output, reason, self)
        self._written[title] = Written(handle, outline, retry)
        self._source = None
        self._predecessors.add(title, outline.after, outline.successes)
        return handle

    def _end(self, place: str, until: StepHandle | None) -> str | None:
        """The name of the step with which another one is over."""
        return None if until is None else self._predecessors.checked(place, "until", until, self.steps)

    def _condition(self, place: str, when: AnyCondition | None) -> str | None:
        """The condition of a step: that of its blocks, and its own."""
        return self._blocks.condition_of_step(None if when is None else self._text(f"{place}, when", when))

    def _text(self, place: str, condition: AnyCondition) -> str:
        """The CEL of a condition. Raises DefinitionError: it is about another definition, or not a condition."""
        recorded = condition_in(condition)
        written: object = condition if recorded is None else recorded.text_for(self, place)
        text = stated(written)
        fault = condition_fault(text)
        if fault is not None:
            raise refused(Code.CONDITION_INVALID, place, condition_reason(text, fault), CONDITION_REMEDY)
        return str(text)
