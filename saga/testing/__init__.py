"""What Saga ships for tests: the conformance suites of its ports, and a clock that is turned by hand.

A suite is a plain class of pytest tests with an abstract hook. An adapter passes when a subclass does:

    from saga.testing.suites.bus import BusSuite

    class TestFileBus(BusSuite):
        async def open_bus(self) -> Bus:
            return open_bus(self.url)

Capability flags are class attributes; each is True, and a subclass that lowers one says why beside it. `pytest` and
`pytest-asyncio` have to be installed. See docs/reference/conformance.md.
"""
