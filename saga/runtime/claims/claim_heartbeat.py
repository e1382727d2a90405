"""Renews one claim when its handler calls `ctx.heartbeat()`."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Final

from pydantic_core import to_json

from saga.core.definition.json_value import Json
from saga.core.text import named
from saga.errors import SagaError, UsageError
from saga.logger import Logger, get_logger
from saga.ports.clock import Clock
from saga.ports.store import Store
from saga.ports.values.claim import Claim
from saga.runtime.definition_cache import DefinitionCache
from saga.runtime.handlers.time_limit import stop
from saga.runtime.identity import ProcessIdentity

PROGRESS_BYTES_MAX: Final = 64 * 1024
"""Bytes of the progress that a heartbeat notes, as JSON."""


@dataclass(frozen=True, slots=True)
class ClaimHeartbeat:
    """Renews claims for their handlers, and cancels the handler of a claim that is lost."""

    store: Store
    clock: Clock
    identity: ProcessIdentity
    definitions: DefinitionCache
    lease_seconds: float
    _log: Logger = field(default_factory=lambda: get_logger("saga.participant"))

    async def send(self, claim: Claim, task: asyncio.Task[None] | None, progress: Json) -> None:
        """Renews the lease and notes the progress.

        Raises:
            UsageError: the progress is not JSON, or too large.
            asyncio.CancelledError: the claim is lost; `task` is cancelled too.
        """
        note = None if progress is None else _encoded(progress)
        asked_at = self.clock.monotonic()
        try:
            lost = await self.store.extend([claim], process=self.identity.number, progress=note)
        except SagaError as error:  # no reason to stop: the outcome is retried until the store is back
            self._log.warning("heartbeat not stored", **self.definitions.described(claim), error=str(error))
            return
        if not lost:
            claim.lease_ends = asked_at + self.lease_seconds
            return
        self._log.info("step no longer wanted, stopping", **self.definitions.described(claim))
        if task is not None:
            stop(task)
        await asyncio.sleep(0)
        raise asyncio.CancelledError


def _encoded(progress: Json) -> bytes:
    try:
        note = to_json(progress)
    except Exception as error:
        reason = named(error)
        raise UsageError(
            f"ctx.heartbeat: the progress cannot be written as JSON ({reason}): note plain values"
        ) from error
    if len(note) > PROGRESS_BYTES_MAX:
        raise UsageError(
            f"ctx.heartbeat: the progress has {len(note):,} bytes, more than {PROGRESS_BYTES_MAX:,}: "
            "store it elsewhere and note its address"
        )
    return note
