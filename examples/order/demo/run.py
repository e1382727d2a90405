"""One run of the demo: starts everything, sends the orders, kills processes, audits, and reports."""

import asyncio
import shutil
from dataclasses import replace
from pathlib import Path
from time import monotonic

import asyncpg
from rich.console import Console

import saga
from examples.order.audit.check import Outcome, audit
from examples.order.audit.evidence import read_evidence, sabotage
from examples.order.data.files import read_articles, read_orders
from examples.order.definition import order as order_saga
from examples.order.demo import program
from examples.order.demo.brokers import Broker
from examples.order.demo.databases import Urls, databases
from examples.order.demo.fleet import Fleet
from examples.order.demo.kills import Kill, kill_broker, kill_participant, kill_supervisor
from examples.order.demo.progress import Progress
from examples.order.demo.report import Report, report
from examples.order.demo.saga_tables import is_everyone_serving, until
from examples.order.demo.traffic import Arrivals, Tally, send
from examples.order.order import Order
from saga import logs
from saga.app import open_adapter
from saga.history import Verdict, verify
from saga.settings import load

STUCK_SHOWN = 5
BUILD = Path("build")
DIRECTORY = BUILD / "demo"
PROVIDER_FILE = DIRECTORY / "provider.jsonl"
SERVICES = ("inventory", "payments", "shipping", "notifications")

PAYMENTS_KILLED_AFTER_SECONDS = 1.5
SUPERVISOR_KILLED_AFTER_SECONDS = 1.0
READY_SECONDS_MAX = 15.0
# A decline counts only when no earlier call for the same charge can still arrive. A call of the killed process can arrive until
# its lease, the step's timeout and the margin have passed: 5 s here, and 36 s with the defaults.
LEASE_SECONDS = 3.0
MARGIN_SECONDS = 1.0
OUTCOMES_SECONDS_MAX = 40.0
BROKER_SECONDS_MAX = 40.0  # added where a broker is killed and started again


async def demo(console: Console, broker: Broker | None, *, is_sabotaged: bool) -> Report:
    """Runs everything, shows it on the console, and returns the figures."""
    shutil.rmtree(DIRECTORY, ignore_errors=True)
    DIRECTORY.mkdir(parents=True)
    tally = Tally(total=len(read_orders()))
    with (DIRECTORY / "demo.log").open("a", encoding="utf-8") as log, Progress(console, tally) as progress:
        logs.configure("console", "info", stream=log)
        figures = await _demo(progress, tally, broker, is_sabotaged=is_sabotaged)
    figures.write(BUILD / "demo.json")
    figures.show(console)
    return figures


async def _demo(progress: Progress, tally: Tally, broker: Broker | None, *, is_sabotaged: bool) -> Report:
    progress.begin("starting PostgreSQL, and making three databases")
    program.prepare()
    async with databases() as made, Fleet(DIRECTORY) as fleet:
        urls = replace(made, bus=broker.url if broker else None)
        progress.begin(f"starting {len(SERVICES)} services, a supervisor and the payment provider")
        await _start(fleet, urls)
        progress.begin(f"taking {tally.total:,} orders")
        began = monotonic()
        kills = await _run(fleet, urls, broker, tally, progress)
        wall_seconds = monotonic() - began
        progress.begin("auditing the outcomes, and verifying the recorded history")
        await _show_stuck(fleet, urls, tally, progress)
        sabotaged = await sabotage(urls) if is_sabotaged else None
        evidence = await read_evidence(urls, PROVIDER_FILE)
        violations = audit(read_orders(), read_articles(), tally.outcomes, evidence)
        verdict = await _verify(urls)
        progress.begin("stopping the processes")
        return report(tally, wall_seconds, kills, violations, verdict, sabotaged)


