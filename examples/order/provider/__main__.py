"""The fake payment service provider: `python -m examples.order.provider FILE`.

A process of its own with a file of its own, as unreliable as real ones are: it declines 5 % of the
cards, sends 3 % of its answers only after the caller has stopped waiting, and fails 2 % of the
calls with a 5xx, half of them after the money has moved. It keeps the one promise that makes this
bearable: one idempotency key, one effect, one answer.
"""

import os
import socket
from pathlib import Path

import uvicorn
from cyclopts import App

from examples.order.provider.faults import Faults
from examples.order.provider.ledger import Ledger
from examples.order.provider.server import LATE_SECONDS, Provider, configuration

SEED = 7
CONNECTIONS_WAITING_MAX = 1024

app = App(help=__doc__)


@app.default
def serve(
    file: Path,
    *,
    seed: int = SEED,
    declined_share: float = 0.05,
    late_share: float = 0.03,
    failing_share: float = 0.02,
    late_seconds: float = LATE_SECONDS,
) -> None:
    """Serve on PROVIDER_ADDRESS, or on a free port of the loopback interface; the first line names the address."""
    host, _, port = os.environ.get("PROVIDER_ADDRESS", "127.0.0.1:0").rpartition(":")
    faults = Faults(seed, declined_share, late_share, failing_share)
    ledger = Ledger(file)
    provider = Provider(ledger, faults, late_seconds=late_seconds)
    with socket.create_server((host, int(port)), backlog=CONNECTIONS_WAITING_MAX) as listener:
        print(f"http://{host}:{listener.getsockname()[1]}", flush=True)
        uvicorn.Server(configuration(provider)).run(sockets=[listener])
    ledger.close()


if __name__ == "__main__":
    app()
