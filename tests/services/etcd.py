"""etcd from the environment, else native: built from its Go module, else a program on PATH. One node or three."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import tempfile
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from saga_postgres.embedded.child import free_port
from tests.services.ensemble import Ensemble, Member
from tests.services.places import Missing, go_binary
from tests.services.tls import Tls

ETCD_VERSION: Final = "v3.7.3"
ETCD_MODULE: Final = "go.etcd.io/etcd/server/v3"
QUICK: Final = ("--heartbeat-interval", "50", "--election-timeout", "500")  # 100 and 1000 ms by default
NOT_DURABLE: Final = "--unsafe-no-fsync"


class Etcd(Ensemble):
    """A cluster; each node has a port for clients and one for its peers."""

    scheme = "etcd"

    def __init__(
        self, folder: Path, members: Sequence[Member], *, durable: bool = False, tls: Tls | None = None
    ) -> None:
        super().__init__(folder, members, [free_port() for _ in members])
        self._program = program()
        self.tls = tls
        self._peer_ports = [free_port() for _ in members]
        has_switch = (
            NOT_DURABLE in subprocess.run([self._program, "--help"], capture_output=True, text=True, check=False).stdout
        )
        self._options = [*QUICK, *([NOT_DURABLE] if has_switch and not durable else [])]

    def _argv(self, node: int) -> list[str | Path]:
        member = self._members[node - 1]
        client = f"{'https' if self.tls else 'http'}://{self.endpoints[node - 1]}"
        peers = [f"http://{other.host}:{port}" for other, port in zip(self._members, self._peer_ports, strict=True)]
        cluster = ",".join(f"n{number}={peer}" for number, peer in enumerate(peers, 1))
        argv: list[str | Path] = [*member.inside, self._program, "--name", f"n{node}", "--log-level", "warn"]
        argv += ["--data-dir", self._folder / f"data-{node}", *self._options]
        argv += ["--listen-client-urls", client, "--advertise-client-urls", client]
        argv += ["--listen-peer-urls", f"http://{member.host}:{self._peer_ports[node - 1]}"]
        argv += ["--initial-advertise-peer-urls", peers[node - 1], "--initial-cluster", cluster]
        if self.tls:
            argv += ["--cert-file", self.tls.certificate, "--key-file", self.tls.key]
            argv += ["--trusted-ca-file", self.tls.authority, "--client-cert-auth"]
        return argv

    def _is_ready(self, node: int) -> bool:
        with contextlib.suppress(OSError, ValueError):
            return bool(self._get(node, "health")["health"] == "true")
        return False

    def call(self, method: str, body: dict[str, object], *, node: int = 1, timeout_seconds: float = 5) -> Any:
        """Calls the JSON gateway: bytes are base64, 64-bit integers strings. For probes; the adapter uses gRPC."""
        return self._get(node, f"v3/{method}", json.dumps(body).encode(), timeout_seconds)

    def _get(self, node: int, path: str, body: bytes | None = None, timeout_seconds: float = 1) -> Any:
        scheme, context = ("https", self.tls.context()) if self.tls else ("http", None)
        address = f"{scheme}://{self.endpoints[node - 1]}/{path}"
        with urllib.request.urlopen(address, body, timeout_seconds, context=context) as response:  # noqa: S310 (ours)
            return json.load(response)


def program() -> str | Path:
    """The newest etcd that is available here. Raises Missing."""
    try:
        return go_binary("etcd", ETCD_MODULE, ETCD_VERSION)
    except Missing as error:
        if path := shutil.which("etcd"):
            return path
        raise Missing(f"etcd: {error}; etcd is not on PATH either (apt-get install etcd-server)") from error


@contextlib.contextmanager
def cluster(nodes: int = 1, *, durable: bool = False, tls: bool = False) -> Iterator[Etcd]:
    """Yields a new, empty cluster on loopback. With `tls`, clients need a certificate. Raises Missing."""
    with tempfile.TemporaryDirectory(prefix="saga-etcd-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        etcd = Etcd(folder, [Member()] * nodes, durable=durable, tls=Tls.made_in(folder) if tls else None)
        try:
            etcd.start()
            yield etcd
        finally:
            etcd.stop()


@contextlib.contextmanager
def etcd() -> Iterator[str]:
    """The URL of an etcd. Raises Missing."""
    if url := os.environ.get("SAGA_TEST_ETCD_URL"):
        yield url
    else:
        with cluster() as one:
            yield one.url
