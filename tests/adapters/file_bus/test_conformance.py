"""The shipped suite over the installed distribution, as the author of an outside adapter writes it."""

from __future__ import annotations

from pathlib import Path

import pytest

from saga.ports.bus import Bus
from saga.registry import open_bus
from saga.testing.suites.bus import BusSuite


class TestFileBus(BusSuite):
    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path: Path) -> None:
        self.url = f"file://{tmp_path}"

    async def open_bus(self) -> Bus:
        return open_bus(self.url, "saga")
