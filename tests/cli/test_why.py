"""The sentences of `saga why` in typical situations. Each situation is created on a real PostgreSQL by real processes.

Only the times are not real: they are masked, and one deadline is moved into the past by hand. SAGA_REWRITE=1 rewrites the golden
files; the diff is the review.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Awaitable, Callable
from pathlib import Path

import asyncpg
import pytest

from saga import GiveUp, Reject
from saga.core.state.phase import Phase
from saga.inspection.explanation import Situation
from saga.inspection.why import why
from saga.inspection.wording import clock_of, sentence
from saga.ports.saga_detail import SagaDetail
from tests.cli.counter import ACTOR, Counter

GOLDEN = Path(__file__).parent / "golden"
MASKS = (
    (re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}"), "SAGA"),
    (re.compile(r"(\d{4}-\d\d-\d\d )?\d\d:\d\d:\d\d"), "TIME"),
    (re.compile(r"\b\d+(\.\d+)? (ms|s|min|h|d)\b"), "SPAN"),
)


async def unclaimed(counter: Counter) -> SagaDetail:
    """The only process of the service is alive, but at its limit."""
    counter.blocked.add("reserve")
    sagas = [await counter.start(f"order-{number}") for number in range(16)]
    return await counter.until(sagas[-1], lambda detail: detail.commands[0].owner is None)


async def nobody_alive(counter: Counter) -> SagaDetail:
    counter.blocked.add("charge")
    saga = await counter.start()
    await counter.until_vector(saga, "SDP")
    await counter.sagas.close()
    return await counter.until(saga, lambda detail: "payments" not in detail.serving)


async def retry_wait(counter: Counter) -> SagaDetail:
    counter.faults["charge"] = ConnectionError("the provider does not answer")
    saga = await counter.start()
    return await counter.until(saga, lambda detail: 1 in detail.commands and detail.commands[1].failures == 1)


async def running(counter: Counter) -> SagaDetail:
    counter.blocked.add("charge")
    saga = await counter.start()
    return await counter.until(saga, lambda detail: 1 in detail.commands and detail.commands[1].owner is not None)


async def resolving(counter: Counter) -> SagaDetail:
    counter.blocked.add("reserve")
    saga = await counter.start()
    await counter.until_vector(saga, "DPP")
    await counter.roll_back(saga)
    return await counter.until_vector(saga, "UVV")


async def quarantined(counter: Counter) -> SagaDetail:
    counter.faults["confirm"] = GiveUp("the address does not exist")
    saga = await counter.start()
    return await counter.until_vector(saga, "SSd")


async def pivot_refused_a_cancel(counter: Counter) -> SagaDetail:
    counter.blocked |= {"charge", "confirm"}
    saga = await counter.start()
    await counter.until_vector(saga, "SDP")
    await counter.roll_back(saga)
    counter.release("charge")
    await counter.until_vector(saga, "SSD")
    return await counter.detail(saga)


async def past_deadline(counter: Counter) -> SagaDetail:
    counter.blocked.add("reserve")
    saga = await counter.start()
    connection = await asyncpg.connect(counter.settings.store.get_secret_value())
    await connection.execute("update saga.saga set deadline = now() - interval '5 seconds'")
    await connection.close()
    return await counter.detail(saga)


async def undoing(counter: Counter) -> SagaDetail:
    counter.blocked.add("release")
    counter.faults["charge"] = Reject("card declined")
    saga = await counter.start()
    return await counter.until(
        saga, lambda detail: detail.state.vector == "KRV" and detail.commands[0].owner is not None
    )


async def paused(counter: Counter) -> SagaDetail:
    counter.blocked.add("reserve")
    saga = await counter.start()
    await counter.until_vector(saga, "DPP")
    await counter.away.operations.pause(saga, actor=ACTOR, reason="stocktaking")
    return await counter.detail(saga)


async def completed(counter: Counter) -> SagaDetail:
    saga = await counter.start()
    return await counter.until(saga, lambda detail: detail.state.phase is Phase.COMPLETED)


async def rolled_back(counter: Counter) -> SagaDetail:
    counter.faults["charge"] = Reject("card declined")
    saga = await counter.start()
    return await counter.until(saga, lambda detail: detail.state.phase is Phase.COMPENSATED)


SITUATIONS: dict[Callable[[Counter], Awaitable[SagaDetail]], Situation] = {
    unclaimed: Situation.UNCLAIMED,
    nobody_alive: Situation.NOBODY_ALIVE,
    retry_wait: Situation.RETRY_WAIT,
    running: Situation.RUNNING,
    resolving: Situation.RESOLVING,
    quarantined: Situation.QUARANTINED,
    pivot_refused_a_cancel: Situation.RUNNING,
    past_deadline: Situation.PAST_DEADLINE,
    undoing: Situation.UNDOING,
    paused: Situation.PAUSED,
    completed: Situation.COMPLETED,
    rolled_back: Situation.ROLLED_BACK,
}


@pytest.mark.parametrize("create", SITUATIONS, ids=lambda function: function.__name__)
async def test_why_says_what_a_saga_waits_for(
    counter: Counter, create: Callable[[Counter], Awaitable[SagaDetail]]
) -> None:
    detail = await create(counter)

    answer = why(detail)

    assert answer.situation is SITUATIONS[create]
    said = masked(sentence(detail, answer, clock_of(detail.now)))
    assert_golden(f"why_{create.__name__}", said.replace("; ", ";\n  ") + "\n")


async def test_a_client_explains_a_saga_as_the_command_does(counter: Counter) -> None:
    detail = await running(counter)

    answer = await counter.away.why(detail.saga)

    assert (answer.situation, answer.step, answer.who) == (Situation.RUNNING, "charge", ("shop",))


async def test_the_document_has_times_as_numbers(counter: Counter) -> None:
    answer = json.loads(json.dumps(why(await running(counter)).document()))

    assert answer["situation"] == "running"
    assert answer["step"] == "charge"
    assert answer["who"] == ["shop"]
    assert answer["until"] > answer["since"]


def masked(text: str) -> str:
    for pattern, mask in MASKS:
        text = pattern.sub(mask, text)
    return text


def assert_golden(name: str, text: str) -> None:
    file = GOLDEN / f"{name}.txt"
    if os.environ.get("SAGA_REWRITE") == "1":
        file.write_text(text, encoding="utf-8")
    assert text == file.read_text(encoding="utf-8")
