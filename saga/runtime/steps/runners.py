"""Makes the step runners of a process."""

from __future__ import annotations

from saga.ports.adapter import StoreAdapter
from saga.ports.journal import Journal
from saga.runtime.after_commit import AfterCommit
from saga.runtime.commit.gathering import Gathering
from saga.runtime.identity import ProcessIdentity
from saga.runtime.leader_watch import LeaderWatch
from saga.runtime.planning.planner import CommitPlanner
from saga.runtime.steps.completion import Completions
from saga.runtime.steps.engine import EngineRunner, Looks
from saga.runtime.steps.external import ExternalRunner
from saga.runtime.steps.journaled import JournaledRunner
from saga.runtime.steps.runner import StepRunner
from saga.runtime.steps.transactional import TransactionalRunner
from saga.runtime.telemetry import Telemetry
from saga.runtime.timing.store_clock import StoreClock


class StepRunners:
    """One runner for each mode, timed and traced as `telemetry` says."""

    def __init__(  # noqa: PLR0913, PLR0917 (wired in one place)
        self,
        adapter: StoreAdapter,
        clock: StoreClock,
        identity: ProcessIdentity,
        planner: CommitPlanner,
        after_commit: AfterCommit,
        telemetry: Telemetry,
        leaders: LeaderWatch,
    ) -> None:
        self._telemetry = telemetry
        self.transactional: StepRunner = self._watched(
            TransactionalRunner(adapter, clock, identity, planner, after_commit)
        )
        self.looks: Looks = Gathering(adapter.inbox.first)
        self.engine: EngineRunner = EngineRunner(self.looks, clock, leaders)
        completions = Completions(adapter.inbox, self.looks, clock, leaders)
        self.external: StepRunner = self._watched(ExternalRunner(clock, adapter.options.margin_seconds, completions))

    def journaled(self, journal: Journal) -> StepRunner:
        """The runner of journaled steps on this journal."""
        return self._watched(JournaledRunner(journal))

    def _watched(self, runner: StepRunner) -> StepRunner:
        return self._telemetry.tracer.around(self._telemetry.meter.around(runner))
