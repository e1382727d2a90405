"""The folder behind a file bus. A message is a file for each group; renaming it is claiming it, removing it is acknowledging it.

<topic>/<group>/queue/     messages that nobody has in hand
<topic>/<group>/<member>/  messages in the hands of a member, which keeps a lock on its file in members/ as long as it lives
members/<member>           the lock file of a member: the kernel frees the lock when the process dies
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import time
import uuid
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, Final
from urllib.parse import quote, unquote

from saga.errors import Unavailable
from saga.ports.bus import Message, check_headers

NOBODY: Final = "~nobody"  # the group of a topic without groups
QUEUE: Final = "queue"
LENGTH_BYTES: Final = 4


@contextlib.contextmanager
def translated() -> Iterator[None]:
    """Maps errors of the disk: a full or missing disk is an unavailable server."""
    try:
        yield
    except OSError as error:
        raise Unavailable(f"the folder of the file bus does not answer: {error.strerror}") from error


class Spool:
    """The folder that the processes share."""

    def __init__(self, root: Path) -> None:
        self._members = root / "members"
        self._topics = root / "topics"
        self._staging = root / "staging"

    def ensure(self, topics: Sequence[str], group: str) -> None:
        """Creates the group. The first group of a topic receives what was published before."""
        for folder in (self._members, self._staging):
            folder.mkdir(parents=True, exist_ok=True)
        for topic in topics:
            queue = self._group(topic, group) / QUEUE
            backlog = self._group(topic, NOBODY)
            if not queue.exists() and backlog.exists():
                with contextlib.suppress(OSError):  # another process was faster
                    backlog.rename(queue.parent)
            queue.mkdir(parents=True, exist_ok=True)

    def publish(self, messages: Iterable[Message]) -> None:
        """Writes each message once, and links it into the queue of each group."""
        messages = list(messages)
        for message in messages:
            check_headers(message.headers)
        for number, message in enumerate(messages):
            name = f"{time.time_ns():020}-{number:06}-{uuid.uuid4().hex}"
            staged = self._staging / name
            self._staging.mkdir(parents=True, exist_ok=True)
            staged.write_bytes(_written(message))
            for queue in self._queues(message.topic):
                os.link(staged, queue / name)
            staged.unlink()

    def join(self) -> tuple[str, IO[bytes]]:
        """Creates a member: its name, and the lock that shows that it is alive."""
        name = uuid.uuid4().hex
        self._members.mkdir(parents=True, exist_ok=True)
        lock = (self._members / name).open("wb")
        fcntl.flock(lock, fcntl.LOCK_EX)
        return name, lock

    def take(self, topics: Sequence[str], group: str, member: str, limit: int) -> list[tuple[Path, Message]]:
        """Claims up to `limit` messages, oldest first."""
        taken: list[tuple[Path, Message]] = []
        for topic in topics:
            hand = self._group(topic, group) / member
            hand.mkdir(exist_ok=True)
            for path in sorted((self._group(topic, group) / QUEUE).iterdir()):
                if len(taken) == limit:
                    return taken
                with contextlib.suppress(FileNotFoundError):  # another member was faster
                    taken.append((path.rename(hand / path.name), _read(topic, hand / path.name)))
        return taken

    def leave(self, member: str, lock: IO[bytes]) -> None:
        """Returns the messages of a member to the queue."""
        self._put_back(member)
        (self._members / member).unlink(missing_ok=True)
        lock.close()

    def bury_dead(self) -> None:
        """Returns the messages of dead members to the queue."""
        for path in list(self._members.iterdir()):
            with contextlib.suppress(OSError), path.open("rb") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # raises if the member is alive
                self._put_back(path.name)
                path.unlink(missing_ok=True)

    def _put_back(self, member: str) -> None:
        for hand in self._topics.glob(f"*/*/{member}"):
            for path in hand.iterdir():
                with contextlib.suppress(FileNotFoundError):
                    path.rename(hand.parent / QUEUE / path.name)
            with contextlib.suppress(OSError):
                hand.rmdir()

    def _queues(self, topic: str) -> list[Path]:
        groups = [path for path in (self._topics / _safe(topic)).glob("*") if unquote(path.name) != NOBODY]
        if not groups:
            groups = [self._group(topic, NOBODY)]
            (groups[0] / QUEUE).mkdir(parents=True, exist_ok=True)
        return [group / QUEUE for group in groups]

    def _group(self, topic: str, group: str) -> Path:
        return self._topics / _safe(topic) / _safe(group)


def _safe(name: str) -> str:
    """Encodes a name as one component of a path."""
    return quote(name, safe="~")


def _written(message: Message) -> bytes:
    """Encodes headers and key, each after its length, and the body."""
    parts = (json.dumps(dict(message.headers)).encode(), message.key)
    return b"".join(len(part).to_bytes(LENGTH_BYTES) + part for part in parts) + message.body


def _read(topic: str, path: Path) -> Message:
    headers, rest = _split(path.read_bytes())
    key, body = _split(rest)
    return Message(topic, key, body, json.loads(headers))


def _split(data: bytes) -> tuple[bytes, bytes]:
    end = LENGTH_BYTES + int.from_bytes(data[:LENGTH_BYTES])
    return data[LENGTH_BYTES:end], data[end:]
