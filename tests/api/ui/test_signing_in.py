"""Signing in with a token: the cookie, where it counts, how it ends, and where it cannot lead."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio
from fastapi import FastAPI

import saga.api
from saga import memory
from saga.api.ui.signing_in import COOKIES, CSRF, next_path
from saga.ports.access.tokens import Asker, new_token
from tests.api.conftest import LOCAL
from tests.api.ui.shop import Shop, open_shop

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shop() -> AsyncIterator[Shop]:
    async with open_shop("memory://signing-in") as opened:
        yield opened
    memory.forget("memory://signing-in")


async def made(shop: Shop, role: str) -> str:
    text, line = new_token(f"a {role}", role, "ann", None)
    await shop.sagas.adapter.tokens.add(line)
    return text


def client(shop: Shop, base: str = LOCAL) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(saga.api.asgi(shop.sagas)), base_url=base)


async def test_a_token_opens_the_pages_and_no_more(shop: Shop) -> None:
    token = await made(shop, "viewer")
    async with client(shop) as pages:
        before = await pages.get("/definitions?x=1")
        answer = await pages.post("/signin", data={"token": f" {token} ", "next": "definitions?x=1"})
        after = await pages.get("/definitions")
        api = await pages.get("/v1/sagas")

    assert before.status_code == 401
    assert 'value="definitions?x=1"' in before.text
    assert (answer.status_code, answer.headers["location"]) == (303, "./definitions?x=1")
    assert after.status_code == 200
    assert "a viewer · viewer" in after.text
    assert api.status_code == 401, "the cookie does not count for the API"


async def test_the_cookie_is_out_of_reach_for_scripts_and_other_sites(shop: Shop) -> None:
    token = await made(shop, "viewer")
    async with client(shop) as plain, client(shop, "https://localhost") as sealed:
        cookies = [
            (await pages.post("/signin", data={"token": token})).headers["set-cookie"] for pages in (plain, sealed)
        ]

    assert all("HttpOnly" in cookie and "SameSite=lax" in cookie and "Path=/" in cookie for cookie in cookies)
    assert ["Secure" in cookie for cookie in cookies] == [False, True]
    assert [cookie.partition("=")[0] for cookie in cookies] == ["saga_browser", "__Host-saga"]
    assert not any(token in cookie or token[-43:] in cookie for cookie in cookies), (
        "the token does not stay in the browser"
    )


async def test_below_a_prefix_and_behind_a_proxy_with_tls_the_cookie_is_sealed_too(shop: Shop) -> None:
    token = await made(shop, "viewer")
    outer = FastAPI()
    outer.mount("/saga", saga.api.asgi(shop.sagas))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(outer), base_url="http://saga.example") as pages:
        headers = {"origin": "https://saga.example"}
        answer = await pages.post("/saga/signin", data={"token": token}, headers=headers)

    assert answer.headers["set-cookie"].startswith("__Secure-saga=")
    assert "Path=/saga/; SameSite=lax; Secure" in answer.headers["set-cookie"]


def csrf_in(page: httpx.Response) -> str:
    """The text that the forms of a page have."""
    found = re.search(f'name="{CSRF}" value="([0-9a-f]{{64}})"', page.text)
    assert found is not None
    return found[1]


async def test_signing_out_ends_the_session_and_not_the_token(shop: Shop) -> None:
    token = await made(shop, "operator")
    async with client(shop) as pages, client(shop) as thief:
        await pages.post("/signin", data={"token": token})
        shown, kept = await pages.get("/"), dict(pages.cookies)
        refused = await pages.post("/signout", data={CSRF: ""})
        still = await pages.get("/")
        out = await pages.post("/signout", data={CSRF: csrf_in(shown)})
        after = await pages.get("/")
        thief.cookies.update(kept)
        stolen = await thief.get("/")
        with_token = await pages.get("/", headers={"authorization": f"Bearer {token}"})

    assert "sign out" in shown.text
    assert (refused.status_code, still.status_code, out.status_code) == (403, 200, 303)
    assert (after.status_code, stolen.status_code, with_token.status_code) == (401, 401, 200)


async def test_a_form_of_another_page_is_refused(shop: Shop) -> None:
    async with client(shop) as pages, client(shop) as other:
        for each in (pages, other):
            await each.post("/signin", data={"token": await made(shop, "operator")})
        start = {"input": '{"sku": "lamp"}', "id": str(shop.sagas.new_id())}
        shown, foreign = await pages.get("/definitions/order"), await other.get("/definitions/order")
        answers = [
            await pages.post("/definitions/order", data={**start, CSRF: text})
            for text in ("", csrf_in(foreign), csrf_in(shown))
        ]

    assert [answer.status_code for answer in answers] == [403, 403, 303]
    assert "not from a page of your session" in answers[0].text


async def test_a_session_ends_with_its_token_and_after_half_a_day(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("saga.api.tokens.KEPT_SECONDS", 0.0)
    token, short = await made(shop, "viewer"), await made(shop, "viewer")
    async with client(shop) as pages, client(shop) as late:
        await pages.post("/signin", data={"token": token})
        before = await pages.get("/")
        await shop.sagas.adapter.tokens.revoke(token.split("_")[1], Asker("ann"))
        after = await pages.get("/")
        monkeypatch.setattr("saga.api.tokens.SESSION_SECONDS", -1)
        await late.post("/signin", data={"token": short})
        over = await late.get("/")

    assert (before.status_code, after.status_code, over.status_code) == (200, 401, 401)


async def test_an_action_of_a_session_says_so_in_the_audit(shop: Shop) -> None:
    shop.faults["reserve", "stays"] = ConnectionError("no answer")
    saga_id = await shop.start("order-signed", "stays")
    async with client(shop) as pages:
        await pages.post("/signin", data={"token": await made(shop, "operator")})
        page = await pages.get(f"/sagas/{saga_id}?action=pause")

        fields = {"action": "pause", "reason": "why", "plan": "*", CSRF: csrf_in(page)}
        acted = await pages.post(f"/sagas/{saga_id}", data=fields)
        audit = await pages.get("/audit")

    assert acted.status_code == 303
    assert "session of token" in audit.text


@pytest.mark.parametrize(
    ("token", "status", "words"),
    [
        ("nonsense", 400, "is not a token"),
        ("saga_0123456789_" + "A" * 43, 401, "not valid"),
        ("", 400, "is not a token"),
    ],
)
async def test_a_token_that_is_wrong_is_refused(shop: Shop, token: str, status: int, words: str) -> None:
    async with client(shop) as pages:
        answer = await pages.post("/signin", data={"token": token})

    assert answer.status_code == status
    assert words in answer.text
    assert token not in answer.text or not token
    assert "set-cookie" not in answer.headers


async def test_a_starter_does_not_read_sagas(shop: Shop) -> None:
    async with client(shop) as pages:
        answer = await pages.post("/signin", data={"token": await made(shop, "starter")})

    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers


async def test_a_cookie_that_is_not_of_a_session_is_nobody(shop: Shop) -> None:
    await made(shop, "viewer")
    async with client(shop) as pages:
        answer = await pages.get("/", headers={"Cookie": f"{COOKIES[2]}=x"})

    assert answer.status_code == 401


async def test_the_way_back_cannot_be_split_or_very_long() -> None:
    assert next_path("sagas/x?tab=data") == "sagas/x?tab=data"
    assert next_path("a\r\nSet-Cookie: x=1") == ""
    assert next_path("x" * 301) == ""
