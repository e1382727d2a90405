"""Connects a process to telemetry: meter and tracer when it is created, the HTTP endpoint while it serves."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Final

from saga.ports.bus import Bus
from saga.runtime.process import Process
from saga.runtime.supervisor import Supervisor
from saga.runtime.telemetry import SILENT, Telemetry
from saga.telemetry.endpoint import Answer, Endpoint, Page, json_answer
from saga.telemetry.health import Health, HealthReport
from saga.telemetry.metrics import Metrics
from saga.telemetry.pulse import Pulse
from saga.telemetry.surveyor import Surveyor
from saga.telemetry.tracing import present_tracer
from saga.telemetry.watched_bus import WatchedBus

NO_LIBRARY: Final = "metrics need one more library: pip install 'saga-coordination[metrics]'\n"


def telemetry(*, is_counting: bool) -> Telemetry:
    """The telemetry of a new process: it counts if `is_counting`, and traces if the application has set a tracer provider."""
    return Telemetry(Metrics() if is_counting else SILENT.meter, present_tracer())


def watch(bus: Bus | None, watched: Telemetry) -> Bus | None:
    """Wraps the bus of a process so that its lag is measured, if the process counts."""
    return bus if bus is None or not isinstance(watched.meter, Metrics) else WatchedBus(bus, watched.meter)


def set_clock(bus: Bus | None, process: Process) -> None:
    """Measures lags on the store's clock, now that there is a process that knows it."""
    if isinstance(bus, WatchedBus):
        bus.now = process.store_clock.now


@asynccontextmanager
async def observed(
    process: Process, supervisor: Supervisor | None, host: str, port: int
) -> AsyncIterator[tuple[str, int]]:
    """Serves /livez, /readyz and /metrics until the block ends; yields the address.

    Raises:
        UsageError: the address is not available.
    """
    async with health_pages(process, supervisor) as pages, Endpoint(pages).listening(host, port) as address:
        yield address


@asynccontextmanager
async def health_pages(process: Process, supervisor: Supervisor | None = None) -> AsyncIterator[dict[str, Page]]:
    """The pages /livez, /readyz and /metrics by path. What they report is measured until the block ends."""
    meter = process.telemetry.meter
    metrics = meter if isinstance(meter, Metrics) else Metrics()  # which then has the lag of the event loop only
    pulse = Pulse(process.clock, metrics)
    loops: list[Callable[[], Coroutine[None, None, None]]] = [pulse.run]
    if supervisor is not None:
        loops.append(Surveyor(process.listing, supervisor, metrics, process.clock).run)
    health = Health(process, pulse, supervisor)

    async def live() -> Answer:
        return _health_answer(health.liveness())

    async def ready() -> Answer:
        return _health_answer(await health.readiness())

    tasks = [process.background.start(loop) for loop in loops]
    try:
        yield {"/livez": live, "/readyz": ready, "/metrics": _metrics_page(metrics, process, supervisor)}
    finally:
        await process.background.cancel(tasks)


def _health_answer(report: HealthReport) -> Answer:
    status = HTTPStatus.OK if report.is_good else HTTPStatus.SERVICE_UNAVAILABLE
    return json_answer(status, {"ok": report.is_good, **report.findings})


def _metrics_page(metrics: Metrics, process: Process, supervisor: Supervisor | None) -> Page:
    try:
        from saga.telemetry import exposition  # noqa: PLC0415 (an extra)
    except ImportError:
        return _no_library
    shown = exposition.Exposition(exposition.SagaCollector(metrics, process, supervisor))

    async def page() -> Answer:
        return Answer(HTTPStatus.OK, shown.text(), exposition.CONTENT_TYPE)

    return page


async def _no_library() -> Answer:
    return Answer(HTTPStatus.NOT_IMPLEMENTED, NO_LIBRARY.encode())
