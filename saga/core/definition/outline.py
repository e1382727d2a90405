"""A definition before it is frozen: as its author wrote it, without what the contracts of the services add."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property, reduce
from operator import and_, or_
from typing import Any, ClassVar, Final, TypeAlias

from saga.core.definition.contract import Contract
from saga.core.definition.graph import Graph
from saga.core.definition.json_value import Json
from saga.core.definition.ordering import Ordering, ordering
from saga.core.definition.paths import reads
from saga.core.definition.step import (
    Call,
    CallFields,
    Check,
    CheckFields,
    Step,
    StepFields,
    Timer,
    TimerFields,
    Wait,
    WaitFields,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class StepOutline(CallFields):
    """One step as written. `after` and `until` are names."""

    after: tuple[str, ...]
    until: str | None = None

    @property
    def contract_name(self) -> str:
        return f"{self.service}.{self.handler}"


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckOutline(CheckFields):
    """One check as written. `after` are names."""

    after: tuple[str, ...]

    until: ClassVar[str | None] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitOutline(WaitFields):
    """One wait as written. `after` are names."""

    after: tuple[str, ...]

    until: ClassVar[str | None] = None

    @property
    def can_reject(self) -> bool:
        """Returns whether it may be rejected when its time is over, so that the saga is rolled back."""
        return self.wait_ms is not None and self.otherwise is None and not self.goes_on


@dataclass(frozen=True, slots=True, kw_only=True)
class TimerOutline(TimerFields):
    """One timer as written. `after` and `until` are names."""

    after: tuple[str, ...]
    until: str | None = None


AnyStepOutline: TypeAlias = StepOutline | CheckOutline | WaitOutline | TimerOutline

FIELDS: Final[Mapping[type[StepFields], type[StepFields]]] = {
    StepOutline: CallFields,
    CheckOutline: CheckFields,
    WaitOutline: WaitFields,
    TimerOutline: TimerFields,
    Call: CallFields,
    Check: CheckFields,
    Wait: WaitFields,
    Timer: TimerFields,
}
"""The fields of each kind of step that its author sets."""


@dataclass(frozen=True)
class Outline:
    """A whole definition as written. It may have every fault that `saga.core.check` finds."""

    name: str
    version: int
    steps: tuple[AnyStepOutline, ...]
    deadline_ms: int | None
    compensation_budget_ms: int
    returns: Json
    input_schema: Json
    event_schemas: Json = None  # the JSON Schemas of the events, by their names
    input_faults: tuple[str, ...] = ()  # why inputs that are written could not be read
    event_faults: tuple[str, ...] = ()  # the same for events, each with the name of the event

    @cached_property
    def positions(self) -> dict[str, int]:
        """The position of each name; the first one if a name is used twice."""
        found: dict[str, int] = {}
        for position, step in enumerate(self.steps):
            found.setdefault(step.name, position)
        return found

    @cached_property
    def after(self) -> tuple[tuple[int, ...], ...]:
        """The positions of each step's predecessors. Names that no step has are left out."""
        known = self.positions
        return tuple(tuple(sorted({known[name] for name in step.after if name in known})) for step in self.steps)

    @cached_property
    def order(self) -> Ordering:
        return ordering(self.after)

    @cached_property
    def finished_before(self) -> tuple[int, ...]:
        """For each step, the steps that have finished whenever it begins, as a set of bits. In a cycle there are none."""
        found = [0] * len(self.steps)
        at_start = self._checked_at_start
        for position in self.order.sequence:
            sets = [found[before] for before in self.after[position]]
            if self.steps[position].successes:
                found[position] = reduce(and_, sets) if sets else 0  # any of them may be the one that has not finished
            else:
                found[position] = reduce(or_, (1 << before for before in self.after[position]), reduce(or_, sets, 0))
            if not at_start >> position & 1:
                found[position] |= at_start
        return tuple(found)

    @cached_property
    def _checked_at_start(self) -> int:
        """The checks that wait for no call, as a set of bits: the first decision makes them before it dispatches anything."""
        found = 0
        for position in self.order.sequence:
            is_check = isinstance(self.steps[position], CheckOutline)
            if is_check and all(found >> before & 1 for before in self.after[position]):
                found |= 1 << position
        return found

    def is_finished_before(self, earlier: int, later: int) -> bool:
        """Returns whether the one step has finished whenever the other begins."""
        return bool(self.finished_before[later] >> earlier & 1)

    @cached_property
    def pivots(self) -> tuple[int, ...]:
        """The positions of the steps that are written as pivots."""
        return tuple(position for position, step in enumerate(self.steps) if step.pivot)

    @cached_property
    def calls(self) -> tuple[StepOutline, ...]:
        """The steps that call a handler."""
        return tuple(step for step in self.steps if isinstance(step, StepOutline))

    @cached_property
    def closing(self) -> int:
        """The position of the step before which all others have finished, except for waits that cancel the saga; -1: there is none."""
        others = [position for position in self.order.sequence if not is_cancelling(self.steps[position])]
        last = others[-1] if others else -1
        count = sum(not is_cancelling(step) for step in self.steps)
        return last if last >= 0 and self.finished_before[last].bit_count() == count - 1 else -1

    @cached_property
    def services(self) -> tuple[str, ...]:
        """The service of each step: of a wait or a timer, that of the nearest call before it, else behind it, else of the first call."""
        followers: list[list[int]] = [[] for _ in self.steps]
        for position, befores in enumerate(self.after):
            for before in befores:
                followers[before].append(position)
        calls = [step.service for step in self.calls]
        return tuple(
            self._nearest_service(position, self.after)
            or self._nearest_service(position, followers)
            or (calls[0] if calls else "")
            for position in range(len(self.steps))
        )

    def _nearest_service(self, position: int, neighbours: Sequence[Sequence[int]]) -> str:
        """The service of the nearest call, in the order of writing; the step itself is the nearest."""
        seen, waiting = {position}, [position]
        for place in waiting:
            step = self.steps[place]
            if isinstance(step, StepOutline):
                return step.service
            fresh = [each for each in sorted(neighbours[place]) if each not in seen]
            seen.update(fresh)
            waiting.extend(fresh)
        return ""


