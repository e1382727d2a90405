"""Server-sent events of a saga: each line of its history once, however often the connection breaks."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple
from uuid import UUID

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from saga import Definition, Retry
from saga.api.live.place import Place
from saga.api.server import served
from saga.errors import UsageError
from saga.ports.saga_detail import HistoryLine, SagaDetail
from tests.cli.counter import Counter


class Event(NamedTuple):
    id: str | None
    name: str
    data: str


@asynccontextmanager
async def listening(link: str, saga: UUID, last: str | None = None) -> AsyncIterator[AsyncIterator[Event]]:
    headers = {} if last is None else {"last-event-id": last}
    path = f"/v1/sagas/{saga}/events"
    async with (
        httpx.AsyncClient(base_url=link, timeout=20) as client,
        client.stream("GET", path, headers=headers) as answer,
    ):
        assert answer.status_code == 200
        yield _events(answer)


async def _events(answer: httpx.Response) -> AsyncIterator[Event]:
    found: dict[str, str] = {}
    async for line in answer.aiter_lines():
        if line:
            name, _, value = line.partition(": ")
            found[name] = value
        elif "event" in found:
            yield Event(found.get("id"), found["event"], found["data"])
            found = {}


@pytest.fixture
async def link(shop: Counter) -> AsyncIterator[str]:
    async with served(shop.away, "127.0.0.1:0") as link:
        yield link


async def test_a_saga_is_watched_until_its_end(shop: Counter, link: str) -> None:
    saga = await stuck(shop)

    async with asyncio.timeout(20), listening(link, saga) as events:
        first = await anext(events)
        shop.faults.clear()
        await shop.away.operations.retry(saga, None, actor="ann", reason="it works again")
        rest = [event async for event in events]

    history = [json.loads(event.data)["event"] for event in [first, *rest] if event.name == "history"]
    assert sorted(history) == sorted(line.kind for line in (await shop.detail(saga)).history)
    assert (first.name, rest[-1].name) == ("history", "end")
    assert '"phase": "completed"' in rest[-2].data


async def test_a_stream_begins_with_one_reading_of_the_saga(
    shop: Counter, link: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    saga, read = await stuck(shop), list[UUID]()
    detail = shop.away.detail

    async def counted(saga: UUID) -> SagaDetail:
        read.append(saga)
        return await detail(saga)

    monkeypatch.setattr(shop.away, "detail", counted)
    async with asyncio.timeout(20), listening(link, saga) as events:
        await anext(events)

    assert read == [saga]


async def stuck(shop: Counter) -> UUID:
    """A saga whose only step failed once and for all."""
    definition = Definition("fragile", version=1)
    definition.step("payments.charge", pivot=True, retry=Retry(attempts=1))
    await shop.sagas.register(definition)
    shop.faults["charge"] = ConnectionError("no answer")
    saga = (await shop.sagas.start(definition, {"sku": "A"})).id
    await shop.until(saga, lambda detail: detail.state.is_stuck)
    return saga


async def test_after_the_end_there_is_nothing_to_connect_for(shop: Counter, link: str) -> None:
    saga = await shop.start()
    await shop.until_vector(saga, "SSS")
    async with listening(link, saga) as events:
        ids = [event.id async for event in events if event.id]

    async with httpx.AsyncClient(base_url=link) as client:
        again = await client.get(f"/v1/sagas/{saga}/events", headers={"last-event-id": ids[-1]})
        nonsense = await client.get(f"/v1/sagas/{saga}/events", headers={"last-event-id": "x"})
        missing = await client.get(f"/v1/sagas/{UUID(int=1)}/events")

    assert len(ids) == 5
    assert (again.status_code, nonsense.status_code, missing.status_code) == (204, 400, 404)


async def test_many_clients_of_one_saga_cost_few_statements(shop: Counter, link: str) -> None:
    shop.blocked.add("reserve")
    saga = await shop.start()
    listing, asked = shop.away.listing, list[str]()
    marks, detail = listing.marks, listing.detail

    async def counted_marks(sagas: list[UUID]) -> object:
        asked.append("marks")
        return await marks(sagas)

    async def counted_detail(one: UUID) -> object:
        asked.append("detail")
        return await detail(one)

    listing.marks, listing.detail = counted_marks, counted_detail  # type: ignore[method-assign, assignment]
    async with asyncio.timeout(20):
        began = asyncio.get_running_loop().time()
        streams = [listening(link, saga) for _ in range(20)]
        events = [await stream.__aenter__() for stream in streams]
        for each in events:
            assert (await anext(each)).name == "history"
        took = asyncio.get_running_loop().time() - began
        for stream in streams:
            await stream.__aexit__(None, None, None)

    assert asked.count("marks") <= took * 4 + 2
    assert asked.count("detail") <= 2 * len(streams)


# -- the place of a client --------------------------------------------------------------------------------------------------


@st.composite
def histories(draw: st.DrawFn) -> list[list[HistoryLine]]:
    """A history in portions, as it becomes visible: versions in their order, other lines up to half a minute late."""
    portions, version, now = list[list[HistoryLine]](), 0, 1_800_000_000.0
    for _ in range(draw(st.integers(1, 12))):
        now += draw(st.floats(0.001, 40))
        if draw(st.booleans()):
            version += 1
            lines = [
                HistoryLine(now, "succeeded", 0, None, None, None, version, n)
                for n in range(1, draw(st.integers(2, 4)))
            ]
        else:
            late = draw(st.floats(0, 30))
            lines = [HistoryLine(now - late, "failed", 0, None, None, None, None, len(portions))]  # no two are alike
        portions.append(lines)
    return portions


@settings(max_examples=150, deadline=None)
@given(histories(), st.integers(0, 2**32))
def test_no_line_is_lost_or_doubled_however_often_the_client_is_cut(
    portions: list[list[HistoryLine]], seed: int
) -> None:
    chance, received, last = random.Random(seed), list[HistoryLine](), str(Place())  # noqa: S311
    visible: tuple[HistoryLine, ...] = ()
    for lines in portions:
        visible = tuple(sorted((*visible, *lines), key=lambda line: line.at))
        place = Place.read(last)
        for position in place.missing(visible):
            place.add(visible[position])
            received.append(visible[position])
            last = str(place)
            if chance.random() < 0.3:
                break  # cut: the rest comes with the next connection

    place = Place.read(last)
    received += [visible[position] for position in place.missing(visible)]

    assert len(received) == len(visible)
    assert set(received) == set(visible)


def test_deleted_history_is_noticed() -> None:
    line = HistoryLine(1.0, "succeeded", 0, None, None, None, 7, 1)

    assert Place.read("3.1").is_dropped((line,))
    assert Place.read("9.1").is_dropped((line,))
    assert Place.read("3.1").is_dropped(())
    assert not Place.read("6.2").is_dropped((line,))
    assert not Place().is_dropped((line,))


@pytest.mark.parametrize("text", ["", "1", "1.x", "1.1~", "1.1~zz.1", "1.1,2"])
def test_an_id_that_was_not_sent_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        Place.read(text)
