"""The provider's own file: one line for each charge and refund that it made.

It is append-only, and flushed to the disk before the caller gets an answer. Whatever the provider has answered is
in the file, even if the provider is killed.
"""

import asyncio
import os
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

Written = asyncio.Future[None]


class Entry(BaseModel):
    """One executed call.

    `charge` is the charge that a refund gives back, and its own id for a charge.
    A declined charge moved no money; it is kept because the answer is final.
    """

    model_config = ConfigDict(frozen=True)

    kind: Literal["charge", "refund"]
    id: str
    key: str
    reference: str
    charge: str
    card: str
    cents: int
    is_declined: bool = False


def read_entries(path: Path) -> list[Entry]:
    """Returns the entries of the file; an unfinished last line is not an entry."""
    if not path.exists():
        return []
    *lines, _unfinished = path.read_bytes().split(b"\n")
    return [Entry.model_validate_json(line) for line in lines]


class Ledger:
    """The file and what is in it, by idempotency key and by charge."""

    def __init__(self, path: Path) -> None:
        entries = read_entries(path)
        _cut_unfinished_line(path)
        self.by_key = {entry.key: entry for entry in entries}
        self.charges = {entry.id: entry for entry in entries if entry.kind == "charge"}
        self._file = path.open("ab")
        self._pending: list[tuple[Entry, Written]] = []
        self._writing = asyncio.Lock()

    async def append(self, entry: Entry) -> None:
        """Returns when the entry is on the disk.

        Entries that arrive while the disk is busy share the next write.
        """
        written: Written = asyncio.get_running_loop().create_future()
        self._pending.append((entry, written))
        async with self._writing:
            if not written.done():
                await self._write_pending()
        await written

    def close(self) -> None:
        """Closes the file."""
        self._file.close()

    async def _write_pending(self) -> None:
        batch, self._pending = self._pending, []
        text = "".join(f"{entry.model_dump_json()}\n" for entry, _ in batch)
        try:
            await asyncio.to_thread(self._write, text.encode())
        except OSError as error:
            for _, written in batch:
                written.set_exception(error)
            return
        for entry, written in batch:
            self.by_key[entry.key] = entry
            if entry.kind == "charge":
                self.charges[entry.id] = entry
            written.set_result(None)

    def _write(self, lines: bytes) -> None:
        self._file.write(lines)
        self._file.flush()
        os.fsync(self._file.fileno())


def _cut_unfinished_line(path: Path) -> None:
    if path.exists():
        content = path.read_bytes()
        os.truncate(path, content.rfind(b"\n") + 1)
