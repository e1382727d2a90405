"""Events sent from the page of a saga, and how waits, timers, skipped, handled and completed steps are shown."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from html import unescape

import pytest
import pytest_asyncio

from saga import memory
from saga.api.principals import Role
from saga.core.state.letters import SUCCEEDED
from saga.core.state.phase import Phase
from tests.api.ui.parcels import CODE, PARCEL, fill_parcels, is_at
from tests.api.ui.shop import Shop, open_shop
from tests.api.ui.test_acting import fields
from tests.api.ui.test_answers import client

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shop() -> AsyncIterator[Shop]:
    async with open_shop("memory://sending") as opened:
        await fill_parcels(opened)
        yield opened
    memory.forget("memory://sending")


async def page_of(shop: Shop, key: str, query: str = "", role: Role = Role.OPERATOR) -> str:
    async with client(shop, role) as pages:
        return unescape((await pages.get(f"/sagas/{shop.ids[key]}{query}")).text)


async def test_a_form_that_is_sent_twice_sends_one_event(shop: Shop) -> None:
    await shop.start_with("parcel", "parcel-20", PARCEL)
    await shop.until(
        "parcel-20", lambda detail: "approved" in {name for c in detail.commands.values() for name in c.awaits}
    )
    path = f"/sagas/{shop.ids['parcel-20']}"
    async with client(shop) as pages:
        form = await pages.get(f"{path}?event=approved")
        sent = fields(form) | {"payload": '{"decision": "approve", "by": "Mira"}'}
        answers = [await pages.post(path, data=sent) for _ in range(2)]
        shown = await pages.get(str(answers[0].url.join(answers[0].headers["location"])))
    detail = await shop.until("parcel-20", lambda detail: is_at(detail, "approved", SUCCEEDED))

    assert '"decision": "approve"' in unescape(form.text)
    assert "approved waits for it" in form.text
    assert [answer.status_code for answer in answers] == [303, 303]
    assert "Recorded: send approved" in shown.text
    assert (
        sum(line.kind == "succeeded" and line.step == detail.graph.position("approved") for line in detail.history) == 1
    )


@pytest.mark.parametrize(
    ("change", "status", "words"),
    [
        ({"payload": "{"}, 400, "the payload is not JSON"),
        ({"payload": '{"decision": "perhaps"}'}, 422, "decision"),
        ({"payload": "[" * 65 + "]" * 65}, 413, "levels deep"),
        ({"event": "nonsense"}, 400, "nonsense"),
    ],
)
async def test_an_event_that_does_not_fit_is_refused_beside_its_form(
    shop: Shop, change: dict[str, str], status: int, words: str
) -> None:
    path = f"/sagas/{shop.ids['parcel-1']}"
    async with client(shop) as pages:
        form = await pages.get(f"{path}?event=approved")
        answer = await pages.post(path, data=fields(form) | {"payload": "null"} | change)

    assert (answer.status_code, words in unescape(answer.text)) == (status, True)
    assert 'role="alert"' in answer.text


async def test_a_viewer_gets_no_form_and_cannot_send(shop: Shop) -> None:
    text = await page_of(shop, "parcel-1", "?event=approved", Role.VIEWER)
    async with client(shop, Role.VIEWER) as pages:
        answer = await pages.post(f"/sagas/{shop.ids['parcel-1']}", data={"event": "approved", "payload": "null"})

    assert "Send approved" not in text
    assert 'name="payload"' not in text
    assert answer.status_code == 403


async def test_what_an_event_does_is_said_before_it_is_sent(shop: Shop) -> None:
    cancelling = await page_of(shop, "parcel-1", "?event=cancelled")
    early = await page_of(shop, "parcel-2", "?event=approved")

    assert "It rolls the saga back." in cancelling
    assert "it is kept for one that will" in early


async def test_every_way_of_waiting_has_its_words(shop: Shop) -> None:
    waits = await page_of(shop, "parcel-1")
    asked = await page_of(shop, "parcel-2")
    cools = await page_of(shop, "parcel-5")

    assert "It waits for the event approved." in waits
    assert states_in(waits)["remind_delay"] == "◷ waiting"
    assert states_in(waits)["declare"] == "» skipped"
    assert 'its condition is false: input.country != "NO"' in waits
    assert "It waits for another system to complete step declare." in asked
    assert states_in(asked)["declare"] == "◷ waiting", "it is not in a queue"
    assert "It waits for the moment of cooling_off." in cools, "it ends before the slot"


async def test_what_was_handled_or_has_no_effect_is_said_so(shop: Shop) -> None:
    handled, cancelled = await page_of(shop, "parcel-3"), await page_of(shop, "parcel-4")
    detail = await shop.until("parcel-4", lambda detail: detail.state.phase is Phase.COMPENSATED)

    assert states_in(handled)["check_address"] == "✕ rejected, handled"
    assert "the address is empty" in handled
    assert "It was rolled back because of the event cancelled" in cancelled
    assert "has no compensation" not in cancelled, detail.state.vector


async def test_no_page_has_the_code_of_the_door(shop: Shop) -> None:
    for key in ("parcel-1", "parcel-2", "parcel-4"):
        assert CODE not in await page_of(shop, key, "?tab=data")


def states_in(page: str) -> dict[str, str]:
    """The state of each step, as the table of steps shows it."""
    rows = re.findall(
        r'<tr id="step-(\w+)">.*?<span class="badge [^"]*"><span aria-hidden="true">(.)</span>([^<]*)<', page
    )
    return {name: f"{icon} {word}" for name, icon, word in rows}
