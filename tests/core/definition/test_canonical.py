from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saga.core.definition.difference import difference
from saga.core.definition.graph import Graph, graph_from_document, graph_from_json
from saga.core.definition.json_value import Json
from saga.core.definition.outline import freeze
from saga.core.definition.paths import input_path, output_path
from saga.core.definition.step import Call
from saga.core.state.mode import Mode
from saga.errors import DefinitionError
from tests.core.samples import contracts, graphs, outline, plain, policies, step, templates

GOLDEN = Path(__file__).parents[1] / "golden" / "order.json"


def order() -> Graph:
    written = outline(
        step("reserve"),
        replace(step("charge", "reserve"), inputs={"cents": input_path(("cents",)), "$$": 1.5}),
        replace(step("ship", "charge"), pivot=True),
        replace(
            step("told", "ship"), retriable=True, inputs=[output_path("ship", ()), output_path("reserve", ("id",))]
        ),
    )
    written = replace(written, returns=output_path("ship", ()))
    return freeze(written, contracts(written, plain("ship"), plain("told")))


def shuffled(value: Json) -> Json:
    """The same document with the keys of its objects in another order."""
    if isinstance(value, list):
        return [shuffled(entry) for entry in value]
    if isinstance(value, dict):
        return {key: shuffled(value[key]) for key in reversed(value)}
    return value


def test_the_canonical_form_is_that_of_the_golden_file() -> None:
    """A difference here gives every registered definition another hash: it needs another FORMAT and a migration."""
    assert order().canonical == GOLDEN.read_bytes().rstrip(b"\n")


def test_the_hash_is_the_golden_one() -> None:
    assert order().hash.hex() == "656222798fa84c848609b4565edb8002e03c7732fde7518ec1d27bed80bc5c99"


def test_a_format_of_a_newer_saga_is_refused() -> None:
    document = json.loads(order().canonical) | {"format": 4}

    with pytest.raises(ValueError, match="a newer Saga wrote it"):
        graph_from_document(document)


def test_a_definition_that_format_1_can_express_is_written_in_format_1() -> None:
    document = json.loads(order().canonical)
    explicit = {"kind": "call", "successes": 0, "condition": None, "handled": False, "optional": False}
    in_format_2 = document | {"format": 2, "steps": [step | explicit for step in document["steps"]]}

    assert document["format"] == 1
    assert graph_from_document(in_format_2) == order()
    assert graph_from_document(in_format_2).canonical == order().canonical


@pytest.mark.parametrize(("field", "value"), [("kind", "timer"), ("join", "any"), ("condition", ["input.total > 5"])])
def test_a_kind_or_field_of_a_later_build_is_refused(field: str, value: Json) -> None:
    document = json.loads(order().canonical) | {"format": 2}
    document["steps"][0][field] = value

    with pytest.raises(DefinitionError, match="not a definition"):
        graph_from_json(json.dumps(document))


@pytest.mark.parametrize("field", ["kind", "successes", "condition", "handled", "optional", "colour"])
def test_format_1_has_no_other_fields(field: str) -> None:
    document = json.loads(order().canonical)
    document["steps"][0][field] = None

    with pytest.raises(DefinitionError, match=field):
        graph_from_json(json.dumps(document))


def test_the_schema_of_the_input_does_not_affect_the_identity() -> None:
    with_schema = replace(order(), input_schema={"type": "object"})

    assert with_schema.hash == order().hash
    assert with_schema == order()


def test_steps_are_frozen_with_predecessors_first_and_else_as_written() -> None:
    written = outline(step("d", "c"), step("a"), step("c", "a"), step("b"))

    graph = freeze(written, contracts(written))

    assert [frozen.name for frozen in graph.steps] == ["a", "c", "d", "b"]
    assert [frozen.after for frozen in graph.steps] == [(), (0,), (1,), ()]


