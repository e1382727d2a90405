"""Sagas that wait: for events, for time, and for another system that completes a step."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from typing import Any

import pytest
from msgspec import structs
from pydantic import BaseModel

import saga
from saga import Conflict, Context, Definition, InputRefused, NotFound, Participant, Pending, UsageError
from saga.client.ending import Sent
from saga.client.sending import SameIdError
from saga.core.ids import RANDOM_BYTES, uuid7
from saga.inspection.why import why
from tests.runtime.world import Sql, World, until


class Verdict(BaseModel):
    approved: bool


class Desk:
    """A desk of external steps, which notes each call. `pay` hands out its token and is completed from outside."""

    def __init__(self, within: str = "1h") -> None:
        self.calls: list[str] = []
        self.tokens: list[str] = []
        self.within = within
        self.participant = Participant("desk")
        for name in ("ask", "remind", "ship"):
            self._add(name)

        @self.participant.step(external=True)
        async def pay(value: Any, ctx: Context) -> str:
            self.tokens.append(ctx.token)
            raise Pending(self.within)

        @pay.compensation
        async def refund(value: Any) -> None:
            self.calls.append("refund")

    def _add(self, name: str) -> None:
        async def call(value: Any) -> str:
            self.calls.append(name)
            return name

        call.__name__ = name

        async def undo(value: Any) -> None:
            self.calls.append(f"undo {name}")

        self.participant.step(external=True)(call).compensation(undo)

    def transfer(self, timeout: str = "3d", delay: str = "1d", **wait: Any) -> Definition:
        """Asks for a review, reminds unless it is there, and ships what is approved. It can be cancelled."""
        transfer = Definition("transfer")
        asked = transfer.step("desk.ask")
        review = transfer.wait("review", Verdict, after=asked, timeout=timeout, **wait)
        reminded = transfer.step("desk.remind", after=asked, delay=delay, until=review)
        transfer.step("desk.ship", after=[review, reminded], when=review.output.approved)
        transfer.cancel_on("cancelled")
        return transfer

    def payment(self) -> Definition:
        payment = Definition("payment")
        payment.returns(payment.step("desk.pay").output)
        return payment


async def waiting(app: saga.App, handle: saga.Handle, vector: str) -> None:
    async def is_there() -> bool:
        return (await app.snapshot(handle.id)).state.vector == vector

    await until(is_there, f"the saga is {vector}")


async def test_an_event_is_the_outcome_of_a_wait_and_ends_the_reminder(any_world: World) -> None:
    desk = Desk()
    app = await any_world.join(desk.participant)
    handle = await app.start(desk.transfer(), key="t-17")
    await waiting(app, handle, "SDDPPD")
    explained = await app.why(handle.id)
    found = await app.search("event:review why:waiting -event:cancelled")

    sent = await app.send(("transfer", "t-17"), "review", {"approved": True}, id="r-1")
    again = await app.send(handle, "review", {"approved": True}, id="r-1")
    await handle.result(20)

    assert (explained.waits_for, explained.outlook[1]) == ("the event review", "it is rolled back")
    assert explained.remedy == f"saga send {handle.id} review PAYLOAD"
    assert [(one.saga, set(one.steps)) for one in found.lines] == [(handle.id, {"review", "remind_delay"})]
    assert (sent.is_new, again.is_new, desk.calls) == (True, False, ["ask", "ship"])
    assert (await app.snapshot(handle.id)).state.vector == "SSNNSN"


async def test_an_event_that_nobody_is_there_to_take_is_not_said_to_be_missing(any_world: World) -> None:
    desk = Desk()
    app = await any_world.join(desk.participant)
    handle = await app.start(desk.transfer())
    await waiting(app, handle, "SDDPPD")
    parked = await app.detail(handle.id)
    due = {step: replace(command, owner=None, due_at=parked.now) for step, command in parked.commands.items()}

    alone = replace(parked, commands=due, serving={})

    assert why(alone).waits_for == "a process of desk, for step review: none is alive"
    assert why(replace(alone, commands=parked.commands)).waits_for == "the event review"


async def test_an_event_that_comes_before_its_wait_is_kept(any_world: World) -> None:
    desk = Desk()
    app = await any_world.join(desk.participant)
    handle = await app.start(desk.transfer())
    await handle.send("review", {"approved": False})

    await handle.result(20)

    assert (await app.snapshot(handle.id)).state.vector == "SSNNNN"


async def test_a_timer_lets_the_reminder_run_and_a_wait_without_an_answer_rolls_back(any_world: World) -> None:
    desk = Desk()
    app = await any_world.join(desk.participant)

    handle = await app.start(desk.transfer(timeout="600ms", delay="100ms"))
    ending = await handle.result(20)

    assert ending.reason == "review: no event review within 600ms"
    assert sorted(desk.calls) == ["ask", "remind", "undo ask", "undo remind"]


async def test_a_wait_without_an_answer_goes_on_with_the_other_value(any_world: World) -> None:
    desk = Desk()
    app = await any_world.join(desk.participant)

    handle = await app.start(desk.transfer(timeout="200ms", otherwise={"approved": True}))
    ending = await handle.result(20)

    assert (ending.status, desk.calls) == ("completed", ["ask", "ship"])


async def test_a_saga_is_cancelled_by_an_event(any_world: World) -> None:
    desk = Desk()
    app = await any_world.join(desk.participant)
    handle = await app.start(desk.transfer())
    await waiting(app, handle, "SDDPPD")

    await handle.send("cancelled")
    ending = await handle.result(20)

    assert (ending.status, ending.reason, desk.calls) == ("compensated", "the event cancelled", ["ask", "undo ask"])
    with pytest.raises(Conflict, match="has ended"):
        await handle.send("review", {"approved": True})


async def test_an_event_that_the_saga_does_not_know_is_refused(any_world: World) -> None:
    desk = Desk()
    app = await any_world.join(desk.participant)
    handle = await app.start(desk.transfer())

    with pytest.raises(UsageError, match="Did you mean review"):
        await handle.send("reviev", {"approved": True})
    with pytest.raises(InputRefused, match="approved"):
        await handle.send("review", {"approved": [1]})
    with pytest.raises(InputRefused, match="more than 262,144"):
        await handle.send("review", {"approved": True, "why": "x" * 300_000})
    await handle.send("review", {"approved": True}, id="r-1")
    with pytest.raises(Conflict, match="r-1"):
        await handle.send("cancelled", id="r-1")
    await handle.result(20)


async def test_events_that_are_sent_at_once_have_their_own_answers(any_world: World) -> None:
    desk = Desk()
    app = await any_world.join(desk.participant)
    handles = [await app.start(desk.transfer()) for _ in range(3)]
    await handles[2].send("cancelled", id="c-1")
    await handles[2].result(20)

    found = await asyncio.gather(
        *(handle.send("review", {"approved": True}, id="r-1") for handle in handles),
        handles[0].send("review", {"approved": True}, id="r-1"),
        handles[1].send("cancelled", id="r-1"),
        app.send(app.new_id(), "review"),
        return_exceptions=True,
    )
    for handle in handles[:2]:
        await handle.result(20)

    new, other, ended, again, different, unknown = found
    assert [isinstance(sent, Sent) and sent.is_new for sent in (new, other, again)] == [True, True, False]
    assert [type(error) for error in (ended, different, unknown)] == [Conflict, SameIdError, NotFound]
    assert desk.calls.count("ship") == 2


@pytest.mark.parametrize(("bus", "calling_seconds"), [(None, 3_600.0), ("memory://waits", 30.0)])
async def test_a_saga_that_only_waits_is_looked_at_once_a_day(
    any_world: World, bus: str | None, calling_seconds: float
) -> None:
    desk = Desk()
    app = await any_world.join(desk.participant, bus=bus)
    handle = await app.start(desk.transfer())
    await waiting(app, handle, "SDDPPD")
    month_old = uuid7(round((time.time() - 30 * 86_400) * 1_000), bytes(RANDOM_BYTES))
    entry = structs.replace(await app.snapshot(handle.id), saga=month_old)
    calling = structs.replace(entry, state=structs.replace(entry.state, vector="DPPPPD"))

    looks = [(await app.process.redriver.group_for(one, [])).wake_seconds for one in (entry, calling)]

    assert looks == [86_400.0, calling_seconds]


async def test_an_event_is_sent_in_the_transaction_of_its_sender(world: World, sql: Sql) -> None:
    desk = Desk()
    app = await world.join(desk.participant)
    handle = await app.start(desk.transfer())
    await waiting(app, handle, "SDDPPD")

    undone = sql.transaction()
    await undone.start()
    await app.send(handle, "review", {"approved": False}, tx=sql)
    await undone.rollback()
    async with sql.transaction():
        await app.send(handle, "review", {"approved": True}, tx=sql)
    ending = await handle.result(20)

    assert (ending.status, desk.calls) == ("completed", ["ask", "ship"])


async def test_a_step_is_completed_from_outside(any_world: World) -> None:
    desk = Desk()
    app = await any_world.join(desk.participant)
    handle = await app.start(desk.payment())
    await until(_async(lambda: len(desk.tokens) == 1), "the token is handed out")
    (token,) = desk.tokens

    with pytest.raises(UsageError, match="not the token"):
        await app.complete(token[:-4] + "AAAA", "ch_1")
    with pytest.raises(InputRefused, match="result of pay does not fit"):
        await app.complete(token, {"charge": 1})
    sent = await app.complete(token, "ch_1")
    ending = await handle.result(20)

    assert (sent.is_new, ending.value, len(desk.tokens)) == (True, "ch_1", 1)
    with pytest.raises(Conflict, match="used up"):
        await app.complete(token, "ch_2")


async def test_a_step_is_rejected_from_outside(any_world: World) -> None:
    desk = Desk()
    app = await any_world.join(desk.participant)
    handle = await app.start(desk.payment())
    await until(_async(lambda: bool(desk.tokens)), "the token is handed out")

    await app.reject(desk.tokens[0], "declined")
    ending = await handle.result(20)

    assert (ending.reason, desk.calls) == ("pay: declined", [])


async def test_a_step_that_nobody_completes_is_tried_again(any_world: World) -> None:
    desk = Desk(within="100ms")
    app = await any_world.join(desk.participant)
    handle = await app.start(desk.payment())
    await until(_async(lambda: len(desk.tokens) >= 2), "the step was tried again")
    desk.within = "1h"
    tried = len(desk.tokens)
    await until(_async(lambda: len(desk.tokens) > tried), "it waits for longer")

    await app.complete(desk.tokens[-1], "late")
    ending = await handle.result(20)

    assert (ending.value, desk.tokens[0] != desk.tokens[-1]) == ("late", True)


def _async(is_true: Any) -> Any:
    async def answer() -> bool:
        return bool(is_true())

    return answer
