"""Connections that break, a store that is away, tokens that end, and requests that no client should send."""

from __future__ import annotations

import asyncio
import itertools
import json
import random
import time
from typing import Final
from urllib.parse import urlsplit
from uuid import UUID

import httpx
import pytest

from saga.api.principals import Principal, Role
from saga.api.server import served
from saga.app import connect
from saga.ports.access.tokens import Asker
from saga.settings import load
from tests.api.conftest import client_of
from tests.api.test_errors import assert_problem
from tests.api.test_events import listening, stuck
from tests.api.test_rights import operations, token
from tests.cli.counter import Counter, counter_on
from tests.migrated import migrated_template, store_url  # noqa: F401 (fixtures)
from tests.runtime.world import until
from tests.services.proxy import Proxy

CUTS: Final = 7
"""Number of connections that are cut; 1,000 have been tried."""
PAGES: Final = ("/", "/stuck", "/definitions", "/services", "/waits", "/audit")


async def test_a_stream_that_is_cut_again_and_again_has_every_line_once(shop: Counter) -> None:
    """The client comes back to any process of the API: the last event says all that the next process has to know."""
    chance, saga = random.Random(5), await stuck(shop)  # noqa: S311
    received, last, acts = list[str](), None, itertools.cycle(("pause", "resume"))

    async with served(shop.away, "127.0.0.1:0") as one, served(shop.sagas, "127.0.0.1:0") as other:
        for _ in range(CUTS):
            await acted(shop, saga, next(acts))
            wanted = chance.randint(0, 2)
            async with listening(chance.choice((one, other)), saga, last) as events:
                async for event in events:
                    if event.name == "history":
                        received.append(event.data)
                        last = event.id
                        wanted -= 1
                    if event.name == "saga" or wanted < 0:
                        break
        async with listening(one, saga, last) as events:
            async for event in events:
                if event.name == "saga":
                    break
                received.append(event.data)

    lines = [json.loads(data)["event"] for data in received]
    assert sorted(lines) == sorted(line.kind for line in (await shop.detail(saga)).history)
    assert len(set(received)) == len(received)
    assert lines.count("paused") == CUTS - CUTS // 2


async def acted(shop: Counter, saga: UUID, action: str) -> None:
    operations = shop.away.operations
    await (operations.pause if action == "pause" else operations.resume)(saga, actor="ann", reason="why")


