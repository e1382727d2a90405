"""The metrics of a process, as a scraper reads them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from saga import Context, Definition, Participant, Reject, Retry
from saga.telemetry import catalogue, metrics
from saga.telemetry.histogram import Histogram
from saga.telemetry.metrics import OTHER, Metrics, Names
from tests.runtime.world import Gate, Sql, World, until
from tests.telemetry.scrape import Series, scrape, total, value

RESULT_SECONDS = 15.0


def shop(gate: Gate | None = None, deadline: str = "1m") -> tuple[Participant, Definition]:
    """A service whose `sell` fails at the first attempt and whose `check` rejects negative amounts; both are external."""
    service = Participant("shop")

    @service.step(external=True)
    async def sell(amount: int, ctx: Context) -> int:
        if ctx.attempt == 1:
            raise ConnectionError("try again")
        return amount

    @sell.compensation
    async def refund(amount: int, sold: int) -> None: ...

    @service.step(external=True, read_only=True)
    async def check(amount: int) -> str:
        if gate is not None:
            await gate.wait()
        if amount < 0:
            raise Reject("negative")
        return "checked"

    @service.step(external=True)
    async def deliver(amount: int) -> None: ...

    definition = Definition("sale", input=int, deadline=deadline)
    sold = definition.step("shop.sell", retry=Retry(attempts=3, first="10ms"))
    checked = definition.step("shop.check", after=sold, timeout="60s")
    definition.step("shop.deliver", after=checked, pivot=True)
    return service, definition


async def test_sagas_and_steps_are_counted_by_outcome(any_world: World) -> None:
    service, definition = shop()
    sagas = await any_world.join(service, http="0")
    async with sagas.endpoint() as address:
        endings = [await (await sagas.start(definition, amount)).result(RESULT_SECONDS) for amount in (1, 2, -1)]
        series = await scrape(address)

    assert [ending.status for ending in endings] == ["completed", "completed", "compensated"]
    assert value(series, "saga_started_total", definition="sale") == 3
    assert value(series, "saga_ended_total", definition="sale", outcome="completed") == 2
    assert value(series, "saga_ended_total", definition="sale", outcome="compensated") == 1
    assert value(series, "saga_duration_seconds_count", definition="sale", outcome="completed") == 2
    assert value(series, "saga_rollbacks_total", definition="sale", cause="rejected") == 1
    assert steps(series, "execute") == {"succeeded": 7, "failed": 3, "rejected": 1}
    assert steps(series, "compensate") == {"compensated": 1}
    assert total(series, "saga_step_duration_seconds_count", service="shop", operation="execute") == 11
    assert total(series, "saga_commit_sagas_sum", batch="starts") == 3
    assert total(series, "saga_commit_sagas_sum", batch="outcomes") >= 10
    assert total(series, "saga_commit_duration_seconds_count", batch="outcomes") > 0
    assert (value(series, "saga_claims_held"), value(series, "saga_claims_capacity")) == (0, 64)


def steps(series: Series, operation: str) -> dict[str, float]:
    return {
        dict(labels)["outcome"]: number
        for (name, labels), number in series.items()
        if name == "saga_steps_total" and dict(labels)["operation"] == operation
    }


async def test_a_transactional_step_is_counted_too(any_world: World) -> None:
    service = Participant("books", database="store")

    @service.step
    async def note(what: str) -> str:
        return what

    @note.compensation
    async def strike(what: str, noted: str, ctx: Context) -> None: ...

    definition = Definition("noting", input=str)
    definition.step("books.note")
    sagas = await any_world.join(service, http="0")
    async with sagas.endpoint() as address:
        await (await sagas.start(definition, "x")).result(RESULT_SECONDS)
        series = await scrape(address)

    assert steps(series, "execute") == {"succeeded": 1}


async def test_the_lateness_of_a_rollback_by_deadline_is_measured(any_world: World) -> None:
    gate = Gate()
    service, definition = shop(gate, deadline="1s")
    sagas = await any_world.join(service, http="0", scan=0.1)
    supervisor = await any_world.supervise(sagas)
    async with sagas.endpoint(supervisor) as address:
        handle = await sagas.start(definition, 1)
        await gate.somebody_waits()
        await until(rolled_back(address), "the deadline is enforced")
        series = await scrape(address)
        gate.open()
        await handle.result(RESULT_SECONDS)

    assert value(series, "saga_deadline_lateness_seconds_count") == 1
    assert 0 <= (value(series, "saga_deadline_lateness_seconds_sum") or -1) < 5


def rolled_back(address: tuple[str, int] | None) -> Callable[[], Awaitable[bool]]:
    async def is_so() -> bool:
        return value(await scrape(address), "saga_rollbacks_total", definition="sale", cause="deadline") == 1

    return is_so


async def test_a_lost_command_is_counted_when_it_is_redriven(world: World, sql: Sql) -> None:
    gate = Gate()
    service, definition = shop(gate)
    outside = await world.join()
    sagas = await world.join(service, http="0", redrive=1)
    async with sagas.endpoint() as address:
        await sagas.register(definition)
        await outside.start("sale", 1)
        await gate.somebody_waits()
        await sql.execute("delete from command")
        await sql.execute("update saga set wake_at = now()")
        await until(redriven(address), "the command is redriven")
        gate.open()


def redriven(address: tuple[str, int] | None) -> Callable[[], Awaitable[bool]]:
    async def is_so() -> bool:
        return total(await scrape(address), "saga_redrives_total", service="shop") >= 1

    return is_so


async def test_claims_of_a_dead_process_are_counted_when_they_are_released(world: World) -> None:
    gate = Gate()
    service, definition = shop(gate)
    other = await world.join(service)
    sagas = await world.join(http="0")
    async with sagas.endpoint() as address:
        await other.start(definition, 1)
        await gate.somebody_waits()
        await world.kill(other)
        await until(released(address), "its claim is released")
    gate.open()


def released(address: tuple[str, int] | None) -> Callable[[], Awaitable[bool]]:
    async def is_so() -> bool:
        return value(await scrape(address), "saga_claims_released_total") == 1

    return is_so


async def test_only_the_leader_exports_what_the_store_knows(any_world: World) -> None:
    gate = Gate()
    service, definition = shop(gate)
    worker = await any_world.join(service)
    first, second = await any_world.join(http="0"), await any_world.join(http="0")
    leader = await any_world.supervise(first)
    waiting = second.supervisor()
    async with first.endpoint(leader) as leading, second.endpoint(waiting) as standing_by:
        await worker.start(definition, 1)
        await gate.somebody_waits()
        await until(sees_a_saga(leading), "the leader has made a survey")
        shown, other = await scrape(leading), await scrape(standing_by)
    gate.open()

    assert (value(shown, "saga_leader"), value(other, "saga_leader")) == (1, 0)
    assert value(shown, "saga_leader_term") == leader.term
    assert value(shown, "saga_stuck_sagas", definition="sale") == 0
    assert value(shown, "saga_processes", service="shop") == 1
    only_leaders = {metric.name for metric in catalogue.METRICS if metric.by_leader}
    assert only_leaders.isdisjoint(name for name, _ in other)


def sees_a_saga(address: tuple[str, int] | None) -> Callable[[], Awaitable[bool]]:
    async def is_so() -> bool:
        return value(await scrape(address), "saga_sagas", definition="sale", phase="running") == 1

    return is_so


async def test_every_exported_name_is_in_the_catalogue(any_world: World) -> None:
    service, definition = shop()
    sagas = await any_world.join(service, http="0")
    supervisor = await any_world.supervise(sagas)
    async with sagas.endpoint(supervisor) as address:
        await (await sagas.start(definition, -1)).result(RESULT_SECONDS)
        await until(lambda: sagas.process.telemetry.meter.survey is not None, "there is a survey")  # type: ignore[attr-defined]
        series = await scrape(address)

    suffixes = {"histogram": ("_bucket", "_count", "_sum"), "counter": ("",), "gauge": ("",)}
    known = {metric.name + suffix for metric in catalogue.METRICS for suffix in suffixes[metric.kind]}
    assert {name for name, _ in series if name.startswith("saga_")} <= known
    labels = {metric.name: set(metric.labels) for metric in catalogue.METRICS}
    assert {name: set(dict(has)) for (name, has) in series if name in labels} == {
        name: labels[name] for (name, _) in series if name in labels
    }


async def test_what_sagas_wait_for_and_how_late_their_timers_are(any_world: World) -> None:
    service, _ = shop()
    definition = Definition("patient", input=int)
    paused = definition.timer("100ms")
    review = definition.wait("review", after=paused, timeout="1h")
    definition.step("shop.deliver", after=review, pivot=True)
    sagas = await any_world.join(service, http="0")
    supervisor = await any_world.supervise(sagas)
    async with sagas.endpoint(supervisor) as address:
        handle = await sagas.start(definition, 1)

        async def is_counted() -> bool:
            return value(await scrape(address), "saga_waiting_commands", event="review") == 1

        await until(is_counted, "the wait is counted")
        await handle.send("review")
        await handle.result(RESULT_SECONDS)
        series = await scrape(address)

    assert value(series, "saga_wait_lateness_seconds_count") == 1
    assert 0 <= (value(series, "saga_wait_lateness_seconds_sum") or -1) < 5


def test_definitions_beyond_the_limit_share_one_name() -> None:
    names = Names(2)

    assert [names.bounded(name) for name in ("a", "b", "c", "a", "d")] == ["a", "b", OTHER, "a", OTHER]


async def test_more_steps_than_the_limit_are_one(any_world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "ATTEMPTS_MAX", 1)
    service, definition = shop()
    sagas = await any_world.join(service, http="0")
    async with sagas.endpoint() as address:
        await (await sagas.start(definition, 1)).result(RESULT_SECONDS)
        series = await scrape(address)

    assert total(series, "saga_steps_total", definition="sale") == 2
    assert total(series, "saga_steps_total", definition=OTHER, service=OTHER) == 2


def test_buckets_are_cumulative_and_their_bounds_inclusive() -> None:
    histogram = Histogram((1.0, 2.0))
    for number in (0.5, 1.0, 1.5, 99.0):
        histogram.observe(number)

    assert histogram.buckets() == [("1.0", 2.0), ("2.0", 3.0), ("+Inf", 4.0)]
    assert histogram.total == 102.0


async def test_the_lag_of_a_blocked_event_loop_is_measured(any_world: World) -> None:
    sagas = await any_world.join(http="0")
    meter = sagas.process.telemetry.meter
    assert isinstance(meter, Metrics)
    async with sagas.endpoint():
        await until(lambda: sum(meter.loop_lag.counts) > 0, "the loop has a pulse")
        blocked_until = asyncio.get_running_loop().time() + 0.4
        while asyncio.get_running_loop().time() < blocked_until:
            pass
        await until(lambda: sum(meter.loop_lag.counts[catalogue.FAST.index(0.25) :]) > 0, "the lag is seen")


async def test_without_the_setting_nothing_listens_and_nothing_is_counted(any_world: World) -> None:
    sagas = await any_world.join()
    async with sagas.endpoint() as address:
        assert address is None
    assert not isinstance(sagas.process.telemetry.meter, Metrics)
