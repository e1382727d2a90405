"""Recorded paths in the values of a text: `${input.sku}`, `${steps.charge.output.id}`, `${input.note or "none"}`.

A text is a path or a literal, never both. In a literal, `$${` stands for `${`, and any longer run of `$` before a `{` has one more.
A default behind `or` is another path, or JSON, whose texts may be paths again.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Final

from saga.authoring import condition
from saga.authoring.path import Path
from saga.core.definition.json_value import Json
from saga.core.definition.paths import DEFAULT_KEY, PATH_KEY, TEMPLATE_DEPTH_MAX, plain_key

FindPath = Callable[[str | None, str], Path]
"""Returns the path that begins in the input (None), or in a word of a step: `output` or `reason`. Raises ExpressionError."""

PATH_REMEDY: Final = (
    'Write ${input.field}, ${steps.name.output.list[0]["any key"]}, and a default as in ${input.note or "none"}.'
)
LITERAL_REMEDY: Final = "Put the path alone into the value, or write $${ for the characters ${."

_START: Final = re.compile(r"input(?!\w)|steps\.([A-Za-z_]\w*)\.(output|reason)(?!\w)", re.ASCII)
_PART: Final = re.compile(r'\.([A-Za-z_]\w*)|\[([0-9]{1,16})\]|\[("(?:[^"\\]|\\.)*")\]', re.ASCII | re.DOTALL)
_DEFAULT: Final = re.compile(r"\s+or\s+")
_OPENING: Final = re.compile(r"(?<!\$)\$\{")
_ESCAPED_OPENING: Final = re.compile(r"\$(\$+\{)")
_LITERAL_OPENING: Final = re.compile(r"(\$+\{)")
_SHOWN_MAX: Final = 60


class ExpressionError(Exception):
    """A text that is neither a path nor a literal. The message is a sentence."""

    def __init__(self, reason: str, remedy: str) -> None:
        super().__init__(reason)
        self.remedy = remedy


def value_of(text: str, find: FindPath) -> object:
    """Returns the path or the literal that a text stands for. Raises ExpressionError."""
    if text.startswith("${") and text.endswith("}"):
        return _expression(text[2:-1].strip(), find, 0)
    if _OPENING.search(text):
        raise ExpressionError(f"{text[:_SHOWN_MAX]!r} has a path and other characters.", LITERAL_REMEDY)
    return _ESCAPED_OPENING.sub(r"\1", text)


def written(template: Json) -> Json:
    """Writes a stored template in this form."""
    if isinstance(template, str):
        return _LITERAL_OPENING.sub(r"$\1", template)
    if isinstance(template, list):
        return [written(entry) for entry in template]
    if not isinstance(template, dict):
        return template
    if PATH_KEY in template:
        return f"${{{_path_text(template)}}}"
    return {plain_key(key): written(entry) for key, entry in template.items()}


def _path_text(template: dict[str, Json]) -> str:
    segments = tuple(template[PATH_KEY])
    start = 1 if segments[0] == "input" else len(("steps", "name", "word"))
    text = condition.path_text(".".join(segments[:start]), segments[start:])
    if DEFAULT_KEY not in template:
        return text
    default = template[DEFAULT_KEY]
    if isinstance(default, dict) and PATH_KEY in default:
        return f"{text} or {_path_text(default)}"
    return f"{text} or {json.dumps(written(default), ensure_ascii=False)}"


def _expression(text: str, find: FindPath, depth: int) -> Path:
    start = _START.match(text)
    if start is None or depth > TEMPLATE_DEPTH_MAX:
        raise _unreadable(text)
    path, place = find(start[1], start[2] or ""), start.end()
    while (part := _PART.match(text, place)) is not None:
        path, place = path[_segment(part)], part.end()
    rest = text[place:]
    if not rest:
        return path
    separator = _DEFAULT.match(rest)
    if separator is None:
        raise _unreadable(rest)
    return path.or_(_default(rest[separator.end() :], find, depth + 1))


def _segment(part: re.Match[str]) -> str | int:
    name, index, key = part.groups()
    if index is not None:
        return int(index)
    try:
        return str(name if key is None else json.loads(key, strict=False))
    except ValueError:
        raise _unreadable(part[0]) from None


def _default(text: str, find: FindPath, depth: int) -> object:
    if _START.match(text):
        return _expression(text, find, depth)
    try:
        return _with_paths(json.loads(text, strict=False), find, depth)
    except (ValueError, RecursionError):
        raise _unreadable(text) from None


def _with_paths(value: Json, find: FindPath, depth: int) -> object:
    if depth > TEMPLATE_DEPTH_MAX:
        raise RecursionError
    if isinstance(value, str):
        return value_of(value, find)
    if isinstance(value, list):
        return [_with_paths(entry, find, depth + 1) for entry in value]
    if isinstance(value, dict):
        return {key: _with_paths(entry, find, depth + 1) for key, entry in value.items()}
    return value


def _unreadable(text: str) -> ExpressionError:
    return ExpressionError(f"No path or value can be read from {text[:_SHOWN_MAX]!r}.", PATH_REMEDY)
