"""Findings: a fault of a definition, its place, and the way out."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from saga.errors import DefinitionError


class Severity(Enum):
    """An error refuses the definition, a warning does not."""

    ERROR = "error"
    WARNING = "warning"


class Code(Enum):
    """The kind of a finding. The values are stable: programs may match them."""

    NAME_INVALID = "name_invalid"
    NAME_TWICE = "name_twice"
    VERSION_INVALID = "version_invalid"
    NO_STEPS = "no_steps"
    TOO_MANY_STEPS = "too_many_steps"
    TOO_MANY_EDGES = "too_many_edges"
    TOO_MANY_BYTES = "too_many_bytes"
    TIME_INVALID = "time_invalid"
    RETRY_INVALID = "retry_invalid"
    UNKNOWN_PREDECESSOR = "unknown_predecessor"
    CYCLE = "cycle"
    TEMPLATE_INVALID = "template_invalid"
    FIELD_UNKNOWN = "field_unknown"
    PATH_MISUSED = "path_misused"
    CONDITION_MISUSED = "condition_misused"
    CONDITION_INVALID = "condition_invalid"
    MAY_BE_ABSENT = "may_be_absent"
    JOIN_INVALID = "join_invalid"
    CHECK_BEHIND_PIVOT = "check_behind_pivot"
    EVENT_INVALID = "event_invalid"
    WAIT_INVALID = "wait_invalid"
    WAIT_BEHIND_PIVOT = "wait_behind_pivot"
    UNTIL_INVALID = "until_invalid"
    NO_CALLS = "no_calls"
    HANDLED_INVALID = "handled_invalid"
    FOREIGN = "foreign"
    RETURNS_TWICE = "returns_twice"
    READS_UNKNOWN = "reads_unknown"
    READS_UNORDERED = "reads_unordered"
    SEVERAL_PIVOTS = "several_pivots"
    NOT_RETRIABLE = "not_retriable"
    COMPENSATION_MISSING = "compensation_missing"
    READ_ONLY_COMPENSATED = "read_only_compensated"
    CONTRACT_MISSING = "contract_missing"
    CONTRACT_CHANGED = "contract_changed"
    PROBE_WITHOUT_USE = "probe_without_use"
    INPUTS_MISFIT = "inputs_misfit"
    MAY_BE_NULL = "may_be_null"
    INPUT_UNREADABLE = "input_unreadable"
    RETRY_BEYOND_DEADLINE = "retry_beyond_deadline"
    TEXT_INVALID = "text_invalid"


@dataclass(frozen=True, slots=True)
class Finding:
    """A fault of a definition, or a possible one: where, why, and the way out."""

    place: str
    reason: str
    remedy: str
    code: Code
    severity: Severity

    def __str__(self) -> str:
        return f"{self.place}: {self.reason} {self.remedy}"


def error(code: Code, place: str, reason: str, remedy: str) -> Finding:
    return Finding(place, reason, remedy, code, Severity.ERROR)


def warning(code: Code, place: str, reason: str, remedy: str) -> Finding:
    return Finding(place, reason, remedy, code, Severity.WARNING)


def refused(code: Code, place: str, reason: str, remedy: str) -> DefinitionError:
    """Makes the error for a single finding, to be raised on the line that caused it."""
    finding = error(code, place, reason, remedy)
    return DefinitionError(str(finding), (finding,))


def refuse_errors(headline: str, findings: tuple[Finding, ...]) -> None:
    """Raises a DefinitionError that lists every error, one per line, if there is any."""
    errors = [finding for finding in findings if finding.severity is Severity.ERROR]
    if errors:
        raise DefinitionError("\n".join([f"{headline}:", *(f"  {found}" for found in errors)]), findings)
