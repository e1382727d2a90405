"""Values of the nodes of a text. A value of another form than its word has is refused with its place."""

from __future__ import annotations

import json
from typing import Any, Final

import yaml

from saga.authoring.text.scalars import UnclearScalarError, scalar_value
from saga.authoring.text.source import Source
from saga.authoring.text.words import Form, Words
from saga.core.definition.json_value import Json
from saga.core.nearest import did_you_mean
from saga.errors import DefinitionError

_SHOWN_MAX: Final = 60


class Nodes:
    """Reads the nodes of one text. Every method raises DefinitionError, with the place of the node."""

    def __init__(self, source: Source) -> None:
        self._source = source

    def parts(self, node: yaml.Node, what: str, words: Words) -> dict[str, yaml.Node]:
        """The parts of a mapping by their words, of which none is unknown and none that is required is missing."""
        found = self.mapping(node, what)
        for name, (key, _) in found.items():
            if name not in words:
                remedy = f"{did_you_mean(name, words)} The words are: {', '.join(words)}.".strip()
                raise self._source.refused(key, f"{name!r:.60} is not a word of {what}.", remedy)
        for name, word in words.items():
            if word.is_required and name not in found:
                raise self._source.refused(node, f"{name}: is missing in {what}.", f"Write {word.form.words}.")
        return {name: value for name, (_, value) in found.items()}

    def names(self, node: yaml.Node, what: str) -> tuple[str, ...]:
        """The words of a mapping."""
        return tuple(self.mapping(node, what))

    def entries(self, node: yaml.Node, form: Form) -> list[yaml.Node]:
        """The entries of a list."""
        if not isinstance(node, yaml.SequenceNode):
            raise self._misfit(node, form)
        entries: list[yaml.Node] = node.value
        return entries

    def of_form(self, node: yaml.Node, form: Form) -> Any:
        """The JSON value of a node, which must have this form."""
        kinds = {yaml.SequenceNode: list, yaml.MappingNode: dict}
        kind = next((made for each, made in kinds.items() if isinstance(node, each)), None)
        if kind is not None and kind not in form.kinds:
            raise self._misfit(node, form)
        value = self.value(node)
        if not form.fits(value):
            raise self._misfit(node, form)
        return value

    def value(self, node: yaml.Node) -> Json:
        """The JSON value of a node."""
        if isinstance(node, yaml.SequenceNode):
            return [self.value(entry) for entry in node.value]
        if isinstance(node, yaml.MappingNode):
            return {self.key(key): self.value(entry) for key, entry in node.value}
        return self.scalar(node)

    def scalar(self, node: yaml.Node) -> Json:
        """The JSON value of a scalar."""
        try:
            return scalar_value(node.value, is_plain=isinstance(node, yaml.ScalarNode) and node.style is None)
        except UnclearScalarError as unclear:
            raise self._source.refused(node, f"{unclear}.", "Put quotes around a text.") from None

    def key(self, node: yaml.Node) -> str:
        """The text of a key."""
        key = self.scalar(node)
        if not isinstance(key, str):
            raise self._source.refused(node, f"The key {node.value!r:.60} is not a text.", "Put quotes around it.")
        return key

    def mapping(self, node: yaml.Node, what: str) -> dict[str, tuple[yaml.Node, yaml.Node]]:
        """The keys of a mapping, each with its node and that of its value."""
        if not isinstance(node, yaml.MappingNode):
            raise self._source.refused(node, f"This is {self._shown(node)}, not {what}.", "Write lines of word: value.")
        return {self.key(key): (key, value) for key, value in node.value}

    def _misfit(self, node: yaml.Node, form: Form) -> DefinitionError:
        return self._source.refused(node, f"This is {self._shown(node)}.", f"Write {form.words}.")

    def _shown(self, node: yaml.Node) -> str:
        if isinstance(node, yaml.SequenceNode):
            return "a list"
        if isinstance(node, yaml.MappingNode):
            return "an object"
        return json.dumps(self.scalar(node), ensure_ascii=False)[:_SHOWN_MAX]
