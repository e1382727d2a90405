"""Recorded paths: `order.input.sku` says where a value will be found, and is checked on the line where it is written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import ClassVar, Final, NoReturn

from saga.authoring.shape import NoSuchPartError, part
from saga.core.check.finding import Code, refused
from saga.core.definition.json_value import Json
from saga.core.definition.paths import (
    TEMPLATE_DEPTH_MAX,
    Segment,
    Segments,
    input_path,
    literal_key,
    output_path,
    segment_text,
    value_fault,
)
from saga.core.nearest import did_you_mean
from saga.errors import DefinitionError

_FIELDS_SHOWN_MAX: Final = 20


@dataclass(frozen=True, slots=True)
class Record:
    """A place in the saga's input, or in the output of a step."""

    owner: object  # the definition; by identity
    place: str  # "order v1, input" or "order v1, step charge"
    step: str | None
    segments: Segments
    shape: object
    text: str

    def part(self, segment: Segment) -> Record:
        """Returns the place of a field or an entry.

        Raises:
            DefinitionError: the type at this place has no such part; the message lists its fields.
        """
        try:
            found = part(self.shape, segment)
        except NoSuchPartError as error:
            remedy = error.remedy or _remedy(segment, error.fields)
            raise refused(Code.FIELD_UNKNOWN, self.place, f"{self.text} {error}.", remedy) from None
        text = f"{self.text}{segment_text(segment)}"
        return replace(self, segments=(*self.segments, found.segment), shape=found.shape, text=text)

    def template(self) -> Json:
        """Returns the path as it is stored."""
        return input_path(self.segments) if self.step is None else output_path(self.step, self.segments)

    def misused(self, purpose: str) -> DefinitionError:
        """The error for a path that is used as if it had a value."""
        reason = f"{self.text} has no value while the definition is written, so it cannot {purpose}."
        return refused(Code.PATH_MISUSED, self.place, reason, "Pass it as inputs= and work with its value in the step.")


class Path:
    """A recorded path. Fields are attributes, entries of lists and keys of any spelling are items.

    It has no value while the definition is written: any use of its value raises a DefinitionError.
    """

    __slots__ = ("_record",)
    _record: Record

    def __init__(self, record: Record) -> None:
        self._record = record

    def __getattr__(self, name: str) -> Path:
        if name.startswith("_"):  # copy, pickle and shells probe these; such fields are reached as items
            raise AttributeError(name)
        return Path(self._record.part(name))

    def __getitem__(self, segment: Segment) -> Path:
        if isinstance(segment, bool) or not isinstance(segment, str | int):
            raise self._record.misused(f"be indexed by {segment!r}")
        if isinstance(segment, int) and segment < 0:
            raise self._record.misused("count from the end")
        return Path(self._record.part(segment))

    def __repr__(self) -> str:
        return f"<path {self._record.text}>"

    def __eq__(self, other: object) -> NoReturn:
        raise self._record.misused("be compared")

    def __setattr__(self, name: str, value: object) -> None:
        if name != "_record":
            raise self._record.misused("be changed")
        object.__setattr__(self, name, value)

    __hash__: ClassVar[Callable[[object], int]] = object.__hash__


def _refusal(purpose: str) -> Callable[..., NoReturn]:
    def refuse(path: Path, *_: object) -> NoReturn:
        raise record_of(path).misused(purpose)

    return refuse


_BINARY: Final = "add sub mul matmul truediv floordiv mod divmod pow lshift rshift and or xor"
_MISUSES: Final = {
    "decide anything": "bool",
    "be compared": "lt le gt ge",
    "take part in a calculation": f"{_BINARY} r{' r'.join(_BINARY.split())} neg pos abs invert round trunc floor ceil",
    "become a number": "int float complex index",
    "be written into a text": "str format bytes fspath",
    "be measured": "len",
    "be searched": "contains",
    "be looped over": "iter next reversed aiter anext",
    "be called": "call",
    "be awaited": "await",
    "be entered": "enter exit aenter aexit",
    "be changed": "setitem delitem delattr",
}
"""Purpose -> the special methods through which Python uses the value of an object for it."""

for _purpose, _methods in _MISUSES.items():
    for _method in _methods.split():
        setattr(Path, f"__{_method}__", _refusal(_purpose))


def record_of(path: Path) -> Record:
    """Returns the record of a path. Not a method, because every public name belongs to the fields."""
    record: Record = object.__getattribute__(path, "_record")
    return record


def template_from(value: object, owner: object, place: str) -> Json:
    """Turns paths, JSON values, and dicts, lists and tuples of both into the stored form.

    Raises:
        DefinitionError: a path of another definition, or a value that JSON cannot express.
    """
    return _template(value, owner, place, 0)


def _template(value: object, owner: object, place: str, depth: int) -> Json:
    if depth > TEMPLATE_DEPTH_MAX:
        raise _invalid_template(place, f"it is nested deeper than {TEMPLATE_DEPTH_MAX} levels")
    if isinstance(value, Path):
        record = record_of(value)
        if record.owner is not owner:
            reason = f"{record.text} is a path of another definition ({record.place})."
            raise refused(Code.FOREIGN, place, reason, "Use the input and the steps of this one.")
        return record.template()
    if isinstance(value, list | tuple):
        return [_template(entry, owner, place, depth + 1) for entry in value]
    if isinstance(value, dict):
        return {_key(key, place): _template(entry, owner, place, depth + 1) for key, entry in value.items()}
    if isinstance(getattr(value, "output", None), Path):
        raise _invalid_template(place, f"{value!r} is a step, not a value; write its .output")
    fault = value_fault(value)
    if fault is not None:
        raise _invalid_template(place, fault)
    return value


def _key(key: object, place: str) -> str:
    if not isinstance(key, str) or value_fault(key) is not None:
        raise _invalid_template(place, f"the key {key!r} is not a JSON string")
    return literal_key(key)


def _invalid_template(place: str, fault: str) -> DefinitionError:
    return refused(
        Code.TEMPLATE_INVALID, place, f"In the template, {fault}.", "Use recorded paths and JSON values only."
    )


def _remedy(segment: Segment, fields: tuple[str, ...]) -> str:
    more = ", ..." if len(fields) > _FIELDS_SHOWN_MAX else ""
    known = f"The fields are: {', '.join(fields[:_FIELDS_SHOWN_MAX]) or 'none'}{more}."
    return f"{did_you_mean(str(segment), fields)} {known}".strip()
