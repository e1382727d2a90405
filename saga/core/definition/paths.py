"""Templates: the input of a step or the result of a saga, made of recorded paths and literals.

A template is a JSON value. A path in it is `{"$path": ["input", "sku"]}` or `{"$path": ["steps", "charge", "output",
"id"]}`, with `"$default"` beside it for a value that may be absent or null; everything else stands for itself. A key of a
literal object that starts with `$` is stored with one more `$`, so that no literal is mistaken for a path.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Final

from saga.core.condition.rejection import Rejection
from saga.core.definition.json_value import Json
from saga.errors import InputRefused, UsageError

PATH_KEY: Final = "$path"
DEFAULT_KEY: Final = "$default"
OUTPUT, REASON = "output", "reason"
"""The parts of a step that a template can read: its result, or the reason of a rejection after which the saga went on."""
TEMPLATE_DEPTH_MAX: Final = 64
INTEGER_MAX: Final = 2**53 - 1  # RFC 8785 and JavaScript go no further

_STEP_PREFIX: Final = 3  # "steps", the name, "output"
_NAMES_SHOWN_MAX: Final = 20

Segment = str | int
Segments = tuple[Segment, ...]


def input_path(rest: Segments) -> Json:
    """Returns the path to the saga's input, or to a part of it."""
    return {PATH_KEY: ["input", *rest]}


def output_path(step: str, rest: Segments) -> Json:
    """Returns the path to a step's result, or to a part of it."""
    return {PATH_KEY: ["steps", step, OUTPUT, *rest]}


def reason_path(step: str) -> Json:
    """Returns the path to the reason of a step's rejection."""
    return {PATH_KEY: ["steps", step, REASON]}


def with_default(path: Json, default: Json) -> Json:
    """Returns the path with what stands for a value that is absent or null."""
    return {**path, DEFAULT_KEY: default}


def needs_format_2(template: Json) -> bool:
    """Returns whether a template reads what builds of format 1 do not know: a default, or the reason of a rejection."""
    if isinstance(template, list):
        return any(map(needs_format_2, template))
    if not isinstance(template, dict):
        return False
    segments = _segments(template)
    if segments is None:
        return any(map(needs_format_2, template.values()))
    return DEFAULT_KEY in template or (segments[0] == "steps" and segments[2] == REASON)


def literal_key(key: str) -> str:
    """Escapes the key of an object so that it is not mistaken for a path."""
    return f"${key}" if key.startswith("$") else key


def literal(value: Json) -> Json:
    """Returns the template that stands for a value: no key in it is mistaken for a path."""
    if isinstance(value, list):
        return [literal(entry) for entry in value]
    if isinstance(value, dict):
        return {literal_key(key): literal(entry) for key, entry in value.items()}
    return value


def resolve(template: Json, input: Json, results: Mapping[str, Json]) -> Json:  # noqa: A002 (the word of the protocol)
    """Replaces paths with their values.

    `results` has the outputs by the names of their steps, and a `Rejection` for a step that was rejected and handled.

    Raises:
        InputRefused: a value does not exist; the message names it.
    """
    if isinstance(template, list):
        return [resolve(entry, input, results) for entry in template]
    if not isinstance(template, dict):
        return template
    segments = _segments(template)
    if segments is None:
        return {plain_key(key): resolve(entry, input, results) for key, entry in template.items()}
    if DEFAULT_KEY not in template:
        return _value_at(segments, input, results)
    try:
        value = _value_at(segments, input, results)
    except InputRefused:
        value = None
    return resolve(template[DEFAULT_KEY], input, results) if value is None else value


def _value_at(segments: list[Json], input: Json, results: Mapping[str, Json]) -> Json:  # noqa: A002 (the word of the protocol)
    if segments[0] == "input":
        return _follow(input, segments, 1)
    if segments[1] not in results:
        raise InputRefused(f"{path_text(segments)} cannot be read: the step {segments[1]} has no result yet.")
    result = results[segments[1]]
    is_rejection = isinstance(result, Rejection)
    if is_rejection is not (segments[2] == REASON):
        ended = "was rejected" if is_rejection else "was not rejected"
        raise InputRefused(f"{path_text(segments)} cannot be read: the step {segments[1]} {ended}.")
    return result.reason if is_rejection else _follow(result, segments, _STEP_PREFIX)


def reads(template: Json) -> tuple[str, ...]:
    """Returns the names of the steps whose results a template needs, in the order in which it mentions them."""
    return tuple(dict.fromkeys(path[1] for path in paths(template) if path[0] == "steps"))


def needs(template: Json) -> frozenset[str]:
    """Returns the names of the steps that must have a result, since the template reads it without a default."""
    return frozenset(path[1] for path in paths_without_default(template) if path[0] == "steps")


def paths_without_default(template: Json) -> Iterator[list[Json]]:
    """Yields the segments of every path for which nothing else stands if its value is absent."""
    if isinstance(template, list):
        for entry in template:
            yield from paths_without_default(entry)
    elif isinstance(template, dict):
        if PATH_KEY not in template:
            yield from paths_without_default(list(template.values()))
        elif DEFAULT_KEY not in template:
            yield template[PATH_KEY]
        else:
            yield from paths_without_default(template[DEFAULT_KEY])


