"""A schedule, and all that happens to it. The model that is explored."""

from __future__ import annotations

from collections.abc import Iterator

from tests.protocol.changes import with_item
from tests.protocol.explorer import FAULT, FREE, OPERATOR, Move
from tests.protocol.schedules.invariants import check
from tests.protocol.schedules.world import BACK, CRASH, EDIT, Config, Fill, Leader, World


class ScheduleModel:
    """One configuration with its actors."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.name = config.name

    def start(self) -> Iterator[World]:
        fills = tuple(Fill(moment, "s", 0) for moment in range(1, self.config.fills + 1))
        yield World(
            clock=0, version=1, edition=0, next=1, paused=False, starts=(), missed=frozenset(), running=0,
            leaders=(None, None), fills=fills, budget=self.config.budget,
        )  # fmt: skip

    def moves(self, state: World) -> Iterator[Move[World]]:
        if state.clock <= self.config.moments:
            yield "time goes on", FREE, state._replace(clock=state.clock + 1)
        if state.budget[BACK] and state.clock:
            yield "the clock is SET BACK", FAULT, _spent(state._replace(clock=state.clock - 1), BACK)
        if state.running:
            yield "a run ends", FREE, state._replace(running=state.running - 1)
        for who in (0, 1):
            yield from self._lead(state, who)
        for fill in dict.fromkeys(state.fills):
            yield from self._fill(state, fill)
        yield from self._person(state)

    def _person(self, world: World) -> Iterator[Move[World]]:
        newer = world._replace(version=world.version + 1)
        if world.budget[EDIT]:
            yield "a person EDITS the schedule", FAULT, _spent(newer._replace(edition=world.edition + 1), EDIT)
            if not world.paused:
                yield "a person PAUSES the schedule", FAULT, _spent(newer._replace(paused=True), EDIT)
        if world.paused:
            yield "a person resumes the schedule", OPERATOR, newer._replace(paused=False)

    def _lead(self, world: World, who: int) -> Iterator[Move[World]]:
        leader = world.leaders[who]
        if leader is None:
            if world.next <= self.config.moments and self._instant(who, world.next) <= world.clock and not world.paused:
                read = Leader("r", world.version, world.next, world.running, world.edition)
                yield f"leader {who}: reads", FREE, _with_leader(world, who, read)
            return
        done = _with_leader(world, who, None)
        if world.budget[CRASH]:
            yield f"leader {who}: CRASH", FAULT, _spent(done, CRASH)
        if leader.stage == "n":
            yield f"leader {who}: starts", FREE, self._started(done, who, leader.moment, world.running)
        elif leader.version != world.version and self.config.has("row_unchanged"):
            yield f"leader {who}: the row has changed", FREE, done
        else:
            yield f"leader {who}: COMMIT", FREE, self._committed(done, who, leader)

    def _committed(self, world: World, who: int, leader: Leader) -> World:
        moment, config = leader.moment, self.config
        moved = world._replace(version=world.version + 1, next=moment + 1)
        is_late = world.clock > self._instant(who, moment)
        if is_late and config.catches_up == "last" and moment < config.moments:
            return self._missed(moved, moment)
        if not config.has("one_commit"):
            return _with_leader(moved, who, Leader("n", leader.version, moment, leader.running, leader.edition))
        return self._started(moved, who, moment, world.running if config.has("locked_look") else leader.running)

    def _fill(self, world: World, fill: Fill) -> Iterator[Move[World]]:
        left = list(world.fills)
        left.remove(fill)
        if fill.stage == "s" and world.clock >= fill.moment:
            looked = Fill(fill.moment, "l", world.running)
            yield f"filling in {fill.moment}: looks", FREE, world._replace(fills=(*left, looked))
        elif fill.stage == "l":
            running = world.running if self.config.has("locked_look") else fill.running
            after = world._replace(fills=tuple(left), version=world.version + 1)
            yield f"filling in {fill.moment}: COMMIT", FREE, self._started(after, 0, fill.moment, running)

    def _started(self, world: World, who: int, moment: int, running: int) -> World:
        """Starts the saga of a moment. `running`: how many runs its starter has seen."""
        key = self._key(who, moment)
        if self.config.has("moment_key") and any(key == known for known, _ in world.starts):
            return world
        if self.config.skips and running:
            return self._missed(world, moment)
        return world._replace(starts=(*world.starts, (key, moment)), running=world.running + 1)

    def _missed(self, world: World, moment: int) -> World:
        return world._replace(missed=world.missed | {moment}) if self.config.has("missed_recorded") else world

    def _instant(self, who: int, moment: int) -> int:
        """The time of the moment, as this leader believes."""
        return moment + 1 if self.config.zones_differ and who == 1 else moment

    def _key(self, who: int, moment: int) -> str:
        return f"local {moment}" if self.config.has("local_time") else f"instant {self._instant(who, moment)}"

    # -- for the explorer ----------------------------------------------------------------------------------------------

    def check(self, before: World, after: World, label: str) -> None:
        check(self.config, before, after, label)

    def canonical(self, state: World) -> World:
        return state

    def end(self, state: World) -> str:
        is_over = state.clock > self.config.moments and state.next > self.config.moments
        is_quiet = not state.running and not state.fills and state.leaders == (None, None)
        return f"{len(state.starts)} started, {len(state.missed)} missed" if is_over and is_quiet else ""

    def waits_for_person(self, state: World) -> bool:
        return state.paused

    def shown(self, state: World) -> str:
        started = [moment for _, moment in state.starts]
        paused = " paused" if state.paused else ""
        return f"clock {state.clock} next {state.next}{paused} started {started} missed {sorted(state.missed)} running {state.running}"


def _with_leader(world: World, who: int, leader: Leader | None) -> World:
    return world._replace(leaders=(world.leaders[0], leader) if who else (leader, world.leaders[1]))


def _spent(world: World, fault: int) -> World:
    return world._replace(budget=with_item(world.budget, fault, world.budget[fault] - 1))
