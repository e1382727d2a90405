"""The process that gets a command: one replica is filled before the next where claims are cheap; dear claims are spread."""

from __future__ import annotations

from collections import Counter

import pytest

from saga.ports.membership import ClaimCost, Peer
from saga.runtime.identity import ProcessIdentity
from saga.runtime.planning.replicas import BUSY_SHARE, CHEAP_SECONDS, OWED_SECONDS, QUICK_SECONDS
from saga.runtime.planning.router import SILENT_SECONDS, Router
from saga.testing.clocks.hand_clock import HandClock
from tests.runtime.routers import Room

SERVICE = "payments"
CAPACITY = 64
CHEAP = ClaimCost(0.0001, 0.0)
DEAR = ClaimCost(2 * CHEAP_SECONDS, 0.1)
FIRST, SECOND, THIRD = 3, 5, 9


def peer(
    number: int, cost: ClaimCost | None = CHEAP, *, in_flight: int = 0, capacity: int = CAPACITY, seen_ago: float = 0.0
) -> Peer:
    return Peer(number, "a peer", frozenset({SERVICE}), capacity, in_flight, seen_ago, cost)


class Routing:
    """A router of a process that serves nothing itself, with a clock that the test moves."""

    def __init__(self) -> None:
        self.clock = HandClock(100.0)
        self.router = Router(self.clock, ProcessIdentity(), Room(free=True), queues_commands=True)

    def owners(self, commands: int) -> list[int | None]:
        return [self.router.owner(SERVICE) for _ in range(commands)]


@pytest.fixture
def routing() -> Routing:
    return Routing()


def test_cheap_commands_fill_half_of_the_replica_with_the_lowest_number_and_then_the_next(routing: Routing) -> None:
    routing.router.update([peer(SECOND), peer(FIRST), peer(THIRD)])

    half = CAPACITY // 2
    assert routing.owners(2 * half) == [FIRST] * half + [SECOND] * half


def test_dear_commands_are_spread(routing: Routing) -> None:
    routing.router.update([peer(FIRST, DEAR), peer(SECOND, DEAR), peer(THIRD, DEAR)])

    assert Counter(routing.owners(30)) == {FIRST: 10, SECOND: 10, THIRD: 10}


def test_without_figures_commands_are_spread(routing: Routing) -> None:
    """Processes of an older build report no costs."""
    routing.router.update([peer(FIRST, None), peer(SECOND, None)])

    assert Counter(routing.owners(20)) == {FIRST: 10, SECOND: 10}


def test_a_replica_without_figures_counts_as_cheap_as_the_others(routing: Routing) -> None:
    routing.router.update([peer(FIRST, None), peer(SECOND, CHEAP)])

    assert set(routing.owners(CAPACITY // 2)) == {FIRST}


def test_a_replica_that_measured_its_claims_when_it_was_nearly_idle_spreads_nothing(routing: Routing) -> None:
    routing.router.update([peer(FIRST, CHEAP), peer(SECOND, DEAR)])

    assert set(routing.owners(CAPACITY // 2)) == {FIRST}


def test_a_replica_that_holds_claims_for_long_gets_fewer(routing: Routing) -> None:
    routing.router.update([peer(FIRST, in_flight=CAPACITY // 2 - 3), peer(SECOND)])

    assert routing.owners(4) == [FIRST] * 3 + [SECOND]


def test_a_replica_that_ends_its_claims_quickly_gets_as_many_as_it_ends_in_a_moment(routing: Routing) -> None:
    quick = ClaimCost(0.00001, 0.01)  # 1,000 claims a second
    routing.router.update([peer(FIRST, quick), peer(SECOND, quick)])

    commands = CAPACITY // 2 + int(1_000 * QUICK_SECONDS)
    assert routing.owners(commands + 1) == [FIRST] * commands + [SECOND]


def test_a_busy_replica_gets_nothing_while_another_has_room(routing: Routing) -> None:
    routing.router.update([peer(FIRST, ClaimCost(0.0001, BUSY_SHARE + 0.1)), peer(SECOND)])

    assert set(routing.owners(10)) == {SECOND}


async def test_work_for_a_few_milliseconds_is_enough_at_a_time(routing: Routing) -> None:
    cost = ClaimCost(OWED_SECONDS / 4.5, 0.0)  # four and a half of them are enough
    routing.router.update([peer(FIRST, cost), peer(SECOND, cost)])
    assert routing.owners(7) == [FIRST] * 5 + [SECOND] * 2

    await routing.clock.advance(OWED_SECONDS / 2)

    assert routing.owners(6) == [SECOND] * 5 + [FIRST]


def test_when_all_have_enough_the_least_loaded_gets_more(routing: Routing) -> None:
    routing.router.update([peer(FIRST, in_flight=50), peer(SECOND, in_flight=40)])

    assert Counter(routing.owners(12)) == {FIRST: 1, SECOND: 11}


def test_full_replicas_get_nothing(routing: Routing) -> None:
    routing.router.update([peer(FIRST, in_flight=CAPACITY), peer(SECOND, in_flight=CAPACITY)])

    assert routing.owners(1) == [None]


def test_the_only_replica_gets_everything(routing: Routing) -> None:
    routing.router.update([peer(FIRST)])

    assert routing.owners(3 * CAPACITY) == [FIRST] * 3 * CAPACITY


async def test_a_replica_that_has_reported_since_gets_more_and_a_silent_one_does_not(routing: Routing) -> None:
    replicas = [peer(FIRST), peer(SECOND)]
    routing.router.update(replicas)
    assert set(routing.owners(CAPACITY // 2)) == {FIRST}

    await routing.clock.advance(0.2)
    routing.router.update([peer(FIRST, seen_ago=0.3), peer(SECOND, seen_ago=0.1)])
    assert set(routing.owners(10)) == {SECOND}

    await routing.clock.advance(0.2)
    routing.router.update([peer(FIRST, seen_ago=0.1), peer(SECOND, seen_ago=0.1)])
    assert set(routing.owners(10)) == {FIRST}


def test_a_replica_that_was_not_seen_for_seconds_gets_nothing(routing: Routing) -> None:
    routing.router.update([peer(FIRST, seen_ago=SILENT_SECONDS), peer(SECOND)])

    assert set(routing.owners(3)) == {SECOND}


async def test_after_seconds_without_a_heartbeat_of_its_own_a_process_assigns_nothing(routing: Routing) -> None:
    routing.router.update([peer(FIRST)])

    await routing.clock.advance(SILENT_SECONDS + 0.1)

    assert routing.owners(1) == [None]


def test_a_service_without_a_live_process_has_no_owner(routing: Routing) -> None:
    routing.router.update([])

    assert routing.owners(1) == [None]
