"""Seeds that found a fault which no other seed had shown. Each breaks without its fix; one that no longer does is removed."""

from __future__ import annotations

import pytest

from tests.simulation.runs import failures_in_words, run_part

FOUND = {
    2196: "a claim that was fetched before the answer that made it waited twice for room, and was run twice",
    3829: "a join was met by the first of two outcomes in one write, and a condition read the step of the second one",
    10938: "outcomes of two claims of a step came together, and its command was dropped with the quiet time on it",
    22438: "the same",
    1_000_055: "a process that was suspended read an old heartbeat as new, and took a leader that was away for one that is seen",
    41714: "an older claim's report came together with the rollback that drives a set-aside step again, and took the command's place",
}


@pytest.mark.parametrize("seed", FOUND)
def test_a_fault_that_was_found_stays_fixed(seed: int) -> None:
    _, failed = run_part([seed])

    assert not failed, failures_in_words(failed)
