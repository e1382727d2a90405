"""The builder of definitions. It produces data; none of this code runs in a saga."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Final, Generic, overload

from typing_extensions import TypeVar

from saga.authoring.blocks import Blocks
from saga.authoring.condition import Condition
from saga.authoring.durations import COMPENSATION_BUDGET, STEP_TIMEOUT, milliseconds
from saga.authoring.input_type import InputType
from saga.authoring.naming import NAMES, new_step_name, service_and_handler
from saga.authoring.path import Path, Record, template_from
from saga.authoring.predecessors import Predecessors
from saga.authoring.retry import COMPENSATION_ATTEMPTS, DEFAULT_ATTEMPTS, DefaultAttempts, Retry
from saga.authoring.shape import UNKNOWN
from saga.authoring.step_handle import After, AtLeast, StepHandle
from saga.authoring.text.reading import read
from saga.authoring.text.source import Source, located
from saga.authoring.text.writing import Document, document_of, yaml_text
from saga.codec.codec import Value
from saga.core.check.branches import CONDITION_REMEDY, condition_reason
from saga.core.check.finding import Code, Finding, refuse_errors, refused
from saga.core.check.limits import TIMEOUT_MS_MAX, VERSION_REASON, VERSION_REMEDY, is_version
from saga.core.check.safety import check
from saga.core.condition.condition import condition_fault, steps_read
from saga.core.definition.contract import Contract
from saga.core.definition.graph import Graph
from saga.core.definition.json_value import Json
from saga.core.definition.names import is_name
from saga.core.definition.outline import AnyStepOutline, CheckOutline, Outline, StepOutline, freeze
from saga.core.definition.paths import REASON, reads
from saga.core.duration import Duration
from saga.core.state.mode import Mode
from saga.core.text import shown_value

_NO_CONTRACTS: Final[Mapping[str, Contract]] = MappingProxyType({})
InputT = TypeVar("InputT", default=Json)


@dataclass(frozen=True, slots=True)
class _Written:
    """A step as its author wrote it. Its outline still lacks the defaults that depend on the step's place."""

    handle: StepHandle
    outline: AnyStepOutline
    retry: Retry


