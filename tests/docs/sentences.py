"""The texts of a file that people read: docstrings, comments, messages, names of tests, prose of pages."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Final

_FENCE: Final = re.compile(r"^ *```.*?^ *```", re.MULTILINE | re.DOTALL)
_CODE: Final = re.compile(r"`[^`\n]+`")
_SQL_TEXT: Final = re.compile(r"--(?P<comment>.*)|'(?P<message>[^']*\s[^']*)'")
_HASH_COMMENT: Final = re.compile(r"(?:^|\s)##? (?P<comment>.*)")
_DIRECTIVE: Final = re.compile(r"# ?(?:noqa|type:|pragma|!)")
_DEFINITIONS = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


class Kind(Enum):
    """The part that a text plays in its file."""

    DOCSTRING = "docstring"
    HELP = "docstring that a command line prints as its help"
    ATTRIBUTE = "docstring of an attribute"
    COMMENT = "comment"
    MESSAGE = "message"
    NAME = "name of a test"
    PAGE = "paragraph of a page"


@dataclass(frozen=True, slots=True)
class Text:
    """One text, its white space reduced to single spaces and its code replaced by backquotes."""

    kind: Kind
    line: int
    prose: str


def texts_of(path: Path) -> Iterator[Text]:
    """Yields the texts of a file, by its suffix."""
    source = path.read_text(encoding="utf-8")
    match path.suffix:
        case ".py":
            yield from _python(source)
        case ".sql":
            yield from _sql(source)
        case ".md":
            yield from _paragraphs(source)
        case _:
            yield from _hash_comments(source)


def _text(kind: Kind, line: int, raw: str) -> Text:
    return Text(kind, line, " ".join(_CODE.sub("``", raw).split()))


def _python(source: str) -> Iterator[Text]:
    tree = ast.parse(source)
    documented = dict(_docstrings(tree))
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            kind = documented.get(id(node), Kind.MESSAGE)
            if kind is not Kind.MESSAGE or " " in node.value.strip():
                yield _text(kind, node.lineno, node.value)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            yield _text(Kind.NAME, node.lineno, node.name.replace("_", " "))
    yield from _python_comments(source)


def _docstrings(tree: ast.Module) -> Iterator[tuple[int, Kind]]:
    """Yields the identity of each node that is a docstring, with its kind."""
    for node in ast.walk(tree):
        if isinstance(node, _DEFINITIONS):
            first = Kind.HELP if _is_command(node) else Kind.DOCSTRING
            for index, statement in enumerate(node.body):
                if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
                    yield id(statement.value), Kind.ATTRIBUTE if index else first


def _is_command(node: ast.AST) -> bool:
    """Recognises a command by its decorator, or by the option of the store that every command has."""
    if not isinstance(node, ast.FunctionDef):
        return False
    options = [ast.unparse(argument.annotation) for argument in node.args.kwonlyargs if argument.annotation is not None]
    return "StoreOptions" in options or any(
        re.search(r"\.(?:command|default)\b", ast.unparse(decorator)) for decorator in node.decorator_list
    )


def _python_comments(source: str) -> Iterator[Text]:
    """Yields each comment; lines that follow each other in one column are one comment."""
    begin, column, lines = 0, 0, list[str]()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type != tokenize.COMMENT or _DIRECTIVE.match(token.string):
            continue
        line, here = token.start
        if lines and (line, here) == (begin + len(lines), column):
            lines.append(token.string.lstrip("# "))
            continue
        if lines:
            yield _text(Kind.COMMENT, begin, " ".join(lines))
        begin, column, lines = line, here, [token.string.lstrip("# ")]
    if lines:
        yield _text(Kind.COMMENT, begin, " ".join(lines))


def _sql(source: str) -> Iterator[Text]:
    for number, line in enumerate(source.splitlines(), start=1):
        for match in _SQL_TEXT.finditer(line):
            kind = Kind.COMMENT if match["comment"] is not None else Kind.MESSAGE
            yield _text(kind, number, match["comment"] or match["message"] or "")


def _paragraphs(source: str) -> Iterator[Text]:
    blank = _FENCE.sub(lambda match: "\n" * match[0].count("\n"), source)
    for match in re.finditer(r"(?:^.*\S.*\n?)+", blank, re.MULTILINE):
        first = blank.count("\n", 0, match.start()) + 1
        items = re.split(r"\n(?=\s*(?:[-*|]|\d+\.) ?)", match[0])
        for item in items:
            yield _text(Kind.PAGE, first, item)
            first += item.count("\n") + 1


def _hash_comments(source: str) -> Iterator[Text]:
    for number, line in enumerate(source.splitlines(), start=1):
        if match := _HASH_COMMENT.search(line):
            yield _text(Kind.COMMENT, number, match["comment"])
