"""Checks YAML settings before they are loaded: no deep nesting, aliases, tags, or duplicate names."""

from __future__ import annotations

from itertools import accumulate
from typing import Any, Final

import yaml

from saga.errors import UsageError

YAML_BYTES_MAX: Final = 8 * 1024
YAML_DEPTH_MAX: Final = 8
BRACKETS_OPEN_MAX: Final = 64  # in the raw text, including quoted ones: the time of the scanner grows with their square


def parsed_yaml(data: bytes, place: str) -> dict[str, Any]:
    """Parses a YAML mapping.

    Raises:
        UsageError: the data is not a mapping, or has a feature that settings do not need; names `place` and the line.
    """
    if len(data) > YAML_BYTES_MAX:
        raise UsageError(f"{place} has {len(data)} bytes, the maximum is {YAML_BYTES_MAX}")
    try:
        text = data.decode()
        _check_events(text, place)
        loaded = yaml.load(text, Loader=_Unique)  # noqa: S506 (it is a SafeLoader)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        where = "" if mark is None else f", line {mark.line + 1}"
        problem = getattr(error, "problem", None) or type(error).__name__
        raise UsageError(f"{place}{where} cannot be read as YAML: {problem[:200]!a}") from None
    if loaded is not None and not isinstance(loaded, dict):
        raise UsageError(f"{place} has no settings: write lines of `name: value`")
    return {str(name): value for name, value in (loaded or {}).items()}


def _check_events(text: str, place: str) -> None:
    """Reads the parser's events one by one, and stops at the first that is not allowed."""
    if max(accumulate((letter in "[{") - (letter in "]}") for letter in text), default=0) > BRACKETS_OPEN_MAX:
        raise UsageError(f"{place} is nested deeper than {YAML_DEPTH_MAX} levels")
    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > YAML_DEPTH_MAX:
            raise UsageError(f"{place} is nested deeper than {YAML_DEPTH_MAX} levels")
        if getattr(event, "anchor", None) is not None or getattr(event, "tag", None) is not None:
            raise UsageError(f"{place}, line {_line(event)}: anchors, aliases and tags are not allowed")


def _line(event: yaml.Event) -> int:
    return 0 if event.start_mark is None else event.start_mark.line + 1


class _Unique(yaml.SafeLoader):
    """A loader that refuses duplicate names."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002
        names = {key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)}
        if len(names) < len(node.value):
            raise yaml.constructor.ConstructorError(
                None, None, "a name is given twice, or is not a text", node.start_mark
            )
        return super().construct_mapping(node, deep)
