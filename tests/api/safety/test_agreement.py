"""The commands, both forms of the API and the pages say the same about a saga, whatever has become of it."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import os
import random
import re
from html import unescape
from typing import Any, Final, cast
from uuid import UUID

import httpx

import saga.api
from saga import Reject, memory
from saga.cli import main
from saga.errors import Conflict
from saga.inspection.actions.request import ActionName, ActionRequest
from saga.inspection.documents import ALL_PARTS
from saga.operations import By
from saga.ports.saga_detail import SagaDetail
from saga.v1 import sagas_pb2 as m
from saga.v1.sagas_pb2_grpc import SagasStub
from tests.api.conftest import LOCAL
from tests.api.grpc.alike import differences
from tests.api.grpc.conftest import channel_to
from tests.api.test_reading import as_numbers
from tests.api.ui.shop import Shop, open_shop

STORE: Final = "memory://agreement"
SAGAS: Final = int(os.environ.get("SAGA_TEST_SAGAS", "8"))
"""The number of sagas; `make agreement` compares 1,000."""
SKUS: Final = ("lamp", "poor", "broken", "heavy", "mute")
SLOW: Final = 20
"""Only the first sagas may have a handler that hangs: each one takes a place for ever."""
ACTIONS: Final[tuple[ActionName, ...]] = ("pause", "resume", "roll back", "retry", "abandon")
PARTS: Final = [f"PART_{part.upper()}" for part in sorted(ALL_PARTS)]
_CELL: Final = re.compile(r"<td[^>]*>(.*?)</td>", re.DOTALL)
_TAG: Final = re.compile(r"<[^>]+>")


async def test_the_commands_the_api_and_the_pages_say_the_same() -> None:
    chance = random.Random(11)  # noqa: S311
    async with open_shop(STORE) as shop:
        faults(shop)
        ids = [await one(shop, chance, number) for number in range(SAGAS)]
        transport = httpx.ASGITransport(saga.api.asgi(shop.sagas))
        async with (
            httpx.AsyncClient(transport=transport, base_url=LOCAL) as api,
            channel_to(shop.sagas) as channel,
        ):
            phases = {await compared(api, SagasStub(channel), saga_id) for saga_id in ids}
    memory.forget(STORE)

    assert len(phases) > 2, "they have gone different ways"


def faults(shop: Shop) -> None:
    shop.faults = {
        ("pack", "broken"): Reject("item <damaged> & 'late'"),
        ("undo charge", "broken"): ConnectionError("provider answers 503"),
        ("charge", "poor"): Reject("card declined"),
        ("ship", "heavy"): ConnectionError("the carrier does not answer"),
        ("notify", "mute"): ConnectionError("no route to the mail server"),
    }
    shop.blocked = {"label"}


async def one(shop: Shop, chance: random.Random, number: int) -> str:
    """A saga that goes some way, and on which operators act."""
    key = f"order-{number}"
    saga_id = await shop.start(key, chance.choice((*SKUS, "slow") if number < SLOW else SKUS))
    steps = chance.randint(0, 6)
    await shop.until(key, lambda detail: settled(detail) or detail.state.vector.count("S") >= steps)
    for action in chance.choices(ACTIONS, k=chance.randint(0, 2)):
        with contextlib.suppress(Conflict):
            await shop.sagas.operations.act(UUID(saga_id), ActionRequest(action), By("ann", f"why {number}"))
    await shop.until(key, settled)
    return saga_id


def settled(detail: SagaDetail) -> bool:
    """True if nothing happens to it for an hour: it has ended, or waits for an operator, a late retry or a handler that hangs."""
    waits = [command.due_at is None or command.due_at > detail.now + 60 for command in detail.commands.values()]
    hangs = detail.input.find(b'"slow"') >= 0 and all(command.owner for command in detail.commands.values())
    is_still = all(waits) if waits else detail.state.paused
    return detail.state.phase.is_terminal or detail.state.is_stuck or is_still or hangs


async def compared(api: httpx.AsyncClient, sagas: SagasStub, saga_id: str) -> str:
    """Compares all that is said about a saga. If it moves meanwhile, everything is read again."""
    async with asyncio.timeout(30):
        while True:
            before = await read(api, saga_id)
            printed = json.loads(await printed_by("show", saga_id, "--json", "--store", STORE))
            message = (await sagas.GetSaga(m.GetSagaRequest(ref=saga_id, with_parts=PARTS))).saga
            page = (await api.get(f"/sagas/{saga_id}?tab=history")).text
            after = await read(api, saga_id)
            if before == after:
                break

    assert as_numbers(after) == as_numbers(printed)
    assert differences(message, {name: value for name, value in after.items() if name != "audit"}) == []
    compare_page(page, after)
    return cast("str", after["phase"])


async def read(api: httpx.AsyncClient, saga_id: str) -> dict[str, Any]:
    found: dict[str, Any] = (await api.get(f"/v1/sagas/{saga_id}", params={"with": ",".join(ALL_PARTS)})).json()
    found.pop("now")
    return found | {"audit": (await api.get(f"/v1/sagas/{saga_id}/audit")).json()["audit"]}


async def printed_by(*words: str) -> str:
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        assert await asyncio.to_thread(main, words) == 0
    return out.getvalue()


def compare_page(page: str, shown: dict[str, Any]) -> None:
    assert f'<p class="hidden" role="status" aria-live="polite">{shown["phase"]}' in page
    for step in shown["steps"]:
        name, service, state, _, attempts, process, outcome = cells(page, f"step-{step['name']}")
        result = "" if step["result"] is None else json.dumps(step["result"], ensure_ascii=False)
        said = step["error"] or step["reason"] or result
        assert (name.split()[0], service, attempts) == (step["name"], step["service"], str(step["attempts"] or ""))
        assert (process, outcome) == (step["process"] or "", said)
        assert state, step
    assert f"History {len(shown['history'])}" in page
    assert f"Audit {len(shown['audit'])}" in page
    events = [line["event"] for line in shown["history"]]
    assert [row[1].removesuffix(" compensation") for row in history_rows(page)] == events


def cells(page: str, row: str) -> list[str]:
    """The texts of a row of a table."""
    found = re.search(f'<tr id="{re.escape(row)}">(.*?)</tr>', page, re.DOTALL)
    assert found is not None, row
    return [text_of(cell) for cell in _CELL.findall(found[1])]


def history_rows(page: str) -> list[list[str]]:
    """The rows of the history."""
    table = page[page.index("<th>When</th><th>What</th>") :]
    table = table[: table.index("</table>")]
    return [[text_of(cell) for cell in _CELL.findall(row)] for row in table.split("<tr>")[1:]]


def text_of(cell: str) -> str:
    return unescape(_TAG.sub("", cell)).strip()
