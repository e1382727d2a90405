"""Builds a definition from YAML or JSON, with the calls that an author writes in Python. Every error has its line and column."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import Any, Final, TypeAlias

import yaml

from saga.authoring.condition import condition_in
from saga.authoring.input_type import JsonSchema
from saga.authoring.path import Path
from saga.authoring.retry import Retry
from saga.authoring.step_handle import After, AtLeast, StepHandle
from saga.authoring.text.expressions import PATH_REMEDY, ExpressionError, value_of
from saga.authoring.text.nodes import Nodes
from saga.authoring.text.source import Source, located_error
from saga.authoring.text.words import (
    ANY_OF_WORDS,
    AT_LEAST_WORDS,
    CONDITION,
    DEFINITION_WORDS,
    DURATION,
    KINDS,
    NAME,
    NAMES,
    ONE_STEP,
    RETRY,
    RETRY_WORDS,
    TEMPLATES,
    Word,
)
from saga.core.check.branches import CONDITION_REMEDY, condition_reason
from saga.core.check.finding import Code, error
from saga.core.condition.condition import condition_fault, stated, steps_read
from saga.core.condition.paths_read import flags_of, paths_read
from saga.core.definition.graph import DEFINITION_BYTES_MAX
from saga.core.definition.json_value import Json
from saga.core.definition.paths import REASON, TEMPLATE_DEPTH_MAX, Segments, value_fault
from saga.core.definition.schema_faults import schema_faults
from saga.core.duration import duration_ms
from saga.core.nearest import did_you_mean
from saga.errors import UsageError
from saga.yaml_guard import YamlFault, YamlLimits, composed, decoded

LIMITS: Final = YamlLimits(2 * DEFINITION_BYTES_MAX, TEMPLATE_DEPTH_MAX + 16)
"""A text may be twice as long as the stored form, for comments and indentation."""
_HANDLER_REMEDY: Final = "Begin each step with step: service.handler, or with check:, wait:, timer: or cancel_on:."


Builder: TypeAlias = Any  # a `saga.Definition`: its module imports this one


def read(make: Callable[..., Builder], data: str | bytes, file: str | None) -> tuple[Builder, Source]:
    """Reads a definition; `make` is `saga.Definition`.

    Raises:
        DefinitionError: the text is not a definition; the message has its line and column.
    """
    source = Source("", file)
    try:
        text = decoded(data, LIMITS)
        root = composed(text, LIMITS)
    except YamlFault as fault:
        place = source.where(fault.line, fault.column)
        raise located_error(place, error(Code.TEXT_INVALID, "", f"It {fault.reason}.", fault.remedy)) from None
    source = Source(data if isinstance(data, str) else data.decode(), file)
    if root is None:
        reason, remedy = "It is empty.", "Write name: and steps:."
        raise located_error(source.where(0, 0), error(Code.TEXT_INVALID, "", reason, remedy))
    return _Reader(make, source).definition(root), source


class _Reader:
    def __init__(self, make: Callable[..., Builder], source: Source) -> None:
        self._make = make
        self._source = source
        self._nodes = Nodes(source)
        self._definition: Builder = None
        self._handles: dict[str, StepHandle] = {}
        self._events: dict[str, JsonSchema] = {}

    def definition(self, root: yaml.Node) -> Builder:
        parts = self._nodes.parts(root, "a definition", DEFINITION_WORDS)
        given: dict[str, object] = {
            name: self._value(parts[name], DEFINITION_WORDS[name])
            for name in ("name", "version", "deadline", "compensation_budget")
            if name in parts
        }
        if "input" in parts:
            given["input"] = self._schema(parts["input"])
        events = self._nodes.mapping(parts["events"], "the events") if "events" in parts else {}
        self._events = {name: self._schema(schema) for name, (_, schema) in events.items()}
        with self._source.at(parts["name"]):
            self._definition = self._make(**given)
        title = str(self._definition)
        self._source.places[title] = self._source.of(root)
        for node in self._nodes.entries(parts["steps"], DEFINITION_WORDS["steps"].form):
            self._step(title, node)
        for name, (key, _) in events.items():
            if name not in self._definition.event_names:
                reason = f"No step waits for the event {name:.60}."
                raise self._source.refused(key, reason, "Remove it, or add a step with wait: and its name.")
        if "returns" in parts:
            self._source.places[f"{title}, returns"] = self._source.of(parts["returns"])
            value = self._template(parts["returns"])
            with self._source.at(parts["returns"]):
                self._definition.returns(value)
        return self._definition

    def _schema(self, node: yaml.Node) -> JsonSchema:
        schema = self._nodes.of_form(node, DEFINITION_WORDS["input"].form)
        for fault in schema_faults(schema):
            raise self._source.refused(node, f"This is not a JSON Schema: {fault}.", "Correct this part.")
        return JsonSchema(schema)

    def _step(self, title: str, node: yaml.Node) -> None:
        kind = self._kind(node)
        words = KINDS[kind]
        parts = self._nodes.parts(node, f"a {kind}", words)
        given = {name: self._value(part, words[name]) for name, part in parts.items() if name not in TEMPLATES}
        given |= {name: self._template(parts[name]) for name in TEMPLATES if name in parts}
        subject = given.pop(kind)
        if kind == "wait":
            subject = self._types(parts[kind])
        elif kind == "cancel_on":
            given["type"] = self._events.get(subject)
        with self._source.at(node):
            getattr(self._definition, kind)(subject, **given)
        for handle in self._definition.steps[len(self._handles) :]:
            self._handles[handle.name] = handle
            place = f"{title}, step {handle.name}"
            self._source.places[place] = self._source.of(node)
            self._source.places.update({f"{place}, {name}": self._source.of(part) for name, part in parts.items()})

    def _types(self, node: yaml.Node) -> dict[str, JsonSchema | None]:
        """The type of each event that a wait names."""
        nodes = node.value if isinstance(node, yaml.SequenceNode) else [node]
        names = [self._nodes.of_form(each, NAME) for each in nodes]
        return {name: self._events.get(name) for name in names}

    def _kind(self, node: yaml.Node) -> str:
        """The kind of a step, which one of its words says."""
        names = self._nodes.names(node, "a step")
        found = [kind for kind in KINDS if kind in names]
        if len(found) == 1:
            return found[0]
        reason = f"This step says {' and '.join(found)}." if found else "This step does not say what it calls."
        raise self._source.refused(node, reason, _HANDLER_REMEDY)

    def _value(self, node: yaml.Node, word: Word) -> Any:
        """The value of a word, as the calls in Python take it."""
        value = self._nodes.of_form(node, word.form)
        if word.form is CONDITION:
            self._check_condition(node, value)
        elif word.form is DURATION:
            self._check_duration(node, value)
        elif word.form is RETRY:
            return self._retry(node)
        elif word is _AFTER:
            return self._after(node)
        elif word.form is ONE_STEP:
            return self._named(node)
        return value

    def _retry(self, node: yaml.Node) -> Retry:
        parts = self._nodes.parts(node, "a retry policy", RETRY_WORDS)
        values = {name: self._value(part, RETRY_WORDS[name]) for name, part in parts.items()}
        with self._source.at(node):
            return Retry(**values)

    def _after(self, node: yaml.Node) -> After:
        if isinstance(node, yaml.ScalarNode):
            return self._named(node)
        if isinstance(node, yaml.SequenceNode):
            return [self._named(entry) for entry in node.value]
        names = self._nodes.names(node, "after")
        words = AT_LEAST_WORDS if "at_least" in names or "of" in names else ANY_OF_WORDS
        parts = self._nodes.parts(node, "after", words)
        successes = self._nodes.of_form(parts["at_least"], words["at_least"].form) if "at_least" in parts else 1
        if successes < 1:
            raise self._source.refused(node, f"at_least: {successes} waits for nothing.", "Write a number from 1.")
        listed = parts["of" if "of" in parts else "any_of"]
        return AtLeast(successes, tuple(map(self._named, self._nodes.entries(listed, NAMES))))

    def _named(self, node: yaml.Node) -> StepHandle:
        """The step that a text names."""
        name = node.value if isinstance(node, yaml.ScalarNode) else None
        if name in self._handles:
            return self._handles[name]
        raise self._source.refused(
            node, f"No step above this one is called {name or 'that'}.", self._known(name), _UNKNOWN
        )

    def _known(self, name: str | None) -> str:
        known = f"The steps above are: {', '.join(self._handles) or 'none'}."
        return f"{did_you_mean(name or '', self._handles)} {known}".strip()

    def _check_condition(self, node: yaml.Node, text: str) -> None:
        text = stated(text)
        fault = condition_fault(text)
        if fault is not None:
            raise self._source.refused(node, condition_reason(text, fault), CONDITION_REMEDY, Code.CONDITION_INVALID)
        for name in steps_read(text):
            if name not in self._handles:
                reason = f"The condition reads {name}, and no step above this one is called that."
                raise self._source.refused(node, reason, self._known(name), Code.READS_UNKNOWN)
        with self._source.at(node):
            for path in paths_read(text):
                if path[0] == "input":
                    self._input_path(path)
            for path in flags_of(text):
                if path[0] == "input":
                    condition_in(self._input_path(path))

    def _input_path(self, path: Segments) -> Path:
        """Returns the recorded path that these segments name. Raises DefinitionError if the input has no such field."""
        return reduce(Path.__getitem__, path[1:], self._path(None, ""))

    def _check_duration(self, node: yaml.Node, value: Any) -> None:
        try:
            duration_ms(value)
        except UsageError as error_:
            raise self._source.refused(node, str(error_), "", Code.TIME_INVALID) from None

    def _template(self, node: yaml.Node) -> object:
        """Values, with recorded paths where texts say so."""
        if isinstance(node, yaml.SequenceNode):
            return [self._template(entry) for entry in node.value]
        if isinstance(node, yaml.MappingNode):
            return {self._nodes.key(key): self._template(entry) for key, entry in node.value}
        value: Json = self._nodes.scalar(node)
        if not isinstance(value, str):
            return self._sound(node, value)
        try:
            with self._source.at(node):
                return self._sound(node, value_of(value, self._path))
        except ExpressionError as fault:
            raise self._source.refused(node, str(fault), fault.remedy, Code.TEMPLATE_INVALID) from None

    def _sound(self, node: yaml.Node, value: object) -> object:
        fault = None if isinstance(value, Path) else value_fault(value)
        if fault is not None:
            raise self._source.refused(node, f"Here, {fault}.", "Use values that JSON has.", Code.TEMPLATE_INVALID)
        return value

    def _path(self, step: str | None, word: str) -> Path:
        if step is None:
            found: Path = self._definition.input
            return found
        if step not in self._handles:
            raise ExpressionError(f"No step above this one is called {step}.", self._known(step) or PATH_REMEDY)
        handle = self._handles[step]
        return handle.reason if word == REASON else handle.output


_AFTER: Final = KINDS["step"]["after"]
_UNKNOWN: Final = Code.UNKNOWN_PREDECESSOR