async def test_a_token_that_is_revoked_hears_nothing_more(shop: Counter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("saga.api.tokens.KEPT_SECONDS", 0.0)
    saga, header = await stuck(shop), await token(shop, Role.VIEWER)

    async with (
        served(shop.away, "127.0.0.1:0") as link,
        asyncio.timeout(20),
        httpx.AsyncClient(base_url=link, headers=header) as client,
        client.stream("GET", f"/v1/sagas/{saga}/events") as answer,
    ):
        lines = answer.aiter_lines()
        async for line in lines:
            if line == "event: saga":
                break
        (known,) = await shop.away.adapter.tokens.list()
        await shop.away.adapter.tokens.revoke(known.id, Asker("ann"))
        await acted(shop, saga, "pause")
        rest = [line async for line in lines]

    assert not [line for line in rest if '"paused": true' in line or '"event": "paused"' in line]


async def test_while_the_store_is_away_each_answer_says_so_and_afterwards_all_is_as_before(store_url: str) -> None:  # noqa: F811
    with Proxy.before(store_url) as proxy:
        async with counter_on(store_url) as counter, connect(settings=load(store=proxy.through(store_url))) as far:
            saga = await counter.start()
            await counter.until_vector(saga, "SSS")
            counter.away = far
            async with client_of(counter) as api:
                before = await api.get(f"/v1/sagas/{saga}")
                proxy.refuse()
                proxy.cut()
                away = [await api.get(path) for path in (*PAGES, f"/sagas/{saga}")]
                answers = {path: await api.get(path) for path in readable(counter, saga)}
                proxy.accept()
                await until(lambda: is_back(api, saga), "the store is back")
                after = await api.get(f"/v1/sagas/{saga}")

    assert {answer.status_code for answer in away} == {503}
    assert all("Sagas go on without this page" in answer.text for answer in away)
    for path, answer in answers.items():
        assert answer.status_code in (200, 400, 503), path
        if answer.status_code == 503:
            assert_problem(answer, "unavailable")
            assert answer.headers["retry-after"] == "1"
    assert sum(answer.status_code == 503 for answer in answers.values()) > len(answers) / 2
    assert before.json()["steps"] == after.json()["steps"]


def readable(counter: Counter, saga: UUID) -> list[str]:
    return [
        path.format(ref=saga, step="charge", name="order", version=1, service="payments")
        for method, path, _ in operations(counter)
        if method == "get" and not path.endswith("/diff")
    ]


async def is_back(api: httpx.AsyncClient, saga: UUID) -> bool:
    return (await api.get(f"/v1/sagas/{saga}")).status_code == 200


async def test_a_clock_that_is_wrong_ends_no_token_and_saves_none(
    shop: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = shop.away.process.store_clock.now()
    valid, over = [await token(shop, Role.VIEWER, now + seconds) for seconds in (60.0, -60.0)]

    async with client_of(shop) as api:
        for hours in (-24, 24):
            wrong = time.time() + hours * 3600
            with monkeypatch.context() as patch:
                patch.setattr(time, "time", lambda wrong=wrong: wrong)
                answers = [await api.get("/v1/me", headers=header) for header in (valid, over)]
            assert [answer.status_code for answer in answers] == [200, 401]


ODD: Final = (
    b"GET /v1/../../../etc/passwd HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET /v1/sagas/%2e%2e%2f%2e%2e%2fetc HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET //v1//sagas HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET /static/..%2fassets.py HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET /static/%2e%2e/assets.py HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET http://evil.example/v1/me HTTP/1.1\r\nHost: evil.example\r\n\r\n",
    b"GET /v1/me HTTP/1.1\r\nHost: localhost@evil.example\r\n\r\n",
    b"GET /v1/me HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n",
    b"GET /v1/me HTTP/1.1\r\n\r\n",
    b"GET /v1/nothing HTTP/1.1\r\nHost: localhost\r\nX: a\r\n b\x00c\r\n\r\n",
    b"GET /v1/sagas?q=%ff%fe HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer \xff\xfe\r\n\r\n",
    b"GET /v1/sagas?q=" + b"a" * 70_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"BREW /v1/sagas HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"POST /v1/sagas HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
    b"POST /v1/sagas HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"POST /v1/sagas HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 4\r\n\r\n\xff\xfe{}",
    b"GET /sagas/x?done=%0d%0aSet-Cookie:%20x=1 HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
)


async def test_requests_that_no_client_should_send_are_refused(shop: Counter) -> None:
    async with served(shop.away, "127.0.0.1:0") as link, httpx.AsyncClient(base_url=link) as client:
        answers = [await answer_to(link, sent) for sent in ODD]
        after = await client.get("/v1/me")

    for sent, answer in zip(ODD, answers, strict=True):
        head = answer.partition(b"\r\n\r\n")[0].decode()
        assert not answer or 400 <= int(head.split()[1]) < 500, (sent[:60], head)
        assert b"root:" not in answer
        assert "set-cookie" not in head.lower()
    assert after.status_code == 200


async def answer_to(link: str, sent: bytes) -> bytes:
    parts = urlsplit(link)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    writer.write(sent)
    writer.write_eof()
    async with asyncio.timeout(20):
        answer = await reader.read()
    writer.close()
    return answer


async def test_a_viewer_sends_no_form(shop: Counter) -> None:
    async def viewer(_: object) -> Principal:
        return Principal("pat", Role.VIEWER, "test")

    saga = await shop.start()
    forms = [(f"/sagas/{saga}", {"action": action, "reason": "why"}) for action in ("pause", "abandon", "retry")]
    async with client_of(shop, viewer) as pages:
        answers = [
            await pages.post(path, data=fields) for path, fields in (*forms, ("/definitions/order", {"input": "{}"}))
        ]

    assert {answer.status_code for answer in answers} == {403}
