"""The events that are sent to the sagas that wait. They follow from the number of a saga alone: a new customer sends the same."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from random import Random

SHARE = 20  # of this many sagas one is a booking, and one is a visa
BOOKING, VISA = 4, 9  # the remainders of their numbers
PAY_SECONDS, EXTRA_SECONDS, REST_SECONDS, REMIND_SECONDS = 2.0, 1.0, 0.3, 0.5
PENDING_SECONDS = 1.0
CANCELLED_WITHIN_SECONDS = 3.0
CANCELLED = 0.15
WRONG = -1
"""A payload that no saga may ever see."""


class Manner(enum.Enum):
    """The way in which a letter is sent."""

    PLAIN = enum.auto()
    WITHIN = enum.auto()  # in a transaction of the customer's
    ABORTED = enum.auto()  # in a transaction that is rolled back: nobody may ever see the event
    CONTRADICTED = enum.auto()  # and then another payload under the same id, which must be refused


@dataclass(frozen=True, slots=True)
class Letter:
    """An event for a saga, which is sent `after_seconds` after the start was acknowledged: `copies` of it under the same id."""

    after_seconds: float
    event: str
    name: str
    payload: int
    copies: int = 1
    manner: Manner = Manner.PLAIN


class Fate(enum.Enum):
    """The answers of the two offices of a visa."""

    GRANTED = enum.auto()
    REFUSED = enum.auto()  # the first says that it has done nothing, and will do nothing
    UNREADABLE = enum.auto()  # the second gives up
    SILENT = enum.auto()  # the first token is never used
    LATE = enum.auto()  # it is used when its time is over
    REPEATED = enum.auto()  # each is used twice, and then for another outcome
    CANCELLED = enum.auto()  # the customer cancels, perhaps while an office has the token


_FATES: tuple[Fate, ...] = (*[Fate.GRANTED] * 4, *Fate)


def is_booking(number: int) -> bool:
    return number % SHARE == BOOKING


def is_visa(number: int) -> bool:
    return number % SHARE == VISA


def fate_of(number: int) -> Fate:
    """Returns the fate of a visa."""
    return Random(number).choice(_FATES)


def letters_of(number: int) -> tuple[Letter, ...]:
    """Returns all that is sent to a saga."""
    random = Random(number)
    if is_visa(number):
        return (_cancelling(random),) if fate_of(number) is Fate.CANCELLED else ()
    return tuple(_of_booking(number, random)) if is_booking(number) else ()


def is_cancelled(number: int) -> bool:
    """Tells whether the customer cancels the saga, which may be too late."""
    return any(letter.name == "cancelled" for letter in letters_of(number))


def _of_booking(number: int, random: Random) -> list[Letter]:
    """The payment comes early, soon, about when its time is over, or never. What the saga waits for without a timeout always comes."""
    earliest, latest = random.choice(
        ((0.0, 0.0), (0.0, 0.0), (0.1, 1.2), (0.1, 1.2), (PAY_SECONDS - 0.3, PAY_SECONDS + 0.2), (-1.0, -1.0))
    )
    found = [Letter(random.uniform(0.0, PAY_SECONDS), "r", random.choice(("released", "waived")), number)]
    if latest >= 0.0:
        paid_seconds = random.uniform(earliest, latest)
        copies, manner = random.choice((1, 1, 2, 3)), random.choice((Manner.PLAIN, *Manner))
        if manner is Manner.ABORTED:
            found.append(Letter(paid_seconds, "never", "paid", WRONG, manner=manner))
            manner = Manner.PLAIN
        found.append(Letter(paid_seconds, "p1", "paid", 10 * number + 1, copies, manner))
        if random.random() < 0.5:
            pause = random.choice((0.0, random.uniform(0.0, EXTRA_SECONDS + 0.3)))
            found.append(Letter(paid_seconds + pause, "p2", "paid", 10 * number + 2))
    if random.random() < CANCELLED:
        found.append(_cancelling(random))
    return found


def _cancelling(random: Random) -> Letter:
    return Letter(random.uniform(0.0, CANCELLED_WITHIN_SECONDS), "c", "cancelled", 0)
