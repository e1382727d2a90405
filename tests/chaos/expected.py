"""The end of the saga of a number, and its effects, whatever faults happen."""

from __future__ import annotations

from tests.chaos.system import shop
from tests.chaos.waits.letters import Fate, fate_of, is_booking, is_cancelled, is_visa


def must_complete(number: int) -> bool | None:
    """None: it depends on what came in time, see `tests.chaos.waits.audit`."""
    if is_booking(number):
        return None
    if not is_visa(number):
        return shop.must_complete(number)
    if is_cancelled(number):
        return None
    return number % shop.DECLINED != 0 and fate_of(number) not in (Fate.REFUSED, Fate.UNREADABLE)


def effects_of(number: int) -> frozenset[str]:
    """The tables in which it has an effect, which is undone unless it completes."""
    if is_booking(number):
        return frozenset(("held", "entered", "admitted"))
    if not is_visa(number):
        return shop.effects_of(number)
    is_charged = number % shop.DECLINED != 0 and fate_of(number) is not Fate.REFUSED
    found = {"held", "charged"} if is_charged else {"held"}
    return frozenset(found if must_complete(number) is False else found | {"admitted"})
