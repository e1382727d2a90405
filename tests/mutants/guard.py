"""The guards of the protocol: the rule, and its place in the product."""

from __future__ import annotations

from pathlib import Path
from typing import Final, NamedTuple

from tests.simulation.seeds.retractions import FIRST_RETRACTING_SEED
from tests.simulation.seeds.waits import FIRST_SEED

HERE: Final = Path(__file__).parent
KILLS_WANTED: Final = 3
ABOUT_RETRACTION: Final = frozenset(f"G{number}" for number in range(47, 55))
ABOUT_WAITS: Final = frozenset(f"G{number}" for number in range(55, 66))
ABOUT_TWO_BUILDS: Final = frozenset(("G136",))
TWO_BUILDS: Final = 4_000_000
"""From this seed on, the mutants are run in worlds of two builds: this plus the seed of the world."""


class Guard(NamedTuple):
    """`stands_in` is also where the patch removes it; a guard in SQL is removed from the memory store, which has it too."""

    number: str
    rule: str
    stands_in: str

    def seeds(self, count: int) -> range:
        """Returns the first `count` seeds of worlds in which it matters."""
        firsts = ((ABOUT_WAITS, FIRST_SEED), (ABOUT_RETRACTION, FIRST_RETRACTING_SEED), (ABOUT_TWO_BUILDS, TWO_BUILDS))
        first = next((first for guards, first in firsts if self.number in guards), 0)
        return range(first, first + count)

    @property
    def patch(self) -> Path:
        return HERE / f"{self.number}.patch"


