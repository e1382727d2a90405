"""The builder of definitions. It produces data; none of this code runs in a saga."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Final, Generic, overload

from typing_extensions import TypeVar

from saga.authoring.durations import COMPENSATION_BUDGET, milliseconds
from saga.authoring.input_type import InputType
from saga.authoring.naming import NAMES
from saga.authoring.path import Path, Record, template_from
from saga.authoring.retry import DEFAULT_ATTEMPTS, DefaultAttempts
from saga.authoring.steps import Steps, Written
from saga.authoring.text.reading import read
from saga.authoring.text.source import located
from saga.authoring.text.writing import Document, document_of, yaml_text
from saga.codec.codec import Value
from saga.core.check.finding import Code, Finding, refuse_errors, refused
from saga.core.check.limits import VERSION_REASON, VERSION_REMEDY, is_version
from saga.core.check.safety import check
from saga.core.definition.contract import Contract
from saga.core.definition.graph import Graph
from saga.core.definition.json_value import Json
from saga.core.definition.names import is_name
from saga.core.definition.outline import AnyStepOutline, Outline, StepOutline, freeze
from saga.core.duration import Duration
from saga.core.state.mode import Mode
from saga.core.text import shown_value

_NO_CONTRACTS: Final[Mapping[str, Contract]] = MappingProxyType({})
InputT = TypeVar("InputT", default=Json)


class Definition(Steps, Generic[InputT]):
    """A named, versioned saga: its steps, their order, and the input of each.

    Steps without a predecessor start at once; several steps after one run in parallel; a step after several waits for
    all of them, or for a number of successes (`any_of`, `at_least`). A step whose condition (`when`) is false is
    skipped, and its successors run as if it were not there.

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
            raise refused(Code.NAME_INVALID, str(self), f"{name!r} cannot name a definition.", NAMES)
        if not is_version(version):
            raise refused(Code.VERSION_INVALID, name, VERSION_REASON.format(shown_value(version)), VERSION_REMEDY)
        super().__init__(str(self))
        self._deadline_ms = None if deadline is None else milliseconds(str(self), "deadline", deadline)
        self._budget_ms = milliseconds(str(self), "compensation_budget", compensation_budget)
        self._returns: Json = None
        self._has_returns = False
        self._input = InputType(input)

    @classmethod
    def from_yaml(cls, text: str | bytes, *, file: str | None = None) -> Definition:
        """Reads a definition from YAML or JSON; `file` is its name in errors. The words are those of the calls in Python.

        Raises:
            DefinitionError: it is not a definition; the message has the line and the column.
        """
        definition: Definition
        definition, source = read(cls, text, file)
        definition._source = source  # noqa: SLF001 (of this class)
        return definition

    def to_yaml(self) -> str:
        """Writes the definition as `from_yaml` reads it. What was read, and not added to since, comes back as it was written."""
        return yaml_text(self.document()) if self._source is None else self._source.text

    def document(self) -> Document:
        """Returns the definition in the words of its YAML, as plain data."""
        attempts = {name: written.retry.attempts for name, written in self._written.items()}
        steps = tuple(written.outline for written in self._written.values())
        return document_of(replace(self.outline(), steps=steps), attempts)

    def __str__(self) -> str:
        return f"{self.name} v{self.version}"

    def __repr__(self) -> str:
        return f"<definition {self}: {', '.join(self._written) or 'no steps'}>"

    def encode_input(self, value: Value) -> bytes:
        """Checks an input against the input type and writes it as JSON.

        Raises:
            saga.codec.codec.Misfit: the type does not allow it.
            saga.codec.codec.Unreadable: it could not be read back equal.
        """
        return self._input.encode(value)

    @property
    def event_names(self) -> tuple[str, ...]:
        """The events for which the saga waits, those that cancel it included."""
        return self._events.names

    def encode_event(self, name: str, payload: Value) -> bytes:
        """Checks what comes with an event against its type and writes it as JSON.

        Raises:
            UsageError: no step waits for such an event.
            saga.codec.codec.Misfit: the type does not allow it.
            saga.codec.codec.Unreadable: it could not be read back equal.
        """
        return self._events.encode(name, payload)

    @property
    def input(self) -> Path:
        """The recorded path to the saga's input."""
        return Path(Record(self, f"{self}, input", None, (), self._input.shape, f"{self.name}.input"))

    @property
    def contract_names(self) -> tuple[str, ...]:
        """The contracts that the definition needs, as "service.handler"."""
        outlines = (written.outline for written in self._written.values())
        return tuple(dict.fromkeys(outline.contract_name for outline in outlines if isinstance(outline, StepOutline)))

    def returns(self, value: object) -> None:
        """Sets what a completed saga returns: a recorded path, or dicts and lists of paths and JSON values."""
        place = f"{self}, returns"
        if self._has_returns:
            raise refused(Code.RETURNS_TWICE, place, "The result of the saga is already set.", "Call returns() once.")
        self._returns = template_from(value, self, place)
        self._has_returns = True
        self._source = None

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
            input_schema=self._input.schema,
            event_schemas=self._events.schemas,
            input_faults=self._input.faults,
            event_faults=self._events.faults,
        )

    def findings(self, contracts: Mapping[str, Contract]) -> tuple[Finding, ...]:
        """Finds every fault and every possible fault, errors first."""
        return located(check(self.outline(contracts), contracts), self._source)

    def graph(self, contracts: Mapping[str, Contract], attempts: DefaultAttempts = DEFAULT_ATTEMPTS) -> Graph:
        """Freezes the definition with the contracts of its steps, looked up as "service.handler".

        `attempts`: those of steps without an explicit number.

        Raises:
            DefinitionError: with all findings.
        """
        refuse_errors(f"definition {self} cannot be accepted", self.findings(contracts))
        source = None if self._source is None else self._source.text
        return replace(freeze(self.outline(contracts, attempts), contracts), source=source)

    def _step_outline(
        self, written: Written, contracts: Mapping[str, Contract], attempts: DefaultAttempts
    ) -> AnyStepOutline:
        step = written.outline
        if not isinstance(step, StepOutline):
            return step
        contract = contracts.get(step.contract_name)
        before = self._predecessors.finished_before(step.name)
        is_forward = step.retriable or any(self._written[name].outline.pivot for name in before)
        is_external = contract is not None and contract.mode is Mode.EXTERNAL
        default = attempts.of(is_forward=is_forward, is_external=is_external)
        return replace(step, retriable=is_forward, retry=written.retry.policy(default))
