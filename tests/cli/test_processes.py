"""The commands that serve, as processes of their own: their output, how they drain, how they end."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest

import saga
from saga.errors import MissingDriver
from saga_postgres.embedded.installation import choose
from tests.cli.conftest import AsyncCommand, Command

TIMEOUT_SECONDS = 50
SHOP = """
import asyncio
from pydantic import BaseModel
from saga import Context, Definition, Participant, Reject

class Order(BaseModel):
    sku: str
    quantity: int

inventory = Participant("inventory", database="$INVENTORY_DB")
payments = Participant("payments")

@inventory.step
async def reserve(order: Order, ctx: Context) -> int:
    taken = await ctx.sql.fetchval(
        "update stock set free = free - $2 where sku = $1 and free >= $2 returning free", order.sku, order.quantity
    )
    if taken is None:
        raise Reject("out of stock")
    return order.quantity

@reserve.compensation
async def release(order: Order, reserved: int, ctx: Context) -> None:
    await ctx.sql.execute("update stock set free = free + $2 where sku = $1", order.sku, reserved)

@payments.step(external=True)
async def charge(order: Order, ctx: Context) -> str:
    ctx.log.info("charging")
    await asyncio.sleep(0.3)
    return f"charged {order.sku}"

@charge.compensation
async def refund(order: Order, charged: str, ctx: Context) -> None: ...

order = Definition("order", version=1, input=Order, deadline="2m")
held = order.step("inventory.reserve")
paid = order.step("payments.charge", after=held)
order.returns(paid.output)
"""
STOCK = "create table stock (sku text primary key, free integer); insert into stock values ('A-1', 5)"

pytestmark = pytest.mark.timeout(2 * TIMEOUT_SECONDS)


@asynccontextmanager
async def running(*arguments: str, folder: Path, **environment: str) -> AsyncIterator[Process]:
    """Runs a command in a process of its own, and ends it after the block. Its stdout and stderr are one stream."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "saga.cli", *arguments, cwd=folder, stdout=PIPE, stderr=asyncio.subprocess.STDOUT,
        env={**os.environ, "SAGA_LOG_FORMAT": "json", "PYTHONUNBUFFERED": "1", **environment},
    )  # fmt: skip
    try:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def line_with(process: Process, text: str) -> str:
    """Returns the next line with this text; fails with all output if the process ends first."""
    assert process.stdout is not None
    seen = []
    async for line in process.stdout:
        seen.append(line.decode())
        if text in seen[-1]:
            return seen[-1]
    raise AssertionError(f"never said {text!r}:\n{''.join(seen)}")


async def stopped(process: Process, number: signal.Signals = signal.SIGTERM) -> tuple[int, str]:
    """Stops the process; returns its exit code and its last output."""
    process.send_signal(number)
    out, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode()


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    (tmp_path / "shop.py").write_text(SHOP)
    (tmp_path / "inventory.sql").write_text(STOCK)
    return tmp_path


@pytest.fixture
async def inventory_db(fresh_database: Callable[..., AsyncIterator[str]]) -> str:
    url: str = await fresh_database()  # type: ignore[misc]
    connection = await asyncpg.connect(url)
    await connection.execute(STOCK)
    await connection.close()
    return url


