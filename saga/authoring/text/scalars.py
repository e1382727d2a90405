"""Plain scalars as YAML 1.2 reads them: `no` and 12:30 are texts, as in JSON, whatever an older YAML made of them."""

from __future__ import annotations

import re
from typing import Final

import yaml

from saga.core.definition.json_value import Json

_CONSTANTS: Final[dict[str, Json]] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
}  # fmt: skip
_INTEGER: Final = re.compile(r"[-+]?(?:0|[1-9][0-9]*)", re.ASCII)
_NUMBER: Final = re.compile(r"[-+]?(?:\.[0-9]+|(?:0|[1-9][0-9]*)(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?", re.ASCII)
_UNCLEAR: Final = re.compile(r"[-+]?(?:0[0-9][0-9.]*|0[xo][0-9a-fA-F]+|\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))", re.ASCII)
_DIGITS_MAX: Final = 400


class UnclearScalarError(Exception):
    """A scalar that is a number to some readers of YAML and a text to others. The message is a clause."""


def scalar_value(text: str, *, is_plain: bool) -> Json:
    """Returns the JSON value of a scalar. Two halves of a character, as JSON may write it, become one.

    Raises:
        UnclearScalarError: it could be a number or a text.
    """
    if not is_plain:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if _UNCLEAR.fullmatch(text) or (len(text) > _DIGITS_MAX and _NUMBER.fullmatch(text)):
        raise UnclearScalarError(f"{text:.40} could be a number or a text")
    if _INTEGER.fullmatch(text):
        return int(text)
    return float(text) if _NUMBER.fullmatch(text) else text


class Writer(yaml.SafeDumper):
    """Writes values so that this reader, and those of older YAML, read them back."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002, D102 (of the base class)
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002, D102, FBT001, FBT002
        super().increase_indent(flow, indentless=False)


class OneLine(list[Json]):
    """A list that is written in one line, in brackets."""


_ESCAPED: Final = re.compile("[^\n\x20-\x7e\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd]|[\u2028\u2029]|\\s\n|\n\\s")


def _text(writer: Writer, text: str) -> yaml.ScalarNode:
    style = '"' if _ESCAPED.search(text) else "|" if "\n" in text else None
    return writer.represent_scalar("tag:yaml.org,2002:str", text, style)


def _one_line(writer: Writer, entries: OneLine) -> yaml.SequenceNode:
    return writer.represent_sequence("tag:yaml.org,2002:seq", entries, flow_style=True)


Writer.add_representer(str, _text)
Writer.add_representer(OneLine, _one_line)
for _pattern in (_NUMBER, _UNCLEAR):
    Writer.add_implicit_resolver(
        "tag:yaml.org,2002:float", re.compile(rf"^(?:{_pattern.pattern})$"), list("-+.0123456789")
    )
