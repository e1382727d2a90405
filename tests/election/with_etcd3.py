"""Uses the package `etcd3` on Saga's stubs. `python -m tests.election.with_etcd3 HOST PORT`."""

from __future__ import annotations

import importlib
import sys

from saga_etcd import stubs_for_etcd3


def main(host: str, port: str) -> None:
    stubs_for_etcd3()
    client = importlib.import_module("etcd3").client(host=host, port=int(port))
    client.put("/key", "value")
    print(client.get("/key")[0].decode())
    lease = client.lease(5)
    is_free = client.transactions.version("/lock") == 0
    print(client.transaction(compare=[is_free], success=[client.transactions.put("/lock", "me", lease)], failure=[])[0])
    with client.lock("lock", ttl=5) as lock:
        print(lock.is_acquired())
    events, cancel = client.watch("/seen")
    client.put("/seen", "seen")
    print(next(iter(events)).value.decode())
    cancel()
    client.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
