"""The meter: plain counters, updated where the work is done and formatted only when they are scraped.

A step costs one lookup, one addition and one bucket. The number of label values is limited: further ones count as `other`.
"""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from saga.core.definition.graph import Graph
from saga.core.ids import uuid7_ms
from saga.core.rules import events as ev
from saga.core.rules.history_kind import HistoryKind
from saga.core.rules.rollback import DEADLINE_PASSED
from saga.core.state.mode import Mode
from saga.core.state.operation import Operation
from saga.core.state.phase import Phase
from saga.ports.listing import Survey
from saga.runtime.planning.commit_plan import CommitPlan, Committed
from saga.runtime.planning.outcome import Outcome
from saga.runtime.planning.outcome_group import OutcomeGroup
from saga.runtime.redrive import UUID_TIMED
from saga.runtime.steps.attempt import Attempt
from saga.runtime.steps.runner import StepRunner
from saga.runtime.telemetry import Batch
from saga.telemetry import catalogue
from saga.telemetry.histogram import Histogram

DEFINITIONS_MAX: Final = 100
SERVICES_MAX: Final = 100
EVENTS_MAX: Final = 100
ATTEMPTS_MAX: Final = 5_000
"""Maximum number of separate counters, one for each step of a definition version and operation."""
OTHER: Final = "other"
GIVEN_BACK: Final = "given back"

_WORDS: Final[dict[type, str]] = {
    ev.Succeeded: "succeeded",
    ev.Rejected: "rejected",
    ev.Failed: "failed",
    ev.Ongoing: "ongoing",
    ev.Compensated: "compensated",
    ev.Reported: "reported",
    ev.Absent: "absent",
    type(None): GIVEN_BACK,
}
OPERATION_WORDS: Final = {
    Operation.EXECUTE: "execute",
    Operation.COMPENSATE: "compensate",
    Operation.VOID_OR_REPORT: "void",
}
OUTCOME_WORDS: Final = frozenset(_WORDS.values())
_CODES: Final = {operation.value: code for code, operation in enumerate(Operation)}


