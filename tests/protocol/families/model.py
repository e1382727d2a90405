"""A family and all that happens to it. The model that is explored."""

from __future__ import annotations

from collections.abc import Iterator

from tests.protocol.explorer import FAULT, FREE, OPERATOR
from tests.protocol.families.children import child_step, message, work
from tests.protocol.families.draft import Draft
from tests.protocol.families.family import Family, Move
from tests.protocol.families.invariants import check
from tests.protocol.families.trees import PLAIN
from tests.protocol.families.world import ABANDON, CANCEL, ENDS, PURGE, REJECT, Config, Row, World


class FamilyModel(Family):
    """One configuration with its actors."""

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.name = config.name

    def start(self) -> Iterator[World]:
        sizes = [definition.size for definition in self.tree]
        zeros = tuple((0,) * size for size in sizes)
        root, children = (
            Row("R", "P" * sizes[0], cancel=False),
            [Row("-", "-" * size, cancel=False) for size in sizes[1:]],
        )
        commands = tuple(sorted((step, "-") for step in self.parents.values()))
        draft = Draft(self, World((root, *children), zeros, zeros, commands, (), (), self.config.budget))
        draft.advance(0)
        yield draft.world()

    def moves(self, state: World) -> Iterator[Move]:
        for saga, definition in enumerate(self.tree):
            for step, child in enumerate(definition.steps):
                yield from self.plain_step(state, saga, step) if child == PLAIN else child_step(self, state, saga, step)
            yield from self.requests(state, saga)
            if state.rows[saga].phase == "H":
                yield from self.release(state, saga)
            yield from self.purge(state, saga)
        for worker in dict.fromkeys(state.workers):
            yield from work(self, state, worker)
        for about in state.messages:
            yield from message(self, state, about)

    def plain_step(self, world: World, saga: int, step: int) -> Iterator[Move]:
        phase, letter, draft = world.rows[saga].phase, world.rows[saga].vector[step], Draft(self, world)
        if (phase, letter) == ("R", "D"):
            draft.effects[saga][step] += 1
            draft.record_success(saga, step)
            yield f"saga {saga} step {step}: COMMIT effect", FREE, draft.world()
            if world.budget[REJECT]:
                draft = Draft(self, world).spend(REJECT)
                draft.record_rejection(saga, step)
                yield f"saga {saga} step {step}: REJECTS", FAULT, draft.world()
        elif (phase, letter) == ("C", "K"):
            draft.undone[saga][step] += 1
            draft.set_letter(saga, step, "Z")
            draft.settle(saga)
            yield f"saga {saga} step {step}: COMMIT compensation", FREE, draft.world()
        elif (phase, letter) == ("R", "d"):
            draft.set_letter(saga, step, "D")
            yield f"person retries saga {saga} step {step}", OPERATOR, draft.world()

    def requests(self, world: World, saga: int) -> Iterator[Move]:
        phase = world.rows[saga].phase
        if world.budget[CANCEL] and (phase == "R" or (phase == "H" and not self.has("child_only_parent"))):
            draft = Draft(self, world).spend(CANCEL)
            if phase == "H":
                draft.roll_back(saga)
            else:
                draft.request_rollback(saga)
            yield f"DEADLINE or cancel of saga {saga}", FAULT, draft.world()
        if world.budget[ABANDON] and (phase in "RC" or (phase == "H" and not self.has("held_abandon"))):
            draft = Draft(self, world).spend(ABANDON)
            draft.abandon(saga)
            yield f"operator ABANDONS saga {saga}", FAULT, draft.world()

    def release(self, world: World, saga: int) -> Iterator[Move]:
        """E17: a held child is due by time, and then reads its parent's row."""
        above, step = self.parents[saga]
        there = world.rows[above]
        has_ended = there.phase in "DX" or (there.phase == "." and self.has("child_gone"))
        if not self.has("child_release"):
            has_ended = there.phase in "DX." or there.vector[step] == "S"
        if self.has("held_poll") and has_ended:
            draft = Draft(self, world)
            draft.set_phase(saga, "D")
            draft.messages.discard(saga)
            yield f"saga {saga} reads its parent ({there.phase}) and is released", FREE, draft.world()

    def purge(self, world: World, saga: int) -> Iterator[Move]:
        is_free = world.rows[saga].phase in ENDS and not any(worker.saga == saga for worker in world.workers)
        above_is_gone = saga not in self.parents or world.rows[self.parents[saga][0]].phase == "."
        if world.budget[PURGE] and is_free and (above_is_gone or not self.has("child_purge")):
            draft = Draft(self, world).spend(PURGE)
            draft.rows[saga] = Row(".", world.rows[saga].vector, cancel=False)
            yield f"saga {saga} is PURGED", FAULT, draft.world()

    # -- for the explorer ----------------------------------------------------------------------------------------------

    def check(self, before: World, after: World, label: str) -> None:
        check(self, before, after, label)

    def canonical(self, state: World) -> World:
        return state

    def end(self, state: World) -> str:
        phases = "".join(row.phase for row in state.rows)
        return phases if phases[0] in f"{ENDS}." and set(phases) <= set(f"{ENDS}-.") else ""

    def waits_for_person(self, state: World) -> bool:
        return any(row.phase in "RC" and any(letter in "dwk" for letter in row.vector) for row in state.rows)

    def shown(self, state: World) -> str:
        rows = " ".join(
            f"{saga}:{row.phase}[{row.vector}]{'!' if row.cancel else ''}{state.effects[saga]}{state.undone[saga]}"
            for saga, row in enumerate(state.rows)
        )
        return f"{rows} commands {''.join(letter for _, letter in state.commands)}"
