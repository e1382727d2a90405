"""A sender that asks too often has to wait, and no other one does."""

from __future__ import annotations

import random
from collections.abc import Collection

import httpx
import pytest

from saga.api.application import build
from saga.api.limits import SENDERS_MAX, STREAMS_OF_A_SENDER_MAX, Buckets, Kind, Limits, Rate
from saga.api.principals import Principal, Role
from saga.api.problems import Problem
from saga.testing.clocks.hand_clock import HandClock
from tests.api.conftest import LOCAL, client_of
from tests.api.test_errors import assert_problem
from tests.api.test_rights import token
from tests.cli.counter import Counter

READS = Kind.READ.value
WRONG = {"authorization": "Bearer saga_0123456789_" + "A" * 43}


def as_principal(name: str, role: Role = Role.VIEWER) -> Principal:
    return Principal(name, role, f"token {name}")


async def test_a_sender_that_asks_too_often_waits_and_another_one_does_not(shop: Counter) -> None:
    async def somebody(request: httpx.Request) -> Principal:
        return as_principal(request.headers["x-name"])

    shop.away.process.clock = clock = HandClock(0.0)
    async with client_of(shop, somebody) as api:  # type: ignore[arg-type]
        first = [await api.get("/v1/me", headers={"x-name": "ann"}) for _ in range(READS.at_once)]
        starts = await api.get("/v1/sagas", headers={"x-name": "ann"})
        many = [await api.get("/v1/sagas", headers={"x-name": "ann"}) for _ in range(READS.at_once)]
        other = await api.get("/v1/sagas", headers={"x-name": "bob"})
        await clock.advance(1.0)
        later = await api.get("/v1/sagas", headers={"x-name": "ann"})

    refused = many[-1]
    assert {answer.status_code for answer in (*first, starts, other, later)} == {200}
    assert_problem(refused, "too-many")
    assert "more than 50 reads a second" in refused.json()["detail"]
    assert (refused.headers["retry-after"], refused.json()["retry_after"]) == ("1", 1)
    assert starts.headers["ratelimit"] == f'"reads";r={READS.at_once - 1};t=1'


async def test_this_machine_is_not_limited_without_tokens(api: httpx.AsyncClient) -> None:
    answers = [await api.get("/v1/leader") for _ in range(READS.at_once + 1)]

    assert {answer.status_code for answer in answers} == {200}
    assert "ratelimit" not in answers[0].headers


async def test_guessing_tokens_reads_the_store_a_limited_number_of_times(
    shop: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("saga.api.tokens.KEPT_SECONDS", 0.0)
    right, late, asked = await token(shop, Role.VIEWER), await token(shop, Role.ADMIN), list[object]()
    tokens, failures = shop.away.adapter.tokens, Kind.FAILURE.value.at_once
    find = tokens.find

    async def counted(token_ids: Collection[str]) -> object:
        asked.append(token_ids)
        return await find(token_ids)

    monkeypatch.setattr(tokens, "find", counted)
    async with client_of(shop) as api:
        known = await api.get("/v1/me", headers=right)
        guesses = [await api.get("/v1/me", headers=WRONG) for _ in range(failures + 5)]
        again = await api.get("/v1/me", headers=right)
        unknown = await api.get("/v1/me", headers=late)

    assert [guess.status_code for guess in guesses] == [401] * failures + [429] * 5
    assert_problem(guesses[-1], "too-many")
    assert len(asked) == failures + 2
    assert (known.status_code, again.status_code) == (200, 200), "a client that guesses does not keep out the others"
    assert unknown.status_code == 429


def test_a_bucket_fills_again_at_its_rate_and_never_more() -> None:
    now, buckets = [0.0], Buckets(Rate("reads", 10, 5), lambda: now[0])
    chance, taken = random.Random(3), 0  # noqa: S311

    for _ in range(2_000):
        now[0] += chance.random() / 50
        taken += buckets.take("ann") == 0.0

    assert taken <= now[0] * 10 + 5
    assert taken >= now[0] * 10 - 5
    now[0] += 3600
    assert buckets.left("ann") == 5


def test_the_memory_for_senders_is_bounded() -> None:
    buckets = Buckets(READS, lambda: 0.0)

    for number in range(SENDERS_MAX + 100):
        buckets.take(str(number))

    assert len(buckets) == SENDERS_MAX
    assert buckets.left("0") == READS.at_once
    assert buckets.left(str(SENDERS_MAX)) == READS.at_once - 1


def test_all_addresses_of_a_client_count_as_one() -> None:
    limits = Limits(lambda: 0.0)
    for number in range(Kind.FAILURE.value.at_once):
        limits.failed(f"2001:db8::{number:x}")

    with pytest.raises(Problem):
        limits.check_address("2001:db8::ffff")
    for other in ("2001:db8:0:1::1", "192.0.2.7", None, "a socket"):
        limits.check_address(other)


def test_a_sender_has_a_limited_number_of_streams() -> None:
    limits = Limits(lambda: 0.0)
    streams = [limits.streaming("ann") for _ in range(STREAMS_OF_A_SENDER_MAX)]
    for stream in streams:
        limits.check_streams("ann")
        stream.__enter__()

    with pytest.raises(Problem, match="10 streams"):
        limits.check_streams("ann")
    limits.check_streams("bob")
    streams[0].__exit__(None, None, None)
    limits.check_streams("ann")


async def test_a_stream_beyond_the_limit_is_refused(shop: Counter) -> None:
    saga = await shop.start()
    await shop.until_vector(saga, "SSS")

    async def ann(_: object) -> Principal:
        return as_principal("ann")

    app = build(shop.away, ann)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=LOCAL) as api:
        one = await api.get(f"/v1/sagas/{saga}/events")
        streams = [app.state.limits.streaming(as_principal("ann").sender) for _ in range(STREAMS_OF_A_SENDER_MAX)]
        for stream in streams:
            stream.__enter__()
        refused = await api.get(f"/v1/sagas/{saga}/events")

    assert "event: end" in one.text
    assert_problem(refused, "too-many")