def is_cancelling(step: AnyStepOutline) -> bool:
    """Returns whether the step is a wait for an event that cancels the saga."""
    return isinstance(step, WaitOutline) and step.cancels


def is_read_only(step: AnyStepOutline, contract: Contract | None) -> bool:
    """Returns whether the definition or the service says that a step has no effect to undo."""
    return not isinstance(step, StepOutline) or step.read_only or (contract is not None and contract.read_only)


def pivot_position(outline: Outline, contracts: Mapping[str, Contract]) -> int:
    """Returns the position of the pivot, -1 if there is none.

    If none is written, the closing step is the pivot, provided that it has an effect and no compensation: its success
    completes the saga, and while its outcome is unknown a rollback must wait for it, because it cannot be undone.
    """
    if outline.pivots:
        return outline.pivots[0]
    closing = outline.closing
    step = outline.steps[closing] if closing >= 0 else None
    if not isinstance(step, StepOutline) or step.goes_on:
        return -1
    contract = contracts.get(step.contract_name)
    if contract is None or contract.has_compensation or is_read_only(step, contract):
        return -1
    return closing


def freeze(outline: Outline, contracts: Mapping[str, Contract]) -> Graph:
    """Joins a sound outline with the contracts of its steps: predecessors first, otherwise in the order of writing."""
    sequence = outline.order.sequence
    places = {outline.steps[position].name: place for place, position in enumerate(sequence)}
    pivot = pivot_position(outline, contracts)
    return Graph(
        name=outline.name,
        version=outline.version,
        steps=tuple(_frozen(outline, position, contracts, places, is_pivot=position == pivot) for position in sequence),
        deadline_ms=outline.deadline_ms,
        compensation_budget_ms=outline.compensation_budget_ms,
        returns=outline.returns,
        input_schema=outline.input_schema,
        event_schemas=outline.event_schemas,
    )


def _frozen(
    outline: Outline, position: int, contracts: Mapping[str, Contract], places: Mapping[str, int], *, is_pivot: bool
) -> Step:
    step = outline.steps[position]
    written = written_fields(step) | {"after": tuple(sorted({places[name] for name in step.after}))}
    until = None if step.until is None else places[step.until]
    if isinstance(step, CheckOutline):
        return Check(**written)
    if isinstance(step, WaitOutline):
        return Wait(**written, service=outline.services[position])
    if isinstance(step, TimerOutline):
        return Timer(**written, service=outline.services[position], until=until)
    contract = contracts[step.contract_name]
    return Call(
        **written | {"pivot": is_pivot, "read_only": is_read_only(step, contract)},
        mode=contract.mode,
        compensation=contract.has_compensation,
        probe=contract.has_probe,
        reads=tuple(sorted(places[name] for name in reads(step.inputs))),
        until=until,
    )


def written_fields(step: AnyStepOutline | Step) -> dict[str, Any]:
    """The fields of a step that its author sets, by name, without its place in the order."""
    return {each.name: getattr(step, each.name) for each in fields(FIELDS[type(step)])}
