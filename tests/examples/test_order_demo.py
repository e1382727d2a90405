"""The demo as a whole: processes, kills, the time limit and the audit."""

import asyncio
import json
import os
import sys
from asyncio.subprocess import PIPE, STDOUT
from pathlib import Path

import pytest

from examples.order.audit.evidence import rows
from examples.order.data.files import read_orders
from examples.order.demo.run import LEASE_SECONDS, MARGIN_SECONDS, OUTCOMES_SECONDS_MAX, PAYMENTS_KILLED_AFTER_SECONDS

ROOT = Path(__file__).parents[2]
SECONDS_MAX = 150
CHARGE_SECONDS_MAX = 1.0  # the timeout in the definition


@pytest.mark.slow
@pytest.mark.timeout(SECONDS_MAX + 30)
async def test_the_demo_finds_the_removed_shipment_and_nothing_else(postgres_server: str, tmp_path: Path) -> None:
    status, output = await demo("--sabotage", server=postgres_server, folder=tmp_path)
    figures = json.loads((tmp_path / "build/demo.json").read_text())

    assert status == 1, output
    assert (figures["stuck"], figures["broken_rules"]) == (0, []), output
    assert figures["completed"] + sum(figures["rolled_back"].values()) == len(read_orders())
    assert {violation["subject"] for violation in figures["violations"]} == {
        figures["sabotaged"],
        next(order.sku for order in read_orders() if order.number == figures["sabotaged"]),
        "parcels",
    }, output
    payments, supervisor = figures["kills"]
    assert (payments["name"], supervisor["name"]) == ("payments", "supervisor")
    assert payments["claims"] >= 5


def test_a_decline_counts_long_before_the_demo_gives_up() -> None:
    """It counts when the lease of the killed process, its call and the margin have passed."""
    waited = LEASE_SECONDS + CHARGE_SECONDS_MAX + MARGIN_SECONDS
    assert PAYMENTS_KILLED_AFTER_SECONDS + waited < OUTCOMES_SECONDS_MAX / 2


async def test_the_evidence_of_a_database_is_one_snapshot(postgres_url: str) -> None:
    ((isolation,),) = await rows(postgres_url, "show transaction_isolation")
    assert isolation[0] == "repeatable read"


async def demo(*arguments: str, server: str, folder: Path) -> tuple[int | None, str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "examples.order.demo", *arguments),
        cwd=folder,
        env={**os.environ, "DATABASE_URL": server, "PYTHONPATH": str(ROOT)},
        stdout=PIPE,
        stderr=STDOUT,
    )
    try:
        async with asyncio.timeout(SECONDS_MAX):
            output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return process.returncode, output.decode()
