"""The definitions of a family: saga 0 is the root; a step is plain, or a child saga."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

PLAIN: Final = 0  # the number of the root, which is nobody's child


@dataclass(frozen=True)
class Saga:
    """`steps`: PLAIN, or the number of the child saga. `any_join`: a step that starts after one success."""

    steps: tuple[int, ...]
    before: tuple[tuple[int, ...], ...]
    pivot: int = -1
    any_join: int = -1

    @property
    def size(self) -> int:
        return len(self.steps)

    def after(self, step: int) -> list[int]:
        return [other for other in range(self.size) if step in self.before[other]]


_ONE: Final = ((),)
_TWO: Final = ((), (0,))
_THREE: Final = ((), (0,), (1,))
_BESIDE: Final = ((), ())
TREES: Final = {
    "middle": (Saga((PLAIN, 1, PLAIN), _THREE), Saga((PLAIN, PLAIN), _TWO)),
    "first": (Saga((1, PLAIN), _TWO), Saga((PLAIN, PLAIN), _TWO)),
    "beside": (Saga((1, PLAIN), _BESIDE), Saga((PLAIN, PLAIN), _TWO)),
    "two": (Saga((1, 2), _BESIDE), Saga((PLAIN,), _ONE), Saga((PLAIN,), _ONE)),
    "race": (Saga((1, 2, PLAIN), (*_BESIDE, (0, 1)), any_join=2), Saga((PLAIN,), _ONE), Saga((PLAIN,), _ONE)),
    "pivot": (Saga((PLAIN, 1, PLAIN), _THREE, pivot=1), Saga((PLAIN, PLAIN), _TWO)),
    "pivot with pivot": (Saga((PLAIN, 1, PLAIN), _THREE, pivot=1), Saga((PLAIN, PLAIN), _TWO, pivot=0)),
    "pivot with last pivot": (Saga((PLAIN, 1), _TWO, pivot=1), Saga((PLAIN, PLAIN), _TWO, pivot=1)),
    "behind": (Saga((PLAIN, 1), _TWO, pivot=0), Saga((PLAIN, PLAIN), _TWO, pivot=0)),
    "wrong": (Saga((1, PLAIN), _TWO), Saga((PLAIN, PLAIN), _TWO, pivot=0)),  # against G73
    "nested": (Saga((PLAIN, 1), _TWO), Saga((2, PLAIN), _TWO), Saga((PLAIN,), _ONE)),
    "nested pivot": (
        Saga((1, PLAIN), _TWO, pivot=0),
        Saga((2,), _ONE, pivot=0),
        Saga((PLAIN, PLAIN), _TWO, pivot=0),
    ),
}
