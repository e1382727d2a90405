"""No channel of one namespace is a channel of another, whatever the names of namespaces and services."""

from __future__ import annotations

from collections import Counter

from saga_postgres.announce import channels
from saga_postgres.connection.pool import checked_namespace
from tests.postgres.rows import Tables, add_command, add_definition, add_process, add_saga

NAMESPACES = ("x", "x_", "x__", "x_s", "x_s_", "x_p", "x_s_p", "x_peers", "x_s_p_1", "xs", "a" + "_" * 19)
SERVICES = ("p_1", "s", "s_p_1", "peers", "leader", "bus", "p", "s_peers", "p_p_1")


def of(namespace: str) -> set[str]:
    return {
        channels.peers_channel(namespace),
        channels.leader_channel(namespace),
        channels.bus_channel(namespace),
        *(channels.process_channel(namespace, process) for process in (1, 11, 2**31 - 1)),
        *(channels.service_channel(namespace, service) for service in SERVICES),
    }


def test_namespaces_that_look_alike_share_no_channel() -> None:
    found = Counter(channel for namespace in NAMESPACES for channel in of(checked_namespace(namespace)))

    assert set(found.values()) == {1}


def test_channels_of_the_longest_names_are_short_enough() -> None:
    for channel in of("a" + "_" * 19) | {channels.service_channel("a" * 20, "b" * 63)}:
        assert len(channel) <= channels.CHANNEL_BYTES_MAX


async def test_the_claims_of_the_dead_are_given_back_although_the_name_of_their_service_is_long(tables: Tables) -> None:
    saga = await add_saga(tables, await add_definition(tables), "DPP")
    process, dead = [await add_process(tables, name, "b" * 63) for name in ("one", "other")]
    await add_command(tables, saga, 0, service="b" * 63, owner=dead)

    rows = await tables.fetch("select * from heartbeat($1, 7, 1.0, 0, $2, true)", process, channels.prefix("saga"))
    assert rows[0]["released"] == 1

    await tables.execute("update command set owner = $1", process)
    await tables.execute("select leave($1, 1.0, $2)", process, channels.prefix("saga"))
    assert await tables.fetchval("select owner is null from command")
