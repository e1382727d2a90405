"""The faults of a running system, by target. Each fault ends with its recovery: when it returns, what it broke works again."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Mapping
from functools import partial
from types import MappingProxyType
from typing import Final

from tests.chaos.system import surprises
from tests.chaos.system.external_systems import Fault
from tests.chaos.system.postgres import Server
from tests.chaos.system.processes import Member
from tests.chaos.system.site import LEASE_SECONDS, Site
from tests.process.fleet import connected
from tests.runtime.world import until
from tests.services.proxy import Direction, Proxy

FREEZE_SECONDS = LEASE_SECONDS + 1.0
SILENCE_SECONDS = LEASE_SECONDS + 1.0
HOLD_SECONDS = 0.3
LAG_SECONDS = 0.02
LOST_ANSWERS = 3
LOST_ANSWERS_SECONDS = 20.0
RESTART_SECONDS = 20.0
HANDED_OVER_SECONDS = 30.0
RESTART_AWAY_SECONDS = LEASE_SECONDS + 6.0
DUMP_SECONDS = 4.0
SURPRISE_SECONDS = 2.0
HUNG_SECONDS = 5.0
BACKENDS = 4
HOLDER = "select holder from leader"


async def participant_frozen(site: Site) -> None:
    await _frozen(site.chance.choice(site.participants))


async def leader_killed(site: Site) -> None:
    leader = await _leader(site)
    leader.kill()
    leader.start()


async def leader_frozen(site: Site) -> None:
    await _frozen(await _leader(site))


async def customer_killed(site: Site) -> None:
    site.replace(site.chance.choice(site.customers))


async def provider_killed(site: Site) -> None:
    site.provider.kill()
    await asyncio.sleep(HOLD_SECONDS)
    site.provider.start()


async def provider_frozen(site: Site) -> None:
    await _frozen(site.provider)


async def provider_answers_lost(site: Site) -> None:
    await _answers_lost(site.places.provider_network)


async def provider_black_hole(site: Site) -> None:
    await _black_hole(site, site.places.provider_network)


async def store_backends_terminated(site: Site) -> None:
    await site.places.store.terminate_backends(BACKENDS)


async def store_stopped(site: Site) -> None:
    await site.places.store.crash()
    await site.places.store.start()


async def store_killed(site: Site) -> None:
    await site.places.store.kill()
    await asyncio.sleep(SILENCE_SECONDS)
    await site.places.store.start()


async def store_network_cut(site: Site) -> None:
    await _cut(site.places.store_network)


async def store_network_slow(site: Site) -> None:
    await _slow(site.places.store_network)


async def store_answers_lost(site: Site) -> None:
    await _answers_lost(site.places.store_network)


async def store_commit_answers_lost(site: Site) -> None:
    await _commit_answers_lost(site.places.store_network)


async def store_black_hole(site: Site) -> None:
    await _black_hole(site, site.places.store_network)


async def stock_backends_terminated(site: Site) -> None:
    await site.places.stock.terminate_backends(BACKENDS)


async def stock_stopped(site: Site) -> None:
    await _away(site.places.stock, HOLD_SECONDS)


async def stock_restarted(site: Site) -> None:
    """A minor upgrade: the service's own database is away for longer than a lease, which the default retries outlast."""
    await _away(site.places.stock, RESTART_AWAY_SECONDS)


async def history_dumped(site: Site) -> None:
    """A backup reads the history: it holds a lock on each of its tables until its transaction ends."""
    async with connected(site.places.store.url, search_path="saga") as sql, sql.transaction():
        await sql.execute("lock table event in access share mode")
        await asyncio.sleep(DUMP_SECONDS)
        await site.progress()


async def store_errors_nobody_foresaw(site: Site) -> None:
    """Every process gets exceptions out of its store that its code does not expect."""
    await _flagged(site, surprises.FLAG, SURPRISE_SECONDS)


async def threads_hung(site: Site) -> None:
    """The handlers of one service hang in their threads for longer than their timeout, until none of its threads is free."""
    await _flagged(site, surprises.HANG, HUNG_SECONDS)


async def log_disk_full(site: Site) -> None:
    """A process cannot write its log any more: each write fails with ENOSPC."""
    member = site.chance.choice([*site.participants, *site.supervisors])
    await until(lambda: member.is_running, "it is running again", seconds=RESTART_SECONDS)
    if member.has_served:  # before, it has no handler of the signal
        with contextlib.suppress(ProcessLookupError):
            member.send(signal.SIGUSR1)
    await asyncio.sleep(surprises.LOG_FULL_SECONDS)


async def stock_commit_answers_lost(site: Site) -> None:
    await _commit_answers_lost(site.places.stock_network)


async def stock_black_hole(site: Site) -> None:
    await _black_hole(site, site.places.stock_network)


