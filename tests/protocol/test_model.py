"""The production decisions hold in every interleaving of some configurations; SAGA_MODEL=whole explores all."""

from __future__ import annotations

import os

import pytest

from tests.protocol.commands.one_saga import OneSaga
from tests.protocol.commands.suites import CLOCKS, WHOLE
from tests.protocol.commands.world import Config
from tests.protocol.explorer import explore

# The number of worlds that the checker of the original protocol visits, with its own decisions. The same number here shows
# that production reaches the same worlds, not only that it breaks no invariant.
WORLDS = {
    "chain3 TTT pivot B": 16_271,
    "chain3 XXX pivot B": 39_794,
    "chain3 JJJ pivot C": 20_587,
    "chain4 XJXT pivot C skip B,C": 24_768,
    "par3 TTT": 63_384,
    "par3 XXX": 26_070,
    "par3 TXJ pivot B": 30_955,
    "diamond XXXX": 43_919,
    "diamond TTTT pivot D skip B": 27_992,
    "any JJJ pivot C": 35_376,
    "par3 XXX again pivot B": 27_825,
    "chain3 JJJ purge": 22_320,
    "par3 JXT pivot B abandon": 30_555,
    "chain3 XXX pivot B operator probe": 31_502,
    "chain3 TJX pivot A operator": 36_513,
}
OTHERS = {
    "chain4 JXJT pivot B skip A,B",
    "chain3 JJJ optimistic",
    "chain3 TTT claims lost",
    "chain3 TJX late",
    "chain3 XXX late",
    "chain3 XXX pivot B late",
    "chain3 JXJ pivot B pause",
    "par3 TXJ pivot B pause late",
    "chain3 TJX pause abandon",
    "chain3 TXT pivot A waive",
    "chain3 XXX pivot A waive",
}
IS_WHOLE = os.environ.get("SAGA_MODEL") == "whole"
CHOSEN = [config for config in WHOLE if IS_WHOLE or config.name in WORLDS or config.name in OTHERS]


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("config", CHOSEN, ids=lambda config: config.name)
def test_no_interleaving_breaks_an_invariant(config: Config) -> None:
    result = explore(OneSaga(config))

    assert not result.violation, result.story()
    assert result.states == WORLDS.get(config.name, result.states)


def test_every_chosen_configuration_exists() -> None:
    assert {*WORLDS, *OTHERS} <= {config.name for config in WHOLE}
    assert len({config.name for config in WHOLE}) == len(WHOLE)


def test_a_deadline_ends_every_saga_that_has_not_passed_its_pivot() -> None:
    late = next(config for config in CLOCKS if config.name == "chain3 XXX pivot B late")

    assert explore(OneSaga(late)).ends.keys() == {"D", "Z"}
