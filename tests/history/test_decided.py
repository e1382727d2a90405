"""The checker agrees with whatever the core decides, and finds what was altered afterwards.

The core is not the checker's model: both follow the protocol, and here they are held against each other.
"""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from saga.ports.saga_history import Transition
from tests.history import alteration
from tests.history.alteration import Alteration, altered
from tests.history.decided import decided
from tests.history.handwritten import findings

unhurried = settings(deadline=None)  # the first condition loads the library
randoms = st.randoms(use_true_random=False)


@unhurried
@given(randoms)
def test_what_the_core_decides_keeps_the_rules(rng: Random) -> None:
    saga = decided(rng)

    assert findings(saga.graph, saga.chronicle()) == []


ALWAYS_FOUND = (
    alteration.drop_transition, alteration.double_transition, alteration.change_letter, alteration.change_phase,
)  # fmt: skip


@pytest.mark.parametrize("alter", ALWAYS_FOUND, ids=lambda alter: alter.__name__)
@unhurried
@given(randoms)
def test_what_was_altered_is_found(alter: Alteration, rng: Random) -> None:
    saga = decided(rng)
    recorded = saga.chronicle()
    notes = alter(rng, recorded)
    assume(notes is not None)
    assert notes is not None

    assert findings(saga.graph, altered(recorded, notes)) != []


@unhurried
@given(randoms)
def test_transitions_in_the_wrong_order_are_found_where_they_change_anything(rng: Random) -> None:
    """Two that leave phase and vector as they are may change places unseen."""
    saga = decided(rng)
    recorded = saga.chronicle()
    notes = alteration.swap_transitions(rng, recorded)
    assume(notes is not None and states(notes) != states(recorded.transitions))
    assert notes is not None

    assert findings(saga.graph, altered(recorded, notes)) != []


def states(notes: object) -> list[tuple[str, str | None]]:
    assert isinstance(notes, list)
    found = {note.version: (note.phase, note.vector) for note in notes if isinstance(note, Transition)}
    return [found[version] for version in sorted(found, key=lambda version: version or 0)]