def test_the_order_in_which_predecessors_are_named_does_not_matter() -> None:
    one = outline(step("a"), step("b"), step("c", "a", "b"))
    other = outline(step("a"), step("b"), step("c", "b", "a", "b"))

    assert freeze(one, contracts(one)).hash == freeze(other, contracts(other)).hash


def test_reads_are_the_positions_of_the_steps_that_the_inputs_need() -> None:
    assert [frozen.reads for frozen in order().steps] == [(), (), (), (0, 2)]


@given(graphs())
def test_a_graph_is_rebuilt_from_its_canonical_form(graph: Graph) -> None:
    rebuilt = graph_from_document(json.loads(graph.canonical))

    assert rebuilt == graph
    assert rebuilt.hash == graph.hash


@given(graphs())
def test_the_hash_does_not_depend_on_the_order_of_keys(graph: Graph) -> None:
    assert graph_from_document(shuffled(json.loads(graph.canonical))).hash == graph.hash


@given(graphs(), graphs())
def test_graphs_differ_in_words_exactly_if_their_hashes_differ(one: Graph, other: Graph) -> None:
    assert bool(difference(one, other)) == (one.hash != other.hash)


@given(graphs(), st.data())
def test_a_change_of_one_step_is_described_in_words(graph: Graph, data: st.DataObject) -> None:
    fields = {
        "mode": st.sampled_from(Mode),
        "pivot": st.booleans(),
        "timeout_ms": st.integers(1, 100),
        "retry": policies,
        "compensation_retry": policies,
        "inputs": templates(()),
    }
    field = data.draw(st.sampled_from(sorted(fields)))
    changed = replace(graph.steps[0], **{field: data.draw(fields[field])})
    other = replace(graph, steps=(changed, *graph.steps[1:]))

    assert len(difference(graph, other)) == (graph.hash != other.hash)


@given(graphs())
def test_the_downward_order_puts_successors_first(graph: Graph) -> None:
    places = {position: place for place, position in enumerate(graph.downward)}

    assert sorted(places) == list(range(len(graph.steps)))
    for position, frozen in enumerate(graph.steps):
        assert all(places[position] < places[before] for before in frozen.after)


def test_two_graphs_of_one_hash_have_no_difference() -> None:
    assert difference(order(), order()) == ()


def test_a_difference_names_what_was_and_what_is() -> None:
    old = order()
    reserve, charge, ship, told = old.steps
    assert isinstance(charge, Call)
    slower = replace(charge.retry, attempts=None, cap_ms=60_000, give_up_after_ms=3_600_000)
    new = replace(
        old,
        deadline_ms=None,
        returns=[output_path("ship", ("a b",)), {"x": "y"}],
        steps=(reserve, replace(charge, mode=Mode.JOURNALED, timeout_ms=90_000, retry=slower, inputs=None), ship, told),
    )

    assert difference(old, new) == (
        "deadline: 2m -> none",
        """returns: ship.output -> [ship.output['a b'], {"x": "y"}]""",
        "step charge: mode: external -> journaled",
        "step charge: timeout: 30s -> 1m30s",
        "step charge: retry: 5 attempts, 200ms x 2.0 up to 30s +-20 % -> no limit, 200ms x 2.0 up to 1m +-20 %, for 1h",
        """step charge: inputs: {"$$": 1.5, "cents": input.cents} -> the saga's input""",
    )


def test_a_difference_names_steps_that_came_and_went() -> None:
    old = freeze(written := outline(step("a"), step("b", "a"), step("c")), contracts(written))
    new = freeze(written := outline(step("c"), step("a"), step("d", "a")), contracts(written))

    assert difference(old, new) == (
        "step b: removed",
        "step d: added (shop.d)",
        "order of writing: a, c -> c, a",
    )


def test_a_difference_of_edges_names_the_steps() -> None:
    old = freeze(written := outline(step("a"), step("b", "a")), contracts(written))
    new = freeze(written := outline(step("a"), step("b")), contracts(written))

    assert difference(old, new) == ("step b: after: a -> nothing",)