@pytest.mark.slow
async def test_dev_runs_a_shop_from_nothing(shop: Path, apart: AsyncCommand) -> None:
    """It creates a database with the tables of inventory.sql, serves everything, and other commands find its store."""
    try:
        choose(None)
    except MissingDriver as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(f"NO SERVER: {error}")
    async with running("dev", "shop.py", "--temporary", folder=shop) as process:
        example = await line_with(process, "saga start order")
        assert """'{"sku": "...", "quantity": 1}' --wait""" in example
        await line_with(process, "SAGA_STORE=postgresql://")

        done = await apart("start", "order", '{"sku": "A-1", "quantity": 2}', "--key", "order-1", "--wait")
        assert (done.code, done.out.splitlines()[1:]) == (0, ['completed: "charged A-1"']), done.err
        refused = await apart("start", "order", '{"sku": "B-2", "quantity": 2}', "--key", "order-2", "--wait")
        assert (refused.code, refused.out.splitlines()[1:]) == (1, ["rolled back: reserve: out of stock"])
        shown = await apart("show", "order:order-1")
        assert "succeeded" in shown.out
        listed = json.loads((await apart("ls", "--json")).out)
        assert [(line["key"], line["phase"]) for line in listed] == [
            ("order-2", "compensated"),
            ("order-1", "completed"),
        ]
        doctor = await apart("doctor", "--json")
        assert {finding["name"] for finding in json.loads(doctor.out) if not finding["ok"]} == set()
        assert doctor.code == 0

        assert (await stopped(process))[0] == 0
    assert not (shop / ".saga" / "dev.json").exists()


@pytest.mark.slow
async def test_participants_and_a_supervisor_serve_and_end_in_order(shop: Path, store: str, inventory_db: str) -> None:
    environment = {"SAGA_STORE": store, "INVENTORY_DB": inventory_db}
    async with (
        running("participant", "shop:inventory", folder=shop, **environment) as inventory,
        running("supervisor", folder=shop, **environment) as supervisor,
    ):
        connected = json.loads(await line_with(inventory, "connected"))
        assert {"version", "store", "schema", "bus"} <= connected.keys()
        assert "inventory.reserve (journaled)" in await line_with(inventory, "serving")
        assert "no participant has published a contract for payments.charge yet" in await line_with(
            inventory, "not registered yet"
        )
        async with running("participant", "shop.py:payments", folder=shop, **environment) as payments:
            await line_with(inventory, "definition registered")
            await line_with(supervisor, "leading")

            async with saga.connect(store=store) as sagas:
                handle = await sagas.start("order", {"sku": "A-1", "quantity": 1})
                charging = json.loads(await line_with(payments, "charging"))
                assert (charging["saga"], charging["step"]) == (str(handle.id), "charge")
                code, said = await stopped(payments)  # in the middle of the charge
                assert (code, "stopping" in said) == (0, True)
                assert (await handle.result(TIMEOUT_SECONDS)).value == "charged A-1"

        assert (await stopped(inventory, signal.SIGINT))[0] == 0
        assert (await stopped(supervisor))[0] == 0


@pytest.mark.slow
async def test_a_definition_with_another_graph_ends_the_process(shop: Path, store: str, inventory_db: str) -> None:
    environment = {"SAGA_STORE": store, "INVENTORY_DB": inventory_db}
    async with running("participant", "shop", folder=shop, **environment) as first:
        await line_with(first, "definition registered")
        (shop / "other.py").write_text(SHOP.replace('deadline="2m"', 'deadline="3m"'))

        async with running("participant", "other", folder=shop, **environment) as second:
            said = await line_with(second, "saga: ")

            assert "is registered with another graph" in said
            assert await second.wait() == 1


@pytest.mark.slow
@pytest.mark.parametrize("command", ["participant", "dev"])
async def test_a_definition_that_no_waiting_mends_ends_the_process(
    command: str, shop: Path, store: str, inventory_db: str
) -> None:
    (shop / "shop.py").write_text(SHOP.replace("@release", "").replace("@reserve.compensation\nasync def", "async def"))
    environment = {"SAGA_STORE": store, "INVENTORY_DB": inventory_db}
    targets = ["shop.py", "--temporary"] if command == "dev" else ["shop"]
    async with running(command, *targets, folder=shop, **environment) as process:
        said = await line_with(process, "saga: ")
        rest = await line_with(process, "compensation")

        assert "order v1" in said
        assert "It has no compensation" in rest
        assert await process.wait() == 2