async def _start(fleet: Fleet, urls: Urls) -> None:
    provider = await fleet.start_provider("examples.order.provider", str(PROVIDER_FILE))
    environment = {
        "SAGA_STORE": urls.store,
        "SAGA_LEASE": str(LEASE_SECONDS),
        "SAGA_MARGIN": str(MARGIN_SECONDS),
        "INVENTORY_DB": urls.inventory,
        "SHIPPING_DB": urls.shipping,
        "PSP_URL": provider,
    }
    await fleet.run("migrate", "saga", "migrate", environment=environment)
    if urls.bus is not None:
        environment["SAGA_BUS"] = urls.bus
        await fleet.run("ensure", "saga", "bus", "ensure", *SERVICES, environment=environment)
    for service in SERVICES:
        handlers = f"examples.order.services.{service}:{service}"
        await fleet.start(service, "saga", "participant", handlers, environment=environment | _own_bus(urls, service))
    await fleet.start("supervisor", "saga", "supervisor", environment=environment)
    async with asyncio.timeout(READY_SECONDS_MAX):
        await fleet.unless_one_ends(_services_up(urls.store))


def _own_bus(urls: Urls, service: str) -> dict[str, str]:
    """Gives each member of a Kafka group an identity, so that after a kill the group does not wait for its session to end."""
    return {"SAGA_BUS": f"{urls.bus}&instance={service}"} if urls.bus and urls.bus.startswith("kafka") else {}


async def _services_up(store: str) -> None:
    connection = await asyncpg.connect(store)
    try:
        await until(lambda: is_everyone_serving(connection, SERVICES))
    finally:
        await connection.close()


async def _run(fleet: Fleet, urls: Urls, broker: Broker | None, tally: Tally, progress: Progress) -> list[Kill]:
    """Sends all orders while processes are killed; gives up on orders that do not end in time."""
    kills: list[Kill] = []
    seconds_max = OUTCOMES_SECONDS_MAX + (BROKER_SECONDS_MAX if broker else 0)
    patience = asyncio.timeout(seconds_max)
    showing = asyncio.create_task(progress.show())
    try:
        async with patience, saga.connect(store=urls.store, bus=urls.bus) as sagas:

            async def place(order: Order) -> Outcome:
                handle = await sagas.start(order_saga, order, key=order.number)
                return _outcome_of(await handle.result())

            async def everything() -> None:
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(send(read_orders(), place, Arrivals(), tally))
                    tasks.create_task(_kill(fleet, urls.store, tally, progress, kills, broker))

            await fleet.unless_one_ends(everything())
    except TimeoutError:
        if not patience.expired():
            raise
        progress.say(f"[red]{tally.total - len(tally.outcomes)} orders have no outcome after {seconds_max} s")
    finally:
        showing.cancel()
        await asyncio.wait([showing])
    return kills


async def _show_stuck(fleet: Fleet, urls: Urls, tally: Tally, progress: Progress) -> None:
    """Saves what Saga shows of orders without an outcome, because its tables are dropped at the end."""
    stuck = [order.number for order in read_orders() if order.number not in tally.outcomes]
    for number in stuck[:STUCK_SHOWN]:
        await fleet.run("stuck", "saga", "show", f"order:{number}", environment={"SAGA_STORE": urls.store})
    if stuck:
        progress.say(f"what Saga shows of them is in {DIRECTORY}/stuck.log")


async def _verify(urls: Urls) -> Verdict:
    """Compares the recorded history with the rules of the protocol, as `saga verify` does."""
    adapter = open_adapter(load(store=urls.store), "demo")
    await adapter.open()
    try:
        return await verify(adapter.listing)
    finally:
        await adapter.close()


async def _kill(
    fleet: Fleet, store: str, tally: Tally, progress: Progress, kills: list[Kill], broker: Broker | None
) -> None:
    connection = await asyncpg.connect(store)
    try:
        await asyncio.sleep(PAYMENTS_KILLED_AFTER_SECONDS)
        kills.append(await kill_participant(fleet, connection, "payments", tally, progress))
        if broker is not None:
            kills.append(await kill_broker(broker, tally, progress))
        await asyncio.sleep(SUPERVISOR_KILLED_AFTER_SECONDS)
        kills.append(await kill_supervisor(fleet, tally, progress))
    finally:
        await connection.close()


def _outcome_of(ending: saga.Ending) -> Outcome:
    if ending.status == "completed":
        return Outcome(tracking=ending.value)
    return Outcome(reason=ending.reason or "no reason given")
