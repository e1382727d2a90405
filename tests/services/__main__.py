"""Real servers for a developer: `python -m tests.services [NAME ...]`. They run until they are stopped with Ctrl-C.

Their URLs are printed as what the tests look for in the environment. With CI=true one that cannot be had is an error.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import signal
import sys
from typing import Final

from tests.services.places import Missing

VARIABLES: Final = {
    "postgres": "SAGA_TEST_POSTGRES_URL",
    "kafka": "SAGA_TEST_KAFKA_URL",
    "kinesis": "SAGA_TEST_KINESIS_URL",
    "nats": "SAGA_TEST_NATS_URL",
    "etcd": "SAGA_TEST_ETCD_URL",
}
"""A server's module, whose function of the same name yields a URL -> where the tests look for it."""


def main(names: list[str]) -> int:
    if unknown := sorted(set(names) - VARIABLES.keys()):
        print(f"unknown: {', '.join(unknown)}. There are {', '.join(VARIABLES)}", file=sys.stderr)  # noqa: T201
        return 2
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    missing = False
    with contextlib.ExitStack() as running:
        for name in names or VARIABLES:
            server = getattr(importlib.import_module(f"tests.services.{name}"), name)
            try:
                url = running.enter_context(server())
            except Missing as error:
                missing = True
                print(f"# {name}: {error}", flush=True)  # noqa: T201
            else:
                print(f"export {VARIABLES[name]}='{url}'", flush=True)  # noqa: T201
        if missing and os.environ.get("CI") == "true":
            return 1
        print("# Ctrl-C stops them", flush=True)  # noqa: T201
        with contextlib.suppress(KeyboardInterrupt):
            signal.pause()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
