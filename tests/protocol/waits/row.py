"""The saga row, the commands of its waits and the inbox: the reads and writes that senders and workers share."""

from __future__ import annotations

from typing import Final

from tests.protocol import explorer
from tests.protocol.changes import with_count, with_letter, without_item
from tests.protocol.waits.world import Config, Sender, Worker, World

Move = explorer.Move[World]

KEYS: Final = (
    "consume_once", "consume_fold", "consume_tx", "consume_recheck", "inbox_keeps", "park_look", "wake_after", "send_wakes",
    "park_poll", "until_kept", "until_looks",
)  # fmt: skip


class Row:
    """One configuration, with the guards that are there."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.waits = range(len(config.waits))
        self._guards = frozenset(KEYS) - {config.without}

    def has(self, guard: str) -> bool:
        return guard in self._guards

    def advance(self, world: World) -> World:
        """E5, after an outcome: dispatches the waits that are ready."""
        if world.phase != "R" or world.paused:
            return world
        for wait in self.waits:
            before = world.vector[0] if self.config.parallel else world.vector[wait]
            if world.vector[wait + 1] == "P" and before == "S":
                vector, commands = with_letter(world.vector, wait + 1, "D"), with_letter(world.commands, wait, "q")
                world = world._replace(vector=vector, commands=commands)
        return world._replace(phase="D") if set(world.vector) == {"S"} else world

    def find(self, world: World, wait: int) -> int:
        """Returns the first event of one of the wait's names that is visible and not consumed, -1 if there is none."""
        for event, name in enumerate(self.config.events):
            if world.inbox[event] == "v" and world.taken[event] < 0 and name in self.config.waits[wait]:
                return event
        return -1

    def is_called_for(self, world: World, wait: int) -> bool:
        return world.phase == "R" and world.vector[wait + 1] == "D"


def roll_back(world: World) -> World:
    """E6 and E7 in one: waits have no effect, so that nothing is left to undo."""
    vector = world.vector.translate(str.maketrans("PDS", "VVZ"))
    return world._replace(phase="Z", vector=vector, commands="-" * len(world.commands))


def spent(world: World, fault: int) -> World:
    return world._replace(budget=with_count(world.budget, fault, -1))


def is_locked(world: World, wait: int) -> bool:
    """The transaction of a sender holds the command row."""
    return any(wait in sender.locked for sender in world.senders)


def with_worker(world: World, worker: Worker) -> World:
    return world._replace(workers=tuple(sorted((*world.workers, worker))))


def without_worker(world: World, worker: Worker) -> World:
    return world._replace(workers=without_item(world.workers, worker))


def with_sender(world: World, sender: Sender) -> World:
    return world._replace(senders=tuple(sorted((*world.senders, sender))))
