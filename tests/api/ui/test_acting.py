"""Actions from the pages: planned, confirmed with a reason, refused where role, state or plan do not allow them, and audited."""

from __future__ import annotations

from collections.abc import AsyncIterator
from html import unescape

import httpx
import pytest
import pytest_asyncio

from saga import memory
from saga.api.principals import Role
from saga.core.state.phase import Phase
from saga.ports.values.audit import Action, Audit
from tests.api.ui.shop import Shop, fill, open_shop
from tests.api.ui.test_answers import Parsed, client

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shop() -> AsyncIterator[Shop]:
    async with open_shop("memory://acting") as opened:
        await fill(opened)
        yield opened
    memory.forget("memory://acting")


def fields(page: httpx.Response) -> dict[str, str]:
    """Returns what the form of a plan sends, without a reason."""
    inputs = [attrs for tag, attrs in Parsed(page.text).elements if tag == "input" and attrs.get("type") == "hidden"]
    return {attrs["name"] or "": attrs["value"] or "" for attrs in inputs}


async def test_a_retry_is_planned_confirmed_and_audited(shop: Shop) -> None:
    path = "/sagas/order:order-1030"
    shop.faults.pop(("undo charge", "broken"))
    async with client(shop) as pages:
        planned = await pages.get(f"{path}?action=retry&step=charge")
        done = await pages.post(path, data=fields(planned) | {"reason": "provider is back"})
        shown = await pages.get(str(done.url.join(done.headers["location"])))
        await shop.until("order-1030", lambda detail: detail.state.phase is Phase.COMPENSATED)
        audit = await pages.get("/audit?actor=mira")

    assert "Retry charge does this" in planned.text
    assert "payments once" in planned.text
    assert done.status_code == 303
    assert "Recorded: retry" in shown.text
    assert "provider is back" in audit.text


async def test_a_rollback_shows_its_order_before_it_begins(shop: Shop) -> None:
    async with client(shop) as pages:
        planned = (await pages.get("/sagas/order:order-1011?action=roll+back")).text

    places = [planned.index(words) for words in ("<li>label (shipping)", "<li>charge (payments)", "<li>reserve (inv")]
    assert places == sorted(places)
    assert "Cannot be undone" not in planned


async def test_a_form_that_is_sent_twice_acts_once(shop: Shop) -> None:
    path = "/sagas/order:order-1011"
    async with client(shop) as pages:
        form = fields(await pages.get(f"{path}?action=pause")) | {"reason": "look first"}
        answers = [await pages.post(path, data=form) for _ in range(2)]
        audit = (await pages.get(f"{path}?tab=audit")).text

    assert [answer.status_code for answer in answers] == [303, 303]
    assert audit.count("look first") == 1


async def test_a_plan_that_has_moved_on_is_shown_again(shop: Shop) -> None:
    path = "/sagas/order:order-1012"
    async with client(shop) as pages:
        form = fields(await pages.get(f"{path}?action=pause")) | {"reason": "too late", "plan": "0" * 64}
        answer = await pages.post(path, data=form)

    assert answer.status_code == 412
    assert "another plan follows" in answer.text
    assert fields(answer)["plan"] != form["plan"]


@pytest.mark.parametrize(
    ("change", "status", "words"),
    [
        ({"reason": " "}, 400, "kept in the audit"),
        ({"reason": "x" * 501}, 400, "1 to 500"),
        ({"action": "explode"}, 400, "no action"),
        ({"action": ""}, 400, "names no action"),
        ({"action": "resume"}, 412, "another plan"),
        ({"action": "abandon"}, 403, "admin"),
    ],
)
async def test_a_form_that_is_wrong_is_refused_with_a_sentence(
    shop: Shop, change: dict[str, str], status: int, words: str
) -> None:
    path = "/sagas/order:order-1013"
    async with client(shop) as pages:
        form = fields(await pages.get(f"{path}?action=pause")) | {"reason": "a test"} | change
        answer = await pages.post(path, data=form)

    assert answer.status_code == status
    assert words in answer.text
    assert "<!doctype html>" in answer.text


