"""Random definitions: graphs with parallel branches and joins, with a pivot or without, over all three modes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Final

from saga.authoring import Condition, Definition, Path, Retry, StepHandle, at_least
from saga.authoring.step_handle import After
from saga.core.state.mode import Mode
from tests.simulation.seeds.when import When

SERVICES: Final = {
    Mode.TRANSACTIONAL: ("stock", "ledger"),
    Mode.JOURNALED: ("shop", "depot"),
    Mode.EXTERNAL: ("bank", "post"),
}
ALL_SERVICES: Final = tuple(name for names in SERVICES.values() for name in names)
STEPS_MAX: Final = 5
OTHERWISE: Final = {"event": "nobody", "payload": "nobody"}
"""The output of a wait in the place of an event."""
ABSENT: Final = "absent"
"""The default where a step has no result."""


@dataclass(frozen=True, slots=True)
class WaitPlan:
    """Something that a step waits for: the first event of these names, at most `pause_ms`; without names, until that time is over."""

    names: tuple[str, ...]
    pause_ms: int | None
    has_otherwise: bool = False


@dataclass(frozen=True, slots=True)
class StepPlan:
    """One step as it was drawn. `after` are positions; `probe` and `compensation` tell whether its handler has them."""

    name: str
    service: str
    mode: Mode
    after: tuple[int, ...]
    pivot: bool
    retriable: bool
    read_only: bool
    compensation: bool
    probe: bool
    timeout_ms: int
    successes: int = 0
    handled: bool = False
    optional: bool = False
    when: When | None = None
    is_else: bool = False  # it has the opposite of the condition of the step that was written before it
    holds: When | None = None  # of a check
    wait: WaitPlan | None = None  # of a wait or a timer
    until: int | None = None  # the position of the step with which this one is over

    @property
    def goes_on(self) -> bool:
        return self.handled or self.optional

    @property
    def may_be_absent(self) -> bool:
        """Tells whether it may have no result when its successors begin."""
        return self.goes_on or self.when is not None or self.is_else or self.until is not None

    @property
    def has_output(self) -> bool:
        """Tells whether others can read a result of it, which its handler returns."""
        return self.holds is None and self.wait is None

    @property
    def handler(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class DefinitionPlan:
    """A definition as it was drawn; it passes the safety check by construction."""

    name: str
    steps: tuple[StepPlan, ...]
    deadline_ms: int | None
    budget_ms: int
    attempts: int
    undo_attempts: int
    cancelling: str | None = None  # the event that cancels a saga

    def finished_before(self, position: int) -> list[int]:
        """The steps that have finished whenever this one begins. A join that counts does not wait for all that it names."""
        step = self.steps[position]
        if step.successes:
            common = [set(self.finished_before(before)) for before in step.after]
            return sorted(set.intersection(*common))
        return sorted({*step.after}.union(*(self.finished_before(before) for before in step.after)))

    def inputs_of(self, step: StepPlan) -> list[int]:
        """The predecessors whose results are its input: those that have finished for sure."""
        known = self.finished_before(self.steps.index(step))
        return [before for before in step.after if before in known]

    def conditions(self, step: StepPlan) -> tuple[When, ...]:
        """The conditions that must hold for this step to run."""
        if step.is_else:
            opposite = self.steps[self.steps.index(step) - 1].when
            assert opposite is not None
            return (opposite.opposite,)
        return () if step.when is None else (step.when,)

    def written(self) -> Definition:
        """Builds the definition with the builder that users use."""
        definition = Definition(
            self.name,
            deadline=None if self.deadline_ms is None else f"{self.deadline_ms}ms",
            compensation_budget=f"{self.budget_ms}ms",
        )
        if self.cancelling is not None:
            definition.cancel_on(self.cancelling)
        handles: list[StepHandle] = []
        for position, step in enumerate(self.steps):
            when = None if step.when is None else step.when.written(definition, handles)
            if when is not None and position + 1 < len(self.steps) and self.steps[position + 1].is_else:
                with definition.when(when):
                    handles.append(self._add(definition, step, handles, None))
            elif step.is_else:
                with definition.otherwise():
                    handles.append(self._add(definition, step, handles, None))
            else:
                handles.append(self._add(definition, step, handles, when))
        if len(self.steps) % 2:  # the other steps return nothing, so that an operator may skip the last ones
            is_any_open = any(step.successes for step in self.steps)
            definition.returns(self._read(handles, range(len(self.steps)), may_be_open=is_any_open))
        return definition

    def _add(
        self, definition: Definition, step: StepPlan, handles: Sequence[StepHandle], when: Condition | str | None
    ) -> StepHandle:
        befores = [handles[before] for before in step.after]
        after = at_least(step.successes, befores) if step.successes else befores
        if step.holds is not None:
            holds = step.holds.written(definition, handles)
            return definition.check(holds, f"{step.name} does not hold", name=step.name, after=after, when=when)
        if step.wait is not None:
            return self._add_wait(
                definition, step, step.wait, after, None if step.until is None else handles[step.until]
            )
        return definition.step(
            f"{step.service}.{step.handler}",
            after=after,
            when=when,
            inputs={"order": definition.input, "befores": self._read(handles, self.inputs_of(step))},
            retry=Retry(attempts=self.attempts, first="50ms", cap="300ms"),
            compensation_retry=Retry(attempts=self.undo_attempts, first="50ms", cap="300ms"),
            timeout=f"{step.timeout_ms}ms",
            pivot=step.pivot,
            retriable=step.retriable,
            read_only=step.read_only,
            handled=step.handled,
            optional=step.optional,
            until=None if step.until is None else handles[step.until],
        )

    def _add_wait(
        self, definition: Definition, step: StepPlan, wait: WaitPlan, after: After, until: StepHandle | None
    ) -> StepHandle:
        pause = None if wait.pause_ms is None else f"{wait.pause_ms}ms"
        if not wait.names:
            assert pause is not None
            return definition.timer(pause, name=step.name, after=after, until=until)
        if wait.has_otherwise:
            return definition.wait(wait.names, name=step.name, after=after, timeout=pause, otherwise=OTHERWISE)
        return definition.wait(wait.names, name=step.name, after=after, timeout=pause, handled=step.handled)

    def _read(
        self, handles: Sequence[StepHandle], read: Iterable[int], *, may_be_open: bool = False
    ) -> dict[str, Path]:
        """The outputs of these steps, but for checks, waits and timers."""
        return {
            handles[at].name: handles[at].output.or_(ABSENT)
            if may_be_open or self.steps[at].may_be_absent
            else handles[at].output
            for at in read
            if self.steps[at].has_output
        }


@dataclass(frozen=True, slots=True)
class Preferences:
    """The preferences of a family of worlds for its definitions."""

    modes: str = "TJX"
    pivot: float = 0.5
    pivot_mode: str = ""
    probe: float = 0.4
    deadline: float = 0.3
    parallel: float = 0.45


def draw(name: str, random: Random, preferences: Preferences) -> DefinitionPlan:
    """Draws a safe definition: the steps beside and behind a pivot get the properties that the pivot requires of them."""
    count = random.choice((2, 3, 3, 4, 4, STEPS_MAX))
    afters = [_befores(random, position, preferences.parallel) for position in range(count)]
    ancestors = _ancestors(afters)
    pivot = random.randrange(count) if random.random() < preferences.pivot else -1
    steps = []
    for position in range(count):
        mode = Mode(random.choice(preferences.modes))
        if position == pivot and preferences.pivot_mode:
            mode = Mode(random.choice(preferences.pivot_mode))
        is_before = pivot < 0 or position in ancestors[pivot]
        is_behind = pivot >= 0 and pivot in ancestors[position]
        is_read_only = random.random() < 0.06 and position != pivot
        is_final = position == pivot or is_behind
        steps.append(
            StepPlan(
                name=f"{name}_{'abcdefgh'[position]}",
                service=random.choice(SERVICES[mode]),
                mode=mode,
                after=afters[position],
                pivot=position == pivot,
                retriable=not is_before and position != pivot,
                read_only=is_read_only,
                compensation=not is_read_only and (not is_final or random.random() < 0.2),
                probe=mode is Mode.EXTERNAL and random.random() < preferences.probe,
                timeout_ms=random.choice((200, 300, 500)),
            )
        )
    return DefinitionPlan(
        name=name,
        steps=tuple(steps),
        deadline_ms=random.choice((1500, 2500, 4000)) if random.random() < preferences.deadline else None,
        budget_ms=random.choice((3000, 20_000, 60_000)),
        attempts=random.choice((2, 3, 4)),
        undo_attempts=random.choice((2, 3, 3)),
    )


def _befores(random: Random, position: int, parallel: float) -> tuple[int, ...]:
    if position == 0 or random.random() < parallel * 0.3:
        return ()
    if random.random() < parallel:
        width = random.randint(1, min(position, 2))
        return tuple(sorted(random.sample(range(position), width)))
    return (position - 1,)


def _ancestors(afters: list[tuple[int, ...]]) -> list[frozenset[int]]:
    found: list[frozenset[int]] = []
    for befores in afters:
        found.append(frozenset(befores).union(*(found[before] for before in befores)))
    return found
