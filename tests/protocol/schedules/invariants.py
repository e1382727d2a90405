"""The invariants of schedules.

D1: a moment is started once at most. D2: a moment that is over was started, or is recorded as missed. D3: where a moment is skipped
while the run before goes on, there are never two runs. D4: nothing is started by what was read before an edit or a pause.
"""

from __future__ import annotations

from tests.protocol.explorer import Violation
from tests.protocol.schedules.world import Config, World


def check(config: Config, before: World, after: World, label: str) -> None:
    """Raises Violation, which names the invariant."""
    started = [moment for _, moment in after.starts]
    for moment in started:
        if started.count(moment) > 1:
            raise Violation(f"D1 moment {moment} is started twice")
    if config.skips and after.running > 1:
        raise Violation("D3 there are two runs")
    if len(after.starts) > len(before.starts) and label.startswith("leader") and config.has("one_commit"):
        leader = before.leaders[int(label[7])]
        if before.paused or (leader is not None and leader.edition != before.edition):
            raise Violation("D4 it is started by what was read before the edit or the pause")
    for moment in range(1, after.next):
        is_coming = any(
            leader is not None and (leader.stage, leader.moment) == ("n", moment) for leader in after.leaders
        )
        if moment not in started and moment not in after.missed and not is_coming:
            raise Violation(f"D2 moment {moment} is neither started nor recorded as missed")
