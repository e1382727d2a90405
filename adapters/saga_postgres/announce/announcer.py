"""Announces commits to other processes: by NOTIFY, and within one machine over local sockets.

The store prepares an `Announcement` for each commit and delivers it afterwards; the membership listens, and connects to the peers of its
machine. Only this package knows the routes, the formats and the encryption of notifications:

    messages, payloads, channels, encryption    NOTIFY: wakes every listening session of the database
    frames, local_socket                        the local socket: reaches exactly one process of the same machine and user
    inbox                                       what arrives by either way
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Final

from saga.errors import SagaError
from saga.ports.adapter import StoreOptions
from saga.ports.membership import ProcessListener
from saga.ports.values.notification import Notifications
from saga_postgres.announce.channels import peers_channel, prefix, process_channel, service_channel
from saga_postgres.announce.encryption import KEY, MessageCipher
from saga_postgres.announce.frames import inline_frames, reference_frames
from saga_postgres.announce.inbox import Inbox
from saga_postgres.announce.inline_limits import fit_frame, fit_notify
from saga_postgres.announce.local_socket import LocalSocket
from saga_postgres.announce.messages import Message, inline_messages, message_columns, reference_messages
from saga_postgres.announce.paced import Paced
from saga_postgres.connection.pool import Connection, Pool

NO_MESSAGE: Final = (None, None)
_NOTHING: Final = Notifications()
_NOTIFY: Final = "select pg_notify(channel, payload) from unnest($1::text[], $2::text[]) as message(channel, payload)"
_NOTIFY_PEERS: Final = "select pg_notify($1, '')"


class Announcer:
    """Notifies other processes of commits, and receives their notifications."""

    def __init__(self, pool: Pool, options: StoreOptions) -> None:
        self._pool = pool
        self._namespace = options.namespace
        self._has_socket = options.local_socket
        self._cipher = MessageCipher(memory_seconds=options.lease_seconds)
        self._notifying: set[asyncio.Task[None]] = set()
        self.socket = LocalSocket()
        self.inbox = Inbox(self._cipher)
        self.channel_prefix = prefix(options.namespace)

    async def open(self) -> None:
        """Reads the key of the namespace."""
        ((key,),) = await self._pool.fetch(KEY)
        self._cipher.use(key)

    def prepare(self, notifications: Notifications, *, in_transaction: bool) -> Announcement:
        """Returns the announcement of a commit. In a caller's transaction all of it goes by NOTIFY: its end is not seen here."""
        if in_transaction:
            local, remote = _NOTHING, notifications
        else:
            local, remote = _split(notifications, self.socket)
        local, remote = fit_frame(local), fit_notify(remote)
        return Announcement(local, remote, self._namespace, self._cipher, self.socket, self._notify_soon)

    def _notify_soon(self, unsent: Notifications) -> None:
        task = asyncio.create_task(self._notify(unsent))
        self._notifying.add(task)
        task.add_done_callback(self._notifying.discard)

    async def _notify(self, unsent: Notifications) -> None:
        channels, payloads = zip(*reference_messages(unsent, self._namespace), strict=True)
        with suppress(SagaError):  # otherwise a process that is alive finds the claim when its lease ends
            await self._pool.fetch(_NOTIFY, channels, payloads)

    async def listen(self, connection: Connection, process: int, listener: ProcessListener) -> None:
        """Receives on this session the notifications for this process, and those about changes among its peers."""

        def on_process(_: object, __: int, channel: str, payload: str) -> None:
            self.inbox.on_notification(listener, channel, payload)

        await connection.add_listener(process_channel(self._namespace, process), on_process)
        await connection.add_listener(peers_channel(self._namespace), Paced(listener.on_peers_changed))

    async def listen_to_services(
        self, connection: Connection, services: Sequence[str], listener: ProcessListener
    ) -> None:
        """Receives notifications about the queues of these services."""
        for service in services:
            channel = service_channel(self._namespace, service)
            await connection.add_listener(channel, partial(_on_queue, listener, service))

    async def notify_peers(self, connection: Connection) -> None:
        """Notifies the peers that the processes, or their services, have changed."""
        await connection.execute(_NOTIFY_PEERS, peers_channel(self._namespace))

    async def open_socket(self) -> str | None:
        """Listens on a local socket, and returns its path. None: switched off, or impossible here."""
        return await self.socket.open(self.inbox.on_frame) if self._has_socket else None

    def connect_peers(self, paths: Mapping[int, str | None]) -> None:
        """Connects to the local sockets of these processes, and to no others."""
        if self._has_socket:
            self.socket.connect_peers({process: path for process, path in paths.items() if path is not None})
            self.inbox.note_peers(paths.keys())


class Announcement:
    """The notifications of one commit. Frames are encoded while the commit is in progress and sent as soon as the store has answered."""

    def __init__(
        self,
        local: Notifications,
        remote: Notifications,
        namespace: str,
        cipher: MessageCipher,
        socket: LocalSocket,
        notify: Callable[[Notifications], None],
    ) -> None:
        self._local = local
        self._remote = remote
        self._namespace = namespace
        self._cipher = cipher
        self._socket = socket
        self._notify = notify
        self._is_local = bool(local.claim_refs or local.ended)
        self._frames: dict[int, bytes] | None = None
        if self._is_local:
            asyncio.get_running_loop().call_soon(self._inline_frames)

    def single_message(self) -> Message | tuple[None, None] | None:
        """Returns the only message of a commit, or `NO_MESSAGE`. None: it has several."""
        messages = inline_messages(self._remote, self._namespace, self._cipher)
        if len(messages) > 1:
            return None
        return messages[0] if messages else NO_MESSAGE

    def message_columns(self) -> list[str]:
        """The messages as array arguments of `commit_batch` and `start_batch`."""
        return message_columns(self._remote, self._namespace, self._cipher)

    def deliver(self, *, is_whole: bool) -> None:
        """Sends the frames. To be called after the commit (persist, then send).

        `is_whole` False: a part of the commit was not written, so only references are sent.

        A process that cannot be reached over the local socket is notified through the database.
        """
        if not self._is_local:
            return
        frames = self._inline_frames() if is_whole else reference_frames(self._local)
        unsent = Notifications()
        for process, frame in frames.items():
            if not self._socket.send(process, frame):
                unsent.claim_refs[process] = self._local.claim_refs.get(process, [])
                unsent.ended[process] = self._local.ended.get(process, [])
        if unsent.claim_refs or unsent.ended:
            self._notify(unsent)

    def _inline_frames(self) -> dict[int, bytes]:
        if self._frames is None:
            self._frames = inline_frames(self._local)
        return self._frames


def _split(notifications: Notifications, socket: LocalSocket) -> tuple[Notifications, Notifications]:
    """Splits notifications between the local socket and NOTIFY. Those about queues are for any process and go by NOTIFY."""
    local, remote = Notifications(), Notifications(services=notifications.services)
    for process, refs in notifications.claim_refs.items():
        target = local if socket.reaches(process) else remote
        target.claim_refs[process] = refs
        if process in notifications.claims:
            target.claims[process] = notifications.claims[process]
    for process, sagas in notifications.ended.items():
        target = local if socket.reaches(process) else remote
        target.ended[process] = sagas
        if process in notifications.statuses:
            target.statuses[process] = notifications.statuses[process]
    return local, remote


def _on_queue(listener: ProcessListener, service: str, *_: object) -> None:
    listener.on_queue(service)
