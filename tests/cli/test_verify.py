"""`saga verify` on real histories: intact, and changed behind the store's back."""

from __future__ import annotations

import json
from typing import Any

import asyncpg

from tests.cli.conftest import AsyncCommand, Ran
from tests.cli.counter import Counter

Sql = asyncpg.Connection


async def _ended(counter: Counter, *keys: str) -> list[str]:
    sagas = [await counter.start(key) for key in keys]
    for saga in sagas:
        await counter.until_vector(saga, "SSS")
    return list(map(str, sagas))


async def test_a_history_that_kept_the_rules_is_counted(counter: Counter, store: str, apart: AsyncCommand) -> None:
    await _ended(counter, "a", "b")

    ran = await apart("verify", "--store", store)

    assert (ran.code, ran.err) == (0, "")
    assert "The protocol was kept: 2 sagas, 8 transitions." in ran.out
    assert ["E3 success", "6"] in [line.rsplit(maxsplit=1) for line in ran.out.splitlines() if line.strip()]


async def test_a_letter_that_was_changed_by_hand_is_found(
    counter: Counter, store: str, apart: AsyncCommand, postgres: Sql
) -> None:
    (saga,) = await _ended(counter, "a")
    await postgres.execute("update saga.saga set vector = 'SSR'")

    ran = await apart("verify", "--store", store)

    assert ran.code == 1
    assert f"saga {saga} at version 4: the row is the last line" in ran.out
    assert "The protocol was broken in 1 of 1 sagas, 4 transitions." in ran.out


async def test_a_line_that_was_deleted_is_found(
    counter: Counter, store: str, apart: AsyncCommand, postgres: Sql
) -> None:
    (saga,) = await _ended(counter, "a")
    await postgres.execute("delete from saga.event where version = 2")

    document = _document(await apart("verify", "--store", store, "--json"), code=1)

    (finding,) = document["findings"]
    assert (finding["saga"], finding["version"], finding["rule"]) == (saga, 3, "one version a transition")
    assert (document["kept"], document["broken_sagas"], document["findings_found"]) == (False, 1, 1)


async def test_a_history_that_was_dropped_is_not_broken(
    counter: Counter, store: str, apart: AsyncCommand, postgres: Sql
) -> None:
    await _ended(counter, "a")
    await postgres.execute("set search_path = saga; select ensure_event_days(2)")
    await postgres.execute("delete from event; update saga set started_at = now() - interval '3 days'")

    ran = await apart("verify", "--store", store)

    assert ran.code == 0
    assert "1 sagas cannot be verified: its history, or the beginning of it, was dropped by retention" in ran.out


async def test_one_saga_is_chosen_by_its_key(counter: Counter, store: str, apart: AsyncCommand) -> None:
    await _ended(counter, "a", "b")

    document = _document(await apart("verify", "--store", store, "--saga", "order:b", "--json"), code=0)

    assert (document["kept"], document["sagas"], document["transitions"]) == (True, 1, 4)


async def test_sagas_are_chosen_by_their_start(counter: Counter, store: str, apart: AsyncCommand) -> None:
    await _ended(counter, "a")

    recent = _document(await apart("verify", "--store", store, "--since", "1d", "--json"), code=0)
    later = _document(await apart("verify", "--store", store, "--since", "2100-01-01", "--json"), code=0)

    assert (recent["sagas"], later["sagas"]) == (1, 0)


async def test_a_saga_that_does_not_exist_is_an_error(store: str, apart: AsyncCommand) -> None:
    ran = await apart("verify", "--store", store, "--saga", "01999999-0000-7000-8000-000000000000")

    assert (ran.code, ran.out) == (1, "")
    assert "has no saga 01999999" in ran.err


async def test_one_saga_and_many_are_not_checked_at_once(store: str, apart: AsyncCommand) -> None:
    ran = await apart("verify", "--store", store, "--saga", "order:a", "--since", "1d")

    assert ran.code == 2
    assert "use only one of the two" in ran.err


def _document(ran: Ran, *, code: int) -> dict[str, Any]:
    assert (ran.code, ran.err) == (code, "")
    document: dict[str, Any] = json.loads(ran.out)
    return document
