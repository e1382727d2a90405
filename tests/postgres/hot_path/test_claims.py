"""The statements that read claims, at moments that are hard to reach from outside."""

from __future__ import annotations

from datetime import UTC, datetime

from tests.postgres.rows import Tables, add_command, add_definition, add_saga

OWNER = 7
MINE = {"owner": OWNER, "claim": 3}
LATER = datetime(2100, 1, 1, tzinfo=UTC)


async def test_a_claim_that_was_given_back_meanwhile_is_not_returned(tables: Tables) -> None:
    saga = await add_saga(tables, await add_definition(tables), "DPP")
    await add_command(tables, saga, 0, **MINE)
    await tables.execute("update command set lease_until = now() + interval '1 minute'")
    assert len(await claimed(tables, saga)) == 1

    await tables.execute("update command set owner = null, lease_until = null")  # as a commit does; the number stays
    assert await claimed(tables, saga) == []


async def test_a_claim_of_a_paused_saga_that_was_given_back_already_counts_as_handed_out_once(tables: Tables) -> None:
    saga = await add_saga(tables, await add_definition(tables), "DPP", paused=True)
    await add_command(tables, saga, 0, claim=MINE["claim"], deliveries=1)
    await refuse(tables, saga)
    assert await tables.fetchval("select deliveries from command") == 1


async def test_a_claim_that_was_given_back_is_not_dropped_by_its_former_process(tables: Tables) -> None:
    """Its process asks for all its claims, while its own commit sets the step aside: until when a call may arrive stands on that row."""
    saga = await add_saga(tables, await add_definition(tables), "dPP")
    await add_command(tables, saga, 0, claim=MINE["claim"], quiet_at=LATER)
    await refuse(tables, saga)
    assert await tables.fetchval("select quiet_at from command") == LATER

    await tables.execute("update saga set vector = 'SPP'")  # and so it is with what keeps no command
    await refuse(tables, saga)
    assert await tables.fetchval("select count(*) from command") == 1


async def test_a_claim_that_is_called_for_again_meanwhile_is_queued(tables: Tables) -> None:
    """It was left out for a pause that has ended since: owned by a process that does not know of it, it would wait for its lease."""
    saga = await add_saga(tables, await add_definition(tables), "DPP")
    await add_command(tables, saga, 0, **MINE, deliveries=1)
    await refuse(tables, saga)
    (row,) = await tables.fetch("select owner, deliveries, due_at <= now() as is_due from command")
    assert dict(row) == {"owner": None, "deliveries": 0, "is_due": True}


async def refuse(tables: Tables, saga: object) -> None:
    await tables.execute(
        "select refuse_claims(array[$1]::uuid[], array[0]::smallint[], array[3]::bigint[], null)", saga
    )


async def claimed(tables: Tables, saga: object) -> list[object]:
    rows = await tables.fetch(
        "select * from claimed_commands(array[$1]::uuid[], array[0]::smallint[], array[3]::bigint[], null)", saga
    )
    return list(rows)
