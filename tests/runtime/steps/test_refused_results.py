"""External steps whose handler returns what cannot be recorded: their effect is there, and is undone once."""

from __future__ import annotations

from typing import Any

import pytest

from saga import Definition, Participant
from saga.runtime.handlers.step_handler import RESULT_BYTES_MAX
from tests.runtime.world import World, until

TOO_LARGE = "x" * RESULT_BYTES_MAX
MISFIT: Any = ["no text"]


def service(result: Any, calls: list[str]) -> Participant:
    participant = Participant("payments")

    @participant.step(external=True)
    async def charge() -> str:
        calls.append("charge")
        return result  # type: ignore[no-any-return]

    @charge.compensation
    async def refund(_: Any) -> None:
        calls.append("refund")

    @participant.step(external=True)
    async def finish() -> None:
        calls.append("finish")

    @finish.compensation
    async def reopen() -> None:
        calls.append("reopen")

    return participant


@pytest.mark.parametrize(
    ("result", "words"),
    [(TOO_LARGE, "returned 1,048,578 bytes, more than 1,048,576"), (MISFIT, "what its annotation does not allow")],
    ids=["too large", "misfit"],
)
async def test_what_returned_something_that_cannot_be_recorded_is_undone_once(
    any_world: World, result: Any, words: str
) -> None:
    calls: list[str] = []
    definition = Definition("payment")
    definition.step("payments.finish", after=definition.step("payments.charge"))
    sagas = await any_world.join(service(result, calls))

    ending = await (await sagas.start(definition)).result(10)

    assert ending.status == "compensated"
    assert words in (ending.reason or "")
    assert calls == ["charge", "refund"]


async def test_the_result_of_a_step_beside_it_is_undone_too(any_world: World) -> None:
    calls: list[str] = []
    definition = Definition("payment")
    definition.step("payments.charge", after=definition.step("payments.finish"))
    sagas = await any_world.join(service(TOO_LARGE, calls))

    ending = await (await sagas.start(definition)).result(10)

    assert ending.status == "compensated"
    assert calls == ["finish", "charge", "refund", "reopen"]


async def test_a_pivot_whose_result_cannot_be_recorded_waits_for_a_person(any_world: World) -> None:
    calls: list[str] = []
    definition = Definition("payment")
    definition.step("payments.charge", pivot=True)
    sagas = await any_world.join(service(TOO_LARGE, calls))
    saga = await sagas.start(definition)

    async def is_stuck() -> bool:
        return (await sagas.snapshot(saga.id)).state.is_stuck

    await until(is_stuck, "it waits for a person")

    why = await sagas.why(saga.id)
    assert "returned 1,048,578 bytes" in str(why)
    assert calls == ["charge"]


async def test_a_compensation_that_wants_the_result_waits_for_a_person(any_world: World) -> None:
    calls: list[str] = []
    payments = Participant("payments")

    @payments.step(external=True)
    async def charge() -> str:
        calls.append("charge")
        return TOO_LARGE

    @charge.compensation
    async def refund(_: Any, result: str) -> None:
        calls.append(f"refund {result}")

    definition = Definition("payment")
    definition.step("payments.charge")
    sagas = await any_world.join(payments)
    saga = await sagas.start(definition)

    async def is_stuck() -> bool:
        return (await sagas.snapshot(saga.id)).state.is_stuck

    await until(is_stuck, "it waits for a person")

    assert "returned 1,048,578 bytes" in str(await sagas.why(saga.id))
    assert set(calls) == {"charge"}
