"""A durable function and all that happens to it. The model that is explored."""

from __future__ import annotations

from collections.abc import Iterator

from tests.protocol.changes import with_count, with_letter
from tests.protocol.explorer import FAULT, FREE, OPERATOR
from tests.protocol.functions.invariants import check
from tests.protocol.functions.row import Move, Row, is_passed, spent
from tests.protocol.functions.turns import work
from tests.protocol.functions.world import CANCEL, DEPLOY, PAUSE, REJECT, Config, Worker, World


class FunctionModel(Row):
    """One configuration with its actors."""

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.name = config.name

    def start(self) -> Iterator[World]:
        yield World(
            phase="R", turn="D", cancel=False, vector="", memory="", asked=(), told=(), effects=(), undone=(), command="q",
            workers=(), coroutines=(None, None), code=0, budget=self.config.budget,
        )  # fmt: skip

    def moves(self, state: World) -> Iterator[Move]:
        for step in range(len(state.vector)):
            yield from self.step(state, step)
        yield from self.claims(state)
        for worker in state.workers:
            yield from work(self, state, worker)
        if state.phase == "R":
            yield from self.requests(state)

    def claims(self, world: World) -> Iterator[Move]:
        older = [worker._replace(newest=False) for worker in world.workers]
        if world.command == "q" and world.phase == "R" and world.turn == "D" and not world.cancel:
            for process in {0, 1} - {worker.process for worker in world.workers}:
                claimed = Worker(process, newest=True, outcome=None)
                workers = tuple(sorted([*older, claimed], key=lambda worker: worker.process))
                yield f"turn: claimed by process {process}", FREE, world._replace(command="c", workers=workers)
        alive = any(worker.newest for worker in world.workers)
        if world.command == "c" and (not alive or world.budget[PAUSE]):
            after = world._replace(command="q", workers=tuple(older))
            if alive:
                yield "turn: SUSPENDED, lease over", FAULT, spent(after, PAUSE)
            else:
                yield "turn: lease over", FREE, after

    def requests(self, world: World) -> Iterator[Move]:
        if world.budget[CANCEL]:
            yield "ROLLBACK asked", FAULT, self.request_rollback(spent(world, CANCEL))
        if world.budget[DEPLOY] and world.code == 0:
            after = spent(world, DEPLOY)._replace(code=1, coroutines=(None, None))
            yield "DEPLOY of other code: live coroutines are gone", FAULT, after
        if world.turn != "d":
            return
        retried = world._replace(code=0, turn="D", command="q", coroutines=(None, None))
        yield "person puts the old code back and retries", OPERATOR, retried
        if is_passed(world):
            after = self.advance(world._replace(turn="N", command="-"))
            yield "person goes on without the rest of the function", OPERATOR, after
        else:
            yield "person rolls back", OPERATOR, self.request_rollback(world)

    # -- steps ---------------------------------------------------------------------------------------------------------

    def step(self, world: World, step: int) -> Iterator[Move]:
        letter, name, journaled = world.vector[step], world.asked[step].name, self.is_journaled(world, step)
        untouched = world.memory[step] == "-"
        if journaled and untouched and letter in "DWK":
            yield f"{name}: local COMMIT effect", FREE, _executed(world, step)
        if letter == "W" and untouched:
            after = world._replace(
                memory=with_letter(world.memory, step, "T"), vector=with_letter(world.vector, step, "V")
            )
            yield f"{name}: void or report: tombstone, voided", FREE, self.roll_back(after)
        may_report = world.phase in "RC" if journaled else world.phase == "R"
        if may_report and letter in "DW" and (not journaled or world.memory[step] == "X"):
            yield f"{name}: success", FREE, self._succeeded(world, step, journaled=journaled)
        if world.phase == "R" and letter in "DW" and untouched and world.budget[REJECT]:
            yield f"{name}: REJECTS", FAULT, self._rejected(world, step)
        if world.phase in "RC" and letter == "K":
            undo = world.memory[step] == "X"
            after = world._replace(
                vector=with_letter(world.vector, step, "Z"),
                memory=with_letter(world.memory, step, "Z" if undo else "T"),
                undone=with_count(world.undone, step, int(undo)),
            )
            yield f"{name}: {'undone' if undo else 'tombstone'}", FREE, self._goes_on(after)

    def _succeeded(self, world: World, step: int, *, journaled: bool) -> World:
        after = world._replace(vector=with_letter(world.vector, step, "S"))
        if not journaled:
            after = _executed(after, step)
        if world.asked[step].name == "p" and world.phase == "R":  # too late to roll back (G33, G35)
            after = after._replace(cancel=False, turn="d" if world.turn == "R" else world.turn)
        return self._goes_on(after)

    def _rejected(self, world: World, step: int) -> World:
        """A rejection is handled while the function runs, since it may catch it. The pivot's is not."""
        after = spent(world, REJECT)._replace(memory=with_letter(world.memory, step, "T"))
        if world.asked[step].name == "p":
            return self.roll_back(after._replace(vector=with_letter(world.vector, step, "R")))
        return self.advance(after._replace(vector=with_letter(world.vector, step, "H")))

    def _goes_on(self, world: World) -> World:
        return self.settle(world) if world.phase == "C" else self.advance(world)

    # -- for the explorer ----------------------------------------------------------------------------------------------

    def check(self, before: World, after: World, label: str) -> None:  # noqa: ARG002
        check(self, before, after)

    def canonical(self, state: World) -> World:
        return state

    def end(self, state: World) -> str:
        return state.phase if state.phase in "DZ" else ""

    def waits_for_person(self, state: World) -> bool:
        return state.turn == "d" and state.phase == "R"

    def shown(self, state: World) -> str:
        told = "".join(state.asked[step].name + ("" if letter == "S" else letter) for step, _, letter in state.told)
        steps = " ".join(
            f"{name}{turn}={letter}" for (name, turn), letter in zip(state.asked, state.vector, strict=True)
        )
        turn = f"turn {state.turn}{state.command}"
        return f"{state.phase} {turn} [{steps}] told {told} effects {state.effects} undone {state.undone}"


def _executed(world: World, step: int) -> World:
    return world._replace(memory=with_letter(world.memory, step, "X"), effects=with_count(world.effects, step, 1))