class Definition(Generic[InputT]):
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
        self._deadline_ms = None if deadline is None else milliseconds(str(self), "deadline", deadline)
        self._budget_ms = milliseconds(str(self), "compensation_budget", compensation_budget)
        self._written: dict[str, _Written] = {}
        self._checks: list[str] = []
        self._predecessors = Predecessors()
        self._blocks = Blocks(str(self))
        self._returns: Json = None
        self._has_returns = False
        self._input = InputType(input)
        self._source: Source | None = None

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
    def input(self) -> Path:
        """The recorded path to the saga's input."""
        return Path(Record(self, f"{self}, input", None, (), self._input.shape, f"{self.name}.input"))

    @property
    def steps(self) -> tuple[StepHandle, ...]:
        """The steps in the order of writing."""
        return tuple(written.handle for written in self._written.values())

    @property
    def contract_names(self) -> tuple[str, ...]:
        """The contracts that the definition needs, as "service.handler"."""
        outlines = (written.outline for written in self._written.values())
        return tuple(dict.fromkeys(outline.contract_name for outline in outlines if isinstance(outline, StepOutline)))

    def step(  # noqa: PLR0913 (one keyword for each attribute of a step; all but the first have defaults)
        self,
        contract: str,
        *,
        name: str | None = None,
        after: After = None,
        when: Condition | str | None = None,
        inputs: object = None,
        output: object = None,
        retry: Retry = Retry(),  # noqa: B008 (frozen)
        compensation_retry: Retry = Retry(),  # noqa: B008 (frozen)
        timeout: Duration = STEP_TIMEOUT,
        pivot: bool = False,
        retriable: bool = False,
        read_only: bool = False,
        handled: bool = False,
        optional: bool = False,
    ) -> StepHandle:
        """Adds a step: the handler `contract`, as in "inventory.reserve".

        `after` names its predecessors; a step also comes after those that its `inputs` and its condition read. `inputs` is a
        recorded path, or dicts and lists of paths and JSON values; without it the step gets the saga's input. `output`
        is the type of its result, needed only to check paths into it. `timeout` limits one attempt, `retry` all of them.
        For the compensation, the same `timeout` applies, and `compensation_retry`.

        `when` is the condition under which it runs: a comparison of recorded paths, or CEL. With `handled` the saga goes on after a
        rejection of the step, with `optional` also when its attempts are exhausted; an optional step must be read-only.

        Behind the `pivot` a saga only goes forward. `retriable` promises that the step never rejects: it is required
        beside the pivot and implied behind it. A `read_only` step has no effect to undo.

        Raises:
            DefinitionError: the step is invalid. Faults that need the contracts or the whole graph are found by `graph`.
        """
        service, handler = service_and_handler(str(self), contract)
        title = new_step_name(str(self), handler if name is None else name, self._written)
        place = f"{self}, step {title}"
        template = None if inputs is None else template_from(inputs, self, f"{place}, inputs")
        condition = self._condition(place, when)
        outline = StepOutline(
            name=title,
            service=service,
            handler=handler,
            after=self._predecessors.of(place, after, (*reads(template), *steps_read(condition)), self.steps),
            successes=after.successes if isinstance(after, AtLeast) else 0,
            condition=condition,
            pivot=pivot,
            retriable=retriable,
            read_only=read_only,
            handled=handled,
            optional=optional,
            timeout_ms=milliseconds(place, "timeout", timeout, TIMEOUT_MS_MAX),
            retry=retry.policy(DEFAULT_ATTEMPTS.execute),
            compensation_retry=compensation_retry.policy(COMPENSATION_ATTEMPTS),
            inputs=template,
        )
        return self._add(outline, UNKNOWN if output is None else output, retry)

    def check(
        self,
        condition: Condition | str,
        reason: str,
        *,
        name: str | None = None,
        after: After = None,
        when: Condition | str | None = None,
    ) -> StepHandle:
        """Adds a check: where `condition` is false, the saga is rolled back with this reason. It runs nowhere and takes no time.

        It comes before the pivot, and after the steps that it reads. Without a `name` it is called check_1, check_2 and so on.

        Raises:
            DefinitionError: the check is invalid.
        """
        title = new_step_name(str(self), f"check_{len(self._checks) + 1}" if name is None else name, self._written)
        place = f"{self}, step {title}"
        holds, own = self._text(place, condition), self._condition(place, when)
        outline = CheckOutline(
            name=title,
            after=self._predecessors.of(place, after, (*steps_read(holds), *steps_read(own)), self.steps),
            successes=after.successes if isinstance(after, AtLeast) else 0,
            condition=own,
            pivot=False,
            retriable=False,
            holds=holds,
            reason=reason,
        )
        self._checks.append(title)
        return self._add(outline, UNKNOWN, Retry())

    def when(self, condition: Condition | str) -> AbstractContextManager[None]:
        """A block: every step that is added inside has this condition. `with order.when(order.input.cents > 100_000): ...`"""
        return self._blocks.when(self._text(f"{self}, when", condition))

    def otherwise(self) -> AbstractContextManager[None]:
        """The else of the block of `when` right before it."""
        return self._blocks.when(self._blocks.otherwise())

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
            input_faults=self._input.faults,
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
        self, written: _Written, contracts: Mapping[str, Contract], attempts: DefaultAttempts
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

    def _add(self, outline: AnyStepOutline, shape: object, retry: Retry) -> StepHandle:
        title = outline.name
        place = f"{self}, step {title}"
        output = Path(Record(self, place, title, (), shape, f"{title}.output"))
        reason = Path(Record(self, place, title, (), str, f"{title}.reason", REASON))
        handle = StepHandle(title, output, reason, self)
        self._written[title] = _Written(handle, outline, retry)
        self._source = None
        self._predecessors.add(title, outline.after, outline.successes)
        return handle

    def _condition(self, place: str, when: Condition | str | None) -> str | None:
        """The condition of a step: that of its blocks, and its own."""
        return self._blocks.condition_of_step(None if when is None else self._text(f"{place}, when", when))

    def _text(self, place: str, condition: Condition | str) -> str:
        """The CEL of a condition. Raises DefinitionError: it is about another definition, or not a condition."""
        text = condition.text_for(self, place) if isinstance(condition, Condition) else condition
        fault = condition_fault(text)
        if fault is not None:
            raise refused(Code.CONDITION_INVALID, place, condition_reason(text, fault), CONDITION_REMEDY)
        return text
