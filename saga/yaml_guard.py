"""Reads YAML safely: no deep nesting, aliases, tags or duplicate names, before any value is made of it."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, Protocol

import yaml

from saga.errors import UsageError

YAML_BYTES_MAX: Final = 8 * 1024
YAML_DEPTH_MAX: Final = 8
_REASON_CHARS_MAX: Final = 200
_BYTE_ORDER_MARK: Final = "\ufeff"


@dataclass(frozen=True, slots=True)
class YamlLimits:
    """The limits of a text: its bytes, and how deep it may be nested. The time of reading grows with their product."""

    bytes_max: int
    depth_max: int


SETTINGS_LIMITS: Final = YamlLimits(YAML_BYTES_MAX, YAML_DEPTH_MAX)


class Position(Protocol):
    """A place in a text, whose lines and columns count from 0."""

    line: int
    column: int


class YamlFault(Exception):
    """A text that cannot be read. `line` and `column` count from 1; 0 stands for the whole text. `remedy` may be empty."""

    def __init__(self, mark: Position | None, reason: str, remedy: str = "") -> None:
        super().__init__(reason)
        self.line: int = 0 if mark is None else mark.line + 1
        self.column: int = 0 if mark is None else mark.column + 1
        self.reason: str = reason
        self.remedy: str = remedy


def decoded(data: bytes | str, limits: YamlLimits) -> str:
    """Returns the text of a file, without its byte order mark.

    Raises:
        YamlFault: it is too long, or not UTF-8.
    """
    size = len(data) if isinstance(data, bytes) else len(data.encode("utf-8", "surrogatepass"))
    if size > limits.bytes_max:
        raise YamlFault(None, f"has {size:,} bytes, the maximum is {limits.bytes_max:,}")
    try:
        text = data.decode() if isinstance(data, bytes) else data
    except UnicodeDecodeError as error:
        raise YamlFault(None, f"is not UTF-8: byte {error.start + 1} cannot be read", "Save it as UTF-8.") from None
    return text.removeprefix(_BYTE_ORDER_MARK)


def composed(text: str, limits: YamlLimits) -> yaml.Node | None:
    """Returns the tree of a text, in which every node knows its line and column; None for an empty text.

    Raises:
        YamlFault: it is not YAML, or has a feature that is not accepted.
    """
    try:
        loader = _Guarded(_spaced(text), limits.depth_max)
        try:
            return loader.get_single_node()
        finally:
            loader.dispose()
    except yaml.reader.ReaderError as error:
        raise YamlFault(
            _mark_at(text, error.position), f"has the character {chr(error.character)!a}, which YAML does not take"
        ) from None
    except yaml.YAMLError as error:
        problem = getattr(error, "problem", None) or type(error).__name__
        raise YamlFault(getattr(error, "problem_mark", None), *_explained(error, problem)) from None


def parsed_yaml(data: bytes, place: str) -> dict[str, Any]:
    """Parses settings: a YAML mapping.

    Raises:
        UsageError: the data is not a mapping, or has a feature that settings do not need; names `place` and the line.
    """
    try:
        node = composed(decoded(data, SETTINGS_LIMITS), SETTINGS_LIMITS)
        loaded = None if node is None else yaml.constructor.SafeConstructor().construct_document(node)
    except YamlFault as fault:
        where = f", line {fault.line}" if fault.line else ""
        raise UsageError(f"{place}{where} cannot be read as YAML: it {fault.reason}. {fault.remedy}".rstrip()) from None
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        mark = getattr(error, "problem_mark", None)
        where = "" if mark is None else f", line {mark.line + 1}"
        problem = getattr(error, "problem", None) or type(error).__name__
        raise UsageError(f"{place}{where} cannot be read as YAML: {problem[:_REASON_CHARS_MAX]!a}") from None
    if loaded is not None and not isinstance(loaded, dict):
        raise UsageError(f"{place} has no settings: write lines of `name: value`")
    return {str(name): value for name, value in (loaded or {}).items()}


def _spaced(text: str) -> str:
    """JSON may be indented with tabs, which YAML does not take. No other tab is in a JSON text, so columns stay."""
    if "\t" in text and text.lstrip().startswith(("{", "[")):
        with suppress(ValueError, RecursionError):
            json.loads(text)
            return text.replace("\t", " ")
    return text


class _Guarded(yaml.SafeLoader):
    """Composes nodes, and stops at the first one that is not accepted: what is behind it is not even scanned."""

    def __init__(self, text: str, depth_max: int) -> None:
        super().__init__(text)
        self._depth_max = depth_max
        self._depth = 0

    def fetch_flow_collection_start(self, token: type[yaml.Token]) -> None:
        """Called for each [ and {. The scanner looks far ahead, and its time grows with the square of those that are open."""
        if self.flow_level >= self._depth_max:
            raise self._too_deep(self.get_mark())
        super().fetch_flow_collection_start(token)

    def _too_deep(self, mark: Position | None) -> YamlFault:
        return YamlFault(mark, f"is nested deeper than {self._depth_max} levels")

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event: yaml.Event = self.peek_event()  # type: ignore[no-untyped-call]
        if getattr(event, "anchor", None) is not None or isinstance(event, yaml.AliasEvent):
            raise YamlFault(event.start_mark, "has an anchor or alias, which are not accepted", _QUOTE.format("& or *"))
        if getattr(event, "tag", None) is not None:
            raise YamlFault(event.start_mark, "has a tag, which are not accepted", _QUOTE.format("!"))
        self._depth += isinstance(event, yaml.CollectionStartEvent)
        if self._depth > self._depth_max:
            raise self._too_deep(event.start_mark)
        node: yaml.Node | None = super().compose_node(parent, index)
        self._depth -= isinstance(event, yaml.CollectionStartEvent)
        if isinstance(node, yaml.MappingNode):
            _check_names(node)
        return node


def _check_names(node: yaml.MappingNode) -> None:
    names = set[str]()
    for key, _ in node.value:
        if not isinstance(key, yaml.ScalarNode):
            raise YamlFault(key.start_mark, "has a name that is not a text", "Put quotes around { } or [ ].")
        if key.value in names:
            raise YamlFault(key.start_mark, f"gives the name {key.value!r:.60} twice", "Remove one of the two.")
        names.add(key.value)


_QUOTE: Final = "Put quotes around a text that begins with {}."
_TAB: Final = "'\\t'"
_INSIDE: Final = "Put quotes around ${...} inside { } and [ ]."
_SIGNS: Final = "Put quotes around a text that has `: ` or ` #` in it, or begins with a sign or a quote."


def _explained(error: yaml.YAMLError, problem: str) -> tuple[str, str]:
    """The reason and the way out, for what people write by mistake."""
    mark = getattr(error, "problem_mark", None)
    before = "" if mark is None or mark.buffer is None else mark.buffer[max(mark.pointer - 2, 0) : mark.pointer + 1]
    if "another document" in problem:
        return "has several documents", "Write one document a file, and remove this ---."
    if _TAB in problem:
        return "has a tab where YAML wants spaces", "Indent with spaces."
    remedy = _INSIDE if "${" in before else _SIGNS
    return f"is not YAML here: {problem[:_REASON_CHARS_MAX]!a}", remedy


def _mark_at(text: str, position: int) -> Position:
    before = text[:position]
    line = before.count("\n")
    return yaml.Mark("", position, line, position - (before.rfind("\n") + 1), None, 0)
