"""The pages of an installation in which nothing has happened, and those that a reader may not see or cannot get."""

from __future__ import annotations

from collections.abc import AsyncIterator
from html import unescape

import pytest
import pytest_asyncio

from saga import App, connect, memory
from saga.api.principals import Role
from saga.errors import Unavailable
from saga.settings import load
from tests.api.ui.shop import Shop
from tests.api.ui.test_answers import client

EMPTY = {
    "/": "Start one",
    "/?q=is:stuck": "Show all",
    "/stuck": "Nothing waits for a person",
    "/definitions": "A process that serves a module",
    "/services": "saga participant shop:inventory",
    "/waits": "No saga is under way",
    "/audit": "No operator has acted yet",
}
"""The words of each page that has nothing to show: what is missing, or how it comes there."""

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shop() -> AsyncIterator[Shop]:
    async with connect(settings=load(store="memory://nothing", drain=0), name="shop") as sagas:
        yield Shop(sagas)
    memory.forget("memory://nothing")


@pytest.mark.parametrize("path", EMPTY)
async def test_an_empty_page_says_what_would_be_there(shop: Shop, path: str) -> None:
    async with client(shop) as pages:
        answer = await pages.get(path)

    assert answer.status_code == 200
    assert EMPTY[path] in unescape(answer.text)


@pytest.mark.parametrize("path", EMPTY)
async def test_a_page_that_is_forbidden_names_the_role(shop: Shop, path: str) -> None:
    async with client(shop, Role.STARTER) as pages:
        answer = await pages.get(path)

    assert (answer.status_code, "role needed" in answer.text) == (403, True)


@pytest.mark.parametrize("path", EMPTY)
async def test_a_page_without_its_store_says_so(shop: Shop, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def survey(_: object) -> App:
        raise Unavailable("the store does not answer")

    monkeypatch.setattr(shop.sagas.process.listing, "survey", survey)
    async with client(shop) as pages:
        answer = await pages.get(path)

    assert (answer.status_code, "Sagas go on without this page" in answer.text) == (503, True)
