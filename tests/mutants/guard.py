"""The guards of the protocol: what each demands, where it stands in the product, and which wait for something that is still to come."""

from __future__ import annotations

from pathlib import Path
from typing import Final, NamedTuple

HERE: Final = Path(__file__).parent
KILLS_WANTED: Final = 3


class Guard(NamedTuple):
    """`stands_in`: also where the patch takes it out; what stands in SQL is taken out of the memory store, which says the same."""

    number: str
    rule: str
    stands_in: str

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
        "A transactional execute looks again, saga row last: running and dispatched.",
        "`runtime/transactional.py`",
    ),
    Guard("G03", "A transactional compensation looks again: compensating still.", "`runtime/transactional.py`"),
    Guard(
        "G04", "A decision is written only where the version is unchanged.", f"`commit_batch`, `commit_one` (SQL){_SQL}"
    ),
    Guard("G05", "A rollback is applied only to a saga that is running at the write.", "`core/fold.py`"),
    Guard("G06", "What the vector calls for is sent again when no live claim does it.", "`runtime/process.py`"),
    Guard("G07", "A claim is a lease: it ends with its report or by time.", f"`heartbeat` (SQL){_SQL}"),
    Guard("G08", "A success advances only a running saga; later it only resolves or is recorded.", "`core/fold.py`"),
    Guard("G09", "What comes next is decided on the pinned definition.", "`runtime/definitions.py`"),
    Guard("G11", "A step is compensated only when all its successors are clear.", "`core/fold.py`"),
    Guard("G14", "Rollback settles every dispatched step as unknown, in the way of its mode.", "`core/fold.py`"),
    Guard("G15", "A journaled result that is there is returned, not produced again.", "`runtime/journaled.py`"),
    Guard("G16", "A journaled rejection is a result: it is written down.", "`runtime/journaled.py`"),
    Guard("G17", "A compensation that comes first leaves a tombstone.", "`runtime/journaled.py`"),
    Guard("G18", "A journaled compensation marks its row: a second one does nothing.", "`runtime/journaled.py`"),
    Guard("G19", "A journal row is purged only when nothing of its saga can be alive.", "`runtime/journal_keeper.py`"),
    Guard("G20", "An external execute has one key for ever, never the attempt's.", "`runtime/context.py`"),
    Guard("G21", "An external compensation has one stable key of its own.", "`runtime/context.py`"),
    Guard("G22", "An external step of unknown outcome is resolved before it is compensated.", "`core/fold.py`"),
    Guard("G23", "Timeouts and other indefinite answers are never rejections.", "`runtime/external.py`"),
    Guard("G24", "An external step is claimed by one process at a time.", f"`admit` (SQL){_SQL}"),
    Guard("G25", "A decline counts only when no earlier call can still arrive.", "`runtime/external.py`"),
    Guard("G26", "An external call begins only within its claim's lease.", "`runtime/external.py`"),
    Guard("G27", "A rejection counts only from the newest claim of its step.", f"`commit_batch` (SQL){_SQL}"),
    Guard("G28", "A probe's no counts only if no claim could call when it was asked.", "`runtime/external.py`"),
    Guard("G29", "A rollback is refused once the pivot has succeeded.", "`core/fold.py`"),
    Guard("G31", "A rollback with a journaled pivot of unknown outcome asks it to void or report.", "`core/fold.py`"),
    Guard("G32", "A rollback with an external pivot of unknown outcome waits.", "`core/fold.py`"),
    Guard("G33", "When the pivot has succeeded, what was held back is dispatched.", "`core/fold.py`"),
    Guard("G34", "A rejection behind the pivot is set aside, never a rollback.", "`core/fold.py`"),
    Guard("G35", "A kept rejection is set aside when the pivot succeeds.", "`core/fold.py`"),
    Guard("G36", "A step that was set aside is retried by an operator.", "`core/decide.py`"),
    Guard("G37", "An operator declares a step void only by evidence.", "`operations.py`"),
    Guard("G38", "A journaled rejection is set aside for another try only behind the pivot.", "`runtime/journaled.py`"),
    Guard("G39", "An execute that finds a tombstone reports a rejection.", "`runtime/journaled.py`"),
    Guard("G40", "Abandoning freezes first.", "`core/fold.py`"),
)
WAITING: Final = {
    "G10": "any-joins: with all-joins the leaves finish last",
    "G12": "conditions: nothing is skipped yet",
    "G13": "any-joins: a step of unknown outcome has no dispatched successor yet",
    "G30": "conditions: nothing is skipped yet",
}
