"""Definitions and contracts in their tables."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from saga.core.definition.contract import Contract
from saga.core.state.mode import Mode
from saga.errors import Conflict, NotFound
from saga_postgres.connection.pool import Pool
from saga_postgres.directory import PostgresDirectory
from tests.core.graphs import chain
from tests.postgres.rows import Tables, add_saga

CONTRACT = Contract("payments", "charge", Mode.EXTERNAL, True, False, False, {"type": "string"}, None, "1")  # noqa: FBT003
GRAPH = chain("TJX", pivot=2)
OTHER = chain("TJXT")


@pytest.fixture
def directory(pool: Pool) -> PostgresDirectory:
    return PostgresDirectory(pool)


async def register(directory: PostgresDirectory, graph: object = GRAPH, **options: bool) -> int:
    assert isinstance(graph, type(GRAPH))
    return await directory.register(graph, None, **{"activate": True, "overwrite": False, **options})


async def test_a_contract_comes_back_as_it_was_published(directory: PostgresDirectory) -> None:
    await directory.publish([CONTRACT])

    assert await directory.contracts() == {"payments.charge": CONTRACT}


async def test_a_contract_replaces_the_one_of_the_same_name(directory: PostgresDirectory) -> None:
    newer = replace(CONTRACT, has_probe=True, output_schema={"type": "integer"}, handler_version=None)
    await directory.publish([CONTRACT])

    await directory.publish([newer, replace(CONTRACT, handler="refund")])

    assert (await directory.contracts())["payments.charge"] == newer
    assert len(await directory.contracts()) == 2


async def test_an_unchanged_contract_is_not_written_again(directory: PostgresDirectory, tables: Tables) -> None:
    await directory.publish([CONTRACT])
    before = await tables.fetchval("select xmin::text from contract")

    await directory.publish([CONTRACT])

    assert await tables.fetchval("select xmin::text from contract") == before


async def test_processes_that_publish_at_once_do_not_block_each_other(directory: PostgresDirectory) -> None:
    contracts = [replace(CONTRACT, handler=f"step_{n}", has_probe=True) for n in range(50)]

    await asyncio.gather(*(directory.publish(contracts[::direction]) for direction in (1, -1) * 4))

    assert len(await directory.contracts()) == 50


async def test_a_graph_comes_back_as_it_was_registered(directory: PostgresDirectory) -> None:
    number = await directory.register(GRAPH, {"type": "object"}, activate=False, overwrite=False)

    graph = await directory.graph(number)

    assert graph.canonical == GRAPH.canonical
    assert graph.input_schema == {"type": "object"}


async def test_the_steps_have_rows_of_their_own(directory: PostgresDirectory, tables: Tables) -> None:
    number = await register(directory)

    rows = await tables.fetch("select * from definition_step where definition = $1 order by step", number)

    assert [(row["name"], row["mode"], row["after"], row["is_pivot"]) for row in rows] == [
        ("a", b"T", [], False),
        ("b", b"J", [0], False),
        ("c", b"X", [1], True),
    ]


async def test_the_same_graph_keeps_its_number(directory: PostgresDirectory) -> None:
    numbers = await asyncio.gather(*(register(directory) for _ in range(4)))

    assert len(set(numbers)) == 1


async def test_another_graph_under_the_same_version_is_refused_with_the_difference(
    directory: PostgresDirectory,
) -> None:
    await register(directory)

    with pytest.raises(Conflict, match=r"'test' version 1 .*step d: added.*next version"):
        await register(directory, OTHER)


async def test_the_newest_activated_version_is_found_by_name(directory: PostgresDirectory) -> None:
    await register(directory, replace(GRAPH, version=1))
    second = await register(directory, replace(GRAPH, version=2))
    await register(directory, replace(GRAPH, version=3), activate=False)
    await register(directory, replace(GRAPH, version=1))  # an old process starts again

    assert (await directory.find("test", None))[0] == second
    assert (await directory.find("test", 3))[1].version == 3


async def test_what_is_not_there_is_named(directory: PostgresDirectory) -> None:
    await register(directory, activate=False)

    with pytest.raises(NotFound, match="no activated version of definition 'test'"):
        await directory.find("test", None)
    with pytest.raises(NotFound, match="no definition 'test' version 2"):
        await directory.find("test", 2)
    with pytest.raises(NotFound, match="definition number 99"):
        await directory.graph(99)


async def test_overwriting_is_refused_while_a_saga_runs(directory: PostgresDirectory, tables: Tables) -> None:
    await add_saga(tables, await register(directory), "DPP")

    with pytest.raises(Conflict, match="while 1 of its sagas run"):
        await register(directory, OTHER, overwrite=True)


async def test_an_overwritten_graph_stays_for_its_ended_sagas(directory: PostgresDirectory, tables: Tables) -> None:
    old = await register(directory)
    await add_saga(tables, old, "SSS", phase="D")

    new = await register(directory, OTHER, overwrite=True)

    assert (await directory.graph(old)).canonical == GRAPH.canonical
    assert (await directory.find("test", None))[0] == new


async def test_overwriting_with_an_earlier_graph_brings_it_back(directory: PostgresDirectory) -> None:
    old = await register(directory)
    await register(directory, OTHER, overwrite=True)

    assert await register(directory, overwrite=True) == old
    assert (await directory.find("test", None))[0] == old
