"""A definition that is written as YAML or JSON is the same one when it is read: same outline, same hash."""

from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from saga import Definition
from saga.authoring.text.writing import stored_document, yaml_text
from saga.core.definition.contract import Contract
from saga.core.definition.graph import Graph
from saga.core.definition.outline import freeze
from tests.definitions.written import contracts, definitions


def _graph(definition: Definition, offered: dict[str, Contract]) -> Graph:
    return freeze(definition.outline(offered), offered)


@given(definitions(), contracts())
@settings(max_examples=25, deadline=None)
def test_yaml_is_read_back_as_the_same_definition(definition: Definition, offered: dict[str, Contract]) -> None:
    read = Definition.from_yaml(definition.to_yaml())

    assert read.outline() == definition.outline()
    assert _graph(read, offered).hash == _graph(definition, offered).hash
    assert read.document() == definition.document()


@given(definitions(), st.sampled_from([None, "\t", 2]))
@settings(max_examples=15, deadline=None)
def test_json_is_read_back_as_the_same_definition(definition: Definition, indent: str | int | None) -> None:
    read = Definition.from_yaml(json.dumps(definition.document(), indent=indent))

    assert read.outline() == definition.outline()


@given(definitions(), contracts())
@settings(max_examples=25, deadline=None)
def test_a_stored_definition_is_written_so_that_it_is_registered_as_the_same(
    definition: Definition, offered: dict[str, Contract]
) -> None:
    stored = _graph(definition, offered)
    read = Definition.from_yaml(yaml_text(stored_document(stored)))

    assert _graph(read, offered).hash == stored.hash