async def disk_full(site: Site) -> None:
    """The store can write nothing, and ends when its log does not fit; then it gets space again."""
    disk, store = site.places.disk, site.places.store
    assert disk is not None
    disk.fill()
    try:
        await store.runs_full()
    finally:
        disk.relieve()
        await store.start()


async def standby_away(site: Site) -> None:
    """No commit is answered while the synchronous standby is away; when it is back, all of them are."""
    store = site.places.store
    async with store.replicated():
        await store.standby_goes_away()
        await asyncio.sleep(SILENCE_SECONDS)
        await store.standby_returns()
        await site.progress()


async def store_fails_over(site: Site) -> None:
    """The primary is lost for good; its synchronous standby has every commit that was answered."""
    store = site.places.store
    async with store.replicated():
        await site.progress()
        await store.fail_over()


async def store_handed_over(site: Site) -> None:
    """The old primary stays up and answers, but takes no writes. Half of the processes reach the new one when they connect again."""
    store, network = site.places.store, site.places.store_network
    address = store.url
    async with store.replicated():
        await site.progress()
        async with store.handed_over():
            network.lead_to(store.url)
            before = await site.ended()
            await until(
                partial(_more_have_ended, site, before), "sagas end at the new primary", seconds=HANDED_OVER_SECONDS
            )
        network.lead_to(address)


PROCESSES: Final = (
    participant_frozen, leader_killed, leader_frozen, customer_killed, store_errors_nobody_foresaw, log_disk_full,
    threads_hung,
)  # fmt: skip
PROVIDER: Final = (provider_killed, provider_frozen, provider_answers_lost, provider_black_hole)
STORE: Final = (
    store_backends_terminated, store_stopped, store_killed, standby_away, store_fails_over, store_handed_over,
    history_dumped,
)  # fmt: skip
STORE_NETWORK: Final = (
    store_network_cut, store_network_slow, store_answers_lost, store_commit_answers_lost, store_black_hole,
)  # fmt: skip
STOCK: Final = (stock_backends_terminated, stock_stopped, stock_restarted, stock_commit_answers_lost, stock_black_hole)
DISK: Final = (disk_full,)


def faults_of(site: Site) -> Mapping[str, Fault]:
    """Every fault that is possible here, by name."""
    chosen = (*PROCESSES, *PROVIDER, *STORE, *STORE_NETWORK, *STOCK, *(DISK if site.places.disk else ()))
    named: dict[str, Fault] = {fault.__name__.replace("_", " "): fault for fault in chosen}
    return MappingProxyType({**named, **site.places.outside.faults})


async def _more_have_ended(site: Site, before: int) -> bool:
    return await site.ended() > before


async def _away(server: Server, seconds: float) -> None:
    await server.crash()
    await asyncio.sleep(seconds)
    await server.start()


async def _flagged(site: Site, name: str, seconds: float) -> None:
    """Processes misbehave while this file is in the folder of the run."""
    flag = site.folder / name
    flag.touch()
    try:
        await asyncio.sleep(seconds)
    finally:
        flag.unlink()


async def _leader(site: Site) -> Member:
    async with site.looking() as sql:
        holder = await sql.fetchval(HOLDER)
    pid = int(str(holder or ":0").rpartition(":")[2])
    leading = [one for one in site.supervisors if one.is_running and one.pid == pid]
    return (leading or site.supervisors)[0]


async def _frozen(member: Member) -> None:
    """Suspends a process for longer than a lease.

    Another fault may kill it meanwhile, or may have just done so: then it suspends the process that replaces it.
    """
    await until(lambda: member.is_running, "it is running again", seconds=RESTART_SECONDS)
    pid = member.pid
    os.kill(pid, signal.SIGSTOP)  # no other process has run since
    try:
        await asyncio.sleep(FREEZE_SECONDS)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


async def _cut(network: Proxy) -> None:
    network.refuse()
    network.cut()
    await asyncio.sleep(HOLD_SECONDS)
    network.heal()


async def _slow(network: Proxy) -> None:
    network.delay(LAG_SECONDS)
    await asyncio.sleep(SILENCE_SECONDS)
    network.heal()


async def _answers_lost(network: Proxy) -> None:
    """Statements are executed, but the answers are lost."""
    network.hold(Direction.TO_CLIENT)
    await asyncio.sleep(HOLD_SECONDS)
    network.cut()
    network.heal()


async def _commit_answers_lost(network: Proxy) -> None:
    wanted = network.lost_answers + LOST_ANSWERS
    network.lose_answers_to(b"COMMIT")
    try:
        await until(lambda: network.lost_answers >= wanted, "answers to COMMIT are lost", seconds=LOST_ANSWERS_SECONDS)
    finally:
        network.heal()


async def _black_hole(site: Site, network: Proxy) -> None:
    """Messages are held back for longer than a lease; then they arrive late, or never."""
    network.hold()
    await asyncio.sleep(SILENCE_SECONDS)
    if site.chance.random() < 0.5:
        network.cut()
    network.heal()
