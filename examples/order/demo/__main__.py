"""The order saga, live: `python -m examples.order.demo`, or `make demo`.

Each service, the supervisor and the payment provider is a process of its own. A thousand orders
arrive. On the way the payments service is killed in the middle of its work, then the supervisor,
and the broker where there is one (`--bus kafka`, `kinesis`
or `nats`). At the end an audit compares
what the customers were told with money, stock and parcels, and a checker compares the recorded
history with the rules of the protocol. The exit status is 0 only if all of them agree.
"""

import asyncio
import sys
from typing import Literal

from cyclopts import App
from rich.console import Console

from examples.order.demo.brokers import BUSES, BrokerMissing
from examples.order.demo.fleet import ProcessEnded
from examples.order.demo.run import demo

app = App(help=__doc__)


@app.default
def main(*, sabotage: bool = False, bus: Literal["postgres", "kafka", "kinesis", "nats"] = "postgres") -> None:
    """Run the demo; with --sabotage one shipment is removed, and the audit must find it."""
    console = Console()
    if bus != "postgres":
        console.print(f"starting a broker for {bus}, which may take a minute")
    try:
        with BUSES[bus]() as broker:
            figures = asyncio.run(demo(console, broker, is_sabotaged=sabotage))
    except (ProcessEnded, BrokerMissing) as ended:
        console.print(ended, style="red", markup=False)
        sys.exit(1)
    sys.exit(0 if figures.holds else 1)


if __name__ == "__main__":
    app()
