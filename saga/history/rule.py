"""The rules that a history must keep, after the rows and guards of docs/concepts/protocol.md."""

from __future__ import annotations

from enum import Enum


class Rule(Enum):
    """Each breach names one. People read the value."""

    VERSION = "one version a transition"
    START = "E1 start"
    SUCCESS = "E3 success"
    KEPT = "E3 kept rejection"
    REJECTION = "E4 rejection"
    LATE_REJECTION = "E4b rejection behind the pivot"
    HANDLED = "E4h handled rejection"
    DISPATCH = "E5 dispatch"
    CONDITION = "E5 condition"
    CHECK = "E5 check"
    JOIN = "E5 join"
    UNNEEDED = "E5 not needed any more"
    COMPLETED = "E5 completed"
    ROLL_BACK = "E6 roll back"
    DOUBT = "E6 unknown outcomes"
    SETTLE = "E7 settle"
    COMPENSATED = "E7 compensated all"
    UNDONE = "E8 compensated"
    VOIDED = "E9 voided"
    UNCLAIMED = "E6 never claimed"
    QUARANTINE = "E10 quarantine"
    OPERATOR = "E10 operator"
    ENDED = "E12 an end is for ever"
    FREEZE = "E13 freeze"
    FROZEN = "E13 frozen"
    ABANDONED = "E13 abandoned"
    RETRACT = "E14 retract"
    PAUSE = "pause and resume"
    OUTCOME = "an outcome never changes"
    REASON = "no change without a line"
    KIND = "lines of a known kind"
    ROW = "the row is the last line"
    RESULT = "a result for each success"
