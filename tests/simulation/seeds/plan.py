"""The plan of a seed: its machines, its services and sagas, and its family of worlds."""

from __future__ import annotations

from dataclasses import dataclass, replace
from random import Random
from typing import Final

from saga.core.state.mode import Mode
from saga.runtime.journal_retention import JournalRetentionOptions
from tests.simulation.seeds.branches import Shape, beside_of, race_of, shape_of, with_branches
from tests.simulation.seeds.chance import CLOCK, CRASH, DATABASE, DELAY, DROP, DUPLICATE, FROZEN, REORDER, STALE, Menu
from tests.simulation.seeds.families import LATE_CLAIMS, family_of
from tests.simulation.worlds.definitions import DefinitionPlan, draw
from tests.simulation.worlds.machine import Role
from tests.simulation.worlds.services import Rates


@dataclass(frozen=True, slots=True)
class SagaPlan:
    """One saga: its definition, and the time of its start."""

    number: int
    definition: str
    at: float


@dataclass(frozen=True, slots=True)
class TimedFault:
    """A fault at a point in time. `machine` below 0 is the store. `seconds` is the length of a freeze, or of a jump."""

    name: str
    kind: str
    at: float
    machine: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Plan:
    definitions: tuple[DefinitionPlan, ...]
    sagas: tuple[SagaPlan, ...]
    roles: tuple[Role, ...]
    has_bus: bool
    rates: Rates
    message_menu: Menu
    scale: float
    frozen_claims: float
    people: float
    evidence: float
    abandon: float
    lease_seconds: float
    margin_seconds: float
    redrive_seconds: float
    outage_grace_seconds: float
    slow_seconds: float
    storm_seconds: float
    capacity: int
    keeper: JournalRetentionOptions | None
    purge_seconds: float
    timed: tuple[TimedFault, ...]
    has_patient_people: bool
    retractions: float = 0.0  # how often an operator undoes a step


SAGAS: Final = (7, 8, 9)
STORM_SECONDS: Final = 6.0
BRANCHED_STORM_SECONDS: Final = 9.0  # chains are longer there, and begin to undo their steps later
JUMP_SECONDS_MAX: Final = 3.0
STORE_AHEAD_SECONDS: Final = (
    0.05  # the rest of the margin: the protocol assumes that "lease + timeout + margin is over" is true
)


_BRANCHED: Final = {Shape.RANDOM: with_branches, Shape.RACE: race_of, Shape.BESIDE: beside_of}


def plan_of(seed: int, *, may_branch: bool = True) -> Plan:
    """Draws everything that is fixed before the world begins. Branches have random numbers of their own."""
    random = Random(f"{seed}/plan")  # noqa: S311 (not a secret)
    shape = shape_of(seed) if may_branch else None
    family = LATE_CLAIMS if shape is Shape.BESIDE else family_of(seed)
    definitions = tuple(draw(f"d{number}", random, family.preferences) for number in range(random.choice((1, 1, 2))))
    if shape is not None:
        branches = Random(f"{seed}/branches")  # noqa: S311 (not a secret)
        definitions = tuple(_BRANCHED[shape](each, branches) for each in definitions)
    sagas = tuple(
        SagaPlan(number, random.choice(definitions).name, random.uniform(0.1, STORM_SECONDS / 2))
        for number in range(random.choice(SAGAS))
    )
    roles = _roles(random, definitions)
    return Plan(
        definitions=definitions,
        sagas=sagas,
        roles=_everywhere(roles) if family.everywhere else roles,
        has_bus=random.random() < family.outside_bus,
        rates=family.rates,
        message_menu=_message_menu(family.messages),
        scale=family.boundaries,
        frozen_claims=family.frozen_claims,
        people=family.people,
        evidence=family.evidence,
        abandon=family.abandon,
        lease_seconds=2.0,
        margin_seconds=0.5,
        redrive_seconds=3.0,
        outage_grace_seconds=2.0,
        slow_seconds=0.5,
        storm_seconds=BRANCHED_STORM_SECONDS if shape else STORM_SECONDS,
        capacity=random.choice((1, 4, 4)),
        keeper=JournalRetentionOptions(age_seconds=1.0, quiet_seconds=5.5) if family.purges else None,
        purge_seconds=30.0 if family.purges else 0.0,
        timed=_timed(random, definitions),
        has_patient_people=random.random() < 0.2,
    )


def _roles(random: Random, definitions: tuple[DefinitionPlan, ...]) -> tuple[Role, ...]:
    """A desk that starts sagas, two processes of every service spread over some machines, one or two supervisors."""
    services = sorted({step.service for definition in definitions for step in definition.steps if step.service})
    first = tuple(service for service in services if random.random() < 0.6)
    second = tuple(service for service in services if service not in first or random.random() < 0.6)
    roles = [Role("desk", (), is_supervisor=False)]
    roles += [Role("one", first, is_supervisor=False)] if first else []
    roles += [Role("two", second, is_supervisor=False)] if second else []
    roles.append(Role("guard", (), is_supervisor=True))
    if random.random() < 0.5:
        roles.append(Role("spare", (), is_supervisor=True))
    return tuple(roles)


def _everywhere(roles: tuple[Role, ...]) -> tuple[Role, ...]:
    services = tuple(sorted({service for role in roles for service in role.services}))
    return tuple(replace(role, services=services) if role.services else role for role in roles)


def _timed(random: Random, definitions: tuple[DefinitionPlan, ...]) -> tuple[TimedFault, ...]:
    has_external = any(step.mode is Mode.EXTERNAL for definition in definitions for step in definition.steps)
    ahead = STORE_AHEAD_SECONDS if has_external else JUMP_SECONDS_MAX
    found: list[TimedFault] = []

    def plan(kind: str, what: str, machine: int, seconds: float) -> None:
        at = random.uniform(0.2, STORM_SECONDS)
        found.append(TimedFault(f"{what} at {at:.3f} s", kind, at, machine, seconds))

    for _ in range(random.choice((0, 1, 2))):
        plan(CRASH, "power failure", random.randrange(8), 0.0)
    for _ in range(random.choice((0, 1, 2))):
        plan(FROZEN, "suspended", random.randrange(8), random.uniform(0.5, 5.0))
    for _ in range(random.choice((1, 2, 3))):
        plan(STALE, "another supervisor is elected", -1, 0.0)
    for _ in range(random.choice((1, 2, 3))):
        plan(CLOCK, "a machine's clock jumps", random.randrange(8), random.uniform(0.2, JUMP_SECONDS_MAX))
    if random.random() < 0.5:
        plan(CLOCK, "the store's clock jumps ahead", -1, random.uniform(0, ahead))
    if random.random() < 0.5:
        plan(CLOCK, "the store's clock is set back", -1, -random.uniform(0.2, JUMP_SECONDS_MAX))
    for _ in range(random.choice((2, 3, 3))):
        plan(DATABASE, "the database crashes", -1, 0.0)
    return tuple(found)


def _message_menu(rate: float) -> Menu:
    return ((DROP, "lost", rate), (DUPLICATE, "doubled", rate), (REORDER, "overtaken", rate), (DELAY, "late", rate))
