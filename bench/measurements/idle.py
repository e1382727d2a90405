"""Five idle participants and an idle supervisor: their statements, and the processor time of all together."""

from __future__ import annotations

import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from bench.environment.fleet import fleet, migrate, participants_of
from bench.instruments import server_cost
from bench.instruments.wire_proxy import counted
from bench.measurement import Figures, Setup
from bench.measurements.throughput import MODULE
from bench.shop.order import SERVICES

SECONDS = 30.0
SETTLE_SECONDS = 5.0


def idle(setup: Setup) -> Figures:
    """`idle_statements_per_second` of the busiest process and `idle_core_percent` of all, for 30 s."""
    migrate(setup.url)
    commands = [["participant", target] for target in participants_of(MODULE, SERVICES)] + [["supervisor"]]
    with ExitStack() as stack:
        services = stack.enter_context(fleet(Path(stack.enter_context(tempfile.TemporaryDirectory()))))
        # Each process has a proxy of its own, so that its statements are counted separately.
        wires = [stack.enter_context(counted(setup.url)) for _ in commands]
        for command, wire in zip(commands, wires, strict=True):
            services.start(wire.url, *command)
        services.wait_until_joined(setup.url, len(SERVICES))
        time.sleep(SETTLE_SECONDS)
        statements, cpu = [wire.statements for wire in wires], services.cpu_seconds()
        reading = server_cost.read(setup.url)
        time.sleep(SECONDS)
        spent, cpu = server_cost.cost(reading, server_cost.read(setup.url)), services.cpu_seconds() - cpu
        asked = [wire.statements - before for wire, before in zip(wires, statements, strict=True)]
        services.stop()  # before the proxies end
    return {
        "idle_statements_per_second": max(asked) / SECONDS,
        "idle_statements_per_second_all": sum(asked) / SECONDS,
        "idle_core_percent": cpu / SECONDS * 100,
        "idle_server_core_percent": spent.server_cpu_seconds / SECONDS * 100,
    }
