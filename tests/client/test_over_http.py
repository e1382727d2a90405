"""The connection over the API: lost answers, an API that is away, refusals, and a token that nothing shows."""

from __future__ import annotations

import asyncio
import logging
import sys
import traceback
from collections.abc import AsyncIterator, Callable, Iterator

import pytest
import pytest_asyncio
import structlog

import saga
from saga.client.remote import http
from saga.errors import Closed, MissingDriver
from tests.cli.counter import Counter
from tests.client.conftest import Installation
from tests.services.proxy import Proxy

pytestmark = pytest.mark.asyncio(loop_scope="module")
SECONDS = 20


@pytest.fixture(scope="module")
def proxy(installation: Installation) -> Iterator[Proxy]:
    with Proxy.before(installation.link) as found:
        yield found


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def sagas(installation: Installation, proxy: Proxy) -> AsyncIterator[saga.Sagas]:
    """A connection through a network with faults."""
    async with saga.connect(api=proxy.through(installation.link), token=installation.token) as connected:
        yield connected


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(SECONDS):
        while True:
            if is_so():
                return
            await asyncio.sleep(0)


async def test_a_start_whose_answer_is_lost_is_sent_again_and_starts_one_saga(
    sagas: saga.Sagas, proxy: Proxy, installation: Installation
) -> None:
    proxy.lose_answers_to(b"POST /v1/sagas")
    starting = asyncio.create_task(sagas.start("order", {"sku": "A-1"}, tags={"lost": "yes"}))
    await until(lambda: proxy.lost_answers >= 2)
    proxy.heal()

    handle = await starting

    found = (await installation.shop.away.search("tag.lost:yes")).lines
    assert (handle.is_new, [line.saga for line in found]) == (True, [handle.id])


async def test_a_wait_outlasts_an_api_that_is_away(
    sagas: saga.Sagas, proxy: Proxy, shop: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also for longer than a request is repeated: the saga goes on, and so does the waiting."""
    monkeypatch.setattr(http, "REQUEST_SECONDS_MAX", 0.0)
    for name in ("WAIT_SECONDS", "PAUSE_SECONDS"):
        monkeypatch.setattr(f"saga.client.remote.sagas.{name}", 0.05)
    shop.blocked.add("reserve")
    handle = await sagas.start("order", {"sku": "A-1"})
    with structlog.testing.capture_logs() as lines:
        waiting = asyncio.create_task(handle.result(SECONDS))
        proxy.refuse()
        proxy.cut()
        await until(lambda: len(lines) >= 2)
    proxy.heal()
    shop.release("reserve")

    assert (await waiting).is_completed
    assert {line["event"] for line in lines} == {"cannot look up a saga"}


async def test_an_api_that_does_not_answer_is_unavailable(
    sagas: saga.Sagas, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "REQUEST_SECONDS_MAX", 0.3)
    monkeypatch.setattr(http, "ATTEMPT_SECONDS", 0.1)
    proxy.hold()
    try:
        with pytest.raises(saga.Unavailable, match="whether the request was carried out is unknown"):
            await sagas.start("order", {"sku": "A-1"})
    finally:
        proxy.heal()


async def test_a_role_that_does_not_suffice_is_named(installation: Installation) -> None:
    starter, viewer = [await installation.new_token(role, role) for role in ("starter", "viewer")]

    async with saga.connect(api=installation.link, token=starter) as sagas:
        handle = await sagas.start("order", {"sku": "A-1"}, key="of a starter")
        assert (await (await sagas.find("order", "of a starter")).result(SECONDS)).saga == handle.id
    async with saga.connect(api=installation.link, token=viewer) as sagas:
        with pytest.raises(saga.AccessRefused, match="needs the role starter"):
            await sagas.start("order", {"sku": "A-1"})


@pytest.mark.parametrize("token", [None, "saga_aaaaaaaaaaaa_wrong"])
async def test_a_token_that_is_not_valid_is_refused_at_once(installation: Installation, token: str | None) -> None:
    with pytest.raises(saga.AccessRefused, match="token") as refused:
        async with saga.connect(api=installation.link, token=token):
            pass

    assert "wrong" not in str(refused.value).replace("it is wrong", "")


async def test_nothing_shows_the_token(
    installation: Installation, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.DEBUG)
    shown = list[str]()
    async with saga.connect(api=installation.link, token=installation.token) as sagas:
        shown += [repr(sagas), repr(vars(sagas)), repr(vars(vars(sagas)["_api"]))]
        await sagas.start("order", {"sku": "A-1"})
    monkeypatch.setattr("saga.client.remote.sagas.CONNECT_SECONDS", 0.05)
    try:
        async with saga.connect(api="http://127.0.0.1:9", token=installation.token):
            pass
    except saga.Unavailable as error:
        report = traceback.TracebackException.from_exception(error, capture_locals=False)
        shown += ["".join(report.format()), repr(error)]

    secret = installation.token.rpartition("_")[2]
    assert len(shown) == 5
    assert any("HTTP Request" in line for line in caplog.messages)
    assert [text for text in (*shown, *caplog.messages, caplog.text) if secret in text] == []


async def test_a_closed_connection_says_so(installation: Installation) -> None:
    async with saga.connect(api=installation.link, token=installation.token) as sagas:
        pass

    with pytest.raises(Closed, match="was closed"):
        await sagas.start("order", {"sku": "A-1"})


async def test_without_its_library_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "httpx", None)

    with pytest.raises(MissingDriver, match=r"saga-coordination\[client\]"):
        saga.connect(api="http://127.0.0.1:7420")
