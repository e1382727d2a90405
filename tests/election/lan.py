"""A network of hosts in kernel namespaces, whose cables can be pulled. Needs root on Linux, and `ip`."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass

from tests.services.places import Missing


@dataclass(frozen=True, slots=True)
class Host:
    """A host. `inside` is the command prefix that runs a program on it."""

    name: str
    address: str

    @property
    def inside(self) -> tuple[str, ...]:
        return ("ip", "netns", "exec", self.name)

    def cut(self) -> None:
        """Stops all packets from and to this host. No connection ends."""
        _ip("link", "set", f"{self.name}v", "down")

    def mend(self) -> None:
        _ip("link", "set", f"{self.name}v", "up")


@contextlib.contextmanager
def lan(hosts: int) -> Iterator[list[Host]]:
    """Yields this many hosts on one switch, to which this machine is connected too. Raises Missing."""
    if os.geteuid() or shutil.which("ip") is None:
        raise Missing("network namespaces: they need root and `ip` (apt-get install iproute2)")
    mark, network = f"sg{secrets.token_hex(2)}", f"10.{200 + secrets.randbelow(50)}.{secrets.randbelow(250)}"
    made = [Host(f"{mark}h{number}", f"{network}.{number}") for number in range(1, hosts + 1)]
    with contextlib.ExitStack() as stack:
        _ip("link", "add", mark, "type", "bridge")
        stack.callback(_ip, "link", "del", mark)
        _ip("address", "add", f"{network}.254/24", "dev", mark)
        _ip("link", "set", mark, "up")
        for host in made:
            _ip("netns", "add", host.name)
            stack.callback(_ip, "netns", "del", host.name)
            _ip("link", "add", f"{host.name}v", "type", "veth", "peer", "name", "eth0", "netns", host.name)
            _ip("link", "set", f"{host.name}v", "master", mark, "up")
            for words in (("address", "add", f"{host.address}/24", "dev", "eth0"), ("link", "set", "eth0", "up")):
                _ip("-n", host.name, *words)
            _ip("-n", host.name, "link", "set", "lo", "up")
        yield made


def _ip(*words: str) -> None:
    made = subprocess.run(["ip", *words], check=False, capture_output=True, text=True)  # noqa: S607 (wherever it is)
    if made.returncode:
        raise Missing(f"network namespaces: ip {' '.join(words)}: {made.stderr.strip()}")
