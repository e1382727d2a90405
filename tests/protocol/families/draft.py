"""A family while one transaction changes it: the rules of one saga row."""

from __future__ import annotations

from tests.protocol.changes import with_count, with_letter
from tests.protocol.families.family import Family
from tests.protocol.families.trees import PLAIN
from tests.protocol.families.world import Row, Worker, World


class Draft:
    """The rules E3 to E7 and E13 on the rows of a family."""

    def __init__(self, family: Family, world: World) -> None:
        self.family, self.tree = family, family.tree
        self.rows = list(world.rows)
        self.effects = [list(counts) for counts in world.effects]
        self.undone = [list(counts) for counts in world.undone]
        self.commands = dict(world.commands)
        self.workers = list(world.workers)
        self.messages = set(world.messages)
        self.budget = world.budget

    def world(self) -> World:
        return World(
            tuple(self.rows), tuple(map(tuple, self.effects)), tuple(map(tuple, self.undone)),
            tuple(sorted(self.commands.items())), tuple(sorted(self.workers)), tuple(sorted(self.messages)), self.budget,
        )  # fmt: skip

    def spend(self, fault: int) -> Draft:
        self.budget = with_count(self.budget, fault, -1)
        return self

    def without(self, worker: Worker) -> Draft:
        self.workers.remove(worker)
        return self

    def has(self, guard: str) -> bool:
        return self.family.has(guard)

    def set_phase(self, saga: int, phase: str) -> None:
        """A child that is held or ends wakes its parent's step; the end of a parent is told to its children."""
        self.rows[saga] = self.rows[saga]._replace(phase=phase)
        if phase in "HZX" and saga in self.family.parents:
            self.messages.add(saga)
        if phase in "DX":
            self.messages |= {-child for child in self.tree[saga].steps if child != PLAIN}

    def set_cancel(self, saga: int, *, cancel: bool) -> None:
        self.rows[saga] = self.rows[saga]._replace(cancel=cancel)

    def set_letter(self, saga: int, step: int, letter: str) -> None:
        row = self.rows[saga]
        self.rows[saga] = row._replace(vector=with_letter(row.vector, step, letter))
        if self.is_child(saga, step):
            self.commands[saga, step] = "-"  # a new command, or none

    def is_child(self, saga: int, step: int) -> bool:
        return self.tree[saga].steps[step] != PLAIN

    # -- forward -------------------------------------------------------------------------------------------------------

    def insert(self, saga: int) -> None:
        self.rows[saga] = Row("R", "P" * self.tree[saga].size, cancel=False)
        self.advance(saga)

    def is_passed(self, saga: int) -> bool:
        pivot = self.tree[saga].pivot
        return pivot >= 0 and self.rows[saga].vector[pivot] in "SN"

    def advance(self, saga: int) -> None:
        if self.rows[saga].phase != "R" or self.rows[saga].cancel:
            return
        for step in range(self.tree[saga].size):
            befores = [self.rows[saga].vector[before] for before in self.tree[saga].before[step]]
            on_any = step == self.tree[saga].any_join and "S" in befores
            met = on_any or all(letter in "SHVZ" for letter in befores)
            if self.rows[saga].vector[step] == "P" and met:
                self.set_letter(saga, step, "D")
        if set(self.rows[saga].vector) <= set("SHVZ"):
            is_held = saga in self.family.parents and self.has("child_held")
            self.set_phase(saga, "H" if is_held else "D")

    def record_success(self, saga: int, step: int) -> None:
        row = self.rows[saga]
        if row.phase == "R" and row.vector[step] in "DdWw":
            self.set_letter(saga, step, "S")
            if step == self.tree[saga].pivot:
                vector = self.rows[saga].vector.replace("R", "d")
                self.rows[saga] = self.rows[saga]._replace(vector=vector, cancel=False)
            self.advance(saga)
        elif row.phase == "C" and row.vector[step] in "Dd" and self.is_child(saga, step):
            self.set_letter(saga, step, "S")
            self.settle(saga)

    def record_rejection(self, saga: int, step: int) -> None:
        row = self.rows[saga]
        if row.phase == "R" and row.vector[step] in "DdWw":
            self._reject(saga, step)
        elif row.phase == "C" and row.vector[step] in "Dd" and self.is_child(saga, step):
            self.set_letter(saga, step, "R")
            self.settle(saga)

    def _reject(self, saga: int, step: int) -> None:
        if (saga, step) in self.family.config.handled:
            self.set_letter(saga, step, "H")
            self.advance(saga)
        elif self.is_passed(saga):
            self.set_letter(saga, step, "d")
        else:
            self.set_letter(saga, step, "R")
            self.request_rollback(saga)

    # -- backward ------------------------------------------------------------------------------------------------------

    def request_rollback(self, saga: int) -> None:
        row, pivot = self.rows[saga], self.tree[saga].pivot
        if row.phase != "R" or self.is_passed(saga):
            return
        if pivot >= 0 and row.vector[pivot] in "DdWw" and self.is_child(saga, pivot):
            self.set_cancel(saga, cancel=True)
            if row.vector[pivot] in "Dd":
                self.set_letter(saga, pivot, "W")
            return
        self.roll_back(saga)

    def roll_back(self, saga: int) -> None:
        self.set_phase(saga, "C")
        self.set_cancel(saga, cancel=False)
        for step, letter in enumerate(self.rows[saga].vector):
            if letter == "P" or (letter in "Dd" and not self.is_child(saga, step)):
                self.set_letter(saga, step, "V")
            elif letter in "DdWw":
                self.set_letter(saga, step, "D")
        self.settle(saga)

    def settle(self, saga: int) -> None:
        definition = self.tree[saga]
        for step in reversed(range(definition.size)):
            letter = self.rows[saga].vector[step]
            has_effect = letter == "S" or (letter in "Dd" and self.is_child(saga, step))
            if has_effect and all(self.is_clear(saga, after) for after in definition.after(step)):
                self.set_letter(saga, step, "K")
        if all(self.is_clear(saga, step) for step in range(definition.size)):
            self.set_phase(saga, "Z")
            self.set_cancel(saga, cancel=False)

    def is_clear(self, saga: int, step: int) -> bool:
        is_without_effect = self.rows[saga].vector[step] in "RVZH"
        return is_without_effect and all(self.is_clear(saga, after) for after in self.tree[saga].after(step))

    def goes_on(self, saga: int) -> None:
        """After a step was undone: forward or backward, as the saga goes."""
        if self.rows[saga].phase == "C":
            self.settle(saga)
        else:
            self.advance(saga)

    # -- abandoning ----------------------------------------------------------------------------------------------------

    def abandon(self, saga: int) -> None:
        self.set_phase(saga, "A")
        self.set_cancel(saga, cancel=False)
        for step, letter in enumerate(self.rows[saga].vector):
            if letter == "P":
                self.set_letter(saga, step, "V")
            elif letter in "DdWwKk" and self.is_child(saga, step):
                self.set_letter(saga, step, "G")
            elif letter in "DdWwKk":
                self.set_letter(saga, step, "V" if letter in "Dd" else "S")
        self.end_if_thawed(saga)

    def end_if_thawed(self, saga: int) -> None:
        if self.rows[saga].phase == "A" and "G" not in self.rows[saga].vector:
            self.set_phase(saga, "X")
