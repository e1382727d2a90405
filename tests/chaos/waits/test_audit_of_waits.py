"""The audit finds each kind of violation when it is added to sound evidence about sagas that wait."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.chaos.records import Saga
from tests.chaos.waits import correspondent
from tests.chaos.waits.audit import Kept, Waits, counts_of, of_waits
from tests.chaos.waits.correspondent import read_post
from tests.chaos.waits.letters import EXTRA_SECONDS, PAY_SECONDS, SHARE, Letter, Manner, is_booking, letters_of

STEPS = ("cancel_on_cancelled", "hold", "paid", "extra", "rest", "remind_delay", "remind", "enter", "release", "admit")
HELD_AT = 100.0
A_DAY_SECONDS = 86_400.0


def number_of(suits: Callable[[dict[str, Letter]], bool]) -> int:
    """The first booking whose letters, by the ids of their events, are such."""
    numbers = (n for n in range(SHARE * 1_000) if is_booking(n))
    return next(n for n in numbers if suits({letter.event: letter for letter in letters_of(n)}))


PAID = number_of(lambda found: found.keys() == {"p1", "p2", "r"})
WITHIN = number_of(lambda found: "p1" in found and found["p1"].manner is Manner.WITHIN and "c" not in found)
ABORTED = number_of(lambda found: "never" in found)
CANCELLED = number_of(lambda found: found.keys() == {"p1", "c", "r"})


def kept(number: int, event: str, step: str | None, at: float) -> Kept:
    letter = next(one for one in letters_of(number) if one.event == event)
    return Kept("a", event, letter.name, str(letter.payload), at, step)


RELEASED = kept(PAID, "r", "release", HELD_AT + 1.0)
FIRST, SECOND = kept(PAID, "p1", "paid", HELD_AT + 0.2), kept(PAID, "p2", "extra", HELD_AT + 0.4)
COMPLETED = Saga("a", "booking", str(PAID), PAID, "D", "VSSSSNNSSS")
COMPENSATED = replace(COMPLETED, phase="Z", vector="VZRPPPPPPP")
SOUND = Waits(
    kept=(RELEASED, FIRST, SECOND),
    stamps={("held", "a"): HELD_AT, ("entered", "a"): HELD_AT + 0.9, ("admitted", "a"): HELD_AT + 1.2},
    entries={"a": (int(FIRST.payload), int(SECOND.payload))},
    ended={"a": HELD_AT + 3.0},
    steps={"booking": STEPS},
    acknowledged={("a", one.event): one.at + 0.1 for one in (RELEASED, FIRST, SECOND)},
)


def found(saga: Saga, waits: Waits) -> list[str]:
    return [kind for kind, _ in of_waits(saga, waits)]


def with_event(old: Kept, new: Kept, waits: Waits = SOUND) -> Waits:
    """The sound evidence with an event of which something is different."""
    return replace(waits, kept=tuple(new if one is old else one for one in waits.kept))


def stamped(table: str, at: float) -> Waits:
    return replace(SOUND, stamps={**SOUND.stamps, (table, "a"): at})


def test_sound_evidence_has_no_violations() -> None:
    assert found(COMPLETED, SOUND) == []
    assert found(COMPENSATED, replace(SOUND, kept=(), acknowledged={}, entries={})) == []


def test_an_acknowledged_event_that_is_not_in_the_inbox_is_found() -> None:
    assert found(COMPLETED, replace(SOUND, acknowledged={**SOUND.acknowledged, ("a", "x"): 0.0})) == ["lost event"]


OTHER_NAME = "waived" if RELEASED.name == "released" else "released"


@pytest.mark.parametrize("other", [replace(RELEASED, payload="-1"), replace(RELEASED, name=OTHER_NAME)])
def test_an_event_that_was_not_sent_like_this_is_found(other: Kept) -> None:
    assert found(COMPLETED, with_event(RELEASED, other)) == ["wrong event"]


def test_an_event_of_a_transaction_that_was_rolled_back_is_found() -> None:
    saga = replace(COMPENSATED, number=ABORTED)
    waits = replace(SOUND, kept=(kept(ABORTED, "never", None, HELD_AT + A_DAY_SECONDS),), acknowledged={}, entries={})
    assert found(saga, waits) == ["wrong event"]


def test_a_step_that_has_consumed_two_events_is_found() -> None:
    assert found(COMPLETED, with_event(SECOND, replace(SECOND, step="paid")))[0] == "doubled event"


def test_a_step_that_has_consumed_an_event_of_another_name_is_found() -> None:
    assert "doubled event" in found(COMPLETED, with_event(SECOND, replace(SECOND, step="release")))


@pytest.mark.parametrize("is_kept", [True, False])
def test_a_transaction_of_which_half_was_written_is_found(*, is_kept: bool) -> None:
    saga = replace(COMPENSATED, number=WITHIN)
    event = kept(WITHIN, "p1", None, HELD_AT + A_DAY_SECONDS)
    posted = frozenset() if is_kept else frozenset({("a", "p1")})
    waits = replace(SOUND, kept=(event,) if is_kept else (), posted=posted, acknowledged={}, entries={})
    assert found(saga, waits) == ["torn transaction"]


@pytest.mark.parametrize(("table", "at"), [("entered", FIRST.at), ("admitted", RELEASED.at)])
def test_a_step_that_ran_before_its_event_is_found(table: str, at: float) -> None:
    assert "too early" in found(COMPLETED, stamped(table, at - 0.01))


@pytest.mark.parametrize(("table", "seconds"), [("entered", 0.29), ("reminded", 0.49)])
def test_a_step_that_ran_before_its_time_is_found(table: str, seconds: float) -> None:
    at = with_event(FIRST, replace(FIRST, at=HELD_AT), with_event(SECOND, replace(SECOND, at=HELD_AT)))
    assert found(COMPLETED, replace(at, stamps={**SOUND.stamps, (table, "a"): HELD_AT + seconds})) == ["too early"]


def test_a_second_reminder_is_found() -> None:
    assert found(COMPLETED, replace(SOUND, reminded={"a": 2})) == ["duplicated"]


def test_a_payload_that_was_not_consumed_is_found() -> None:
    assert found(COMPLETED, replace(SOUND, entries={"a": (1, 2)})) == ["wrong payload"]


def test_a_timeout_although_the_event_was_committed_in_time_is_found() -> None:
    unconsumed = with_event(FIRST, replace(FIRST, step=None), with_event(SECOND, replace(SECOND, step=None)))
    late = replace(
        SOUND, acknowledged={("a", "p1"): HELD_AT + PAY_SECONDS + 0.01, ("a", "p2"): HELD_AT + A_DAY_SECONDS}
    )
    assert found(COMPENSATED, replace(unconsumed, entries={}, acknowledged=late.acknowledged)) == []
    assert found(COMPENSATED, replace(unconsumed, entries={})) == ["missed event", "missed event"]


def test_a_default_although_the_event_was_committed_in_time_is_found() -> None:
    without = with_event(SECOND, replace(SECOND, step=None))
    late = {("entered", "a"): FIRST.at + EXTRA_SECONDS + 0.1, ("admitted", "a"): HELD_AT + A_DAY_SECONDS}
    waits = replace(without, entries={"a": (int(FIRST.payload), 0)}, stamps={**SOUND.stamps, **late})
    assert found(COMPLETED, waits) == ["missed event"]


def test_a_timeout_before_its_moment_is_found() -> None:
    waits = replace(SOUND, kept=(), acknowledged={}, entries={}, ended={"a": HELD_AT + PAY_SECONDS - 0.01})
    assert found(COMPENSATED, waits) == ["too early"]


@pytest.mark.parametrize("gone", [FIRST, RELEASED])
def test_a_saga_that_completed_without_an_event_is_found(gone: Kept) -> None:
    assert "wrong end" in found(COMPLETED, with_event(gone, replace(gone, step=None)))


def test_a_rollback_for_which_there_is_no_reason_is_found() -> None:
    saga = replace(COMPENSATED, vector="VZVPPPPPPP")
    assert found(saga, replace(SOUND, kept=(), acknowledged={}, entries={})) == ["wrong end"]


def test_a_saga_that_completed_although_it_was_cancelled_is_found() -> None:
    saga = replace(COMPLETED, number=CANCELLED)
    events = tuple(
        kept(CANCELLED, event, step, HELD_AT + 0.2)
        for event, step in (("p1", "paid"), ("r", "release"), ("c", "cancel_on_cancelled"))
    )
    waits = replace(SOUND, kept=events, entries={"a": (int(events[0].payload), 0)}, acknowledged={})
    late = replace(waits, stamps={**SOUND.stamps, ("entered", "a"): HELD_AT + 2.0, ("admitted", "a"): HELD_AT + 2.1})
    assert found(saga, late) == ["wrong end"]


def test_each_way_out_of_a_wait_is_counted() -> None:
    cancelled = Kept("b", "c", "cancelled", "0", HELD_AT, "cancel_on_cancelled")
    completed = Kept("b", "$1.1", "$apply", "{}", HELD_AT, "apply")
    waits = replace(SOUND, kept=(RELEASED, FIRST, cancelled, completed), reminded={"a": 1})

    assert counts_of([COMPLETED, replace(COMPENSATED, id="b")], waits) == {
        "events consumed": 2, "completions consumed": 1, "timeouts": 2, "sagas cancelled": 1, "reminders": 1,
    }  # fmt: skip


def test_records_of_customers_are_read_up_to_the_last_whole_line(tmp_path: Path) -> None:
    (tmp_path / f"customer{correspondent.SUFFIX}").write_text("sent a p1 2.5\nsent a p1 2.0\nwrong a: no\nsent a p2")
    post = read_post(tmp_path)

    assert post.acknowledged == {("a", "p1"): 2.0}
    assert post.wrong == ["a: no"]