def paths(template: Json) -> Iterator[list[Json]]:
    """Yields the segments of every path in a well-formed template."""
    if isinstance(template, list):
        for entry in template:
            yield from paths(entry)
    elif isinstance(template, dict):
        segments = _segments(template)
        if segments is not None:
            yield segments
            yield from paths(template.get(DEFAULT_KEY))
        else:
            for entry in template.values():
                yield from paths(entry)


def path_text(segments: list[Json] | Segments) -> str:
    """Writes a path as people do: input.lines[0].sku, charge.output.id."""
    shown = segments[1:] if segments[0] == "steps" else segments
    return f"{shown[0]}{''.join(map(segment_text, shown[1:]))}"


def segment_text(segment: Segment) -> str:
    """Writes one part of a path: .sku, [0], ['any text']."""
    return f".{segment}" if isinstance(segment, str) and segment.isidentifier() else f"[{segment!r}]"


def template_faults(template: Json) -> tuple[str, ...]:
    """Returns the faults that keep a value from being a template, each as a clause."""
    return tuple(dict.fromkeys(_faults(template, 0)))


def value_fault(value: object) -> str | None:
    """Returns why a scalar value has no canonical JSON form, None if it has one."""
    if value is None or isinstance(value, bool):
        return None
    if isinstance(value, float) and not math.isfinite(value):
        return f"{value} is not a JSON number"
    if isinstance(value, int | float):  # a float beyond it is written without a point, and read back as an integer
        return None if abs(value) <= INTEGER_MAX else f"the number {value} is beyond 2**53 - 1; write it as a string"
    if isinstance(value, str):
        return None if is_unicode(value) else f"the text {value!r} has an unpaired surrogate in it"
    return f"{value!r} is a {type(value).__name__}, which is not a JSON value"


def is_unicode(text: str) -> bool:
    """Returns whether a text can be written as UTF-8: it has no unpaired surrogate."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _faults(template: Json, depth: int) -> Iterator[str]:
    if depth > TEMPLATE_DEPTH_MAX:
        yield f"it is nested deeper than {TEMPLATE_DEPTH_MAX} levels"
    elif isinstance(template, list):
        for entry in template:
            yield from _faults(entry, depth + 1)
    elif isinstance(template, dict):
        yield from _object_faults(template, depth)
    elif (fault := value_fault(template)) is not None:
        yield fault


def _object_faults(template: dict[Json, Json], depth: int) -> Iterator[str]:
    if PATH_KEY in template:
        if template.keys() - {PATH_KEY, DEFAULT_KEY} or not _is_path(template[PATH_KEY]):
            yield f"{PATH_KEY} is not [input, ...] or [steps, <name>, output, ...] with nothing but {DEFAULT_KEY} beside it"
        yield from _faults(template.get(DEFAULT_KEY), depth + 1)
        return
    for key, entry in template.items():
        if not isinstance(key, str) or not is_unicode(key):
            yield f"the key {key!r} is not a JSON string"
        elif key.startswith("$") and not key.startswith("$$"):
            yield f"the key {key!r} has no meaning here; as a literal it is stored as {literal_key(key)!r}"
        yield from _faults(entry, depth + 1)


def _is_path(segments: Json) -> bool:
    if not isinstance(segments, list) or not segments:
        return False
    start = 1
    if segments[0] == "steps":
        start = _STEP_PREFIX
        if len(segments) < _STEP_PREFIX or not isinstance(segments[1], str) or segments[2] not in (OUTPUT, REASON):
            return False
    elif segments[0] != "input":
        return False
    return all(_is_segment(segment) for segment in segments[start:])


def _is_segment(segment: Json) -> bool:
    if isinstance(segment, bool):
        return False
    return is_unicode(segment) if isinstance(segment, str) else isinstance(segment, int) and 0 <= segment <= INTEGER_MAX


def _segments(template: dict[str, Json]) -> list[Json] | None:
    segments = template.get(PATH_KEY)
    if segments is not None and not _is_path(segments):
        raise UsageError(f"{segments!r} is not a recorded path that this version of Saga can read.")
    return segments


def plain_key(key: str) -> str:
    """Returns the key of an object for which `literal_key` stands in the template."""
    if key.startswith("$") and not key.startswith("$$"):
        raise UsageError(f"the key {key!r} of a template is not one that this version of Saga can read.")
    return key.removeprefix("$")


def _follow(value: Json, segments: list[Json], start: int) -> Json:
    for position in range(start, len(segments)):
        segment = segments[position]
        missing = _missing(value, segment)
        if missing is not None:
            whole, reached = path_text(segments), path_text(segments[:position])
            raise InputRefused(f"{whole} cannot be read: {reached} {missing}.")
        value = value[segment]
    return value


def _missing(value: Json, segment: Segment) -> str | None:
    if isinstance(value, dict):
        if segment in value:
            return None
        names = ", ".join(sorted(value)[:_NAMES_SHOWN_MAX]) or "no fields"
        return f"has no field {segment!r} (it has: {names})"
    if isinstance(value, list):
        if not isinstance(segment, int):
            return f"is a list and has no field {segment!r}"
        return None if segment < len(value) else f"has {len(value)} entries and no [{segment}]"
    return f"is {_kind(value)} and has no {segment!r}"


def _kind(value: Json) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    return "a string" if isinstance(value, str) else "a number"
