"""Seeded mutations of bytes and JSON documents: input of a broken peer, a mistaken person or an attacker."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable
from typing import Any, Final

HUGE: Final = 20_000
BOMB_DEPTH: Final = 30_000
ODD_VALUES: Final[tuple[Any, ...]] = (
    None, True, False, -1, 0, 1, 2**31, 2**53, 2**63, 10**400, -(10**30), 0.5, 1e308, float("nan"), float("inf"), float("-inf"),
    "", "\x00", "\ud800", "é\u202e", "'; drop table saga; --", "x" * HUGE, [], {}, [[]], {"": None}, [None] * 1_000, {"$path": []},
    {"$path": ["input", -1]}, {"$ref": "#"}, "NaN", "1e999", "10s", "../../etc/passwd",
)  # fmt: skip
ODD_BYTES: Final = (
    b"", b"\x00", b"\xff\xfe", b"[" * BOMB_DEPTH, b'{"a":' * BOMB_DEPTH, b"9" * HUGE, b"-" * 50, b"1e999999", b"NaN", b"Infinity",
    b'"\\ud800"', b'{"v":1,"v":2}', b"\xef\xbb\xbf{}", b"[1," * 1_000, b'"' + b"\\" * 999, b"null", b" " * HUGE, b"{" * 100 + b"}" * 100,
)  # fmt: skip


class Mutator:
    """A source of mutations, the same for the same seed."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)  # noqa: S311 (must be repeatable)

    def coin(self) -> bool:
        return self._chance.random() < 0.5

    def data(self, sample: bytes) -> bytes:
        """Bytes with one to three mutations; they need not be JSON any more."""
        way = self._chance.randrange(10)
        if way < 4:
            return self._document(sample)
        if way == 4:
            return self._chance.choice(ODD_BYTES)
        for _ in range(self._chance.randint(1, 3)):
            sample = self._chance.choice(_BYTE_WAYS)(sample, self._chance)
        return sample

    def text(self, sample: str) -> str:
        """A mutated text, perhaps with lone surrogates."""
        if self._chance.randrange(4) == 0:
            return str(self._chance.choice([value for value in ODD_VALUES if isinstance(value, str)]))
        return self.data(sample.encode()).decode(errors="surrogateescape")

    def value(self, sample: Any) -> Any:
        """A JSON value with one unexpected part."""
        if not isinstance(sample, dict | list) or not sample or self._chance.randrange(8) == 0:
            return self._chance.choice(ODD_VALUES)
        changed = copy.copy(sample)
        place = self._chance.choice(list(changed) if isinstance(changed, dict) else range(len(changed)))
        match self._chance.randrange(5):
            case 0:
                del changed[place]
            case 1 if isinstance(changed, dict):
                changed[self._chance.choice(["", "new", "$path", "\ud800"])] = self._chance.choice(ODD_VALUES)
            case 2:
                changed[place] = [sample[place]] * self._chance.choice([0, 2, 600])
            case _:
                changed[place] = self.value(sample[place])
        return changed

    def _document(self, sample: bytes) -> bytes:
        try:
            return json.dumps(self.value(json.loads(sample))).encode()
        except ValueError:
            return self._chance.choice(ODD_BYTES)


def _flip(data: bytes, chance: random.Random) -> bytes:
    if not data:
        return b"\x80"
    place = chance.randrange(len(data))
    return data[:place] + bytes([data[place] ^ (1 << chance.randrange(8))]) + data[place + 1 :]


def _cut(data: bytes, chance: random.Random) -> bytes:
    return data[: chance.randrange(len(data) + 1)]


def _insert(data: bytes, chance: random.Random) -> bytes:
    place = chance.randrange(len(data) + 1)
    return (
        data[:place]
        + chance.choice([b"\x00", b"[", b"{", b'"', b"\\u0000", b",", b"9" * 400, b"\xc3", b"&a", b"!!x"])
        + data[place:]
    )


def _repeat(data: bytes, chance: random.Random) -> bytes:
    start = chance.randrange(len(data) + 1)
    return data[:start] + data[start : start + 20] * chance.randint(2, 200) + data[start:]


_BYTE_WAYS: Final[tuple[Callable[[bytes, random.Random], bytes], ...]] = (_flip, _cut, _insert, _repeat)
