"""The guards whose code does not exist yet: the rule of each, and the feature that it waits for."""

from __future__ import annotations

from typing import Final, NamedTuple


class Waiting(NamedTuple):
    """A rule that the models have explored."""

    rule: str
    feature: str


_RULES: Final = {
    "retraction": {
        47: "A retraction is applied only to a saga that is running at the write.",
        48: "The pivot is never retracted.",
        49: "A succeeded step is retracted only when every successor is pending or clear; a dispatched one always may be.",
        50: "A dispatched step that is retracted is unknown: T void, J compensate or tombstone, X resolve first.",
        51: "Resolving in a running saga: a success makes the step compensating, never succeeded.",
        52: "The steps behind a retracted one wait until it is void or compensated.",
        53: "A saga completes only when no step is resolving or compensating, quarantined or not.",
        54: "A transactional compensation checks again: letter K or k while running or compensating, in no other phase.",
    },
    "waits and timers": {
        55: "A wait's success is written only if its event is not consumed at the write; else the claim looks again.",
        56: "Two outcomes of one saga in one group commit never take the same event.",
        57: "The event is consumed in the transaction of the outcome.",
        58: "Event and outcome are written only if the saga is running and the wait dispatched at the write.",
        59: "A consumed event stays until its saga is purged: its id makes a second copy void.",
        60: "Parking looks into the inbox again, in a statement of its own, with the command row locked.",
        61: "A send is two transactions: the event is committed; then the commands that are parked for it are made due.",
        62: "A send makes the parked commands of its saga due that listen to the name.",
        63: "A parked command is due again by time, too: no wake-up is relied upon.",
        64: "The moment of a timer or timeout is stored once, at the dispatch; a claim compares the clock with it.",
        65: "A claim that finds its time over looks into the inbox first: an event that is there wins.",
    },
    "child sagas": {
        66: "A child's id follows from parent and step; the child is inserted only if that id is not there.",
        67: "A rollback, void or freeze of a child that is not there inserts its row as compensated.",
        68: "A child whose steps are finished is held, not completed.",
        69: "A held child is completed only when its parent is completed, abandoned or gone.",
        70: "A held child is rolled back by its parent's step only: not by a deadline, a cancellation or an operator.",
        71: "The parent's step is compensated when the child is, not when its rollback was requested.",
        72: "A child that runs is neither executed nor void, whichever order asks: the step goes on waiting.",
        73: "A child with a pivot is its parent's pivot or behind it.",
        74: "A held child is due by time, too, and then reads its parent's phase.",
        75: "A child's row is purged only when its parent's row is gone.",
        76: "A held child whose parent's row is gone is completed.",
        77: "An abandoned child is neither a success nor a rejection: the parent's step is quarantined.",
        78: "A held child cannot be abandoned: only its parent can.",
        79: "Abandoning a parent abandons its running children, and waits for them.",
        80: "Freezing a held child makes it completed, so that a late rollback finds it so.",
        81: "While abandoning, only the answer to a freeze counts, not that to an older order.",
    },
    "maps and functions": {
        82: "The outcome of a map or a turn counts only from its newest claim; a map grows once.",
        83: "Steps are appended only while the saga runs and the map or turn is dispatched.",
        84: "Positions are given out at the write, from the length of the vector that is written to.",
        87: "The last copy finishes its map, and a finished step makes a blocked turn due, in the same write.",
        89: "A turn that ends while a finished step was not told to it is sent again.",
    },
    "maps": {
        85: "A map is not finished before its copies: appending them and its own letter are one write.",
        86: "A map over nothing has succeeded at once.",
        88: "Copies are undone after the steps behind their map, and before those ahead of it.",
    },
    "functions": {
        90: "A live coroutine goes on only if it was told, and has asked for, what is recorded; else it is replayed.",
        91: "A replay that asks for other steps than those recorded quarantines the turn.",
        92: "At rollback a step waits for every step that was asked for after its result was told, and for no other.",
        93: "A function has returned when all it asked for was told to it or is retracted; a rejection that it could not catch rejects it.",
        94: "A cancelled await retracts its step only if its result was not told.",
    },
}  # fmt: skip
WAITING: Final = {
    f"G{number}": Waiting(rule, feature)
    for number, rule, feature in sorted(
        (number, rule, feature) for feature, rules in _RULES.items() for number, rule in rules.items()
    )
}
