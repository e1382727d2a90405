"""A process says what its definitions wait for: each reason once, and every minute again."""

from __future__ import annotations

from saga import Definition
from saga.cli.processes.registration import REPEAT_SECONDS, Complaints


def test_a_reason_is_logged_when_it_is_new_and_then_every_minute() -> None:
    complaints, order, trip = Complaints(), Definition("order"), Definition("trip")

    said = [
        complaints.note(order, "no contract", 0.0),
        complaints.note(order, "no contract", REPEAT_SECONDS - 1),
        complaints.note(order, "no contract", REPEAT_SECONDS),
        complaints.note(order, "no contract", REPEAT_SECONDS + 1),
        complaints.note(order, "another reason", REPEAT_SECONDS + 2),
        complaints.note(trip, "another reason", REPEAT_SECONDS + 2),
    ]

    assert said == [True, False, True, False, True, True]
