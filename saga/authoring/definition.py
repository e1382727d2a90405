"""The builder of definitions. It produces data; none of this code runs in a saga."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from types import MappingProxyType
from typing import Any, Final, Generic, overload

from pydantic.errors import PydanticUndefinedAnnotation, PydanticUserError
from typing_extensions import TypeVar

from saga.authoring.path import Path, Record, template_from
from saga.authoring.retry import COMPENSATION_ATTEMPTS, DEFAULT_ATTEMPTS, DefaultAttempts, Retry
from saga.authoring.shape import UNKNOWN
from saga.codec.codec import Codec, Value, encode_untyped
from saga.core.check.finding import Code, Finding, refused
from saga.core.check.limits import TIMEOUT_MS_MAX, VERSION_REASON, VERSION_REMEDY, is_version
from saga.core.check.safety import accept, check
from saga.core.definition.contract import Contract
from saga.core.definition.graph import Graph
from saga.core.definition.json_value import Json
from saga.core.definition.names import NAME_RULE, is_name
from saga.core.definition.outline import Outline, StepOutline
from saga.core.definition.paths import reads
from saga.core.duration import DURATION_MS_MAX, Duration, duration_ms, duration_text
from saga.core.state.mode import Mode
from saga.core.text import shown_value
from saga.errors import UsageError

STEP_TIMEOUT: Final = "30s"
COMPENSATION_BUDGET: Final = "1d"
_NO_CONTRACTS: Final[Mapping[str, Contract]] = MappingProxyType({})
InputT = TypeVar("InputT", default=Json)


class StepHandle:
    """A step that has been added: later steps name it as a predecessor and read its output."""

    __slots__ = ("name", "output")

    def __init__(self, name: str, output: Path) -> None:
        self.name: str = name
        self.output: Path = output

    def __repr__(self) -> str:
        return f"<step {self.name}>"


@dataclass(frozen=True, slots=True)
class _Written:
    """A step as its author wrote it. Its outline still lacks the defaults that depend on the step's place."""

    handle: StepHandle
    outline: StepOutline
    retry: Retry


