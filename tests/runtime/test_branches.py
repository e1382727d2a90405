"""Sagas that take different ways: conditions, joins that count, checks, and rejections after which the saga goes on."""

from __future__ import annotations

from typing import Any, Final

from pydantic import BaseModel

from saga import Definition, Participant, Reject, any_of, at_least
from saga.core.state.phase import Phase
from saga.history import Rule, verify
from saga.inspection.returned import returned
from saga_postgres.doctor import examine
from tests.runtime.world import Gate, Sql, World, until


class Order(BaseModel):
    cents: int


class Shop:
    """A shop of external steps, which notes each call; `review` refuses what costs 666, `offer` answers for three suppliers."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.gate = Gate()
        self.refusing: set[str] = set()
        self.participant = Participant("shop")

        @self.participant.step(external=True)
        async def reserve(order: Order) -> dict[str, float]:
            self.calls.append("reserve")
            return {"risk": order.cents / 1000}

        @reserve.compensation
        async def release(order: Order, result: dict[str, float]) -> None:
            self.calls.append("release")

        @self.participant.step(external=True)
        async def review(order: Order) -> str:
            self.calls.append("review")
            if order.cents == 666:
                raise Reject("no devil")
            return "fine"

        @review.compensation
        async def withdraw(order: Order, result: str) -> None:
            self.calls.append("withdraw")

        @self.participant.step(external=True, read_only=True)
        async def letter(words: dict[str, Any]) -> str:
            self.calls.append(f"letter {words['why']}")
            return "sent"

        @self.participant.step(external=True, read_only=True)
        async def offer(words: dict[str, str]) -> str:
            supplier = words["of"]
            if supplier in self.refusing:
                raise Reject(f"{supplier} is sold out")
            if supplier == "slow":
                await self.gate.wait()
            return f"offer of {supplier}"

    def order(self) -> Definition:
        """Reserve; a review of what is risky; a letter where the review refuses."""
        order = Definition("order", input=Order)
        order.check(order.input.cents > 0, "it costs nothing")
        reserved = order.step("shop.reserve")
        with order.when(reserved.output.risk > 0.5):
            reviewed = order.step("shop.review", handled=True)
        order.step("shop.letter", after=reviewed, when=reviewed.rejected, inputs={"why": reviewed.reason})
        order.returns({"review": reviewed.output.or_("none"), "reason": reviewed.reason.or_(None)})
        return order

    def offers(self, *, needed: int) -> Definition:
        """Asks two suppliers whose refusal is handled, and goes on when enough of them have answered."""
        offers = Definition("offers")
        asked = [
            offers.step("shop.offer", name=of, inputs={"of": of}, handled=True, after=()) for of in ("slow", "quick")
        ]
        after = any_of(*asked) if needed == 1 else at_least(needed, asked)
        offers.step("shop.offer", name="choose", inputs={"of": "nobody"}, after=after)
        return offers


async def ended(world: World, shop: Shop, definition: Definition, value: object = None) -> Any:
    """Runs one saga to its end, and returns everything about it."""
    sagas = await world.join(shop.participant)
    handle = await sagas.start(definition, value)
    await handle.result(20)
    return await sagas.detail(handle.id)


WAYS: Final = {
    "a step whose condition is false is passed through": (100, "SSNN", ["reserve"], {"review": "none", "reason": None}),
    "a step whose condition holds runs": (800, "SSSN", ["reserve", "review"], {"review": "fine", "reason": None}),
    "the reason of a handled rejection is read by a later step": (
        666, "SSHS", ["reserve", "review", "letter no devil"], {"review": "none", "reason": "no devil"},
    ),
    "a check at the beginning rejects before anything is called": (0, "RVVV", [], None),
}  # fmt: skip


async def test_an_order_takes_the_way_that_its_conditions_say(any_world: World) -> None:
    shop = Shop()
    sagas = await any_world.join(shop.participant)
    for way, (cents, vector, calls, value) in WAYS.items():
        shop.calls.clear()
        handle = await sagas.start(shop.order(), Order(cents=cents))
        ending = await handle.result(20)
        detail = await sagas.detail(handle.id)

        assert (detail.state.vector, shop.calls, returned(detail)) == (vector, calls, value), way
        assert ending.reason == (None if cents else "check_1: it costs nothing")


async def test_a_saga_that_was_stored_undecided_is_decided_by_a_redrive(world: World, sql: Sql) -> None:
    """A start in the caller's own transaction leaves it to others: nobody knows when it commits."""
    shop = Shop()
    sagas = await world.join(shop.participant)
    await world.supervise(sagas)
    await sagas.register(shop.order())
    async with sql.transaction():
        handle = await sagas.start("order", Order(cents=0), tx=sql)
    await sql.execute("update saga set wake_at = now() where id = $1", handle.id)

    ending = await handle.result(20)

    assert (ending.reason, shop.calls) == ("check_1: it costs nothing", [])


