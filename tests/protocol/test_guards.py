"""Every guard of the protocol is needed: without it, the explorer finds a way to break an invariant."""

from __future__ import annotations

import pytest

from tests.protocol.explorer import explore
from tests.protocol.mutants import INSIDE, OUTSIDE, Case
from tests.protocol.suites import ASSUMPTIONS
from tests.protocol.world import Config


@pytest.mark.parametrize("case", INSIDE, ids=lambda case: case.config.name)
def test_a_decision_without_this_guard_breaks_an_invariant(case: Case) -> None:
    result = explore(case.config, case.mutant)

    assert result.invariant == case.invariant, result.story()


@pytest.mark.parametrize("case", INSIDE, ids=lambda case: case.config.name)
def test_the_same_configuration_holds_with_the_guard(case: Case) -> None:
    result = explore(case.config)

    assert not result.violation, result.story()


@pytest.mark.parametrize("case", OUTSIDE, ids=lambda case: case.config.name)
def test_a_shell_without_this_guard_breaks_an_invariant(case: Case) -> None:
    result = explore(case.config)

    assert result.invariant == case.invariant, result.story()


@pytest.mark.parametrize(("config", "invariants"), ASSUMPTIONS, ids=lambda value: getattr(value, "name", ""))
def test_what_the_protocol_assumes_is_needed(config: Config, invariants: set[str]) -> None:
    result = explore(config)

    assert result.invariant in invariants, result.story()


def test_every_guard_has_its_case() -> None:
    numbers = {case.guard for case in (*INSIDE, *OUTSIDE)}

    assert numbers == {f"G{number}" for number in (*range(1, 41), 135)}
