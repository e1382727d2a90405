"""Removes from the schedule of a failing seed everything without which the same invariant still breaks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from tests.simulation.one_seed import run_seed
from tests.simulation.seeds.chance import Edits
from tests.simulation.seeds.plan import plan_of
from tests.simulation.worlds.world import Report

RUNS_MAX: Final = 400


class Shrinker:
    """Removes halves, then quarters, and so on down to single faults; sagas come first."""

    def __init__(self, report: Report) -> None:
        self.seed = report.seed
        self.violation = report.violation
        self.runs = 0
        self.edits = Edits()

    def shrink(self) -> Edits:
        """The largest edits found with which the seed still breaks the same invariant."""
        for saga in plan_of(self.seed).sagas:
            self._try(Edits(self.edits.faults, self.edits.sagas | {saga.number}))
        while self.runs < RUNS_MAX:
            before = self.edits
            self._without_parts(self._happening())
            if self.edits == before:
                break
        return self.edits

    def _without_parts(self, names: Sequence[str]) -> None:
        size = max(len(names) // 2, 1)
        while size >= 1:
            for at in range(0, len(names), size):
                part = frozenset(names[at : at + size])
                if not part <= self.edits.faults:
                    self._try(Edits(self.edits.faults | part, self.edits.sagas))
            size //= 2

    def _happening(self) -> list[str]:
        return [fault.name for fault in run_seed(self.seed, self.edits).injected]

    def _try(self, edits: Edits) -> None:
        if self.runs >= RUNS_MAX:
            return
        self.runs += 1
        if run_seed(self.seed, edits).violation == self.violation:
            self.edits = edits


def story(seed: int, edits: Edits) -> str:
    """Returns the events, one per line."""
    report = run_seed(seed, edits, telling=True)
    plan = plan_of(seed)
    lines = [f"seed {seed}: {report.violation} {report.text}", ""]
    for definition in plan.definitions:
        lines.append(f"definition {definition.name}, deadline {definition.deadline_ms} ms:")
        for step in definition.steps:
            after = ", ".join(definition.steps[before].name for before in step.after)
            words = [step.mode.name.lower()]
            words += [word for word in ("pivot", "retriable", "read_only", "probe") if getattr(step, word)]
            lines.append(f"  {step.name} ({', '.join(words)}) by {step.service}{f', after {after}' if after else ''}")
    for role in plan.roles:
        lines.append(
            f"machine {role.name}: {', '.join(role.services) or ('supervisor' if role.is_supervisor else 'client')}"
        )
    lines += ["over an outside bus" if plan.has_bus else "over the store's queue", ""]
    lines += [f"{at:9.3f} s  {line}" for at, line in report.story]
    return "\n".join(lines)
