"""Sending an event (E15s): it is inserted and committed, and then the parked commands that listen to it are made due."""

from __future__ import annotations

from collections.abc import Iterator

from tests.protocol.changes import with_letter, without_item
from tests.protocol.explorer import FAULT, FREE
from tests.protocol.waits.row import Move, Row, spent, with_sender
from tests.protocol.waits.world import CRASH, LOSE, Sender, World


def send(row: Row, world: World, sender: Sender) -> Iterator[Move]:
    event, stage = sender.event, sender.stage
    rest = world._replace(senders=without_item(world.senders, sender))
    what = f"send {event} ({row.config.events[event]})"
    if stage == "s" and world.inbox[event] != "u":
        known = world.inbox[event] == "v"
        inserted = rest if known else rest._replace(inbox=with_letter(world.inbox, event, "u"))
        after = with_sender(inserted, Sender(event, "i", ()))
        yield f"{what}: {'is there already' if known else 'inserts, uncommitted'}", FREE, after
    elif stage == "i" and row.has("wake_after"):
        after = with_sender(rest._replace(inbox=_committed(world, event)), Sender(event, "w", ()))
        yield f"{what}: COMMIT", FREE, after
    elif stage == "w":
        yield from _wake(row, world, rest, event)
    elif stage == "i":
        listening = tuple(wait for wait in row.waits if world.commands[wait] != "-" and _listens(row, wait, event))
        if not any({*listening} & {*other.locked} for other in rest.senders):
            after = with_sender(rest, Sender(event, "l", listening))
            yield f"{what}: locks the commands that are there {listening}", FREE, after
    elif stage == "l":
        commands = "".join(
            "q" if wait in sender.locked and letter == "p" else letter for wait, letter in enumerate(world.commands)
        )
        after = rest._replace(inbox=_committed(world, event), commands=commands)
        yield f"{what}: COMMIT of event and wake-up", FREE, after
    if world.budget[CRASH] and stage in "il":
        inbox = with_letter(world.inbox, event, "-") if world.inbox[event] == "u" else world.inbox
        after = with_sender(spent(rest, CRASH)._replace(inbox=inbox), Sender(event, "s", ()))
        yield f"{what}: CRASH, rolled back, sent again", FAULT, after


def _wake(row: Row, world: World, rest: World, event: int) -> Iterator[Move]:
    what = f"send {event} ({row.config.events[event]})"
    commands = "".join(
        "q" if letter == "p" and _listens(row, wait, event) and row.has("send_wakes") else letter
        for wait, letter in enumerate(world.commands)
    )
    yield f"{what}: wakes what is parked", FREE, rest._replace(commands=commands)
    if world.budget[LOSE]:
        yield f"{what}: CRASH before its wake-up", FAULT, spent(rest, LOSE)


def _committed(world: World, event: int) -> str:
    return with_letter(world.inbox, event, "v") if world.inbox[event] == "u" else world.inbox


def _listens(row: Row, wait: int, event: int) -> bool:
    return row.config.events[event] in row.config.waits[wait]
