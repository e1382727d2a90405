"""The model: every change that can be made to a world. The production code decides about the saga row (see `verdicts`)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from saga.core.rules import events as ev
from tests.protocol import explorer
from tests.protocol.changes import with_letter
from tests.protocol.commands.verdicts import AFTER_DEADLINE, BEFORE_DEADLINE, Verdicts
from tests.protocol.commands.world import (
    CLAIMLESS,
    COPIES_MAX,
    FAILOVER,
    MIRRORS,
    NAMES,
    NEVER,
    OPERATIONS,
    RUNNING,
    SHAPES,
    Config,
    Previous,
    Row,
    Sketch,
    Worker,
    World,
)
from tests.protocol.explorer import Violation

Move = explorer.Move[World]

# Guards outside of `decide`: in the admission, the committer, the journal, the calls of providers. Each is a switch of the
# model. The mutants remove those inside of `decide`.
GUARDS: Final = (
    "admit", "recheck_exec", "recheck_comp", "version", "redrive", "lease", "pinned", "j_dedup", "j_reject", "j_tombstone",
    "j_undo_once", "j_purge", "x_key", "x_undo_key", "x_indefinite", "x_exclusive", "x_unanswered", "x_in_lease", "newest",
    "probe_quiet", "evidence", "forget", "tomb_reports", "never_claimed", "handled_pivot", "handled_forget",
    "first_to_begin", "retract_recheck",
)  # fmt: skip


class Model:
    """One configuration, and the changes that all actors make to a world."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.steps = range(len(config.modes))
        self.size = len(config.modes)
        self.before = SHAPES[config.shape]
        self.after = tuple(tuple(j for j in self.steps if i in self.before[j]) for i in self.steps)
        self.joins = dict(config.joins)
        self.verdicts = Verdicts(config)
        self.labels = tuple(f"{operation}({NAMES[i]})" for operation in OPERATIONS for i in self.steps)
        self._guards = frozenset(GUARDS) - {config.without}
        self._swaps = self._find_swaps()

    def has(self, guard: str) -> bool:
        return guard in self._guards

    def start(self) -> Iterator[World]:
        none, never, count = "-" * self.size, NEVER * self.size, (0,) * self.size
        config = self.config
        for bits in range(1 << len(config.skip)):
            skipped = tuple(sorted(step for k, step in enumerate(config.skip) if bits >> k & 1))
            sketch = Sketch(
                World(
                    phase=RUNNING, vector="P" * self.size, cancel=False, paused=False, overdue=False, effects=count,
                    undone=count, memory=none, claims=never, bus="0" * 3 * self.size, sent=0, workers=(), undecided=(),
                    budget=config.budget, skipped=skipped, purged=False, previous=None, version=0, retracted=(), cut=(),
                )
            )  # fmt: skip
            self.decide(sketch, ev.Started())
            yield sketch.world()

    # -- the saga row --------------------------------------------------------------------------------------------------

    def row(self, world: World | Sketch) -> Row | None:
        """The part of the row that a writer remembers."""
        if not self.config.optimistic:
            return None
        return Row(world.version, world.phase, world.vector, world.cancel, world.paused)

    def begin(self, sketch: Sketch, seen: Row | None) -> None:
        """Begins a transaction on the saga row, which is locked and read again unless it still equals `seen`."""
        if self.config.claims_lost:
            sketch.previous = None  # a durable commit makes the claims before it durable too
        elif sketch.budget[FAILOVER]:
            self.remember(sketch)
        if self.config.optimistic and seen is not None:
            now = (sketch.phase, sketch.vector, sketch.cancel, sketch.paused)
            if seen.version == sketch.version and seen[1:] != now:
                raise Violation("I11 the row changed under an unchanged version")
            if seen.version != sketch.version and not self.has("version"):
                _, sketch.phase, sketch.vector, sketch.cancel, sketch.paused = seen
        if self.config.optimistic:
            sketch.version += 1

    def remember(self, sketch: Sketch) -> None:
        sketch.previous = Previous(
            sketch.phase, sketch.vector, sketch.cancel, sketch.paused, sketch.claims, sketch.effects, sketch.undone
        )

    def decide(self, sketch: Sketch, event: ev.Event) -> str:
        """Writes what the production code decides, and publishes its commands. Returns the new row in short."""
        row = (sketch.phase, sketch.vector, sketch.cancel, sketch.paused)
        now = AFTER_DEADLINE if sketch.overdue else BEFORE_DEADLINE
        verdict = self.verdicts.decide(row, event, sketch.skipped, now, self.unclaimed(sketch))
        sketch.phase, sketch.vector, sketch.cancel, sketch.paused, commands = verdict
        for operation, step in commands:
            self.send(sketch, operation, step)
        if sketch.retracted:
            self._cut_edges(sketch, row[1])
        return f"{row[1]} becomes {sketch.vector}" if row != verdict[:4] else "nothing changes"

    def _cut_edges(self, sketch: Sketch, before: str) -> None:
        """A join that starts now did not wait for what was retracted."""
        started = (step for step in self.joins if before[step] == "P" and sketch.vector[step] == "D")
        edges = {(step, join) for join in started for step in self.before[join] if step in sketch.retracted}
        sketch.cut = tuple(sorted({*sketch.cut, *edges}))

    def unclaimed(self, sketch: Sketch) -> frozenset[int]:
        """The dispatched external steps whose command was never claimed. "No live claim now" is not enough (G135)."""
        without = NEVER if self.has("never_claimed") else CLAIMLESS
        dispatched = (step for step in self.steps if sketch.vector[step] == "D" and self.config.modes[step] == "X")
        return frozenset(step for step in dispatched if sketch.claims[step] in without)

    def wanted(self, world: World, step: int) -> str:
        return self.verdicts.wanted((world.phase, world.vector, world.cancel, world.paused))[step]

    def is_passed(self, world: World) -> bool:
        return self.config.pivot >= 0 and world.vector[self.config.pivot] in "SN"

    # -- the bus and the workers ---------------------------------------------------------------------------------------

    def command(self, operation: str, step: int) -> int:
        return OPERATIONS.index(operation) * self.size + step

    def send(self, sketch: Sketch, operation: str, step: int) -> None:
        """Publishes after the commit. A process that dies before has lost a message; a late one is a slow bus."""
        command = self.command(operation, step)
        copies = sketch.bus[command]
        if copies < COPIES_MAX:
            sketch.bus = with_letter(sketch.bus, command, chr(ord(copies) + 1))
        sketch.sent |= 1 << command

    def add(self, sketch: Sketch, worker: Worker) -> None:
        sketch.workers = tuple(sorted((*sketch.workers, worker)))

    def drop(self, world: World, worker: Worker) -> Sketch:
        sketch = Sketch(world)
        at = world.workers.index(worker)
        sketch.workers = world.workers[:at] + world.workers[at + 1 :]
        return sketch

    def finish(self, world: World, worker: Worker) -> Sketch:
        """A worker reports, which ends its claim."""
        sketch = self.drop(world, worker)
        if worker.newest:
            sketch.claims = with_letter(sketch.claims, worker.command % self.size, "-")
        return sketch

    # -- symmetry: two parallel branches may be swapped ----------------------------------------------------------------

    def _find_swaps(self) -> tuple[tuple[int, ...], tuple[int, ...]] | None:
        config = self.config
        mirror = MIRRORS.get(config.shape)
        if mirror is None or config.optimistic or config.faults.get("failover") or config.without or config.retractable:
            return None
        first, second = mirror
        if config.modes[first] != config.modes[second] or {*mirror} & {
            config.pivot,
            *config.skip,
            *config.handled,
            *config.optional,
        }:
            return None
        steps = [second if i == first else first if i == second else i for i in self.steps]
        return tuple(steps), tuple(block * self.size + i for block in range(3) for i in steps)

    def canonical(self, world: World) -> World:
        if self._swaps is None:
            return world
        steps, commands = self._swaps
        vector = "".join([world.vector[i] for i in steps])
        if vector > world.vector:
            return world
        mirrored = World(
            world.phase, vector, world.cancel, world.paused, world.overdue,
            tuple([world.effects[i] for i in steps]), tuple([world.undone[i] for i in steps]),
            "".join([world.memory[i] for i in steps]), "".join([world.claims[i] for i in steps]),
            "".join([world.bus[i] for i in commands]),
            sum(1 << commands[i] for i in range(3 * self.size) if world.sent >> i & 1) if world.sent else 0,
            tuple(sorted([worker._replace(command=commands[worker.command]) for worker in world.workers])),
            world.undecided, world.budget, world.skipped, world.purged, world.previous, world.version, world.retracted,
            world.cut,
        )  # fmt: skip
        return min(world, mirrored)