class Names:
    """Limits the values of a label: the first `limit` values are kept, every later one becomes `other`."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._known: set[str] = set()

    def bounded(self, name: str) -> str:
        if name in self._known:
            return name
        if len(self._known) >= self._limit:
            return OTHER
        self._known.add(name)
        return name


@dataclass(slots=True)
class Attempts:
    """Counts the outcomes and durations of the attempts at one step."""

    definition: str
    service: str
    operation: str
    outcomes: dict[type, int] = field(default_factory=lambda: dict.fromkeys(_WORDS, 0))
    seconds: Histogram = field(default_factory=lambda: Histogram(catalogue.FAST))


def _fast() -> Histogram:
    return Histogram(catalogue.FAST)


class Metrics:
    """Implements `saga.runtime.telemetry.Meter`. The counters are its attributes, keyed by label values."""

    def __init__(self) -> None:
        self.definition: Callable[[str], str] = Names(DEFINITIONS_MAX).bounded
        self.service: Callable[[str], str] = Names(SERVICES_MAX).bounded
        self.event: Callable[[str], str] = Names(EVENTS_MAX).bounded
        self.attempts: dict[int, Attempts] = {}
        self.started_sagas: Counter[str] = Counter()
        self.endings: defaultdict[tuple[str, str], Histogram] = defaultdict(lambda: Histogram(catalogue.SLOW))
        self.redrives: Counter[str] = Counter()
        self.rollbacks: Counter[tuple[str, str]] = Counter()
        self.quarantined: Counter[tuple[str, str]] = Counter()
        self.lateness: Histogram = _fast()
        self.wait_lateness: Histogram = _fast()
        self.released_claims: int = 0
        self.commit_sagas: defaultdict[str, Histogram] = defaultdict(lambda: Histogram(catalogue.SIZES))
        self.commit_seconds: defaultdict[str, Histogram] = defaultdict(_fast)
        self.bus_lag: defaultdict[str, Histogram] = defaultdict(_fast)
        self.loop_lag: Histogram = _fast()
        self.survey: Survey | None = None

    # -- a step ---------------------------------------------------------------------------------------------------------------

    def around(self, runner: StepRunner) -> StepRunner:
        return _MeasuredRunner(runner, self.count)

    def count(self, attempt: Attempt, found: Outcome | Committed, seconds: float) -> None:
        """Counts one attempt."""
        claim = attempt.claim
        key = (claim.definition << 18) | (claim.step << 2) | _CODES[claim.operation._value_]
        known = self.attempts.get(key)
        if known is None:
            known = self._known(key, attempt)
        outcome = found.group.outcomes[0] if type(found) is Committed else found
        known.outcomes[type(outcome.event)] += 1  # type: ignore[union-attr] # narrowed by the line before
        known.seconds.observe(seconds)

    def _known(self, key: int, attempt: Attempt) -> Attempts:
        operation = OPERATION_WORDS[attempt.claim.operation]
        definition = self.definition(attempt.graph.name)
        service = self.service(attempt.step.service)
        if len(self.attempts) >= ATTEMPTS_MAX:
            key, definition, service, operation = -1, OTHER, OTHER, OTHER
        return self.attempts.setdefault(key, Attempts(definition, service, operation))

    # -- a commit -------------------------------------------------------------------------------------------------------------

    def started(self, graph: Graph) -> None:
        self.started_sagas[self.definition(graph.name)] += 1

    def committed(self, group: OutcomeGroup, made: CommitPlan) -> None:
        after = made.decision.state
        if after.phase is not group.state.phase:
            self._count_phase(group, made)
        if len(made.decision.entries) > len(group.outcomes):
            self._count_quarantined(group, made)
        if group.extra:
            self._count_redrives(group, made)
        if not group.graph.is_static:
            self._observe_waits(group)

    def wrote(self, batch: Batch, sagas: int, seconds: float) -> None:
        if sagas:
            self.commit_sagas[batch].observe(sagas)
            self.commit_seconds[batch].observe(seconds)

    def released(self, claims: int) -> None:
        self.released_claims += claims

    def delivered(self, service: str, seconds: float) -> None:
        """Records the time from publication to delivery of a command on an outside bus."""
        self.bus_lag[self.service(service)].observe(max(seconds, 0.0))

    def _count_phase(self, group: OutcomeGroup, made: CommitPlan) -> None:
        definition, after = self.definition(group.graph.name), made.decision.state
        now = group.store_clock + time.monotonic()
        if group.state.phase is Phase.RUNNING and after.phase in (Phase.COMPENSATING, Phase.COMPENSATED):
            cause = _cause(group, after.reason)
            self.rollbacks[definition, cause] += 1
            if cause == "deadline" and group.state.deadline is not None:
                self.lateness.observe(max(now - group.state.deadline, 0.0))
        if made.is_ending:
            began = uuid7_ms(group.saga) / 1_000 if group.saga.version == UUID_TIMED else now
            self.endings[definition, after.phase.name.lower()].observe(max(now - began, 0.0))

    def _count_quarantined(self, group: OutcomeGroup, made: CommitPlan) -> None:
        for entry in made.decision.entries:
            if entry.kind == HistoryKind.QUARANTINED:
                service = self.service(group.graph.steps[entry.step].service)
                self.quarantined[self.definition(group.graph.name), service] += 1

    def _observe_waits(self, group: OutcomeGroup) -> None:
        """A timer has fired, or the time of a wait is over. An event that came in time is not late."""
        for outcome in group.outcomes:
            claim = outcome.claim
            is_over = outcome.consumes is None and isinstance(outcome.event, ev.Succeeded | ev.Rejected)
            if is_over and claim.until is not None and group.graph.steps[claim.step].mode is Mode.ENGINE:
                self.wait_lateness.observe(max(group.store_clock + time.monotonic() - claim.until, 0.0))

    def _count_redrives(self, group: OutcomeGroup, made: CommitPlan) -> None:
        if any(type(event) is ev.Redriven for event in group.extra) and made.decision.state.phase is group.state.phase:
            for command in made.decision.commands:
                self.redrives[self.service(group.graph.steps[command.step].service)] += 1


def word_of(kind: type) -> str:
    """The word for an outcome, by the class of its event."""
    return _WORDS[kind]


def _cause(group: OutcomeGroup, reason: str | None) -> str:
    """The cause of a rollback that begins with these outcomes."""
    if reason == DEADLINE_PASSED:
        return "deadline"
    kinds = {type(outcome.event) for outcome in group.outcomes}
    if ev.Failed in kinds:
        return "failed"
    if kinds & {ev.Rejected, ev.Absent, ev.Reported}:
        return "rejected"
    return "requested"


class _MeasuredRunner:
    """Counts and times each attempt."""

    __slots__ = ("_count", "_monotonic", "_run")

    def __init__(self, runner: StepRunner, count: Callable[[Attempt, Outcome | Committed, float], None]) -> None:
        self._run = runner.run
        self._count = count
        self._monotonic = time.monotonic

    async def run(self, attempt: Attempt) -> Outcome | Committed:
        began = self._monotonic()
        found = await self._run(attempt)
        self._count(attempt, found, self._monotonic() - began)
        return found
