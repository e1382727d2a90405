"""The servers of an election, and the faults that tests inject into them."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass

from kazoo.client import KazooClient

from saga_postgres.embedded.server import EmbeddedPostgres
from tests.migrated import migrate_database
from tests.services import etcd, postgres, zookeeper
from tests.services.proxy import Proxy

TTL_SECONDS = 2


@dataclass(frozen=True, slots=True)
class ElectionServers:
    """`end_session` ends the leadership by hand; `crash` kills every server and starts it again."""

    name: str
    url: str
    ttl_seconds: float
    namespace: str | None  # the only one that exists; None: any
    crash: Callable[[], None]
    end_session: Callable[[str], Awaitable[None]]

    @contextlib.contextmanager
    def proxied(self) -> Iterator[tuple[str, Sequence[Proxy]]]:
        """A URL of these servers through proxies of its own."""
        scheme, _, rest = self.url.partition("://")
        hosts, mark, more = _split(rest)
        account, at, endpoints = hosts.rpartition("@")
        with contextlib.ExitStack() as stack:
            proxies = []
            for endpoint in endpoints.split(","):
                host, _, port = endpoint.rpartition(":")
                proxies.append(stack.enter_context(Proxy(host, int(port))))
            ports = ",".join(f"127.0.0.1:{proxy.port}" for proxy in proxies)
            yield f"{scheme}://{account}{at}{ports}{mark}{more}", proxies


def _split(rest: str) -> tuple[str, str, str]:
    for position, letter in enumerate(rest):
        if letter in "/?":
            return rest[:position], letter, rest[position + 1 :]
    return rest, "", ""


@contextlib.contextmanager
def etcd_servers(nodes: int = 1) -> Iterator[ElectionServers]:
    with etcd.cluster(nodes) as cluster:

        def crash() -> None:
            cluster.kill()
            cluster.start()

        async def end_session(namespace: str) -> None:
            prefix = f"saga/{namespace}/supervisor/".encode()
            reign = cluster.call("kv/range", {"key": _text(prefix + b"reign")})["kvs"][0]
            term = json.loads(base64.b64decode(reign["value"]))["term"]
            keys = cluster.call(
                "kv/range", {"key": _text(prefix + b"candidates/"), "range_end": _text(prefix + b"candidates0")}
            )
            lease = next(pair["lease"] for pair in keys["kvs"] if int(pair["create_revision"]) == term)
            cluster.call("lease/revoke", {"ID": lease})

        yield ElectionServers("etcd", f"{cluster.url}?ttl={TTL_SECONDS}", TTL_SECONDS, None, crash, end_session)


@contextlib.contextmanager
def zookeeper_servers(nodes: int = 1) -> Iterator[ElectionServers]:
    with zookeeper.ensemble(nodes) as servers:

        def crash() -> None:
            servers.kill()
            servers.start()

        async def end_session(namespace: str) -> None:
            client = KazooClient(hosts=",".join(servers.endpoints))
            client.start()
            candidates = f"/saga/{namespace}/supervisor/candidates"
            client.delete(f"{candidates}/{min(client.get_children(candidates))}")
            client.stop()
            client.close()

        yield ElectionServers(
            "zookeeper", f"{servers.url}?session={TTL_SECONDS}", TTL_SECONDS, None, crash, end_session
        )


@contextlib.contextmanager
def postgres_servers(nodes: int = 1) -> Iterator[ElectionServers]:
    """One server: Postgres has no cluster here."""
    assert nodes == 1
    with EmbeddedPostgres(settings={"max_connections": "100"}) as server:
        asyncio.run(migrate_database(server.url))

        def crash() -> None:
            server.crash()
            server.start()

        async def end_session(_: str) -> None:
            cut = "select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and granted and objsubid = 1"
            await postgres.administer(server.url, cut)

        yield ElectionServers("postgres", server.url, 2.0, "saga", crash, end_session)


ELECTION_SERVERS: dict[str, Callable[[int], contextlib.AbstractContextManager[ElectionServers]]] = {
    "etcd": etcd_servers, "postgres": postgres_servers, "zookeeper": zookeeper_servers,
}  # fmt: skip


def _text(value: bytes) -> str:
    return base64.b64encode(value).decode()
