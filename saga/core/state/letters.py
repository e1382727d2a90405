"""The letters of the state vector: one letter per step, stored in the saga row.

A letter says how far one step has come. Rules, read models and messages use the names below, never the raw letters: only this
package, the independent checker in `saga.history`, the test suites and the tests spell a letter out.
"""

from __future__ import annotations

from typing import Final

from saga.core.state.mode import Mode

PENDING: Final = "P"
DISPATCHED: Final = "D"
VOIDING: Final = "W"
RESOLVING: Final = "U"
COMPENSATING: Final = "K"
SUCCEEDED: Final = "S"
SKIPPED: Final = "N"
HANDLED: Final = "H"
REJECTED: Final = "R"
VOID: Final = "V"
COMPENSATED: Final = "Z"
FROZEN: Final = "G"
UNKNOWN: Final = "?"

# The quarantined twins: the same state of a step, waiting for an operator.
QUARANTINED_DISPATCHED: Final = "d"
QUARANTINED_VOIDING: Final = "w"
QUARANTINED_RESOLVING: Final = "u"
QUARANTINED_COMPENSATING: Final = "k"

QUARANTINE_OF: Final = {
    DISPATCHED: QUARANTINED_DISPATCHED,
    VOIDING: QUARANTINED_VOIDING,
    RESOLVING: QUARANTINED_RESOLVING,
    COMPENSATING: QUARANTINED_COMPENSATING,
}
"""The letter that a step gets when it is quarantined."""
RELEASED_FROM: Final = {quarantined: letter for letter, quarantined in QUARANTINE_OF.items()}
"""The letter that a quarantined step gets back when an operator retries it."""

ANY_DISPATCHED: Final = frozenset((DISPATCHED, QUARANTINED_DISPATCHED))
ANY_VOIDING: Final = frozenset((VOIDING, QUARANTINED_VOIDING))
ANY_RESOLVING: Final = frozenset((RESOLVING, QUARANTINED_RESOLVING))
ANY_COMPENSATING: Final = frozenset((COMPENSATING, QUARANTINED_COMPENSATING))

QUARANTINED_LETTERS: Final = frozenset(RELEASED_FROM)
"""The step waits for an operator."""
FINISHED_LETTERS: Final = frozenset((SUCCEEDED, SKIPPED, HANDLED, VOID, COMPENSATED))
"""While the saga runs: the successors may run. A step that is void or compensated then was retracted (G52, G53)."""
PASSED_LETTERS: Final = frozenset((SUCCEEDED, SKIPPED))
"""The letters of a pivot that has passed: from here the saga only goes forward. A pivot is never handled (G43)."""
OPEN_LETTERS: Final = ANY_DISPATCHED | ANY_VOIDING
"""Dispatched while the saga goes forward, outcome unknown."""
ACTIVE_LETTERS: Final = frozenset(QUARANTINE_OF)
"""A participant is asked to do something."""
UNDER_WAY_LETTERS: Final = ACTIVE_LETTERS | QUARANTINED_LETTERS | {FROZEN}
"""Neither pending nor final: a command row exists, or may exist."""
DECLARABLE_LETTERS: Final = frozenset((QUARANTINED_DISPATCHED, QUARANTINED_VOIDING, QUARANTINED_RESOLVING))
"""Quarantined while nobody knows whether the step took effect: an operator may declare it."""
HAPPENED_LETTERS: Final = frozenset((SUCCEEDED, COMPENSATING, COMPENSATED))
"""After a report, the effect is there or was there: the step has a result."""
RECORDED_LETTERS: Final = frozenset((SUCCEEDED, HANDLED))
"""Finished with a result: what the step returned, or the reason of its rejection."""
NO_EFFECT_LETTERS: Final = frozenset((REJECTED, VOID, COMPENSATED, SKIPPED, HANDLED))
"""Without an effect, for sure and for ever: clear once all successors are (G12, G42), since they may have run behind it."""

WORDS: Final[dict[str, str]] = {
    PENDING: "pending",
    DISPATCHED: "dispatched",
    VOIDING: "voiding",
    RESOLVING: "resolving",
    COMPENSATING: "compensating",
    QUARANTINED_DISPATCHED: "quarantined (dispatched)",
    QUARANTINED_VOIDING: "quarantined (voiding)",
    QUARANTINED_RESOLVING: "quarantined (resolving)",
    QUARANTINED_COMPENSATING: "quarantined (compensating)",
    SUCCEEDED: "succeeded",
    SKIPPED: "skipped",
    HANDLED: "rejected, handled",
    REJECTED: "rejected",
    VOID: "void",
    COMPENSATED: "compensated",
    FROZEN: "frozen",
    UNKNOWN: "effect unknown",
}
LETTERS: Final = frozenset(WORDS)


def keeps_command(letter: str, mode: Mode) -> bool:
    """G37, G40: nothing is called for, but the command row still records until when a call may arrive."""
    return letter in QUARANTINED_LETTERS or (letter == FROZEN and mode is Mode.EXTERNAL)
