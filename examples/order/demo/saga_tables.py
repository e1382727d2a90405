"""The demo's queries of Saga's own tables.

They serve only to start and to kill at the right moment, and to measure the recovery. The audit does not use them.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from uuid import UUID

import asyncpg

POLL_SECONDS = 0.01

SERVING = """
select distinct unnest(services) as service from saga.participant
"""
HELD = """
select saga, step, claim from saga.command
where service = $1 and op = 'E' and owner is not null and lease_until > clock_timestamp()
"""
# As soon as the outcome of a step is recorded, its command is gone, or is another one.
UNREPORTED = """
select count(*) from saga.command
join unnest($1::uuid[], $2::smallint[]) as held (saga, step) using (saga, step)
where op = 'E'
"""


@dataclass(frozen=True, slots=True)
class Claim:
    saga: UUID
    step: int
    claim: int


async def until(is_true: Callable[[], Awaitable[bool]]) -> None:
    """Polls until the answer is yes."""
    while True:
        if await is_true():
            return
        await asyncio.sleep(POLL_SECONDS)


async def is_everyone_serving(connection: asyncpg.Connection, services: Iterable[str]) -> bool:
    """Tells whether each of the services has a live participant."""
    return {row["service"] for row in await connection.fetch(SERVING)} >= set(services)


async def claims_held(connection: asyncpg.Connection, service: str) -> list[Claim]:
    """Returns the claims of execute commands that the participants of the service hold."""
    rows = await connection.fetch(HELD, service)
    return [Claim(row["saga"], row["step"], row["claim"]) for row in rows]


async def is_any_reported(connection: asyncpg.Connection, claims: list[Claim]) -> bool:
    """Tells whether a step of one of these claims has an outcome by now."""
    unreported: int = await connection.fetchval(
        UNREPORTED, [claim.saga for claim in claims], [claim.step for claim in claims]
    )
    return unreported < len(claims)
