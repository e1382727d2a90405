"""Signing in with a token: the cookie, where it counts, how it ends, and where it cannot lead."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio

import saga.api
from saga import memory
from saga.api.ui.signing_in import COOKIE, next_path
from saga.ports.access.tokens import new_token
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


async def test_signing_out_forgets_the_cookie(shop: Shop) -> None:
    async with client(shop) as pages:
        await pages.post("/signin", data={"token": await made(shop, "operator")})
        shown = await pages.get("/")
        await pages.post("/signout")
        after = await pages.get("/")

    assert "sign out" in shown.text
    assert after.status_code == 401


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


async def test_a_cookie_that_is_not_a_token_is_nobody(shop: Shop) -> None:
    await made(shop, "viewer")
    async with client(shop) as pages:
        answer = await pages.get("/", headers={"Cookie": f"{COOKIE}=x"})

    assert answer.status_code == 401


async def test_the_way_back_cannot_be_split_or_very_long() -> None:
    assert next_path("sagas/x?tab=data") == "sagas/x?tab=data"
    assert next_path("a\r\nSet-Cookie: x=1") == ""
    assert next_path("x" * 301) == ""
