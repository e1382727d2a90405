"""The guards of schedules: the rule of each, and the test of the code that fails without it. The simulation has no schedules."""

from __future__ import annotations

from typing import Final

TESTS: Final = "tests/runtime/schedules"
RULES: Final = {
    "G111": (
        "The start of a moment's saga and the schedule's next moment are one transaction.",
        "a_leader_that_dies_between_the_start_and_the_end_of_its_transaction_loses_no_moment",
    ),
    "G112": (
        "What a leader decides is written only if the schedule is as it was read: it is locked before it is read.",
        "leaders_that_look_at_once_start_each_moment_once",
    ),
    "G113": ("The start has a key of the schedule and the moment.", "what_was_missed_is_filled_in_once"),
    "G114": (
        "That moment is the local time with its zone, not the instant.",
        "the_same_local_time_is_the_same_moment_whatever_the_rules_of_its_zone_say",
    ),
    "G115": (
        "A moment without a saga is recorded as missed, in the same transaction.",
        "each_moment_is_started_or_missed_once",
    ),
    "G116": (
        "The saga of the earlier moment is looked at with the schedule locked, by every process that starts one.",
        "people_and_leaders_that_start_at_once_start_one_saga",
    ),
}
