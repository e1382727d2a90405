"""The tools for tests that Saga ships.

For users: `harness`, which runs a whole saga in a test, in virtual time, with real and scripted services:

    from saga.testing import harness, scripted

    async with harness(order, inventory, scripted("payments", charge=Reject("card declined"))) as shop:
        ended = await shop.run(Order(sku="lamp", quantity=2, card="4242"))
        assert ended.reason == "charge: card declined"
        assert shop.undone("inventory.reserve")

`saga.testing.plugin` has it as a fixture for pytest. See docs/how-to/test-a-saga.md.

For adapter authors: `saga.testing.suites`, the conformance suites of the ports. A suite is a class of pytest tests with an abstract
hook that opens the adapter; an adapter conforms when a subclass passes:

    from saga.testing.suites.bus import BusSuite

    class TestFileBus(BusSuite):
        async def open_bus(self) -> Bus:
            return open_bus(self.url, "saga")

Capability flags are class attributes. Each is True, and a subclass that lowers one says why beside it. The suites need `pytest` and
`pytest-asyncio`. See docs/reference/conformance.md.

For users and adapter authors: `saga.testing.clocks`, a clock that a test advances, and an event loop on virtual time.

For tests of Saga itself: `saga.testing.faults`, wrappers that inject faults into adapters on virtual time.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from saga.testing.scenario.answers import REAL, After, Crash, InTurn, Never, Script
    from saga.testing.scenario.calls import Call, Calls
    from saga.testing.scenario.harness import Harness, harness
    from saga.testing.scenario.run import CannotEnd, Run
    from saga.testing.scenario.services import Scripted, scripted

__all__ = [
    "REAL",
    "After",
    "Call",
    "Calls",
    "CannotEnd",
    "Crash",
    "Harness",
    "InTurn",
    "Never",
    "Run",
    "Script",
    "Scripted",
    "harness",
    "scripted",
]

_MODULES = {
    "answers": ("REAL", "After", "Crash", "InTurn", "Never", "Script"),
    "calls": ("Call", "Calls"),
    "harness": ("Harness", "harness"),
    "run": ("CannotEnd", "Run"),
    "services": ("Scripted", "scripted"),
}
_MODULE_OF = {name: module for module, names in _MODULES.items() for name in names}

if not TYPE_CHECKING:  # a type checker reads the imports above

    def __getattr__(name: str) -> object:
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(f"saga.testing.scenario.{_MODULE_OF[name]}"), name)

    def __dir__() -> list[str]:
        return __all__
