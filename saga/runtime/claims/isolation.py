"""Runs the attempts that are suspected of killing their process alone, so that no other step dies with them."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Final

from saga.core.rules import events as ev
from saga.errors import SagaError
from saga.logger import Logger, get_logger
from saga.ports.clock import Clock
from saga.ports.store import Store
from saga.ports.values.claim import Claim
from saga.runtime.definition_cache import DefinitionCache
from saga.runtime.identity import ProcessIdentity
from saga.runtime.planning.commit_plan import Committed
from saga.runtime.planning.outcome import Outcome
from saga.runtime.steps.attempt import Attempt
from saga.runtime.steps.runner import StepRunner
from saga.runtime.timing.fair_gate import FairGate

SUSPECT_AFTER: Final = 5  # deliveries without an answer: then it runs alone
ISOLATED_ATTEMPTS_MAX: Final = 5  # isolated attempts without an answer: then it is quarantined as poison
ALONE_WITHIN_SECONDS: Final = 10.0  # how long a suspect may hold up later steps, while longer ones are running
ALONE_AGAIN_SECONDS: Final = 30.0


def is_suspect(claim: Claim) -> bool:
    """Returns whether it was delivered too often without an answer. It may be innocent: others ran when the processes died."""
    return claim.deliveries - claim.failures > SUSPECT_AFTER


def is_poison(claim: Claim) -> bool:
    """Returns whether too many isolated attempts had no answer. The delivery count alone never marks a step as poison."""
    return claim.isolated_attempts >= ISOLATED_ATTEMPTS_MAX


@dataclass(frozen=True, slots=True)
class Isolation:
    """Runs attempts side by side, and suspects alone."""

    store: Store
    clock: Clock
    identity: ProcessIdentity
    definitions: DefinitionCache
    lease_seconds: float
    _gate: FairGate = field(default_factory=FairGate)
    _log: Logger = field(default_factory=lambda: get_logger("saga.participant"))

    async def run(self, attempt: Attempt, runner: StepRunner) -> Outcome | Committed:
        """Runs the attempt when it may run."""
        if is_suspect(attempt.claim):
            return await self._run_alone(attempt, runner)
        if not self._gate.try_enter():
            await self._gate.enter()
        try:
            return await runner.run(attempt)
        finally:
            self._gate.leave()

    async def _run_alone(self, attempt: Attempt, runner: StepRunner) -> Outcome | Committed:
        claim = attempt.claim
        try:
            async with asyncio.timeout(ALONE_WITHIN_SECONDS):
                await self._gate.enter(alone=True)
        except TimeoutError:
            return Outcome(claim, ev.Ongoing(claim.step, ALONE_AGAIN_SECONDS), error="no moment yet to run it alone")
        try:
            return await self._run_counted(attempt, runner)
        finally:
            self._gate.leave()

    async def _run_counted(self, attempt: Attempt, runner: StepRunner) -> Outcome | Committed:
        """Counts the isolated attempt before it begins: if it kills the process, nobody can count it afterwards."""
        claim, asked_at = attempt.claim, self.clock.monotonic()
        self._log.warning("running alone after many deliveries without an answer", **self.definitions.described(claim))
        try:
            lost = await self.store.extend([claim], process=self.identity.number, isolated=True)
        except SagaError as error:
            return Outcome(claim, None, error=str(error))
        if lost:
            return Outcome(claim, None)
        claim.lease_ends = asked_at + self.lease_seconds
        claim.isolated_attempts += 1  # as the store has counted it
        found = await runner.run(attempt)
        claim.isolated_attempts = 0  # it has answered
        return found
