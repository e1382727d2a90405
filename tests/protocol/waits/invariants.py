"""The invariants of waits.

W1: an event is consumed by at most one wait, which has it as its outcome. W2: no event waits beside a parked wait for it (as
L1). W3: a wait has one outcome. W4: a wait that is void has consumed nothing. W5: no timeout before its moment, and none over
an event that was there.
"""

from __future__ import annotations

from tests.protocol.explorer import Violation
from tests.protocol.waits.row import Row
from tests.protocol.waits.world import World


def check(row: Row, before: World, after: World, label: str) -> None:
    """Raises Violation, which names the invariant."""
    for wait in row.waits:
        _check_outcome(before, after, wait)
        if after.got[wait] == "t" and before.got[wait] != "t":
            _check_timeout(row, before, wait, label)
    for event in range(len(row.config.events)):
        _check_event(row, after, event)
    ended = (before.phase, before.vector, before.taken)
    if before.phase in "DZ" and (after.phase, after.vector, after.taken) != ended:
        raise Violation("I5 something changed after the end")


def _check_outcome(before: World, after: World, wait: int) -> None:
    letter = after.vector[wait + 1]
    if before.got[wait] not in ("-", after.got[wait]):
        raise Violation(f"W3 wait {wait} has two outcomes")
    if (after.got[wait] == "-") != (letter in "PDV"):
        raise Violation(f"W3 wait {wait} is {letter} with outcome {after.got[wait]}")


def _check_timeout(row: Row, before: World, wait: int, label: str) -> None:
    if not before.late[wait]:
        raise Violation(f"W5 wait {wait} timed out before its time")
    unsent = all(sender.stage == "s" for sender in before.senders)
    if label.endswith("COMMIT timed out") and not row.has("until_looks") and row.find(before, wait) >= 0 and unsent:
        raise Violation(f"W5 wait {wait} timed out although its event was there before it looked")


def _check_event(row: Row, after: World, event: int) -> None:
    users = [wait for wait in row.waits if after.got[wait] == str(event)]
    taker = after.taken[event]
    if len(users) > 1:
        raise Violation(f"W1 event {event} was consumed by {len(users)} waits")
    if taker >= 0 and after.got[taker] != str(event) and row.has("consume_tx"):
        raise Violation(f"W4 event {event} is consumed by wait {taker}, which has not got it")
    if users and row.has("inbox_keeps") and taker != users[0]:
        raise Violation(f"W1 event {event} was given to wait {users[0]} and is not marked so")
