"""Conditions that need no library: Python compares recorded values many times faster than CEL's library converts them.

This covers what recorded conditions are made of: comparisons of paths and literals, `in`, `has`, `size`, `&&`, `||`, `!`
and `? :`. Where only the library knows the answer, for example because a field is missing or two values cannot be
compared, the condition raises `LookupError` or `TypeError`, and the library is asked. So both always say the same.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final

from saga.core.condition.cells import Cells, Read, along, root_of
from saga.core.condition.comparisons import Operand, compared, constant, has, is_present, size_of
from saga.core.condition.paths_read import literal, path_behind, tokens_of
from saga.core.definition.json_value import Json
from saga.core.definition.paths import INTEGER_MAX, Segments

_CONSTANTS: Final[Mapping[str, Json]] = {"true": True, "false": False, "null": None}
_DECIMAL: Final = re.compile(r"(0|[1-9][0-9]*)(\.[0-9]+)?")
_RELATIONS: Final = (("=", "="), ("!", "="), ("<", "="), (">", "="), ("<",), (">",), ("in",))
NESTING_MAX: Final = 24
"""Parentheses, negations and choices within each other, so that neither reading nor evaluating meets Python's limit of calls."""


class _OutsideError(Exception):
    """The text has something that only the library knows."""


def direct(text: str, roots: Mapping[Segments, int]) -> Read | None:
    """Returns what evaluates a condition that the library has compiled, None if only the library can.

    `roots` has the cell of each root.
    """
    parser = _Parser(text, roots)
    try:
        found = parser.choice()
        parser.expect("")
    except _OutsideError:
        return None
    return _boolean(found)


class _Parser:
    """Reads one expression by recursive descent. Each method reads what it is named after, or what binds closer."""

    def __init__(self, text: str, roots: Mapping[Segments, int]) -> None:
        self._tokens = [*tokens_of(text), ("end", "")]
        self._place = 0
        self._depth = 0
        self._roots = roots

    def expect(self, word: str) -> None:
        if not self._takes(word):
            raise _OutsideError

    def choice(self) -> Operand:
        with self._deeper():
            test = self._any()
            if not self._takes("?"):
                return test
            yes = self._any()
            self.expect(":")
            no = self.choice()
            return Operand(_chosen(_boolean(test), yes.read, no.read), yes.is_boolean and no.is_boolean)

    def _any(self) -> Operand:
        return self._joined("||", self._all, _either)

    def _all(self) -> Operand:
        return self._joined("&&", self._relation, _both)

    def _joined(self, sign: str, part: Callable[[], Operand], join: Callable[[Sequence[Read]], Read]) -> Operand:
        parts = [part()]
        while self._takes(sign):
            parts.append(part())
        return parts[0] if len(parts) == 1 else Operand(join([_boolean(each) for each in parts]), is_boolean=True)

    def _relation(self) -> Operand:
        left = self._negation()
        sign = self._sign()
        if sign is None:
            return left
        right = self._negation()
        if self._sign() is not None:
            raise _OutsideError
        return Operand(compared(left, sign, right), is_boolean=True)

    def _sign(self) -> str | None:
        return next(("".join(words) for words in _RELATIONS if self._takes(*words)), None)

    def _negation(self) -> Operand:
        if not self._takes("!"):
            return self._operand()
        with self._deeper():
            return Operand(_not(_boolean(self._negation())), is_boolean=True)

    def _operand(self) -> Operand:
        kind, word = self._tokens[self._place]
        if self._takes("("):
            return self._enclosed()
        if kind != "name" or word in _CONSTANTS:
            return self._constant()
        if self._takes("has", "("):
            return Operand(self._presence(), is_boolean=True)
        if self._takes("size", "("):
            return Operand(size_of(self._enclosed().read))
        cell, path = self._path()
        field = (cell, path[0]) if len(path) == 1 and isinstance(path[0], str) else None
        return Operand(along(cell, path), field=field)

    def _enclosed(self) -> Operand:
        found = self.choice()
        self.expect(")")
        return found

    def _presence(self) -> Read:
        cell, path = self._path()
        self.expect(")")
        if not path:
            return is_present(cell)
        if self._tokens[self._place - 2][0] != "name":  # has() takes no index
            raise _OutsideError
        return has(along(cell, path[:-1]), path[-1])

    def _path(self) -> tuple[int, Segments]:
        word = self._tokens[self._place][1]
        if word not in {"input", "steps"}:
            raise _OutsideError
        rest, self._place = path_behind(self._tokens, self._place + 1)
        path = (word, *rest)
        root = root_of(path)
        return self._roots[root], path[len(root) :]

    def _constant(self) -> Operand:
        if not self._takes("["):
            return constant(self._scalar())
        found: list[Json] = []
        while not self._takes("]"):
            found.append(self._scalar())
            if not self._takes(","):
                self.expect("]")
                break
        return constant(found)

    def _scalar(self) -> Json:
        is_negative = self._takes("-")
        kind, word = self._tokens[self._place]
        self._place += 1
        if kind == "number":
            return _number(f"-{word}" if is_negative else word)
        if is_negative:
            raise _OutsideError
        if kind == "name" and word in _CONSTANTS:
            return _CONSTANTS[word]
        found = literal(kind, word)
        if not isinstance(found, str) or "\x00" in found:
            raise _OutsideError
        return found

    @contextmanager
    def _deeper(self) -> Iterator[None]:
        self._depth += 1
        if self._depth > NESTING_MAX:
            raise _OutsideError
        yield
        self._depth -= 1

    def _takes(self, *words: str) -> bool:
        """Returns whether these tokens come next, and passes them."""
        end = self._place + len(words)
        if tuple(word for _, word in self._tokens[self._place : end]) != words:
            return False
        self._place = end
        return True


def _number(word: str) -> int | float:
    if not _DECIMAL.fullmatch(word.removeprefix("-")):
        raise _OutsideError
    found = float(word) if "." in word else int(word)
    if abs(found) > INTEGER_MAX:
        raise _OutsideError
    return found


def _boolean(operand: Operand) -> Read:
    """Returns what reads true or false, or raises TypeError."""
    read_any = operand.read
    if operand.is_boolean:
        return read_any

    def read(cells: Cells) -> Json:
        value = read_any(cells)
        if type(value) is not bool:
            raise TypeError(value)
        return value

    return read


def _chosen(test: Read, yes: Read, no: Read) -> Read:
    return lambda cells: yes(cells) if test(cells) else no(cells)


def _both(parts: Sequence[Read]) -> Read:
    if len(parts) == len(("left", "right")):
        left, right = parts
        return lambda cells: left(cells) and right(cells)  # half the time of the other way
    return lambda cells: all(part(cells) for part in parts)


def _either(parts: Sequence[Read]) -> Read:
    if len(parts) == len(("left", "right")):
        left, right = parts
        return lambda cells: left(cells) or right(cells)
    return lambda cells: any(part(cells) for part in parts)


def _not(inner: Read) -> Read:
    return lambda cells: not inner(cells)
