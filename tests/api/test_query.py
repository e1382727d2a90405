"""The query language over real sagas: what each term finds."""

from __future__ import annotations

import httpx
import pytest

from saga.inspection.query import search
from saga.ports.values.scan import SagaScan, ScanPage
from tests.cli.counter import Counter


async def keys(api: httpx.AsyncClient, query: str) -> set[str]:
    answer = await api.get("/v1/sagas", params={"q": query})
    assert answer.status_code == 200, answer.text
    return {line["key"] for line in answer.json()["sagas"]}


async def started_three(shop: Counter) -> None:
    """One saga that has completed, one that waits for a retry of the charge, one that an operator has paused."""
    done = await shop.start("done")
    await shop.until_vector(done, "SSS")
    shop.faults["charge"] = ConnectionError("no answer")
    retried = await shop.start("retried")
    await shop.until(retried, lambda detail: any(command.failures for command in detail.commands.values()))
    shop.blocked.add("reserve")
    paused = await shop.start("paused")
    await shop.until(paused, lambda detail: any(command.owner for command in detail.commands.values()))
    await shop.away.operations.pause(paused, actor="ann", reason="a look")


FINDS = {
    "": {"done", "retried", "paused"},
    "definition:order version:1": {"done", "retried", "paused"},
    "definition:other": set(),
    "definition:ord*": {"done", "retried", "paused"},
    "phase:completed": {"done"},
    "phase:running,compensating": {"retried", "paused"},
    "is:ended": {"done"},
    "-is:ended": {"retried", "paused"},
    "is:retrying": {"retried"},
    "is:paused": {"paused"},
    "is:stuck": set(),
    "is:stuck,paused": {"paused"},
    "why:retry-wait": {"retried"},
    'why:"retry wait",paused': {"retried", "paused"},
    "why:completed": {"done"},
    "service:payments": {"retried"},
    "service:payments,inventory": {"retried", "paused"},
    "step:charge": {"retried"},
    "step.reserve:succeeded -step.charge:succeeded": {"retried"},
    "state:pending": {"retried", "paused"},
    "attempts:>=1": {"retried", "paused"},
    "attempts:>7": set(),
    "process:shop": {"paused"},
    "key:do*": {"done"},
    "key:done,paused": {"done", "paused"},
    "-key:done": {"retried", "paused"},
    "age:<1h": {"done", "retried", "paused"},
    "age:>1h": set(),
    "started:>-1h": {"done", "retried", "paused"},
    "started:<2020-01-01": set(),
    "ended:>-1h": {"done"},
    "deadline:<+2h": {"done", "retried", "paused"},
    "is:late": set(),
    "tag.region:eu": set(),
    "reason:declined": set(),
}


async def test_each_term_finds_what_it_says(shop: Counter, api: httpx.AsyncClient) -> None:
    await started_three(shop)

    assert {query: await keys(api, query) for query in FINDS} == FINDS


async def test_pages_follow_each_other_without_gap_or_double(shop: Counter, api: httpx.AsyncClient) -> None:
    started = [str(await shop.start(f"order-{number}")) for number in range(5)]
    found, cursor = list[str](), dict[str, str]()

    while page := (await api.get("/v1/sagas", params={"limit": 2, "q": "definition:order", **cursor})).json():
        found += [line["saga"] for line in page["sagas"]]
        if page["next"] is None:
            break
        cursor = {"cursor": page["next"]}
        await shop.start(f"newer-{len(found)}")

    assert found == sorted(started, reverse=True)


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("colour:red", "The names are age, attempts"),
        ("definitoin:order", "Did you mean definition?"),
        ("order", "write NAME:VALUE"),
        ("is:stuk", "Did you mean stuck?"),
        ("attempts:many", "is not a number"),
        ("started:yesterday", "is not a time"),
        ("tag:eu", "tag.NAME:VALUE"),
        ('reason:"open', "is not a value"),
        ("is:stuck " * 21, "at most 20 terms"),
        ("key:" + "x" * 1100, "at most 1,024 bytes"),
    ],
)
async def test_an_unreadable_query_is_explained(api: httpx.AsyncClient, query: str, said: str) -> None:
    answer = await api.get("/v1/sagas", params={"q": query})

    assert answer.status_code == 400
    assert said in answer.json()["detail"]


async def test_a_cursor_belongs_to_its_query(shop: Counter, api: httpx.AsyncClient) -> None:
    for number in range(2):
        await shop.start(f"order-{number}")
    cursor = (await api.get("/v1/sagas", params={"limit": 1})).json()["next"]

    other = await api.get("/v1/sagas", params={"limit": 1, "cursor": cursor, "q": "is:stuck"})
    nonsense = await api.get("/v1/sagas", params={"cursor": "???"})

    assert (other.status_code, nonsense.status_code) == (400, 400)
    assert "another query" in other.json()["detail"]


async def test_a_search_examines_the_newest_of_an_index_first_and_all_of_it_only_if_it_has_to(
    shop: Counter, api: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "FIRST_ROWS", 1)
    monkeypatch.setattr(search, "BATCH", 2)
    shop.faults["charge"] = ConnectionError("no answer")
    for number in range(5):
        saga = await shop.start(f"order-{number}")
        await shop.until(saga, lambda detail: any(command.failures for command in detail.commands.values()))
    scans, scan = list[tuple[str, int]](), shop.away.listing.scan

    async def watched(wanted: SagaScan) -> ScanPage:
        scans.append((wanted.among.value, wanted.limit))
        return await scan(wanted)

    monkeypatch.setattr(shop.away.listing, "scan", watched)
    found = (await api.get("/v1/sagas", params={"q": "is:retrying", "limit": 1})).json()
    few, scans[:] = scans[:], []
    query = "is:retrying -key:order-4,order-3,order-2"
    older = (await api.get("/v1/sagas", params={"q": query, "limit": 1})).json()

    assert [line["key"] for line in found["sagas"] + older["sagas"]] == ["order-4", "order-1"]
    assert few == [("all", 2), ("live", 2)]
    assert scans[-1] == ("live", search.ROWS_MAX)
