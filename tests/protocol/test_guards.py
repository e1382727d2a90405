"""Every guard of the protocol is needed: without it, the explorer finds a way to break an invariant."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.protocol.case import Case, Part
from tests.protocol.catalog import PARTS
from tests.protocol.commands.cases import INSIDE
from tests.protocol.commands.one_saga import OneSaga
from tests.protocol.commands.replaced import PRODUCTION
from tests.protocol.explorer import explore

CASES = [(part, case) for part in PARTS for case in part.cases]
WEAKER = [(part, case) for part in PARTS for case in part.weaker]


def named(value: Any) -> str:
    return value.name if isinstance(value, Part) else f"{value.guard} {value.config.name}"


@pytest.mark.parametrize(("part", "case"), CASES, ids=named)
def test_without_this_guard_an_invariant_breaks(part: Part, case: Case) -> None:
    result = explore(part.make(case.config))

    assert (result.invariant, len(result.trace)) == (case.invariant, case.steps), result.story()


@pytest.mark.parametrize(("part", "case"), WEAKER, ids=named)
def test_this_is_not_enough(part: Part, case: Case) -> None:
    result = explore(part.make(case.config))

    assert (result.invariant, len(result.trace)) == (case.invariant, case.steps), result.story()


@pytest.mark.parametrize("case", INSIDE, ids=lambda case: case.config.name)
def test_the_same_configuration_holds_with_the_guard(case: Case) -> None:
    result = explore(OneSaga(replace(case.config, mutant=PRODUCTION)))

    assert not result.violation, result.story()


def test_every_guard_has_its_case() -> None:
    numbers = {case.guard for _, case in CASES}

    assert numbers == {f"G{number}" for number in (*range(1, 41), *range(41, 89), 135)}
