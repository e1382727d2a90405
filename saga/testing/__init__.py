"""The tools for tests that Saga ships.

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
