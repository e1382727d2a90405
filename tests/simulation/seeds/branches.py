"""Branches in random definitions: conditions, joins that count, checks, and steps after which the saga goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from enum import Enum
from random import Random
from typing import Any, Final

from saga.core.check.finding import Severity
from saga.core.definition.contract import Contract
from saga.core.state.mode import Mode
from tests.simulation.seeds.when import INPUTS, About, When, draw_when
from tests.simulation.worlds.definitions import SERVICES, DefinitionPlan, StepPlan

BRANCHED: Final = (5, 8, 9, 13)  # of every sixteen seeds
RACES: Final = (7, 22, 36, 51)  # of every 64
BESIDES: Final = (47, 49, 59)
WIDE: Final = 3
CHAIN: Final = 4
CHAINS: Final = 0.7
JOIN: Final = 2
"""The position of the step for which two others race."""
NEVER: Final = When(About.INPUT, step=-1, limit=INPUTS, is_negated=False)

Change = Callable[[StepPlan], StepPlan]


class Shape(Enum):
    """The shape of the definitions of a branched world."""

    RANDOM = "branches here and there"
    RACE = "a join counts the first of two steps, and the other one is still under way when the saga is rolled back"
    BESIDE = "journaled steps whose rejections are handled, behind a pivot that is skipped"


def shape_of(seed: int) -> Shape | None:
    """Returns the shape that a seed has, None without branches."""
    if seed % 16 in BRANCHED:
        return Shape.RANDOM
    place = seed % 64
    return Shape.RACE if place in RACES else Shape.BESIDE if place in BESIDES else None


def race_of(plan: DefinitionPlan, random: Random) -> DefinitionPlan:
    """Two steps, of which the first one journals; a join that one of them meets; and a chain behind it."""
    steps = [_undoable(step, position, random) for position, step in enumerate(_at_least(CHAIN, plan))]
    steps[JOIN] = replace(steps[JOIN], after=tuple(range(JOIN)), successes=1)
    return replace(plan, steps=tuple(steps), deadline_ms=None)


def beside_of(plan: DefinitionPlan, random: Random) -> DefinitionPlan:
    """A pivot that is skipped, and behind it journaled steps side by side, after whose rejections the saga goes on."""
    steps = [
        replace(
            _undoable(step, position, random),
            after=(0,) if position else (),
            pivot=position == 0,
            handled=position > 0,
            when=None if position else NEVER,
            **_in_mode(Mode.JOURNALED if position else Mode.TRANSACTIONAL, random),
        )
        for position, step in enumerate(_at_least(CHAIN, plan))
    ]
    return replace(plan, steps=tuple(steps), deadline_ms=None)


def _at_least(count: int, plan: DefinitionPlan) -> list[StepPlan]:
    """The steps of a plan, and more of the same until there are enough."""
    more = (replace(plan.steps[-1], name=f"{plan.name}_{'abcdefgh'[at]}") for at in range(len(plan.steps), count))
    return [*plan.steps, *more]


def _undoable(step: StepPlan, position: int, random: Random) -> StepPlan:
    mode = Mode.JOURNALED if position == 0 else random.choice((Mode.TRANSACTIONAL, Mode.JOURNALED))
    return replace(
        step,
        after=(position - 1,) if position > JOIN else (),
        pivot=False,
        retriable=False,
        read_only=False,
        compensation=True,
        probe=False,
        **_in_mode(mode, random),
    )


def _in_mode(mode: Mode, random: Random) -> dict[str, Any]:
    return {"mode": mode, "service": random.choice(SERVICES[mode])}


def with_branches(plan: DefinitionPlan, random: Random) -> DefinitionPlan:
    """Adds random branches, one by one, and keeps those with which the product accepts the definition.

    Some definitions become chains in which steps run behind one that is skipped or handled, and are rolled back.
    """
    pivots = [position for position, step in enumerate(plan.steps) if step.pivot]
    is_chain = len(plan.steps) >= CHAIN and pivots in ([], [len(plan.steps) - 1]) and random.random() < CHAINS
    if is_chain:
        steps = [replace(step, after=(position - 1,) if position else ()) for position, step in enumerate(plan.steps)]
        plan = replace(plan, steps=tuple(steps))
    for position in range(len(plan.steps)):
        changes = _changes_of_chain(position, random) if is_chain else _changes(plan, position, random)
        for change in changes:
            changed = list(plan.steps)
            changed[position] = change(changed[position])
            candidate = replace(plan, steps=tuple(changed))
            if is_accepted(candidate):
                plan = candidate
    return plan


def _changes_of_chain(position: int, random: Random) -> Iterator[Change]:
    if position == 1:
        yield lambda step: replace(step, handled=True, retriable=False, read_only=False, compensation=True)
        if random.random() < 0.3:
            yield lambda step: replace(step, when=draw_when(random, []))


def _changes(plan: DefinitionPlan, position: int, random: Random) -> Iterator[Change]:
    """A handled pivot is offered, too: it must be refused (G43)."""
    if position > 1 and random.random() < 0.6:
        width = random.randint(2, min(position, WIDE))
        yield _as_join(tuple(sorted(random.sample(range(position), width))), random)
    kind = random.random()
    if kind < 0.12 and len(plan.steps) > 2:
        yield lambda step: _as_check(step, draw_when(random, _known(plan, position)))
    elif kind < 0.24:
        yield lambda step: replace(step, optional=True, read_only=True, compensation=False, retriable=False)
    elif kind < 0.75:
        yield lambda step: replace(step, handled=True, retriable=False)
    if random.random() < 0.45:
        yield lambda step: replace(step, when=draw_when(random, _known(plan, position)))
    elif position and _is_known(plan, position, plan.steps[position - 1].when) and random.random() < 0.7:
        yield lambda step: replace(step, is_else=True)


def _as_join(after: tuple[int, ...], random: Random) -> Change:
    successes = random.choice((*range(1, len(after)), *range(1, len(after) + 1)))  # more often fewer than all
    is_handled = random.random() < 0.5
    return lambda step: replace(
        step, after=after, successes=successes, handled=is_handled, retriable=step.retriable and not is_handled
    )


def _as_check(step: StepPlan, holds: When) -> StepPlan:
    return replace(
        step,
        service="",
        mode=Mode.ENGINE,
        retriable=False,
        read_only=True,
        compensation=False,
        probe=False,
        holds=holds,
    )


def _known(plan: DefinitionPlan, position: int) -> list[int]:
    return [known for known in plan.finished_before(position) if plan.steps[known].mode is not Mode.ENGINE]


def _is_known(plan: DefinitionPlan, position: int, when: When | None) -> bool:
    return when is not None and (when.step < 0 or when.step in _known(plan, position))


def is_accepted(plan: DefinitionPlan) -> bool:
    """Tells whether the product accepts the definition."""
    contracts = {f"{step.service}.{step.handler}": _contract(step) for step in plan.steps if step.service}
    faults = [finding for finding in plan.written().findings(contracts) if finding.severity is Severity.ERROR]
    return bool(contracts) and not faults


def _contract(step: StepPlan) -> Contract:
    return Contract(
        service=step.service,
        handler=step.handler,
        mode=step.mode,
        has_compensation=step.compensation,
        has_probe=step.probe,
        read_only=step.read_only,
        input_schema=None,
        output_schema=None,
        handler_version=None,
    )
