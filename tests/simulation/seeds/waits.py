"""Waits, timers and events that cancel a saga, in random definitions; and the plan of a world that has them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from random import Random
from typing import Final

from saga.core.state.mode import Mode
from tests.simulation.seeds.branches import is_accepted
from tests.simulation.seeds.chance import CLOCK, OUTAGE
from tests.simulation.seeds.plan import Plan, TimedFault, plan_of
from tests.simulation.worlds.definitions import DefinitionPlan, StepPlan, WaitPlan

NAMES: Final = ("paper", "money")
"""The names of all events for which steps wait: few, so that several steps of a saga wait for the same one."""
CANCELLING: Final = "stop"
WAIT_MS: Final = (300, 800, 1_500, 3_000)
TIMER_MS: Final = (100, 400, 1_000)
FIRST_SEED: Final = 1_000_000
"""The seeds of these worlds begin here."""


OUTAGES: Final = (5, 7)
"""The last digits of the seeds in which every leader is away for some time."""
SILENT_SECONDS: Final = (10.0, 14.0)
"""The length of such an outage: longer than the silence after which no process lets a timeout count."""
CALM_SECONDS: Final = 6.0
"""From the end of such an outage to the end of the faults."""


def waiting_plan_of(seed: int) -> Plan:
    """Draws a world of sagas that wait. No clock of it jumps: a moment is one on the store's clock, read by the process's clock."""
    plan = plan_of(seed, may_branch=False)
    random = Random(f"{seed}/waits")  # noqa: S311 (not a secret)
    plan = replace(
        plan,
        definitions=tuple(with_waits(each, random) for each in plan.definitions),
        timed=tuple(fault for fault in plan.timed if fault.kind != CLOCK),
        keeper=None,
        purge_seconds=0.0,
    )
    return _with_outage(plan, seed) if seed % 10 in OUTAGES else plan


def _with_outage(plan: Plan, seed: int) -> Plan:
    """Every leader is away. The sagas start all along, so that their timeouts pass before, during and after it."""
    random = Random(f"{seed}/outage")  # noqa: S311 (not a secret)
    at, seconds = random.uniform(0.5, 2.0), random.uniform(*SILENT_SECONDS)
    over = at + seconds
    fault = TimedFault(f"every leader is away at {at:.3f} s", OUTAGE, at, -1, seconds)
    sagas = tuple(replace(saga, at=random.uniform(0.1, over)) for saga in plan.sagas)
    return replace(plan, sagas=sagas, timed=(*plan.timed, fault), storm_seconds=over + CALM_SECONDS)


def with_waits(plan: DefinitionPlan, random: Random) -> DefinitionPlan:
    """Puts waits and timers before steps, one by one, and keeps those with which the product accepts the definition."""
    if random.random() < 0.4:
        plan = replace(plan, cancelling=CANCELLING)
    for step in plan.steps:
        for new in _additions(step, random):
            candidate = _before(plan, step.name, new)
            if is_accepted(candidate):
                plan = candidate
    return plan


def _additions(step: StepPlan, random: Random) -> list[tuple[StepPlan, ...]]:
    """The groups of steps that are put before a step. The first of a group are awaited by it, a reminder is not."""
    found: list[tuple[StepPlan, ...]] = []
    name = step.name
    if random.random() < 0.45:
        wait = _wait(f"{name}_w", random)
        found.append((wait,))
        if random.random() < 0.35:
            found.append((replace(wait, name=f"{name}_x"),))  # of the same event
        if random.random() < 0.5:
            found.append(_reminder(step, random))
    if random.random() < 0.25:
        found.append((_engine(f"{name}_t", WaitPlan((), random.choice(TIMER_MS))),))
    return found


def _wait(name: str, random: Random) -> StepPlan:
    names = NAMES if random.random() < 0.3 else (random.choice(NAMES),)
    pause = random.choice((None, *WAIT_MS))
    has_otherwise = pause is not None and random.random() < 0.4
    step = _engine(name, WaitPlan(names, pause, has_otherwise))
    return replace(step, handled=pause is not None and not has_otherwise and random.random() < 0.6)


def _reminder(step: StepPlan, random: Random) -> tuple[StepPlan, ...]:
    """A delayed call of the same service, which is dropped once the wait is over."""
    timer = _engine(f"{step.name}_r_delay", WaitPlan((), random.choice(TIMER_MS)))
    call = replace(timer, name=f"{step.name}_r", mode=step.mode, service=step.service, wait=None, timeout_ms=300)
    return timer, call


def _engine(name: str, wait: WaitPlan) -> StepPlan:
    return StepPlan(
        name=name, service="", mode=Mode.ENGINE, after=(), pivot=False, retriable=False, read_only=True,
        compensation=False, probe=False, timeout_ms=0, wait=wait,
    )  # fmt: skip


def _before(plan: DefinitionPlan, name: str, new: Sequence[StepPlan]) -> DefinitionPlan:
    """Puts steps before the one of this name, after its predecessors. A reminder ends with the wait that is there already."""
    place = next(at for at, step in enumerate(plan.steps) if step.name == name)
    step = plan.steps[place]
    waits = [at for at, each in enumerate(plan.steps) if each.name == f"{name}_w"]
    if len(new) > 1 and not waits:
        return plan
    after = tuple(before for before in step.after if plan.steps[before].wait is None)
    added = [replace(each, after=after) for each in new]
    if len(new) > 1:
        added = [replace(added[0], until=waits[0]), replace(added[1], after=(place,), until=waits[0])]
    awaited = (*step.after, place) if len(new) == 1 else step.after
    steps = [*plan.steps[:place], *added, replace(step, after=awaited)]
    steps += [_moved(each, place, len(new)) for each in plan.steps[place + 1 :]]
    return replace(plan, steps=tuple(steps))


def _moved(step: StepPlan, place: int, by: int) -> StepPlan:
    """A step behind an insertion, with the new positions of those before it."""
    after = tuple(before + by if before >= place else before for before in step.after)
    until = step.until + by if step.until is not None and step.until >= place else step.until
    return replace(step, after=after, until=until)
