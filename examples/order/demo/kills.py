"""Kills processes in the middle of their work, and measures how quickly the work continues."""

import asyncio
from dataclasses import dataclass
from time import monotonic

import asyncpg

from examples.order.demo.brokers import Broker
from examples.order.demo.fleet import Fleet
from examples.order.demo.progress import Progress
from examples.order.demo.saga_tables import POLL_SECONDS, Claim, claims_held, is_any_reported, until
from examples.order.demo.traffic import Tally

CLAIMS_MIN = 5
AWAY_SECONDS = 0.5
SETTLE_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Kill:
    """One kill -9: the claims that the process held, and the time until the first of those steps was done."""

    name: str
    pid: int
    claims: int
    first_outcome_seconds: float | None
    outcomes_meanwhile: int


async def kill_participant(
    fleet: Fleet, connection: asyncpg.Connection, service: str, tally: Tally, progress: Progress
) -> Kill:
    """Kills the service's process while it holds at least five claims, and starts it again.

    Returns when the first of the steps that it held has an outcome.
    """
    held = await _freeze_holding(fleet, connection, service)
    known = len(tally.outcomes)
    pid = await fleet.kill(service)
    killed_at = monotonic()
    progress.say(f"[red]kill -9[/] {service} ({pid}) with {len(held)} claims")
    restart = asyncio.create_task(_restart_later(fleet, service, progress))
    await until(lambda: is_any_reported(connection, held))
    seconds = monotonic() - killed_at
    await restart
    progress.say(f"first outcome of a step that the killed {service} held, after {seconds:.2f} s")
    return Kill(service, pid, len(held), seconds, len(tally.outcomes) - known)


async def kill_supervisor(fleet: Fleet, tally: Tally, progress: Progress) -> Kill:
    """Kills the supervisor, which holds no claims, so that the sagas hardly notice."""
    known = len(tally.outcomes)
    pid = await fleet.kill("supervisor")
    progress.say(f"[red]kill -9[/] supervisor ({pid})")
    await _restart_later(fleet, "supervisor", progress)
    return Kill("supervisor", pid, 0, None, len(tally.outcomes) - known)


async def kill_broker(broker: Broker, tally: Tally, progress: Progress) -> Kill:
    """Kills the bus. The commands that it carried are sent again by the store, or by the bus when it is back."""
    known = len(tally.outcomes)
    pid = await asyncio.to_thread(broker.kill)
    progress.say(f"[red]kill -9[/] {broker.name} ({pid})")
    await asyncio.sleep(AWAY_SECONDS)
    await asyncio.to_thread(broker.start)
    progress.say(f"started {broker.name} again")
    return Kill(broker.name, pid, 0, None, len(tally.outcomes) - known)


async def _freeze_holding(fleet: Fleet, connection: asyncpg.Connection, service: str) -> list[Claim]:
    """Freezes the process at a moment when it holds enough claims.

    A frozen process reports no outcomes, so that the claims counted now are those that the kill hits. Transactions
    that it had already sent are given time to end.
    """
    while True:
        if len(await claims_held(connection, service)) >= CLAIMS_MIN:
            fleet.pause(service)
            await asyncio.sleep(SETTLE_SECONDS)
            held = await claims_held(connection, service)
            if len(held) >= CLAIMS_MIN:
                return held
            fleet.resume(service)
        await asyncio.sleep(POLL_SECONDS)


async def _restart_later(fleet: Fleet, name: str, progress: Progress) -> None:
    await asyncio.sleep(AWAY_SECONDS)
    await fleet.restart(name)
    progress.say(f"started {name} again")
