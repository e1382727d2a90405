"""A definition before it is frozen: as its author wrote it, without what the contracts of the services add."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property, reduce
from operator import and_, or_
from typing import TypeAlias

from saga.core.definition.contract import Contract
from saga.core.definition.graph import Graph
from saga.core.definition.json_value import Json
from saga.core.definition.ordering import Ordering, ordering
from saga.core.definition.paths import reads
from saga.core.definition.step import Call, CallFields, Check, CheckFields, Step


@dataclass(frozen=True, slots=True, kw_only=True)
class StepOutline(CallFields):
    """One step as written. `after` are names."""

    after: tuple[str, ...]

    @property
    def contract_name(self) -> str:
        return f"{self.service}.{self.handler}"


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckOutline(CheckFields):
    """One check as written. `after` are names."""

    after: tuple[str, ...]


AnyStepOutline: TypeAlias = StepOutline | CheckOutline


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
    input_faults: tuple[str, ...] = ()  # why inputs that are written could not be read

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
        """The position of the step before which all others have finished, -1 if there is none."""
        last = self.order.sequence[-1] if self.order.sequence else -1
        return last if last >= 0 and self.finished_before[last].bit_count() == len(self.steps) - 1 else -1


def is_read_only(step: AnyStepOutline, contract: Contract | None) -> bool:
    """Returns whether the definition or the service says that a step has no effect to undo."""
    return isinstance(step, CheckOutline) or step.read_only or (contract is not None and contract.read_only)


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
        steps=tuple(
            _frozen(outline.steps[position], contracts, places, is_pivot=position == pivot) for position in sequence
        ),
        deadline_ms=outline.deadline_ms,
        compensation_budget_ms=outline.compensation_budget_ms,
        returns=outline.returns,
        input_schema=outline.input_schema,
    )


def _frozen(
    step: AnyStepOutline, contracts: Mapping[str, Contract], places: Mapping[str, int], *, is_pivot: bool
) -> Step:
    if isinstance(step, CheckOutline):
        written = {each.name: getattr(step, each.name) for each in fields(CheckFields)}
        return Check(**written, after=tuple(sorted({places[name] for name in step.after})))
    contract = contracts[step.contract_name]
    written = {each.name: getattr(step, each.name) for each in fields(CallFields)}
    written |= {"pivot": is_pivot, "read_only": is_read_only(step, contract)}
    return Call(
        **written,
        mode=contract.mode,
        after=tuple(sorted({places[name] for name in step.after})),
        compensation=contract.has_compensation,
        probe=contract.has_probe,
        reads=tuple(sorted(places[name] for name in reads(step.inputs))),
    )