_SQL: Final = "; here `saga/memory`"
GUARDS: Final = (
    Guard(
        "G01", "A command is admitted only if the vector calls for it now.", f"`claimed_commands`, `admit` (SQL){_SQL}"
    ),
    Guard(
        "G02",
        "A transactional execute checks again, saga row last: running and dispatched.",
        "`runtime/steps/transactional.py`",
    ),
    Guard("G03", "A transactional compensation checks again: still compensating.", "`runtime/steps/transactional.py`"),
    Guard(
        "G04", "A decision is written only where the version is unchanged.", f"`commit_batch`, `commit_one` (SQL){_SQL}"
    ),
    Guard("G05", "A rollback is applied only to a saga that is running at the write.", "`core/rules/rollback.py`"),
    Guard(
        "G06", "A command that the vector calls for is sent again when no live claim runs it.", "`runtime/redrive.py`"
    ),
    Guard("G07", "A claim is a lease: it ends with its report or by time.", f"`heartbeat` (SQL){_SQL}"),
    Guard(
        "G08",
        "A success advances only a running saga; later it only resolves or is recorded.",
        "`core/rules/outcomes.py`",
    ),
    Guard("G09", "The next step is decided on the pinned definition.", "`runtime/definition_cache.py`"),
    Guard("G10", "A saga completes when every step is finished, not only the last ones.", "`core/rules/forward.py`"),
    Guard("G11", "A step is compensated only when all its successors are clear.", "`core/rules/backward.py`"),
    Guard("G12", "A skipped step is clear only when all its successors are clear.", "`core/rules/backward.py`"),
    Guard(
        "G13",
        "A step of unknown outcome, too, is compensated only when all its successors are clear.",
        "`core/rules/backward.py`",
    ),
    Guard("G14", "Rollback settles every dispatched step as unknown, by its mode.", "`core/rules/rollback.py`"),
    Guard("G15", "A journaled result that exists is returned, not produced again.", "`runtime/steps/journaled.py`"),
    Guard("G16", "A journaled rejection is a result: it is written down.", "`runtime/steps/journaled.py`"),
    Guard("G17", "A compensation that comes first leaves a tombstone.", "`runtime/steps/journaled.py`"),
    Guard("G18", "A journaled compensation marks its row: a second one does nothing.", "`runtime/steps/journaled.py`"),
    Guard(
        "G19",
        "A journal row is purged only when no delivery of its saga can be alive.",
        "`runtime/journal_retention.py`",
    ),
    Guard("G20", "An external execute has one key for ever, never one per attempt.", "`runtime/handlers/context.py`"),
    Guard("G21", "An external compensation has one stable key of its own.", "`runtime/handlers/context.py`"),
    Guard(
        "G22", "An external step of unknown outcome is resolved before it is compensated.", "`core/rules/rollback.py`"
    ),
    Guard("G23", "Timeouts and other indefinite answers are never rejections.", "`runtime/steps/external.py`"),
    Guard("G24", "An external step is claimed by one process at a time.", f"`admit` (SQL){_SQL}"),
    Guard("G25", "A rejection counts only when no earlier call can still arrive.", "`runtime/steps/external.py`"),
    Guard("G26", "An external call begins only within its claim's lease.", "`runtime/steps/external.py`"),
    Guard("G27", "A rejection counts only from the newest claim of its step.", f"`commit_batch` (SQL){_SQL}"),
    Guard("G28", "A probe's no counts only if no claim could call when it was called.", "`runtime/steps/external.py`"),
    Guard("G29", "A rollback is refused once the pivot has succeeded.", "`core/rules/rollback.py`"),
    Guard("G30", "A skipped pivot has passed.", "`core/rules/pivot.py`"),
    Guard(
        "G31",
        "A rollback with a journaled pivot of unknown outcome asks it to void or report.",
        "`core/rules/pivot.py`",
    ),
    Guard("G32", "A rollback with an external pivot of unknown outcome waits.", "`core/rules/pivot.py`"),
    Guard(
        "G33", "When the pivot has succeeded, the steps that were held back are dispatched.", "`core/rules/pivot.py`"
    ),
    Guard("G34", "A rejection behind the pivot is quarantined, never a rollback.", "`core/rules/outcomes.py`"),
    Guard("G35", "A kept rejection is quarantined when the pivot succeeds.", "`core/rules/pivot.py`"),
    Guard("G36", "A quarantined step is retried by an operator.", "`core/rules/operators.py`"),
    Guard("G37", "An operator declares a step void only on evidence.", "`inspection/actions/dry_decision.py`"),
    Guard("G38", "A journaled rejection is deleted for a retry only behind the pivot.", "`runtime/steps/journaled.py`"),
    Guard("G39", "An execute that finds a tombstone reports a rejection.", "`runtime/steps/journaled.py`"),
    Guard("G40", "Abandoning freezes first.", "`core/rules/abandon.py`"),
    Guard(
        "G41",
        "Exhausted attempts, timeouts and crashes are never a handled rejection: only a definite rejection is.",
        "`core/rules/retries.py`",
    ),
    Guard(
        "G42", "A step without an effect is clear only when all its successors are clear.", "`core/rules/backward.py`"
    ),
    Guard("G43", "The pivot is never handled.", "`core/check/branches.py`"),
    Guard(
        "G44",
        "A journaled rejection that is handled is never deleted for a retry.",
        "`runtime/steps/journaled.py`",
    ),
    Guard("G45", "A join on n of m counts steps that succeeded, not finished ones.", "`core/rules/branches.py`"),
    Guard(
        "G46", "A join that cannot be reached any more rejects its step; it does not wait.", "`core/rules/branches.py`"
    ),
    Guard("G47", "A retraction is applied only to a saga that is running at the write.", "`core/rules/operators.py`"),
    Guard("G48", "The pivot is never retracted.", "`core/rules/retraction.py`"),
    Guard(
        "G49",
        "A succeeded step is retracted only when every successor is pending or clear; a dispatched one always may be.",
        "`core/rules/retraction.py`",
    ),
    Guard(
        "G50",
        "A dispatched step that is retracted is unknown: T void, J compensate or tombstone, X resolve first.",
        "`core/rules/retraction.py`",
    ),
    Guard(
        "G51",
        "Resolving in a running saga: a success makes the step compensating, never succeeded.",
        "`core/rules/outcomes.py`",
    ),
    Guard("G52", "The steps behind a retracted one wait until it is void or compensated.", "`core/rules/forward.py`"),
    Guard(
        "G53",
        "A saga completes only when no step is resolving or compensating, quarantined or not.",
        "`core/rules/forward.py`",
    ),
    Guard(
        "G55",
        "A wait's success is written only if its event is not consumed at the write; else the claim looks again.",
        f"`waits.sql`{_SQL}",
    ),
    Guard(
        "G56",
        "Two outcomes of one saga in one group commit never take the same event.",
        f"`waits.sql`{_SQL}",
    ),
    Guard(
        "G57",
        "The event is consumed in the transaction of the outcome.",
        f"`waits.sql`{_SQL}",
    ),
    Guard(
        "G58",
        "Event and outcome are written only if the saga is running and the wait dispatched at the write.",
        "`runtime/planning/plan.py`",
    ),
    Guard(
        "G59",
        "A consumed event stays until its saga is purged: its id makes a second copy void.",
        f"`send_events` (SQL){_SQL}",
    ),
    Guard(
        "G60",
        "Parking looks into the inbox again, in a statement of its own, with the command row locked.",
        f"`waits.sql`{_SQL}",
    ),
    Guard(
        "G61",
        "A send is two transactions: the event is committed; then the commands that are parked for it are made due.",
        f"`runtime/commit/sender.py`, `send_events` (SQL){_SQL}",
    ),
    Guard(
        "G62",
        "A send makes the parked commands of its saga due that listen to the name.",
        f"`wake_sagas` (SQL){_SQL}",
    ),
    Guard("G63", "A parked command is due again by time, too: no wake-up is relied upon.", "`runtime/steps/engine.py`"),
    Guard(
        "G64",
        "The moment of a timer or timeout is stored once, at the dispatch; a claim compares the clock with it.",
        "`runtime/steps/engine.py`",
    ),
    Guard(
        "G65",
        "A claim that finds its time over looks into the inbox first: an event that is there wins.",
        "`runtime/steps/engine.py`",
    ),
    Guard(
        "G135",
        "A rollback makes an external step void at once only if no process has ever claimed it, at the write.",
        f"`broken_fences` (SQL){_SQL}",
    ),
    Guard(
        "G136",
        "An input that nobody can read is a rejection of an external step only if nothing of the command has begun.",
        "`runtime/steps/attempt.py`",
    ),
)