async def test_the_block_and_its_else_are_taken_one_or_the_other(any_world: World) -> None:
    shop = Shop()
    order = Definition("either", input=Order)
    with order.when(order.input.cents > 500):
        order.step("shop.letter", name="dear", inputs={"why": "dear"})
    with order.otherwise():
        order.step("shop.letter", name="cheap", inputs={"why": "cheap"})

    detail = await ended(any_world, shop, order, Order(cents=100))

    assert (detail.state.vector, shop.calls) == ("NS", ["letter cheap"])


async def test_any_of_begins_with_the_first_success_and_waits_for_all_at_the_end(any_world: World) -> None:
    shop = Shop()
    sagas = await any_world.join(shop.participant)
    handle = await sagas.start(shop.offers(needed=1))

    async def is_met() -> bool:
        return (await sagas.snapshot(handle.id)).state.vector == "DSS"

    await until(is_met, "the step behind the first offer has succeeded")
    shop.gate.open()

    assert (await handle.result(20)).is_completed


async def test_a_join_out_of_reach_rolls_back_although_a_branch_still_runs(any_world: World) -> None:
    shop = Shop()
    shop.refusing = {"quick"}
    sagas = await any_world.join(shop.participant)
    handle = await sagas.start(shop.offers(needed=2))

    async def is_short() -> bool:
        return (await sagas.snapshot(handle.id)).state.phase is not Phase.RUNNING

    await until(is_short, "the join cannot be reached any more")
    shop.gate.open()

    assert (await handle.result(20)).reason == "choose: fewer than 2 of slow, quick have succeeded"


async def test_a_condition_on_a_branch_that_ran_meanwhile_is_read_from_the_store(any_world: World) -> None:
    """The claim of the slow branch was made before the quick one had its result."""
    shop = Shop()
    both = Definition("both")
    slow = both.step("shop.offer", name="slow", inputs={"of": "slow"}, after=())
    quick = both.step("shop.offer", name="quick", inputs={"of": "quick"}, after=())
    both.step("shop.letter", after=[slow, quick], when=quick.output == "offer of quick", inputs={"why": "both"})
    sagas = await any_world.join(shop.participant)
    handle = await sagas.start(both)

    async def is_quick_done() -> bool:
        return (await sagas.snapshot(handle.id)).state.vector == "DSP"

    await until(is_quick_done, "the quick branch has finished")
    shop.gate.open()
    await handle.result(20)

    assert shop.calls == ["letter both"]


async def test_the_view_of_steps_says_why_a_step_was_skipped_or_handled(world: World, sql: Sql) -> None:
    shop = Shop()
    refused = await ended(world, shop, shop.order(), Order(cents=666))
    skipped = await ended(world, shop, shop.order(), Order(cents=100))
    what = "select name, service, mode, state, attempts, process is null as is_nobodys, reason from steps where saga = $1 order by position"

    rows = [tuple(row) for row in await sql.fetch(what, refused.saga)]
    (review,) = await sql.fetch("select state, reason from steps where saga = $1 and name = 'review'", skipped.saga)

    assert rows == [
        ("check_1", "", "engine", "succeeded", 0, True, None),
        ("reserve", "shop", "external", "succeeded", 1, False, None),
        ("review", "shop", "external", "rejected, handled", 1, False, "no devil"),
        ("letter", "shop", "external", "succeeded", 1, False, None),
    ]
    assert tuple(review) == ("skipped", "its condition is false: steps.reserve.output.risk > 0.5")


async def test_neither_doctor_nor_survey_looks_for_the_service_of_a_check(world: World, sql: Sql) -> None:
    shop = Shop()
    await ended(world, shop, shop.order(), Order(cents=100))
    sagas = await world.join()

    found = [check async for check in examine(world.url, "saga")]
    survey = await sagas.listing.survey(100)

    assert [check.detail for check in found if check.name == "definitions" and not check.ok] == []
    assert "" not in {*survey.queues, *survey.processes}


async def test_the_checker_finds_a_step_that_was_skipped_against_its_condition(world: World, sql: Sql) -> None:
    shop = Shop()
    detail = await ended(world, shop, shop.order(), Order(cents=100))
    world.is_forged = True
    await sql.execute("update saga set input = $2 where id = $1", detail.saga, b'{"cents": 0}')
    await sql.execute("update step set result = $2 where saga = $1 and step = 1", detail.saga, b'{"risk": 0.9}')

    sagas = await world.join()
    verdict = await verify(sagas.listing)

    assert {finding.rule for finding in verdict.findings} == {Rule.CHECK, Rule.CONDITION}
