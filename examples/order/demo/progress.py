"""What is seen while the orders run: counters that move, and what happens to processes."""

import asyncio
from collections import Counter
from time import monotonic

from rich.console import Console
from rich.live import Live
from rich.table import Table

from examples.order.demo.traffic import Tally

REFRESHES_PER_SECOND = 8
PLAIN_LINE_SECONDS = 2.0


class Progress:
    """Shows the tally live on a terminal, and as a line every two seconds elsewhere."""

    def __init__(self, console: Console, tally: Tally) -> None:
        self._console = console
        self._tally = tally
        self._began = monotonic()

    def say(self, sentence: str) -> None:
        """Print one line that stays, with the time since the start."""
        self._console.print(f"[dim]{monotonic() - self._began:6.1f} s[/]  {sentence}")

    async def show(self) -> None:
        """Show the counters until cancelled."""
        if not self._console.is_terminal:
            while True:
                await asyncio.sleep(PLAIN_LINE_SECONDS)
                self.say(self._line())
        with Live(self._table(), console=self._console, refresh_per_second=REFRESHES_PER_SECOND) as live:
            try:
                while True:
                    await asyncio.sleep(1 / REFRESHES_PER_SECOND)
                    live.update(self._table())
            finally:
                live.update(self._table(), refresh=True)

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
