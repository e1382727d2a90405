"""Liveness and readiness of a process, for probes."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Final

from saga.errors import SagaError
from saga.logger import lost_lines
from saga.runtime.process import Process
from saga.runtime.supervisor import Supervisor
from saga.telemetry.pulse import Pulse

PULSE_SECONDS_MAX: Final = 5.0
"""After this long without a pulse the event loop counts as hung."""
SILENCE_SECONDS_MAX: Final = 5.0
"""After this long without an answer to a heartbeat the store counts as unreachable."""
SCHEMA_SECONDS: Final = 30.0
"""Pause between two checks of the store's schema."""
CHECK_TIMEOUT_SECONDS: Final = 2.0


@dataclass(frozen=True, slots=True)
class HealthReport:
    """The answer to a probe; `findings` describes each thing that was checked."""

    is_good: bool
    findings: dict[str, str]


class Health:
    """Checks one process. Liveness does not depend on the store: restarting processes does not repair an outage."""

    def __init__(self, process: Process, pulse: Pulse, supervisor: Supervisor | None) -> None:
        self._process = process
        self._pulse = pulse
        self._supervisor = supervisor
        self._schema_checked_at = float("-inf")
        self._schema = "not checked yet"
        self._is_schema_right = False

    def liveness(self) -> HealthReport:
        """Check that the event loop turns, that every background loop runs, and that no participant has only hung handlers.

        Only a restart ends handlers that hang in their threads.
        """
        is_turning = self._pulse.age_seconds < PULSE_SECONDS_MAX
        is_complete = self._process.background.is_running
        hung = self._process.services.hung()
        return HealthReport(
            is_turning and is_complete and not hung,
            {
                "event_loop": "turns" if is_turning else f"stood still for {self._pulse.age_seconds:.1f} s",
                "process": "runs" if is_complete else "a loop of it has ended",
                "handlers": f"all of {', '.join(hung)} hang" if hung else "run",
            },
        )

    async def readiness(self) -> HealthReport:
        """Check the store, its schema, the membership of this process, its background loops, its log, and its supervisor."""
        silent_seconds = self._process.silent_seconds
        trouble = self._process.store_trouble
        if trouble is None and silent_seconds >= SILENCE_SECONDS_MAX:
            trouble = f"has not answered for {silent_seconds:.0f} s"
        is_reached = trouble is None
        if is_reached:
            await self._check_schema()
        is_joined, troubles = self._process.is_joined, self._process.background.troubles()
        checks = [is_reached, is_reached and self._is_schema_right, is_joined, not troubles]
        findings = {
            "store": trouble or "answers",
            "schema": self._schema if is_reached else "cannot be checked",
            "process": f"joined as {self._process.number}" if is_joined else "is not joined",
        }
        if troubles:
            findings["loops"] = "; ".join(troubles)
        if (lost := lost_lines()) is not None:
            checks.append(False)
            findings["log"] = lost
        if self._supervisor is not None:
            checks.append(self._supervisor.trouble is None)
            findings["supervisor"] = _supervisor_state(self._supervisor)
        return HealthReport(all(checks), findings)

    async def _check_schema(self) -> None:
        now = self._process.clock.monotonic()
        if self._is_schema_right and now - self._schema_checked_at < SCHEMA_SECONDS:
            return
        try:
            async with asyncio.timeout(CHECK_TIMEOUT_SECONDS):
                await self._process.adapter.open()
        except SagaError as error:
            self._is_schema_right, self._schema = False, str(error)
        except TimeoutError:
            self._is_schema_right, self._schema = False, f"no answer in {CHECK_TIMEOUT_SECONDS:.0f} s"
        else:
            self._is_schema_right, self._schema, self._schema_checked_at = True, "is right", now


def _supervisor_state(supervisor: Supervisor) -> str:
    if supervisor.trouble is not None:
        return f"cannot campaign: {supervisor.trouble}"
    return "stands by" if supervisor.term is None else f"leads, term {supervisor.term}"
