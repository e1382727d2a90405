"""What the demo looks up in Saga's own tables.

Only to be ready in time and to kill at the right moment, and to measure how long
the recovery took. The audit never comes here.
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
# The command of a step is gone, or another one, as soon as its outcome is recorded.
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
    """Ask again and again, until the answer is yes."""
    while True:
        if await is_true():
            return
        await asyncio.sleep(POLL_SECONDS)


async def is_everyone_serving(connection: asyncpg.Connection, services: Iterable[str]) -> bool:
    """Tell whether each of the services has a participant alive."""
    return {row["service"] for row in await connection.fetch(SERVING)} >= set(services)


async def claims_held(connection: asyncpg.Connection, service: str) -> list[Claim]:
    """Return the claims to execute that the service's participants hold and have not reported on."""
    rows = await connection.fetch(HELD, service)
    return [Claim(row["saga"], row["step"], row["claim"]) for row in rows]


async def is_any_reported(connection: asyncpg.Connection, claims: list[Claim]) -> bool:
    """Tell whether one of these claims' steps has an outcome by now."""
    unreported: int = await connection.fetchval(
        UNREPORTED, [claim.saga for claim in claims], [claim.step for claim in claims]
    )
    return unreported < len(claims)
