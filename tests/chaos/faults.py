"""The faults of a running system, by target. Each fault ends with its recovery: when it returns, what it broke works again."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from tests.chaos.system.environment import LEASE_SECONDS, Ground
from tests.chaos.system.external_systems import Fault
from tests.chaos.system.processes import Member
from tests.runtime.world import until
from tests.services.proxy import Direction, Proxy

FREEZE_SECONDS = LEASE_SECONDS + 1.0
SILENCE_SECONDS = LEASE_SECONDS + 1.0
HOLD_SECONDS = 0.3
LAG_SECONDS = 0.02
LOST_ANSWERS = 3
LOST_ANSWERS_SECONDS = 20.0
RESTART_SECONDS = 20.0
BACKENDS = 4
HOLDER = "select holder from leader"


async def participant_frozen(ground: Ground) -> None:
    await _frozen(ground.chance.choice(ground.participants))


async def leader_killed(ground: Ground) -> None:
    leader = await _leader(ground)
    leader.kill()
    leader.start()


async def leader_frozen(ground: Ground) -> None:
    await _frozen(await _leader(ground))


async def customer_killed(ground: Ground) -> None:
    ground.replace(ground.chance.choice(ground.customers))


async def provider_killed(ground: Ground) -> None:
    ground.provider.kill()
    await asyncio.sleep(HOLD_SECONDS)
    ground.provider.start()


async def provider_frozen(ground: Ground) -> None:
    await _frozen(ground.provider)


async def provider_answers_lost(ground: Ground) -> None:
    await _answers_lost(ground.places.provider_network)


async def provider_black_hole(ground: Ground) -> None:
    await _black_hole(ground, ground.places.provider_network)


async def store_backends_terminated(ground: Ground) -> None:
    await ground.places.store.terminate_backends(BACKENDS)


async def store_stopped(ground: Ground) -> None:
    await ground.places.store.crash()
    await ground.places.store.start()


async def store_killed(ground: Ground) -> None:
    await ground.places.store.kill()
    await asyncio.sleep(SILENCE_SECONDS)
    await ground.places.store.start()


async def store_network_cut(ground: Ground) -> None:
    await _cut(ground.places.store_network)


async def store_network_slow(ground: Ground) -> None:
    await _slow(ground.places.store_network)


async def store_answers_lost(ground: Ground) -> None:
    await _answers_lost(ground.places.store_network)


async def store_commit_answers_lost(ground: Ground) -> None:
    await _commit_answers_lost(ground.places.store_network)


async def store_black_hole(ground: Ground) -> None:
    await _black_hole(ground, ground.places.store_network)


async def stock_backends_terminated(ground: Ground) -> None:
    await ground.places.stock.terminate_backends(BACKENDS)


async def stock_stopped(ground: Ground) -> None:
    await ground.places.stock.crash()
    await asyncio.sleep(HOLD_SECONDS)
    await ground.places.stock.start()


async def stock_commit_answers_lost(ground: Ground) -> None:
    await _commit_answers_lost(ground.places.stock_network)


async def stock_black_hole(ground: Ground) -> None:
    await _black_hole(ground, ground.places.stock_network)


async def disk_full(ground: Ground) -> None:
    """The store can write nothing, and ends when its log does not fit; then it gets space again."""
    disk, store = ground.places.disk, ground.places.store
    assert disk is not None
    disk.fill()
    try:
        await store.runs_full()
    finally:
        disk.relieve()
        await store.start()


async def standby_away(ground: Ground) -> None:
    """No commit is answered while the synchronous standby is away; when it is back, all of them are."""
    store = ground.places.store
    async with store.replicated():
        await store.standby_goes_away()
        await asyncio.sleep(SILENCE_SECONDS)
        await store.standby_returns()
        await ground.progress()


async def store_fails_over(ground: Ground) -> None:
    """The primary is lost for good; its synchronous standby has every commit that was answered."""
    store = ground.places.store
    async with store.replicated():
        await ground.progress()
        await store.fail_over()


PROCESSES: Final = (participant_frozen, leader_killed, leader_frozen, customer_killed)
PROVIDER: Final = (provider_killed, provider_frozen, provider_answers_lost, provider_black_hole)
STORE: Final = (store_backends_terminated, store_stopped, store_killed, standby_away, store_fails_over)
STORE_NETWORK: Final = (
    store_network_cut, store_network_slow, store_answers_lost, store_commit_answers_lost, store_black_hole,
)  # fmt: skip
STOCK: Final = (stock_backends_terminated, stock_stopped, stock_commit_answers_lost, stock_black_hole)
DISK: Final = (disk_full,)


def faults_of(ground: Ground) -> Mapping[str, Fault]:
    """Every fault that is possible here, by name."""
    chosen = (*PROCESSES, *PROVIDER, *STORE, *STORE_NETWORK, *STOCK, *(DISK if ground.places.disk else ()))
    named: dict[str, Fault] = {fault.__name__.replace("_", " "): fault for fault in chosen}
    return MappingProxyType({**named, **ground.places.outside.faults})


async def _leader(ground: Ground) -> Member:
    async with ground.looking() as sql:
        holder = await sql.fetchval(HOLDER)
    pid = int(str(holder or ":0").rpartition(":")[2])
    leading = [one for one in ground.supervisors if one.is_running and one.pid == pid]
    return (leading or ground.supervisors)[0]


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


async def _black_hole(ground: Ground, network: Proxy) -> None:
    """Messages are held back for longer than a lease; then they arrive late, or never."""
    network.hold()
    await asyncio.sleep(SILENCE_SECONDS)
    if ground.chance.random() < 0.5:
        network.cut()
    network.heal()
