"""Rolling deploys: what one build cannot read goes to another; what no build can read is tried as the retry policy says."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import structlog
from pydantic import BaseModel

from saga import Context, Definition, DidNotHappen, Participant, Reject, Retry
from saga.core.definition.retry_policy import DEFAULT_RETRY, RetryPolicy
from saga.core.rules import events as ev
from saga.core.state.operation import Operation
from saga.ports.membership import Peer
from saga.runtime.claims.misfits import KNOWN_MAX, LEFT_SECONDS_MAX, PAUSE_FIRST_SECONDS, PAUSE_MAX_SECONDS, Misfits
from saga.runtime.planning.outcome import Outcome
from saga.testing.clocks.hand_clock import HandClock
from tests.runtime.commit.test_committer import SAGA, work_of
from tests.runtime.routers import router_with
from tests.runtime.world import Sql, World, until

ONCE = Retry(attempts=1)
QUICK = Retry(attempts=3, first="10ms", cap="20ms")


class Order(BaseModel):
    sku: str


class OrderWithChannel(Order):
    channel: str


def shop_of(order: type[BaseModel], ran: list[str], *, database: str | None, receipt: type[Any] = str) -> Participant:
    """A build of the shop: the type of its input, and how it reads the receipt that it compensates."""
    shop = Participant("shop", database=database)

    async def reserve(value: Any, ctx: Context) -> Any:
        ran.append("reserve")
        return "r"

    async def release(value: Any, receipt: Any) -> None:
        ran.append("release")

    async def refuse() -> None:
        raise Reject("no")

    reserve.__annotations__["value"], release.__annotations__["value"] = order, order
    reserve.__annotations__["return"] = receipt
    is_external = database is None
    shop.step(external=is_external)(reserve).compensation(release)
    shop.step(external=is_external)(refuse)
    return shop


def order_of(version: int, retry: Retry = ONCE, *, rejects: bool = False) -> Definition[Any]:
    definition: Definition[Any] = Definition("order", version=version, input=Order)
    reserved = definition.step("shop.reserve", retry=retry, compensation_retry=retry)
    if rejects:
        definition.step("shop.refuse", after=reserved, pivot=True)
    return definition


modes = pytest.mark.parametrize("database", [None, "store"], ids=["external", "transactional"])


@modes
async def test_an_input_that_only_the_old_build_reads_goes_to_it(any_world: World, database: str | None) -> None:
    old, new = list[str](), list[str]()
    sagas = await any_world.join(shop_of(Order, old, database=database))
    number = await sagas.register(order_of(1))
    later = await any_world.join(shop_of(OrderWithChannel, new, database=database))
    assert number
    handles = [await later.start("order", {"sku": str(n)}) for n in range(8)]
    assert [(await handle.result(10)).status for handle in handles] == ["completed"] * 8
    assert (len(old), new) == (8, [])


@modes
async def test_a_result_that_only_the_old_build_reads_is_compensated_there(
    any_world: World, database: str | None
) -> None:
    old, new = list[str](), list[str]()
    first = await any_world.join(shop_of(Order, old, database=database))
    await first.register(order_of(1, rejects=True))
    later = await any_world.join(shop_of(Order, new, database=database, receipt=int))
    handle = await first.start("order", {"sku": "a"})
    assert (await handle.result(10)).status == "compensated"
    assert "release" not in new
    assert later.process.number > first.process.number


async def test_a_journaled_input_that_only_the_old_build_reads_goes_to_it(
    world: World, fresh_database: Any, sql: Sql
) -> None:
    own = await fresh_database()
    old, new = list[str](), list[str]()
    first = await world.join(shop_of(Order, old, database=own))
    await first.register(order_of(1))
    later = await world.join(shop_of(OrderWithChannel, new, database=own))
    handles = [await later.start("order", {"sku": str(n)}) for n in range(4)]
    assert {(await handle.result(10)).status for handle in handles} == {"completed"}
    assert new == []
    assert await sql.fetchval("select count(*) from event where kind = 'failed'") == 0


async def test_a_probe_whose_input_does_not_fit_asks_nobody_and_ends_by_the_policy(any_world: World) -> None:
    asked = list[str]()
    shop = Participant("shop")

    @shop.step(external=True)
    async def charge(value: Any) -> None:
        raise TimeoutError

    @charge.probe
    async def look(value: OrderWithChannel) -> None:
        asked.append("look")
        raise DidNotHappen

    @charge.compensation
    async def refund(value: Any, result: None) -> None: ...

    @shop.step(external=True)
    async def ship() -> None: ...

    definition: Definition[Any] = Definition("order", input=Order)
    charged = definition.step("shop.charge", retry=ONCE, compensation_retry=QUICK, timeout="50ms")
    definition.step("shop.ship", after=charged)
    sagas = await any_world.join(shop, margin=0.01)
    handle = await sagas.start(definition, Order(sku="a"))

    async def is_stuck() -> bool:
        return (await sagas.snapshot(handle.id)).state.vector.startswith("u")

    await until(is_stuck, "its compensation policy has ended it")
    assert asked == []


async def test_an_input_that_nobody_reads_is_tried_as_the_policy_says(any_world: World) -> None:
    ran = list[str]()
    old = await any_world.join(shop_of(Order, ran, database="store"))
    await old.register(order_of(1, QUICK))
    await any_world.kill(old)
    sagas = await any_world.join(shop_of(OrderWithChannel, ran, database="store"))
    handle = await sagas.start("order", {"sku": "a"})
    ending = await handle.result(15)
    assert (ending.status, ran) == ("compensated", [])
    assert ending.reason == "reserve: shop.reserve: the input does not fit: channel: Field required"


def left(misfits: Misfits) -> tuple[int | None, float] | None:
    """The process that a claim is handed to, and the pause of the command; None: it is left to nobody."""
    outcome = misfits.leave(work_of(SAGA), "shop", "no")
    return None if outcome is None else (outcome.next_process, _pause(outcome))


def _pause(outcome: Outcome) -> float:
    assert isinstance(outcome.event, ev.Ongoing)
    return outcome.event.again_in_seconds


async def test_a_claim_goes_round_at_once_and_then_moves_on_after_growing_pauses_until_others_had_their_time() -> None:
    router, clock = router_with(room=True), HandClock(0.0)
    router.identity.enter(5)
    router.update([Peer(number, "peer", frozenset({"shop"}), 1, 0, 0.0) for number in (3, 5, 9)])
    misfits = Misfits(clock, router)
    assert left(misfits) == (9, 0.0)
    pauses = [left(misfits) for _ in range(15)]
    assert pauses[:6] == [(None, 0.25), (9, 0.0), (None, 0.5), (9, 0.0), (None, 1.0), (9, 0.0)]
    assert pauses[-1] == (None, PAUSE_MAX_SECONDS)
    await clock.advance(LEFT_SECONDS_MAX)
    assert left(misfits) is None


def test_the_compensation_of_a_step_goes_round_too_after_its_execute_has() -> None:
    router = router_with(room=True)
    router.update([Peer(3, "peer", frozenset({"shop"}), 1, 0, 0.0)])
    misfits, claim = Misfits(HandClock(0.0), router), work_of(SAGA)
    for operation in Operation:
        claim.operation = operation
        outcome = misfits.leave(claim, "shop", "no")
        assert outcome is not None
        assert outcome.next_process == 3


def test_the_pauses_of_a_claim_whose_service_is_not_known_grow_and_differ() -> None:
    misfits, claim = Misfits(HandClock(0.0), router_with(room=True)), work_of(SAGA)
    pauses = [misfits.pause_seconds(claim) for _ in range(30)]
    assert pauses[0] <= 1.5 * PAUSE_FIRST_SECONDS
    assert 0.5 * PAUSE_MAX_SECONDS <= min(pauses[5:]) < max(pauses[5:]) <= 1.5 * PAUSE_MAX_SECONDS


def test_a_claim_is_left_to_nobody_where_no_other_process_serves_it() -> None:
    assert left(Misfits(HandClock(0.0), router_with(room=True))) is None


def left_alone(misfits: Misfits, retry: RetryPolicy) -> float | None:
    outcome = misfits.leave(work_of(SAGA), "shop", "no", retry)
    assert outcome is None or outcome.next_process is None
    return None if outcome is None else _pause(outcome)


async def test_the_only_process_tries_again_as_the_policy_says_and_for_a_minute_at_most() -> None:
    clock = HandClock(0.0)
    misfits = Misfits(clock, router_with(room=True))
    even = replace(DEFAULT_RETRY, attempts=3, jitter_percent=0)
    assert [left_alone(misfits, even) for _ in range(4)] == [
        0.2,
        0.4,
        None,
        0.2,
    ]  # and begins afresh for the next command
    patient = replace(even, attempts=None)
    pauses = [left_alone(misfits, patient) for _ in range(20)]
    assert pauses[:3] == [0.4, 0.8, 1.6]
    assert pauses[-1] == PAUSE_MAX_SECONDS
    await clock.advance(LEFT_SECONDS_MAX)
    assert left_alone(misfits, patient) is None
    assert left_alone(misfits, patient) == 0.2


def test_the_ring_of_processes_closes() -> None:
    router = router_with(room=True)
    router.identity.enter(9)
    router.update([Peer(number, "peer", frozenset({"shop"}), 1, 0, 0.0) for number in (3, 5)])
    assert router.next_peer("shop") == 3


def test_what_is_remembered_about_claims_is_bounded() -> None:
    router = router_with(room=True)
    router.update([Peer(3, "peer", frozenset({"shop"}), 1, 0, 0.0)])
    misfits, claim = Misfits(HandClock(0.0), router), work_of(SAGA)
    for step in range(KNOWN_MAX + 5):
        claim.step = step
        misfits.leave(claim, "shop", "no")
    assert len(misfits._seen) == KNOWN_MAX


async def test_a_contract_that_has_become_narrower_is_named_when_it_is_published(any_world: World) -> None:
    with structlog.testing.capture_logs() as lines:
        await any_world.join(shop_of(Order, [], database=None))
        assert not [line for line in lines if line["event"].startswith("contract is narrower")]
        await any_world.join(shop_of(OrderWithChannel, [], database=None, receipt=int))
    (line,) = [line for line in lines if line["event"].startswith("contract is narrower")]
    assert line["contract"] == "shop.reserve"
    assert line["reasons"] == ["input: channel is required now", "result: it could be string, and must be integer now"]
