"""The configurations of families, and the cases of the missing guards G63 and G66 to G81."""

from __future__ import annotations

from typing import Any, Final

from tests.protocol.case import Case, Part
from tests.protocol.families.model import FamilyModel
from tests.protocol.families.world import FAULTS, Config

_ALL: Final = {"cancel": 1, "reject": 1, "crash": 1, "pause": 1, "lose": 1}


def _config(name: str, tree: str, **fields: Any) -> Config:
    """Faults stand among the fields."""
    faults: dict[str, int] = {fault: fields.pop(fault) for fault in FAULTS if fault in fields}
    return Config(name, tree, faults=faults, **fields)


WHOLE: Final = (
    _config("middle", "middle", **_ALL),
    _config("middle, two of each", "middle", cancel=2, reject=1, crash=1, pause=2),
    _config("first", "first", **_ALL),
    _config("beside", "beside", **_ALL),
    _config("beside, two cancels", "beside", cancel=2, reject=2, pause=1),
    _config("two children", "two", cancel=1, reject=1, pause=1),
    _config("pivot", "pivot", **_ALL),
    _config("pivot with pivot", "pivot with pivot", **_ALL),
    _config("pivot with last pivot", "pivot with last pivot", **_ALL),
    _config("pivot with pivot, two cancels", "pivot with last pivot", cancel=2, reject=1, pause=2),
    _config("behind", "behind", **_ALL),
    _config("abandon, middle", "middle", cancel=1, pause=2, abandon=1),
    _config("abandon two, middle", "middle", cancel=1, pause=1, abandon=2),
    _config("abandon, beside", "beside", cancel=1, reject=1, pause=1, abandon=1),
    _config("abandon, pivot", "pivot with pivot", cancel=1, pause=2, abandon=1),
    _config("abandon two, pivot", "pivot", cancel=1, pause=1, abandon=2),
    _config("purge, first", "first", cancel=1, reject=1, pause=1, lose=1, purge=3),
    _config("nested", "nested", cancel=1, reject=1, pause=1),
    _config("nested, lost wake-ups", "nested", cancel=1, lose=2),
    _config("nested pivot", "nested pivot", cancel=1, pause=1),
    _config("nested abandon", "nested", cancel=1, abandon=1),
    _config("handled child", "middle", handled=((0, 1),), cancel=1, reject=2, crash=1, pause=1),
    _config("handled child behind the pivot", "behind", handled=((0, 1),), cancel=1, reject=1, crash=1, pause=1),
    _config("retracted child", "first", cancel=1, reject=1, crash=1, pause=1, retract=1),
    _config("retracted child, middle", "middle", cancel=1, crash=1, pause=1, retract=2),
    _config("retracted nested child", "nested", cancel=1, pause=1, retract=1),
    _config("retracted child, abandon", "first", cancel=1, pause=1, abandon=1, retract=1),
    _config("race of children", "race", cancel=1, retract=1),
    _config("race of handled children", "race", handled=((0, 0), (0, 1)), cancel=1, reject=1, retract=1),
)


def _without(guard: str, tree: str, **fields: Any) -> Config:
    return _config(f"{guard} {tree} {' '.join(fields)}", tree, without=guard, **fields)


CASES: Final = (
    Case("G66", "I1", 8, _without("child_id", "first", crash=1)),
    Case("G67", "C2", 6, _without("child_tombstone", "first", cancel=1, pause=1)),
    Case("G67", "I9", 8, _without("child_tombstone", "pivot", cancel=1, pause=1)),
    Case("G68", "I5", 12, _without("child_held", "first", reject=1)),
    Case("G69", "C1", 10, _without("child_release", "first", reject=1)),
    Case("G70", "C1", 5, _without("child_only_parent", "first", cancel=1)),
    Case("G71", "I9", 8, _without("child_awaited", "middle", cancel=1)),
    Case("G71", "I9", 14, _without("child_awaited", "middle", reject=1)),
    Case("G72", "I9", 7, _without("child_ongoing", "first", crash=1)),
    Case("G72", "I9", 8, _without("child_ongoing", "pivot", cancel=1)),
    Case("G73", "L2", 4, _without("child_pivot", "wrong", cancel=1)),
    Case("G63", "L1", 5, _without("child_poll", "first", lose=1)),
    Case("G74", "L1", 11, _without("held_poll", "first", lose=1)),
    Case("G75", "I1", 11, _without("child_purge", "first", reject=1, crash=1, purge=1)),
    Case("G75", "I1", 10, _without("child_purge", "first", reject=1, pause=1, purge=2)),
    Case("G76", "L1", 12, _without("child_gone", "first", lose=1, purge=1)),
    Case("G77", "I9", 9, _without("child_abandoned", "first", abandon=1)),
    Case("G78", "C2", 11, _without("held_abandon", "first", abandon=1)),
    Case("G79", "I9", 6, _without("freeze_running", "first", abandon=1)),
    Case("G80", "I9", 12, _without("freeze_held", "first", cancel=1, pause=1, abandon=1)),
    Case("G81", "I9", 13, _without("freeze_order", "first", cancel=1, pause=1, abandon=1)),
)
FAMILIES: Final = Part("families", FamilyModel, WHOLE, CASES)
