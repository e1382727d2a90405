"""Every guard of the protocol is needed: without it, the explorer finds a way to break an invariant."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.protocol.case import Case, Part
from tests.protocol.catalog import PARTS
from tests.protocol.commands.replaced import PRODUCTION
from tests.protocol.explorer import explore
from tests.protocol.schedules.rules import RULES, TESTS
from tests.protocol.waiting import WAITING

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


@pytest.mark.parametrize(("part", "case"), [(part, case) for part, case in CASES if case.guard != "G73"], ids=named)
def test_the_same_configuration_holds_with_the_guard(part: Part, case: Case) -> None:
    """G73 is a rule about definitions: its configuration has a child that no guard at run time can save."""
    config = replace(case.config, without="")
    result = explore(part.make(replace(config, mutant=PRODUCTION) if hasattr(config, "mutant") else config))

    assert not result.violation, result.story()


def test_every_guard_has_its_case() -> None:
    numbers = {case.guard for _, case in CASES}

    assert numbers == {f"G{number}" for number in (*range(1, 95), *range(111, 117), 135, 136)}


def test_the_guards_of_schedules_have_rules_and_tests() -> None:
    root = Path(__file__).parents[2]
    written = "".join(
        path.read_text(encoding="utf-8")
        for folder in (TESTS, "tests/core/schedule")
        for path in sorted((root / folder).glob("test_*.py"))
    )

    assert list(RULES) == [f"G{number}" for number in range(111, 117)]
    assert [test for _, test in RULES.values() if f"def test_{test}(" not in written] == []


def test_the_guards_that_wait_for_their_code_have_rules() -> None:
    assert list(WAITING) == [f"G{number}" for number in range(47, 95)]
