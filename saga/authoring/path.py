"""Recorded paths: `order.input.sku` says where a value will be found, and is checked on the line where it is written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Final, NoReturn

from saga.authoring import condition
from saga.authoring.condition import Condition, Stated
from saga.authoring.shape import NoSuchPartError, part, type_other_than_bool
from saga.core.check.finding import Code, refused
from saga.core.definition.json_value import Json
from saga.core.definition.paths import (
    OUTPUT,
    TEMPLATE_DEPTH_MAX,
    Segment,
    Segments,
    input_path,
    literal_key,
    output_path,
    reason_path,
    segment_text,
    value_fault,
    with_default,
)
from saga.core.nearest import did_you_mean
from saga.errors import DefinitionError

_FIELDS_SHOWN_MAX: Final = 20


@dataclass(frozen=True, slots=True)
class Record:
    """A place in the saga's input, or in the output of a step. `word` is `REASON` for why a step was rejected."""

    owner: object  # the definition; by identity
    place: str  # "order v1, input" or "order v1, step charge"
    step: str | None
    segments: Segments
    shape: object
    text: str
    word: str = OUTPUT

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
        if self.step is None:
            return input_path(self.segments)
        return output_path(self.step, self.segments) if self.word == OUTPUT else reason_path(self.step)

    @property
    def root(self) -> str:
        """The CEL of what the path begins with."""
        return "input" if self.step is None else f"steps.{self.step}.{self.word}"

    def misused(self, purpose: str) -> DefinitionError:
        """The error for a path that is used as if it had a value."""
        reason = f"{self.text} has no value while the definition is written, so it cannot {purpose}."
        return refused(Code.PATH_MISUSED, self.place, reason, "Pass it as inputs= and work with its value in the step.")


class Path(Stated):
    """A recorded path. Fields are attributes, entries of lists and keys of any spelling are items.

    It has no value while the definition is written: a comparison records a condition, `is_in` another one, and `or_` what
    stands for a value that is absent or null. A path to true or false is a condition itself, also with `&`, `|` and `~`. Any other
    use of its value raises a DefinitionError.
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

    def or_(self, default: object) -> PathWithDefault:
        """The same value, or `default` where it is absent or null: a JSON value or another path."""
        return PathWithDefault(self._record, default)

    def is_in(self, values: Sequence[object]) -> Condition:
        """The condition that the value is one of these."""
        return _condition(self, "in", list(values))

    def __eq__(self, other: object) -> Condition:  # type: ignore[override]  # a comparison is recorded
        return _condition(self, "==", other)

    def __ne__(self, other: object) -> Condition:  # type: ignore[override]  # a comparison is recorded
        return _condition(self, "!=", other)

    def __lt__(self, other: object) -> Condition:
        return _condition(self, "<", other)

    def __le__(self, other: object) -> Condition:
        return _condition(self, "<=", other)

    def __gt__(self, other: object) -> Condition:
        return _condition(self, ">", other)

    def __ge__(self, other: object) -> Condition:
        return _condition(self, ">=", other)

    def __and__(self, other: object) -> Condition:
        return self._condition() & other

    def __or__(self, other: object) -> Condition:
        return self._condition() | other

    def __rand__(self, other: object) -> Condition:
        return other & self._condition()  # refused: a condition on the left never comes here

    def __ror__(self, other: object) -> Condition:
        return other | self._condition()

    def __invert__(self) -> Condition:
        return ~self._condition()

    def _condition(self) -> Condition:
        record = self._record
        other = type_other_than_bool(record.shape)
        if other is not None:
            reason = f"{record.text} has the type {other}, and is not a condition."
            remedy = f"Compare it, as in {record.text} == ..., or name a value that is true or false."
            raise refused(Code.CONDITION_INVALID, record.place, reason, remedy)
        return _condition(self, "==", True)  # noqa: FBT003 (the value that it is compared with)

    def __setattr__(self, name: str, value: object) -> None:
        if name != "_record":
            raise self._record.misused("be changed")
        object.__setattr__(self, name, value)

    __hash__: ClassVar[Callable[[object], int]] = object.__hash__


def _refusal(purpose: str) -> Callable[..., NoReturn]:
    def refuse(path: Path, *_: object) -> NoReturn:
        raise record_of(path).misused(purpose)

    return refuse


_BINARY: Final = "add sub mul matmul truediv floordiv mod divmod pow lshift rshift xor"
_MISUSES: Final = {
    "decide anything": "bool",
    "take part in a calculation": f"{_BINARY} r{' r'.join(_BINARY.split())} neg pos abs round trunc floor ceil",
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


class PathWithDefault(Path):
    """A recorded path with what stands for a value that is absent or null. It can be compared and passed on, and has no parts."""

    __slots__ = ("_default",)
    _default: object

    def __init__(self, record: Record, default: object) -> None:
        super().__init__(record)
        object.__setattr__(self, "_default", default)

    def __getattr__(self, name: str) -> Path:
        if name.startswith("_"):
            raise AttributeError(name)
        raise self._record.misused(f"have the part {name!r} behind its default")

    def __getitem__(self, segment: Segment) -> Path:
        raise self._record.misused(f"have the part {segment!r} behind its default")

    def or_(self, default: object) -> PathWithDefault:
        """Refused: it has a default already."""
        raise self._record.misused(f"have {default!r:.40} as a second default")


def default_of(path: PathWithDefault) -> object:
    """Returns the default of a path. Not a method, because every public name belongs to the fields."""
    found: object = object.__getattribute__(path, "_default")
    return found


def _condition(path: Path, sign: str, other: object) -> Condition:
    record = record_of(path)
    return Condition(f"{_operand(path, record)} {sign} {_operand(other, record)}", record.owner)


def _operand(value: object, about: Record) -> str:
    """Writes one side of a comparison as CEL. Raises DefinitionError."""
    if not isinstance(value, Path):
        return condition.literal(value, about.place)
    record = record_of(value)
    if record.owner is not about.owner:
        raise _foreign(record, about.place)
    if isinstance(value, PathWithDefault):
        default = _operand(default_of(value), about)
        return condition.with_default(record.root, record.segments, default)
    return condition.path_text(record.root, record.segments)


def _foreign(record: Record, place: str) -> DefinitionError:
    reason = f"{record.text} is a path of another definition ({record.place})."
    return refused(Code.FOREIGN, place, reason, "Use the input and the steps of this one.")


def record_of(path: Path) -> Record:
    """Returns the record of a path. Not a method, because every public name belongs to the fields."""
    record: Record = object.__getattribute__(path, "_record")
    return record


def holds_path(value: object) -> bool:
    """Returns whether a path is anywhere in dicts, lists and tuples."""
    if isinstance(value, dict):
        return any(map(holds_path, value.values()))
    if isinstance(value, list | tuple):
        return any(map(holds_path, value))
    return isinstance(value, Path)


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
            raise _foreign(record, place)
        if isinstance(value, PathWithDefault):
            return with_default(record.template(), _template(default_of(value), owner, place, depth + 1))
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