class Definition(Generic[InputT]):
    """A named, versioned saga: its steps, their order, and the input of each.

    Steps without a predecessor start at once; several steps after one run in parallel; a step after several waits for
    all of them.

    `input` is the type of the saga's input (a pydantic model, a dataclass, a TypedDict or any type that pydantic
    knows); recorded paths are checked against it. `deadline` counts from the start and rolls the saga back unless the
    pivot has passed; undoing has the `compensation_budget` to itself.

    Raises:
        DefinitionError: an invalid name, version or duration.
    """

    @overload
    def __init__(
        self,
        name: str,
        version: int = 1,
        *,
        input: type[InputT],
        deadline: Duration | None = None,
        compensation_budget: Duration = COMPENSATION_BUDGET,
    ) -> None: ...

    @overload
    def __init__(
        self: Definition,
        name: str,
        version: int = 1,
        *,
        input: Json = None,
        deadline: Duration | None = None,
        compensation_budget: Duration = COMPENSATION_BUDGET,
    ) -> None: ...

    def __init__(
        self,
        name: str,
        version: int = 1,
        *,
        input: Any = None,  # noqa: A002 (the word that users read; any type, generic ones included)
        deadline: Duration | None = None,
        compensation_budget: Duration = COMPENSATION_BUDGET,
    ) -> None:
        self.name = name
        self.version = version
        self.input_type = input
        if not is_name(name):
            raise refused(Code.NAME_INVALID, str(self), f"{name!r} cannot name a definition.", _NAMES)
        if not is_version(version):
            raise refused(Code.VERSION_INVALID, name, VERSION_REASON.format(shown_value(version)), VERSION_REMEDY)
        self._deadline_ms = None if deadline is None else self._ms(str(self), "deadline", deadline)
        self._budget_ms = self._ms(str(self), "compensation_budget", compensation_budget)
        self._written: dict[str, _Written] = {}
        self._ancestors: dict[str, frozenset[str]] = {}
        self._returns: Json = None
        self._has_returns = False
        self._input_shape = UNKNOWN if input is None else input

    def __str__(self) -> str:
        return f"{self.name} v{self.version}"

    def __repr__(self) -> str:
        return f"<definition {self}: {', '.join(self._written) or 'no steps'}>"

    @cached_property
    def _input_codec(self) -> Codec:
        return Codec(self.input_type)

    def encode_input(self, value: Value) -> bytes:
        """Checks an input against the input type and writes it as JSON.

        Raises:
            saga.codec.codec.Misfit: the type does not allow it.
            saga.codec.codec.Unreadable: it could not be read back equal.
        """
        return encode_untyped(value) if self.input_type is None else self._input_codec.encode(value)

    @property
    def input(self) -> Path:
        """The recorded path to the saga's input."""
        return Path(Record(self, f"{self}, input", None, (), self._input_shape, f"{self.name}.input"))

    @property
    def steps(self) -> tuple[StepHandle, ...]:
        """The steps in the order of writing."""
        return tuple(written.handle for written in self._written.values())

    @property
    def contract_names(self) -> tuple[str, ...]:
        """The contracts that the definition needs, as "service.handler"."""
        return tuple(dict.fromkeys(written.outline.contract_name for written in self._written.values()))

    def step(  # noqa: PLR0913 (one keyword for each attribute of a step; all but the first have defaults)
        self,
        contract: str,
        *,
        name: str | None = None,
        after: StepHandle | Sequence[StepHandle] | None = None,
        inputs: object = None,
        output: object = None,
        retry: Retry = Retry(),  # noqa: B008 (frozen)
        compensation_retry: Retry = Retry(),  # noqa: B008 (frozen)
        timeout: Duration = STEP_TIMEOUT,
        pivot: bool = False,
        retriable: bool = False,
        read_only: bool = False,
    ) -> StepHandle:
        """Adds a step: the handler `contract`, as in "inventory.reserve".

        `after` names its predecessors; a step also comes after those whose output its `inputs` read. `inputs` is a
        recorded path, or dicts and lists of paths and JSON values; without it the step gets the saga's input. `output`
        is the type of its result, needed only to check paths into it. `timeout` limits one attempt, `retry` all of them.
        For the compensation, the same `timeout` applies, and `compensation_retry`.

        Behind the `pivot` a saga only goes forward. `retriable` promises that the step never rejects: it is required
        beside the pivot and implied behind it. A `read_only` step has no effect to undo.

        Raises:
            DefinitionError: the step is invalid. Faults that need the contracts or the whole graph are found by `graph`.
        """
        service, handler = self._contract(contract)
        title = self._new_name(handler if name is None else name)
        place = f"{self}, step {title}"
        template = None if inputs is None else template_from(inputs, self, f"{place}, inputs")
        predecessors = self._predecessors(place, after, reads(template))
        shape = UNKNOWN if output is None else output
        handle = StepHandle(title, Path(Record(self, place, title, (), shape, f"{title}.output")))
        outline = StepOutline(
            name=title,
            service=service,
            handler=handler,
            after=predecessors,
            pivot=pivot,
            retriable=retriable,
            read_only=read_only,
            timeout_ms=self._ms(place, "timeout", timeout, TIMEOUT_MS_MAX),
            retry=retry.policy(DEFAULT_ATTEMPTS.execute),
            compensation_retry=compensation_retry.policy(COMPENSATION_ATTEMPTS),
            inputs=template,
        )
        self._written[title] = _Written(handle, outline, retry)
        self._ancestors[title] = self._closure(predecessors)
        return handle

    def returns(self, value: object) -> None:
        """Sets what a completed saga returns: a recorded path, or dicts and lists of paths and JSON values."""
        place = f"{self}, returns"
        if self._has_returns:
            raise refused(Code.RETURNS_TWICE, place, "The result of the saga is already set.", "Call returns() once.")
        self._returns = template_from(value, self, place)
        self._has_returns = True

    def outline(
        self, contracts: Mapping[str, Contract] = _NO_CONTRACTS, attempts: DefaultAttempts = DEFAULT_ATTEMPTS
    ) -> Outline:
        """Returns the definition as data, without what the contracts add. They decide the default attempts of external steps."""
        return Outline(
            name=self.name,
            version=self.version,
            steps=tuple(self._step_outline(written, contracts, attempts) for written in self._written.values()),
            deadline_ms=self._deadline_ms,
            compensation_budget_ms=self._budget_ms,
            returns=self._returns,
            input_schema=self._schema(),
            input_faults=self._input_faults(),
        )

    def findings(self, contracts: Mapping[str, Contract]) -> tuple[Finding, ...]:
        """Finds every fault and every possible fault, errors first."""
        return check(self.outline(contracts), contracts)

    def graph(self, contracts: Mapping[str, Contract], attempts: DefaultAttempts = DEFAULT_ATTEMPTS) -> Graph:
        """Freezes the definition with the contracts of its steps, looked up as "service.handler".

        `attempts`: those of steps without an explicit number.

        Raises:
            DefinitionError: with all findings.
        """
        return accept(self.outline(contracts, attempts), contracts)

    def _schema(self) -> Json:
        """The JSON Schema of the input, for people; None for a type without one."""
        if self.input_type is None:
            return None
        try:
            return self._input_codec.adapter.json_schema()
        except (PydanticUserError, PydanticUndefinedAnnotation):
            return None

    def _input_faults(self) -> tuple[str, ...]:
        if self.input_type is None:
            return ()
        try:
            return self._input_codec.faults
        except (PydanticUserError, PydanticUndefinedAnnotation):
            return ()

    def _step_outline(
        self, written: _Written, contracts: Mapping[str, Contract], attempts: DefaultAttempts
    ) -> StepOutline:
        step, contract = written.outline, contracts.get(written.outline.contract_name)
        is_forward = step.retriable or any(self._written[name].outline.pivot for name in self._ancestors[step.name])
        is_external = contract is not None and contract.mode is Mode.EXTERNAL
        default = attempts.of(is_forward=is_forward, is_external=is_external)
        return replace(step, retriable=is_forward, retry=written.retry.policy(default))

    def _contract(self, contract: str) -> tuple[str, str]:
        service, dot, handler = contract.partition(".")
        if not (dot and is_name(service) and is_name(handler)):
            reason = f"{contract!r} does not name a handler of a service."
            raise refused(
                Code.NAME_INVALID, str(self), reason, f"Write service.handler, as in inventory.reserve. {_NAMES}"
            )
        return service, handler

    def _new_name(self, name: str) -> str:
        if not is_name(name):
            raise refused(Code.NAME_INVALID, str(self), f"{name!r} cannot name a step.", _NAMES)
        if name in self._written:
            reason = f"Another step is already called {name}."
            raise refused(Code.NAME_TWICE, f"{self}, step {name}", reason, "Give this one its own name with name=.")
        return name

    def _predecessors(
        self, place: str, after: StepHandle | Sequence[StepHandle] | None, read: Sequence[str]
    ) -> tuple[str, ...]:
        """The predecessors of a step: those in `after`, and the steps it reads that are not ordered before it already."""
        said: list[object] = list(after) if isinstance(after, list | tuple) else [] if after is None else [after]
        names: list[str] = []
        for handle in said:
            if not isinstance(handle, StepHandle):
                raise refused(Code.FOREIGN, place, f"after={handle!r} is not a step.", "Pass what step() returned.")
            if handle not in self.steps:
                reason = f"{handle!r} is a step of another definition."
                raise refused(Code.FOREIGN, place, reason, "Use the steps of this one.")
            names.append(handle.name)
        written = list(self._written)
        for name in sorted(read, key=written.index, reverse=True):
            if name not in names and name not in self._closure(names):
                names.append(name)
        return tuple(dict.fromkeys(names))

    def _closure(self, names: Sequence[str]) -> frozenset[str]:
        return frozenset(names).union(*(self._ancestors[name] for name in names))

    @staticmethod
    def _ms(place: str, field: str, value: Duration, longest: int = DURATION_MS_MAX) -> int:
        try:
            milliseconds = duration_ms(value)
        except UsageError as error:
            reason = f"{field}={shown_value(value)} is not a duration."
            raise refused(Code.TIME_INVALID, place, reason, str(error)) from error
        if milliseconds == 0:
            raise refused(Code.TIME_INVALID, place, f"{field}={value!r} is not above zero.", "Set a longer one.")
        if milliseconds > longest:
            reason = f"{field}={value!r} is longer than {duration_text(longest)}."
            remedy = "Start the work in one step, and await it in another with NotYet."
            raise refused(Code.TIME_INVALID, place, reason, remedy)
        return milliseconds


_NAMES: Final = f"Names are made of {NAME_RULE}."
