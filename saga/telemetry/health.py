"""Whether a process lives, and whether it is ready: what a probe asks, and what it is told."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Final

from saga.errors import SagaError
from saga.runtime.process import Process
from saga.runtime.supervisor import Supervisor
from saga.telemetry.pulse import Pulse

PULSE_SECONDS_MAX: Final = 5.0  # without a beat the event loop is taken for hung
SILENCE_SECONDS_MAX: Final = 5.0  # without an answer to a heartbeat the store is taken for away
SCHEMA_SECONDS: Final = 30.0  # so often the store's schema is looked at again
CHECK_TIMEOUT_SECONDS: Final = 2.0


@dataclass(frozen=True, slots=True)
class HealthReport:
    """An answer to a probe: `findings` says in words what was looked at."""

    is_good: bool
    findings: dict[str, str]


class Health:
    """Judges one process. Living does not depend on the store: restarting everybody heals no outage."""

    def __init__(self, process: Process, pulse: Pulse, supervisor: Supervisor | None) -> None:
        self._process = process
        self._pulse = pulse
        self._supervisor = supervisor
        self._looked_at = float("-inf")
        self._schema = "not looked at yet"
        self._is_schema_right = False

    def liveness(self) -> HealthReport:
        """The event loop turns, and every loop of the process is there."""
        is_turning = self._pulse.age_seconds < PULSE_SECONDS_MAX
        is_whole = self._process.is_running
        return HealthReport(
            is_turning and is_whole,
            {
                "event_loop": "turns" if is_turning else f"stood still for {self._pulse.age_seconds:.1f} s",
                "process": "runs" if is_whole else "a loop of it has ended",
            },
        )

    async def readiness(self) -> HealthReport:
        """The store answers, its schema is right, this process has joined, and its supervisor leads or stands by."""
        silent_seconds = self._process.silent_seconds
        is_reached = silent_seconds < SILENCE_SECONDS_MAX
        if is_reached:
            await self._look_at_schema()
        goods = [is_reached, is_reached and self._is_schema_right, self._process.is_joined]
        findings = {
            "store": "answers" if is_reached else f"has not answered for {silent_seconds:.0f} s",
            "schema": self._schema if is_reached else "cannot be looked at",
            "process": f"joined as {self._process.number}" if goods[2] else "is not joined",
        }
        if self._supervisor is not None:
            goods.append(self._supervisor.trouble is None)
            findings["supervisor"] = _standing(self._supervisor)
        return HealthReport(all(goods), findings)

    async def _look_at_schema(self) -> None:
        now = self._process.clock.monotonic()
        if self._is_schema_right and now - self._looked_at < SCHEMA_SECONDS:
            return
        try:
            async with asyncio.timeout(CHECK_TIMEOUT_SECONDS):
                await self._process.adapter.open()
        except SagaError as error:
            self._is_schema_right, self._schema = False, str(error)
        except TimeoutError:
            self._is_schema_right, self._schema = False, f"no answer in {CHECK_TIMEOUT_SECONDS:.0f} s"
        else:
            self._is_schema_right, self._schema, self._looked_at = True, "is right", now


def _standing(supervisor: Supervisor) -> str:
    if supervisor.trouble is not None:
        return f"cannot campaign: {supervisor.trouble}"
    return "stands by" if supervisor.term is None else f"leads, term {supervisor.term}"
