"""Every counter, time and number at its largest value: no statement fails, and no row keeps the others of its service waiting."""

from __future__ import annotations

import uuid
from typing import Any

import asyncpg
import pytest

from saga.ports.bus import Message
from saga.ports.values.claim import CommandRef
from saga.ports.values.write import COUNT_MAX, Delay, Write
from saga.runtime.identity import CLAIMS_MAX, ProcessIdentity
from saga.testing.suites.store.stage import delivery, moved
from saga_postgres import open_election
from saga_postgres.bus.bus import PostgresBus
from tests.stores import OnPostgres

LARGEST = f"deliveries = {COUNT_MAX}, failures = {COUNT_MAX}, isolated_attempts = {COUNT_MAX}"
SMALLEST = "deliveries = -32768, failures = 0, isolated_attempts = -32768"
COUNTERS = pytest.mark.parametrize("counters", [LARGEST, SMALLEST])
IMPOSSIBLE = (
    "create function no() returns trigger language plpgsql as"
    " $$ begin raise exception 'no' using errcode = '22003'; end $$;"
    "create trigger no before update of owner on command for each row"
    " when (new.owner is not null and new.error = 'bad') execute function no();"
    "create trigger no_end before delete on command for each row when (old.error = 'bad') execute function no();"
    "create trigger no_either before insert on command for each row"
    " when (new.owner is not null and new.service = 'bad') execute function no()"
)


class TestExtremes(OnPostgres):
    @COUNTERS
    async def test_commands_are_polled_extended_delayed_and_given_back(self, counters: str) -> None:
        process = await self.process()
        start = await self.started(process)
        await self.set(counters)

        claim = await process.poll_one()
        assert await process.extend(claim, isolated=True) == set()
        late = Delay(0, claim.number, 0.0, 1e300, COUNT_MAX, "late", COUNT_MAX)
        assert not await process.commit(Write(start.saga, 1, changed=False, state=start.state, delays=[late]))
        await self.set("quiet_at = null")
        await self.set(counters)

        await process.poll_one()
        await process.adapter.membership.leave()
        assert await self.of("select owner is null from command")

    @COUNTERS
    async def test_commands_are_admitted_and_dispatched(self, counters: str) -> None:
        process = await self.process()
        start = await self.started(process)
        await self.set(counters)
        assert len(await process.admit(delivery(start))) == 1

        await self.set(f"owner = null, {counters}")
        write = moved(start, "D")
        write.dispatches = [process.for_me()]
        assert not await process.commit(write)
        assert 0 <= await self.of("select deliveries from command") <= COUNT_MAX

    @pytest.mark.parametrize("seconds", [1e300, float("inf"), float("nan"), -1e300])
    async def test_times_are_never_out_of_range(self, seconds: float) -> None:
        process = await self.process()
        start = await self.started(process)
        claim = await process.poll_one()
        write = Write(start.saga, 1, changed=True, state=start.state.with_deadline(seconds), wake_seconds=seconds)
        write.is_deadline_moved = True
        write.delays = [Delay(0, claim.number, seconds, seconds, 1, None)]

        assert not await process.commit(write)

    async def test_a_row_that_no_process_can_claim_does_not_keep_others_waiting(self) -> None:
        process = await self.process()
        starts = [await self.started(process) for _ in range(3)]
        await self.set("error = 'bad', due_at = now() - interval '1 hour'", starts[0].saga)
        await self.execute(IMPOSSIBLE)

        claims = await process.poll()

        assert {claim.saga for claim in claims} == {start.saga for start in starts[1:]}
        assert len({claim.number for claim in claims}) == 2
        assert await self.of(
            "select due_at > now() and error like 'it cannot be claimed%' from command where owner is null"
        )
        assert await process.poll() == []

    async def test_a_delivered_command_that_no_process_can_claim_does_not_keep_others_waiting(self) -> None:
        process = await self.process()
        starts = [await self.started(process) for _ in range(3)]
        await self.set("error = 'bad'", starts[1].saga)
        await self.execute(IMPOSSIBLE)

        claims = await process.admit(*map(delivery, starts))

        assert {claim.saga for claim in claims} == {starts[0].saga, starts[2].saga}
        assert len({claim.number for claim in claims}) == 2

    @pytest.mark.parametrize("named", [True, False])
    async def test_a_claim_that_cannot_be_read_does_not_keep_others_waiting(self, *, named: bool) -> None:
        process = await self.process()
        starts = [await self.started(process) for _ in range(3)]
        await process.poll()
        await self.set("error = 'bad', op = 'C'", starts[1].saga)  # not called for: it is to be deleted
        await self.execute(IMPOSSIBLE)
        refs = [CommandRef(start.saga, 0) for start in starts] if named else []

        claims = await process.adapter.store.fetch(refs, process=process.id)

        assert {claim.saga for claim in claims} == {starts[0].saga, starts[2].saga}

    async def test_numbers_of_processes_begin_again_and_pass_over_those_in_use(self) -> None:
        first = await self.process()
        await self.execute("select setval('participant_id', 2147483647)")
        await self.execute(
            "insert into participant (id, name, services, capacity, release) values (2, 'gone', '{}', 1, '')"
        )

        assert (await self.process()).id == 3 > first.id

    async def test_a_term_begins_after_the_largest_one(self) -> None:
        terms = []
        for holder in ("one", "other"):
            election = open_election(self.url, "saga")
            leadership = await election.campaign(holder)
            await election.resign(leadership)
            await election.close()
            terms.append(leadership.term)
            await self.execute("update leader set term = 9223372036854775807")

        assert terms == [1, 1]

    async def test_a_member_of_the_bus_takes_a_number_that_is_free(self) -> None:
        await self.execute("insert into bus_member (id, group_name) values (1, 'g')")
        bus = PostgresBus(self.url, "saga")

        async with bus.subscribe(["t"], "g", limit=1) as subscription:
            await bus.publish([Message("t", b"", b"x", {})])
            async for deliveries in subscription:
                assert [delivery.message.body for delivery in deliveries] == [b"x"]
                break
        await bus.close()

    async def set(self, what: str, saga: uuid.UUID | None = None) -> None:
        await self.execute(f"update command set {what} where $1::uuid is null or saga = $1", saga)  # noqa: S608

    async def of(self, query: str) -> Any:
        (row,) = await self.execute(query)
        return row[0]

    async def execute(self, query: str, *arguments: object) -> list[asyncpg.Record]:
        connection = await asyncpg.connect(self.url, server_settings={"search_path": "saga"})
        try:
            if arguments:
                return list(await connection.fetch(query, *arguments))
            if query.startswith("select"):
                return list(await connection.fetch(query))
            await connection.execute(query)
            return []
        finally:
            await connection.close()


def test_claim_numbers_begin_again_and_are_never_those_of_another_process() -> None:
    identity = ProcessIdentity()
    identity.enter(2**31 - 1)
    identity.reserve_claims(CLAIMS_MAX - 10)

    first = identity.reserve_claims(100)

    assert first == (2**31 - 1) * CLAIMS_MAX
    assert first + CLAIMS_MAX <= 2**63
