"""Programs of durable functions. Each is a pure function of the results it was told, in order.

A result is a name and a letter: S succeeded, H rejected. The answer says which steps were asked for so far, in order, which
awaits were cancelled, and how the function ended.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

Told = tuple[tuple[str, str], ...]


class Answer(NamedTuple):
    """`end`: empty while the function runs, "return" or "raise"."""

    asked: tuple[str, ...]
    end: str = ""
    cancelled: tuple[str, ...] = ()


Program = Callable[[Told, int], Answer]  # the second argument is the version of the code


def chain(told: Told, code: int) -> Answer:
    """Asks for a, then b, or c if a is rejected. Other code asks for z instead of b."""
    got = dict(told)
    if "a" not in got:
        return Answer(("a",))
    second = ("b" if code == 0 else "z") if got["a"] == "S" else "c"
    return Answer(("a", second), "return" if len(got) == 2 else "")


def gather(told: Told, _: int) -> Answer:
    """Asks for a and b at once, and c when both are there; raises if either is rejected."""
    got = dict(told)
    if len(got) < 2:
        return Answer(("a", "b"))
    if "H" in (got["a"], got["b"]):
        return Answer(("a", "b"), "raise")
    return Answer(("a", "b", "c"), "return" if "c" in got else "")


def first(told: Told, _: int) -> Answer:
    """Asks for a and b at once; what is asked next depends on which came first."""
    follows = (("c" if told[0][0] == "a" else "e"),) if told else ()
    return Answer(("a", "b", *follows), "return" if len(told) == 3 else "")


def race(told: Told, _: int) -> Answer:
    """Asks for a and b at once; the first one wins and the other await is cancelled; then c."""
    if not told:
        return Answer(("a", "b"))
    loser = "b" if told[0][0] == "a" else "a"
    return Answer(("a", "b", "c"), "return" if len(told) >= 2 else "", (loser,))


def regret(told: Told, _: int) -> Answer:
    """Asks for a, then b, then tries to cancel a, which was told long ago; then c."""
    got = dict(told)
    if "b" in got:
        return Answer(("a", "b", "c"), "return" if "c" in got else "", ("a",))
    return Answer(("a", "b") if "a" in got else ("a",))


def order(told: Told, _: int) -> Answer:
    """Asks for a and b at once; everything after them depends on which came first."""
    is_a = bool(told) and told[0][0] == "a"
    third = (("f" if is_a else "g"),) if len(told) >= 2 else ()
    fourth = (("h" if is_a else "i"),) if len(told) >= 3 else ()
    return Answer(("a", "b", *third, *fourth), "return" if len(told) == 4 else "")


def leave(told: Told, _: int) -> Answer:
    """Asks for a and b at once, and returns as soon as a is there."""
    return Answer(("a", "b"), "return" if any(name == "a" for name, _ in told) else "")


def pivot(told: Told, _: int) -> Answer:
    """Asks for a, then the pivot p, then b; a rejection of b is caught."""
    got = dict(told)
    if got.get("a") == "H":
        return Answer(("a",), "raise")
    asked = ("a", *(("p",) if "a" in got else ()), *(("b",) if "p" in got else ()))
    return Answer(asked, "return" if "b" in got else "")


def beside(told: Told, _: int) -> Answer:
    """Asks for a and the pivot p at once, against the rules; then c when a is there; raises if a is rejected."""
    got = dict(told)
    if got.get("a") == "H":
        return Answer(("a", "p"), "raise")
    asked = ("a", "p", "c") if "a" in got else ("a", "p")
    return Answer(asked, "return" if len(got) == 3 else "")


PROGRAMS: Final[dict[str, Program]] = {
    "beside": beside,
    "chain": chain,
    "gather": gather,
    "first": first,
    "race": race,
    "regret": regret,
    "leave": leave,
    "pivot": pivot,
    "order": order,
}
