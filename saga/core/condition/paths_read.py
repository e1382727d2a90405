"""Finds the recorded values that the text of a condition reads, without the library that evaluates it.

A condition may name two things: `input`, the saga's input, and `steps`, of which it reads `steps.<name>.output` and the other words
of `STEP_WORDS`. Everything behind these is a path of fields and entries.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from msgspec.json import decode

from saga.core.definition.json_value import Json
from saga.core.definition.paths import Segment, Segments

STEP_WORDS: Final = ("output", "succeeded", "skipped", "rejected", "reason")
"""The words of a step that a condition can read: its result; whether it succeeded, was skipped or was rejected; why it was rejected."""

_WORD: Final = 2
"""The position of such a word in a path: steps, the name, the word."""
_ENDINGS: Final = frozenset(("succeeded", "skipped", "rejected"))
_TEXT: Final = (
    r"""[rR]?[bB]?[rR]?(?:'''(?:\\.|[^\\])*?'''|\"{3}(?:\\.|[^\\])*?\"{3}|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*")"""
)
_TOKEN: Final = re.compile(
    rf"(?P<space>\s+|//[^\n]*)|(?P<text>{_TEXT})|(?P<name>[A-Za-z_][A-Za-z0-9_]*)|(?P<number>\d[\w.]*)|(?P<sign>&&|\|\||.)",
    re.DOTALL,
)


class UnreadableConditionError(Exception):
    """The text names something that a condition cannot read. The message is a clause about the condition."""


def paths_read(text: str) -> tuple[Segments, ...]:
    """Returns the paths that a condition reads, as ("input", "cents") or ("steps", "charge", "output", "id").

    A path ends where a method is called on it, or where its next part is computed.

    Raises:
        UnreadableConditionError: `steps` is not followed by the name of a step and one of `STEP_WORDS`.
    """
    tokens = tokens_of(text)
    found: dict[Segments, None] = {}
    for place, (kind, word) in enumerate(tokens):
        if kind == "name" and word in {"input", "steps"} and not _is_field(tokens, place):
            path = (word, *path_behind(tokens, place + 1)[0])
            if word == "steps" and (len(path) <= _WORD or path[_WORD] not in STEP_WORDS):
                raise UnreadableConditionError(
                    f"reads {'.'.join(map(str, path))}; of a step it can read steps.<name>. and one of {', '.join(STEP_WORDS)}"
                )
            found[path] = None
    return tuple(found)


def _is_field(tokens: list[tuple[str, str]], place: int) -> bool:
    """Returns whether a name is a part of what is before it. In CEL, a dot with nothing before it begins a path."""
    if place == 0 or tokens[place - 1][1] != ".":
        return False
    kind, word = tokens[place - 2] if place > 1 else ("", "")
    return word in {")", "]", "}", "`"} or (kind in {"name", "text", "number"} and word != "in")


def is_word_of_step(text: str) -> bool:
    """Returns whether the whole text is how a step ended, as in steps.charge.rejected: true or false."""
    words = [word for _, word in tokens_of(text)]
    return len(words) == len(["steps", ".", "name", ".", "word"]) and words[0] == "steps" and words[-1] in _ENDINGS


def path_of_whole(text: str) -> str | None:
    """The path that is the whole text, without spaces and comments, as in steps.review.output.approved. None: it is something else."""
    tokens = tokens_of(text)
    is_path = bool(tokens) and tokens[0][1] in {"input", "steps"} and path_behind(tokens, 1)[1] == len(tokens)
    return "".join(word for _, word in tokens) if is_path else None


def flags_of(text: str) -> Iterator[Segments]:
    """Yields the paths that a condition compares with true, as in steps.review.output.approved == true."""
    tokens = tokens_of(text)
    for place, (kind, word) in enumerate(tokens):
        if kind == "name" and word in {"input", "steps"} and not _is_field(tokens, place):
            path, end = path_behind(tokens, place + 1)
            if [word for _, word in tokens[end : end + 3]] == ["=", "=", "true"]:
                yield (word, *path)


def conjuncts(text: str) -> frozenset[str]:
    """Returns the parts of a condition that must all be true, without spaces and outer parentheses."""
    tokens = [word for _, word in tokens_of(text)]
    return frozenset(_conjuncts(tokens))


def _conjuncts(tokens: list[str]) -> Iterator[str]:
    tokens = _unwrapped(tokens)
    depth, start = 0, 0
    parts: list[list[str]] = []
    for place, word in enumerate(tokens):
        depth += (word in {"(", "[", "{"}) - (word in {")", "]", "}"})
        if depth == 0 and word in {"||", "?"}:
            yield " ".join(tokens)
            return
        if depth == 0 and word == "&&":
            parts.append(tokens[start:place])
            start = place + 1
    if not parts:
        yield " ".join(tokens)
        return
    for part in (*parts, tokens[start:]):
        yield from _conjuncts(part)


def _unwrapped(tokens: list[str]) -> list[str]:
    while tokens[:1] == ["("] and _closes_at_end(tokens):
        tokens = tokens[1:-1]
    return tokens


def _closes_at_end(tokens: list[str]) -> bool:
    depth = 0
    for place, word in enumerate(tokens):
        depth += (word == "(") - (word == ")")
        if depth == 0:
            return place == len(tokens) - 1
    return False


def tokens_of(text: str) -> list[tuple[str, str]]:
    """Returns the kind and the word of each token: text, name, number or sign."""
    found = ((str(match.lastgroup), match.group()) for match in _TOKEN.finditer(text))
    return [token for token in found if token[0] != "space"]


def path_behind(tokens: list[tuple[str, str]], place: int) -> tuple[Segments, int]:
    """Returns the path that begins at this token, perhaps an empty one, and the place behind it."""
    found: list[Segment] = []
    while (part := _part_at(tokens, place)) is not None:
        found.append(part[0])
        place = part[1]
    return tuple(found), place


def _part_at(tokens: list[tuple[str, str]], place: int) -> tuple[Segment, int] | None:
    """The part of a path that begins here, and the place behind it. None: the path ends here."""
    words = [word for _, word in tokens[place : place + 3]]
    kinds = [kind for kind, _ in tokens[place : place + 3]]
    if words[:1] == ["."] and kinds[1:2] == ["name"] and words[2:3] != ["("]:
        return words[1], place + 2
    if words[:1] == ["["] and words[2:] == ["]"] and (key := literal(kinds[1], words[1])) is not None:
        return key, place + 3
    return None


def literal(kind: str, word: str) -> Segment | None:
    """The whole number or the text that a token stands for. None: it has another notation."""
    if kind == "number" and word.isascii() and word.isdigit():
        return int(word)
    if kind == "text" and word.startswith('"') and not word.startswith('"""'):
        try:
            key: Json = decode(word)
        except ValueError:
            return None
        return str(key)
    is_plain = kind == "text" and word.startswith("'") and not word.startswith("'''") and "\\" not in word
    return word[1:-1] if is_plain else None
