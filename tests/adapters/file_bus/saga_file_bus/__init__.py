"""A bus in a folder that processes of one machine share: file:///var/spool/saga."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit

from saga.ports.bus import Bus
from saga_file_bus.bus import FileBus
from saga_file_bus.spool import Spool


def open_bus(url: str, namespace: str) -> Bus:
    """The bus behind file:// URLs."""
    return FileBus(Spool(Path(unquote(urlsplit(url).path)) / namespace))