def test_a_service_is_forgotten(command: Command, store: str) -> None:
    unknown = command("forget", "legacy", "--store", store)
    assert (unknown.code, "'legacy' has published no contract" in unknown.err) == (1, True)

    asyncio.run(_publish_legacy(store))
    refused = command("forget", "legacy", "--store", store)
    assert (refused.code, "has steps in old v1: add --deactivate" in refused.err) == (1, True)
    done = command("forget", "legacy", "--deactivate", "--store", store)
    assert (done.code, done.out) == (0, "forgot legacy\ndeactivated old v1\n")

    asyncio.run(_publish_legacy(store))
    printed = command("forget", "legacy", "--deactivate", "--json", "--store", store)
    assert json.loads(printed.out) == {"service": "legacy", "deactivated": ["old v1"]}


async def _publish_legacy(store: str) -> None:
    legacy, old = saga.Participant("legacy"), saga.Definition("old", input=int)

    @legacy.step(external=True)
    async def work(n: int) -> int:
        return n

    old.step("legacy.work", pivot=True)
    async with saga.connect(store=store) as sagas, sagas.serve(legacy):
        await sagas.register(old)


def test_migrate_can_be_run_twice_and_can_check(command: Command, postgres_url: str) -> None:
    assert command("migrate", "--check", "--store", postgres_url).code == 1
    first = command("migrate", "--store", postgres_url)
    again = command("migrate", "--json", "--store", postgres_url)

    assert (first.code, "0001_tables" in first.out) == (0, True)
    assert json.loads(again.out) == {"schema": "saga", "applied": [], "pending": []}
    assert command("migrate", "--check", "--store", postgres_url).code == 0


def test_doctor_is_red_where_nobody_is_alive(command: Command, store: str) -> None:
    ran = command("doctor", "--store", store)

    assert ran.code == 1
    assert "start participants" in ran.out


def test_doctor_tries_an_election_of_its_own(command: Command, store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for url, is_ok in (("memory://doctor", True), ("etcd://127.0.0.1:1", False)):
        monkeypatch.setenv("SAGA_ELECTION", url)

        found = {line["name"]: line for line in json.loads(command("doctor", "--json", "--store", store).out)}

        assert found["election"]["ok"] is is_ok
        assert (found["election"]["remedy"] is None) is is_ok


ENDLESS = """
import asyncio, threading
from saga import Definition, Participant

ops = Participant("ops")

@ops.step(external=True)
async def blocks(number: int) -> None:
    print("begun", flush=True)
    threading.Event().wait()

@ops.step(external=True)
async def in_a_thread(number: int) -> None:
    print("begun", flush=True)
    await asyncio.to_thread(threading.Event().wait)

@ops.step(external=True)
def hangs(number: int) -> None:
    print("begun", flush=True)
    threading.Event().wait()

@ops.step(external=True)
async def stubborn(number: int) -> None:
    print("begun", flush=True)
    while True:
        try:
            await asyncio.Event().wait()
        except BaseException:
            pass

for name in ("blocks", "in_a_thread", "hangs", "stubborn"):
    definition = Definition(name, version=1, input=int)
    definition.step(f"ops.{name}", timeout="1h")
    globals()[name + "_definition"] = definition
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "code", "said"),
    [
        ("hangs", 0, "stopping"),
        ("stubborn", 0, "stopping"),
        ("in_a_thread", 1, "did not stop"),
        ("blocks", 1, "shop.py"),
    ],
)
async def test_a_participant_ends_within_its_drain_whatever_runs(
    tmp_path: Path, store: str, name: str, code: int, said: str
) -> None:
    (tmp_path / "shop.py").write_text(ENDLESS)
    environment = {"SAGA_STORE": store, "SAGA_DRAIN": "0s"}
    async with running("participant", "shop.py", folder=tmp_path, **environment) as process:
        async with saga.connect(store=store) as sagas:
            for _ in range(4):
                await line_with(process, "definition registered")
            await sagas.start(name, 1)
        await line_with(process, "begun")
        ended, out = await stopped(process)
    assert (ended, said in out) == (code, True), out
