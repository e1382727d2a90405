"""Shows what happens while the demo runs: what it is doing, counters of orders, kills and restarts."""

import asyncio
import threading
from collections import Counter
from time import monotonic
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.table import Table

from examples.order.demo.traffic import Tally

REFRESHES_PER_SECOND = 8
PLAIN_LINE_SECONDS = 2.0
SILENT_SECONDS_MAX = 4.0


class Progress:
    """Shows the tally live on a terminal, and as a line every two seconds elsewhere.

    As a context manager it also repeats what the demo is doing when nothing has been printed for some seconds.
    """

    def __init__(self, console: Console, tally: Tally) -> None:
        self._console = console
        self._tally = tally
        self._began = self._printed_at = monotonic()
        self._stage = ""
        self._is_live = False
        self._is_over = threading.Event()
        self._reminder = threading.Thread(target=self._remind, name="progress", daemon=True)

    def begin(self, stage: str) -> None:
        """Prints what the demo does from now on."""
        self._stage = stage
        self.say(stage)

    def say(self, sentence: str) -> None:
        """Prints one line that stays, with the time since the start."""
        self._printed_at = monotonic()
        self._console.print(f"[dim]{self._printed_at - self._began:6.1f} s[/]  {sentence}")
        self._console.file.flush()

    async def show(self) -> None:
        """Shows the counters until cancelled."""
        if not self._console.is_terminal:
            while True:
                await asyncio.sleep(PLAIN_LINE_SECONDS)
                self.say(self._line())
        with Live(self._table(), console=self._console, refresh_per_second=REFRESHES_PER_SECOND) as live:
            self._is_live = True
            try:
                while True:
                    await asyncio.sleep(1 / REFRESHES_PER_SECOND)
                    live.update(self._table())
            finally:
                self._is_live = False
                live.update(self._table(), refresh=True)

    def __enter__(self) -> Self:
        self._reminder.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._is_over.set()
        self._reminder.join()

    def _remind(self) -> None:
        """Runs in a thread of its own, because the start of a server may keep the event loop busy."""
        while not self._is_over.wait(1.0):
            if not self._is_live and monotonic() - self._printed_at >= SILENT_SECONDS_MAX:
                self.say(f"still {self._stage}")

    def _line(self) -> str:
        tally = self._tally
        rolled_back = len(tally.outcomes) - tally.completed
        running = tally.started - len(tally.outcomes)
        return f"{tally.started} started, {running} running, {tally.completed} completed, {rolled_back} rolled back"

    def _table(self) -> Table:
        tally = self._tally
        table = Table.grid(padding=(0, 2))
        table.add_column(justify="right")
        table.add_column()
        running = tally.started - len(tally.outcomes)
        table.add_row(f"{tally.started}", f"of {tally.total} orders started")
        table.add_row(f"[cyan]{running}[/]", f"running  [cyan]{'▪' * min(running, 60)}[/]")
        table.add_row(f"[green]{tally.completed}[/]", "completed")
        reasons = Counter(outcome.reason for outcome in tally.outcomes.values() if outcome.reason is not None)
        for reason, count in sorted(reasons.items()):
            table.add_row(f"[yellow]{count}[/]", f"rolled back: {reason}")
        return table
