"""Every invariant holds in every interleaving of some configurations; SAGA_MODEL=whole explores all."""

from __future__ import annotations

import os

import pytest

from tests.protocol.catalog import PARTS
from tests.protocol.commands.one_saga import OneSaga
from tests.protocol.commands.suites import CLOCKS
from tests.protocol.counts import OTHERS, STATES
from tests.protocol.explorer import explore

IS_WHOLE = os.environ.get("SAGA_MODEL") == "whole"
CONFIGS = {f"{part.name}: {config.name}": (part, config) for part in PARTS for config in part.configs}
CHOSEN = [name for name in CONFIGS if IS_WHOLE or name in STATES or name in OTHERS]


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", CHOSEN)
def test_no_interleaving_breaks_an_invariant(name: str) -> None:
    part, config = CONFIGS[name]
    result = explore(part.make(config))

    assert not result.violation, result.story()
    assert result.states == STATES.get(name, result.states)


def test_every_chosen_configuration_exists() -> None:
    assert {*STATES, *OTHERS} <= CONFIGS.keys()
    assert len(CONFIGS) == sum(len(part.configs) for part in PARTS)


def test_a_deadline_ends_every_saga_that_has_not_passed_its_pivot() -> None:
    late = next(config for config in CLOCKS if config.name == "chain3 XXX pivot B late")

    assert explore(OneSaga(late)).ends.keys() == {"D", "Z"}
