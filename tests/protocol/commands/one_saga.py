"""One saga with all that happens to it: commands, participants, crashes, people. The model that is explored."""

from __future__ import annotations

from collections.abc import Iterator

from tests.protocol.commands import environment
from tests.protocol.commands.invariants import check
from tests.protocol.commands.model import Model, Move
from tests.protocol.commands.participants import work
from tests.protocol.commands.people import operator
from tests.protocol.commands.world import NAMES, TERMINAL, World


class OneSaga(Model):
    """One configuration with its actors."""

    @property
    def name(self) -> str:
        return self.config.name

    def moves(self, state: World) -> Iterator[Move]:
        yield from environment.bus(self, state)
        for worker in dict.fromkeys(state.workers):
            yield from work(self, state, worker)
            yield from environment.crash(self, state, worker)
        for step in self.steps:
            yield from environment.tick(self, state, step)
            yield from operator(self, state, step)
        yield from environment.requests(self, state)
        yield from environment.clock(self, state)
        yield from environment.pause(self, state)
        yield from environment.databases(self, state)
        yield from environment.retractions(self, state)

    def check(self, before: World, after: World, label: str) -> None:
        check(self, before, after, label)

    def end(self, state: World) -> str:
        return state.phase if state.phase in TERMINAL else ""

    def waits_for_person(self, state: World) -> bool:
        return state.paused or any(letter in state.vector for letter in "dwuk")

    def shown(self, state: World) -> str:
        letters = " ".join(f"{name}={letter}" for name, letter in zip(NAMES, state.vector, strict=False))
        flags = " cancel" * state.cancel + " paused" * state.paused
        return f"{state.phase} [{letters}]{flags} effects {state.effects} undone {state.undone}"