async def test_a_form_of_another_kind_is_refused(shop: Shop) -> None:
    async with client(shop) as pages:
        answer = await pages.post("/sagas/order:order-1013", json={"action": "pause"})
        odd = await pages.post(
            "/sagas/order:order-1013",
            content=b"action=pause&reason=\xff",
            headers={"Content-Type": "application/x-www-form-urlencoded"},
        )

    assert (answer.status_code, odd.status_code) == (400, 400)


async def test_what_the_state_refuses_is_said_and_audited(shop: Shop) -> None:
    path = "/sagas/order:order-1001"
    async with client(shop) as pages:
        planned = await pages.get(f"{path}?action=roll+back")
        form = {"action": "roll back", "reason": "please", "plan": "*"}
        answer = await pages.post(path, data=form)
        audit = (await pages.get("/audit")).text

    assert "is refused:" in planned.text
    assert answer.status_code == 409
    assert "cannot roll back" in answer.text
    assert "refused</span>" in audit


async def test_a_viewer_sees_why_nothing_can_be_done(shop: Shop) -> None:
    path = "/sagas/order:order-1013"
    async with client(shop, Role.VIEWER) as pages:
        shown = (await pages.get(path)).text
        planned = (await pages.get(f"{path}?action=pause")).text
        answer = await pages.post(path, data={"action": "pause", "reason": "no", "plan": "*"})

    assert "it needs the role operator, and you have the role viewer" in shown
    assert "is refused: it needs the role operator" in planned
    assert answer.status_code == 403
    assert (await shop.until("order-1013", lambda _: True)).state.paused is False


async def test_a_page_of_another_site_cannot_act(shop: Shop) -> None:
    async with client(shop) as pages:
        answer = await pages.post(
            "/sagas/order:order-1013",
            data={"action": "pause", "reason": "csrf", "plan": "*"},
            headers={"Origin": "http://evil.example"},
        )

    assert answer.status_code == 403
    assert (await shop.until("order-1013", lambda _: True)).state.paused is False


async def test_a_saga_is_started_from_its_definition_once(shop: Shop) -> None:
    async with client(shop) as pages:
        page = await pages.get("/definitions/order?version=2")
        form = fields(page) | {"input": '{"sku": "lamp"}', "key": "by-hand"}
        answers = [await pages.post("/definitions/order", data=form) for _ in range(2)]
        shown = await pages.get(str(answers[0].url.join(answers[0].headers["location"])))

    assert '"sku": "..."' in unescape(page.text)
    assert [answer.status_code for answer in answers] == [303, 303]
    assert len({answer.headers["location"] for answer in answers}) == 1
    assert "<code>by-hand</code>" in shown.text


@pytest.mark.parametrize(
    ("change", "status", "words"),
    [
        ({"input": "{"}, 400, "the input is not JSON"),
        ({"input": "[" * 65}, 413, "not deeper"),
        ({"input": "[" * 100_000}, 413, "not deeper"),
        ({"id": ""}, 400, "load the page again"),
        ({"input": "7"}, 422, "input"),
        ({"input": '{"sku": "other"}', "key": "order-1001"}, 409, "order-1001"),
        ({"version": "x"}, 400, "whole number"),
    ],
)
async def test_a_start_that_is_refused_keeps_what_was_typed(
    shop: Shop, change: dict[str, str], status: int, words: str
) -> None:
    async with client(shop) as pages:
        form = fields(await pages.get("/definitions/order")) | {"key": "typed"} | change
        answer = await pages.post("/definitions/order", data=form)

    assert answer.status_code == status
    assert words in answer.text
    assert 'value="typed"' in answer.text or "key" in change or "version" in change


async def test_a_viewer_has_no_start_form(shop: Shop) -> None:
    async with client(shop, Role.VIEWER) as pages:
        shown = await pages.get("/definitions/order")
        answer = await pages.post("/definitions/order", data={"input": "{}"})

    assert "Start one" not in shown.text
    assert answer.status_code == 403


async def test_the_audit_has_pages(shop: Shop) -> None:
    for number in range(102):
        action = Action("mira", "resume", None, "again", request=f"r-{number}")
        await shop.sagas.adapter.ledger.record(None, Audit(action, {}, "it is not paused"))
    async with client(shop) as pages:
        first = (await pages.get("/audit")).text
        odd = await pages.get("/audit?before=x")

    assert "Older lines" in first
    assert odd.status_code == 400
