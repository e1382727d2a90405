from __future__ import annotations

from hypothesis import given

from saga.core.definition.ordering import ordering
from tests.core.samples import (
    edges,
)


@given(edges)
def test_the_order_puts_predecessors_first(after: list[list[int]]) -> None:
    sequence = ordering(after).sequence

    for place, node in enumerate(sequence):
        assert set(after[node]) <= set(sequence[:place])


@given(edges)
def test_there_is_a_cycle_exactly_if_something_cannot_be_ordered(after: list[list[int]]) -> None:
    order = ordering(after)

    assert bool(order.cycles) == (len(order.sequence) < len(after))


@given(edges)
def test_every_cycle_follows_the_edges(after: list[list[int]]) -> None:
    for cycle in ordering(after).cycles:
        for node, following in zip(cycle, (*cycle[1:], cycle[0]), strict=True):
            assert node in after[following]


@given(edges)
def test_being_before_is_transitive_and_never_of_itself(after: list[list[int]]) -> None:
    order = ordering(after)
    pairs = {(a, b) for a in order.sequence for b in order.sequence if order.is_before(a, b)}

    assert all((a, d) in pairs for a, b in pairs for c, d in pairs if b == c)
    assert all(a != b for a, b in pairs)
