"""Local sockets between the processes of one machine: what they carry, whom they reach, and what happens where they do not."""

from __future__ import annotations

import asyncio
import os
import socket
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, suppress
from pathlib import Path

import asyncpg
import pytest
from msgspec.structs import replace

from saga.core.rules.decision import HistoryEntry
from saga.core.rules.history_kind import HistoryKind
from saga.ports.adapter import StoreOptions
from saga.ports.values.claim import CommandRef
from saga.ports.values.notification import Notifications
from saga.ports.values.start import Start
from saga.ports.values.write import Dispatch, Drop
from saga.testing.suites.store.notifications import NotificationTests
from saga.testing.suites.store.stage import EXECUTE, OTHER_SERVICE, Heard, StageProcess, moved
from saga.testing.suites.timeout import TIMEOUT_SECONDS, soon
from saga_postgres.adapter import PostgresAdapter
from saga_postgres.announce import local_socket as module
from saga_postgres.announce.channels import process_channel
from saga_postgres.announce.local_socket import LocalSocket
from tests.runtime.world import until
from tests.services import postgres as services
from tests.stores import OnPostgres

ME = 7


class TestNotificationsOverSockets(OnPostgres, NotificationTests):
    """All that the suite requires of notifications, between two processes that reach each other."""

    async def _pair(self) -> tuple[StageProcess, StageProcess]:
        process, other = await super()._pair()
        await process.heartbeat()
        assert socket_of(process).reaches(other.id)
        return process, other

    async def test_a_process_that_is_reached_is_not_notified_through_the_database(self) -> None:
        process, other = await self._pair()
        overheard: asyncio.Queue[str] = asyncio.Queue()
        async with AsyncExitStack() as stack:
            listener = await asyncpg.connect(self.url)
            stack.push_async_callback(listener.close)
            await listener.add_listener(
                process_channel("saga", other.id), lambda *event: overheard.put_nowait(event[3])
            )

            await process.commit(notifications=addressed(other, await self.started(process)))
            assert await soon(other.heard.claim_refs.get())
            await process.adapter.membership.leave()  # from now on neither reaches the other
            socket_of(process).close()
            await process.commit(notifications=addressed(other, await self.started(other)))

            assert await soon(overheard.get())
            assert overheard.empty(), "the first one went over the socket"

    async def test_a_frame_that_cannot_be_sent_after_the_commit_goes_through_the_database(self) -> None:
        process, other = await self._pair()
        start = await self.started(process)
        socket_of(process)._peers[other.id]._socket.shutdown(socket.SHUT_WR)

        await process.commit(notifications=addressed(other, start))

        assert await soon(other.heard.claim_refs.get()) == [CommandRef(start.saga, 0)]

    async def test_a_process_that_closes_its_socket_is_notified_through_the_database(self) -> None:
        process, other = await self._pair()
        start = await self.started(process)
        socket_of(other).close()

        async with asyncio.timeout(TIMEOUT_SECONDS):
            while other.heard.claim_refs.empty():  # the first frame may still be taken by the system
                await process.commit(notifications=addressed(other, start))

        assert await soon(other.heard.claim_refs.get()) == [CommandRef(start.saga, 0)]

    async def test_a_transaction_that_is_rolled_back_notifies_nobody(self) -> None:
        process, other = await self._pair()
        lost, start = await self.started(process), await self.started(process)
        async with self.rolled_back(process) as connection:
            await process.commit(moved(lost, "S"), notifications=addressed(other, lost), connection=connection)

        await process.commit(notifications=addressed(other, start))

        assert await soon(other.heard.claim_refs.get()) == [CommandRef(start.saga, 0)]

    async def test_a_claim_of_a_process_that_died_before_sending_its_frame_is_found(self) -> None:
        process, other = await self._pair()
        start = await self._claimed_without_notification(process, other)

        process.adapter.membership.close()  # type: ignore[attr-defined]  # as a kill does
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while other.heard.claim_refs.empty():
                await other.heartbeat()

        assert await soon(other.heard.claim_refs.get()) == [CommandRef(start.saga, 1)]

    @pytest.mark.parametrize("is_notified", [False, True], ids=["by socket", "by notification"])
    async def test_a_claim_that_a_peer_of_another_build_announced_is_found_by_the_next_heartbeat(
        self, *, is_notified: bool
    ) -> None:
        process, other = await self._pair()
        start = await self._claimed_without_notification(process, other)

        if is_notified:
            await services.administer(self.url, f"select pg_notify('{process_channel('saga', other.id)}', 'wAAAA')")
        else:
            socket_of(process).send(other.id, b"\x91\x00")
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while other.heard.claim_refs.empty():
                await other.heartbeat()

        assert await soon(other.heard.claim_refs.get()) == [CommandRef(start.saga, 1)]
        await other.heartbeat()
        assert other.heard.claim_refs.empty(), "it was looked for once only"

    async def test_a_frame_for_an_earlier_number_of_a_process_is_ignored(self) -> None:
        process, other = await self._pair()
        start = await self.started(process)
        session = other.adapter.membership._connection  # type: ignore[attr-defined]
        session.terminate()
        again = Heard()
        number = await other.adapter.membership.join("a process", [OTHER_SERVICE], 10, again.listener())

        await process.commit(notifications=addressed(other, start))  # it has not connected yet
        await process.heartbeat()
        await process.commit(notifications=Notifications(claim_refs={number: [CommandRef(start.saga, 1)]}))

        assert await soon(again.claim_refs.get()) == [CommandRef(start.saga, 1)]

    @pytest.mark.parametrize("is_alone", [True, False], ids=["alone", "with another"])
    @pytest.mark.parametrize("step", [0, 1], ids=["a start", "a commit"])
    async def test_a_process_considered_dead_is_not_sent_a_claim_that_was_not_made(
        self, step: int, *, is_alone: bool
    ) -> None:
        """It may not know yet, and would make an uncounted call beside that of the process that claims the command (G24, G25)."""
        process, other = await self._pair()
        start, second = await self.started(process, "DP"), await self.started(process, "D")
        await process.poll(limit=2)
        claim = replace(await self._claim_of(process, start, step=step), number=process.for_me().claim or 0)
        dispatch = Dispatch(step, EXECUTE, OTHER_SERVICE, other.id, claim.number, 0.0)
        notifications = Notifications(claim_refs={other.id: [CommandRef(claim.saga, step)]}, claims={other.id: [claim]})
        await services.administer(self.url, f"delete from saga.participant where id = {other.id}")  # noqa: S608 (a number)

        if step:
            writes = [
                replace(
                    moved(start, "SD"), dispatches=[dispatch], entries=[HistoryEntry(HistoryKind.SUCCEEDED, 0, None)]
                )
            ]
            writes[0].drops.append(Drop(0, None))
            assert (
                await process.commit(*writes, *([] if is_alone else [moved(second, "S")]), notifications=notifications)
                == []
            )
        else:
            new = [
                replace(
                    await self.ready(process, "DP"),
                    dispatches=[dispatch],
                    entries=[HistoryEntry(HistoryKind.STARTED, -1, None)],
                )
            ]
            assert (
                await process.start(
                    *new, *([] if is_alone else [await self.ready(process)]), notifications=notifications
                )
                == []
            )

        assert await soon(other.heard.claim_refs.get()) == [CommandRef(claim.saga, step)]
        assert other.heard.claims.empty()
        assert await other.fetch(CommandRef(claim.saga, step)) == []
        assert [pulled.number == claim.number for pulled in await process.poll(OTHER_SERVICE)] == [False]

    async def test_the_store_clock_of_a_received_claim_is_the_receivers_own(self) -> None:
        """A claim has passed through many processes, the first of which may have read the clock long ago."""
        process, other = await self._pair()
        start = await self.started(process, "DP")
        claim = replace(await self._claim_of(process, start), store_clock=0.0)

        await process.commit(
            notifications=Notifications(claim_refs={other.id: [CommandRef(start.saga, 1)]}, claims={other.id: [claim]})
        )

        (told,) = await soon(other.heard.claims.get())
        assert told.store_clock == pytest.approx((await other.heartbeat()).store_clock, abs=0.5)

    async def _claimed_without_notification(self, process: StageProcess, other: StageProcess) -> Start:
        """A saga whose second step is claimed by the other process, which was not notified."""
        start = await self.started(process, "DP")
        write = moved(start, "SD")
        write.dispatches.append(Dispatch(1, EXECUTE, OTHER_SERVICE, other.id, process.for_me().claim, 0.0))
        await process.commit(write)
        assert other.heard.claim_refs.empty()
        return start

    async def test_sockets_can_be_switched_off(self) -> None:
        process = await self.process(options=StoreOptions(local_socket=False))
        other = await self.process(OTHER_SERVICE)
        for one in (process, other):
            await one.heartbeat()
        assert not socket_of(process).reaches(other.id)
        assert not socket_of(other).reaches(process.id)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A path that does not exist yet. Paths of sockets must be short."""
    with tempfile.TemporaryDirectory(prefix="saga") as name:
        yield Path(name) / "sockets"


@pytest.fixture
async def opened(folder: Path) -> AsyncIterator[Callable[[module.Receive], LocalSocket]]:
    """Makes sockets in this folder, closed after the test."""
    sockets: list[LocalSocket] = []

    def make(_: object = None) -> LocalSocket:
        sockets.append(LocalSocket(folder))
        return sockets[-1]

    yield make
    for socket_ in sockets:
        socket_.close()


async def pair(opened: Callable[..., LocalSocket], receive: module.Receive) -> tuple[LocalSocket, str]:
    """A sender that is connected to a receiver, and the receiver's path."""
    sender, receiver = opened(), opened()
    path = await receiver.open(receive)
    assert path is not None
    sender.connect_peers({ME: path})
    return sender, path


async def test_frames_of_any_length_arrive_whole_once_and_in_order(
    opened: Callable[..., LocalSocket],
) -> None:
    heard: list[bytes] = []
    sender, _ = await pair(opened, lambda process, said: heard.append(said) if process == ME else None)
    said = [bytes([n % 256]) * (n * 997 % 60_000) for n in range(200)]

    for one in said:
        await until(lambda one=one: sender.send(ME, one), "there is room for it")  # type: ignore[misc]

    await until(lambda: len(heard) == len(said), "all of it is there")
    assert heard == said


async def test_a_receiver_that_does_not_read_is_given_up_before_memory_fills(
    opened: Callable[..., LocalSocket],
) -> None:
    heard: list[bytes] = []
    sender, _ = await pair(opened, lambda _, said: heard.append(said))
    sent = 0
    while sender.send(ME, b"x" * 10_000):  # the loop does not come round, so that nobody reads
        sent += 1

    assert 10_000 * sent < 2 * module.UNSENT_BYTES_MAX
    await until(lambda: len(heard) == sent, "it reads again")
    assert sender.send(ME, b"")


async def test_a_process_that_is_not_there_is_not_reached(opened: Callable[..., LocalSocket]) -> None:
    sender, path = await pair(opened, lambda *_: None)
    assert sender.reaches(ME)
    assert not sender.send(ME + 1, b"")

    sender.connect_peers({})
    assert not sender.reaches(ME)

    remove(path)
    sender.connect_peers({ME: path})
    assert not sender.send(ME, b"")


async def test_nonsense_closes_its_connection_and_no_other(opened: Callable[..., LocalSocket]) -> None:
    heard: list[bytes] = []
    sender, path = await pair(opened, lambda _, said: heard.append(said))
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as stranger:
        stranger.connect(path)
        stranger.sendall(b"\xff" * 100)
        stranger.settimeout(0)

        async def is_closed() -> bool:
            with suppress(BlockingIOError):
                return stranger.recv(1) == b""
            return False

        await until(is_closed, "it was closed")
    assert sender.send(ME, b"sense")
    await until(lambda: heard == [b"sense"], "the others are heard")


async def test_a_folder_that_other_users_may_enter_is_not_used(
    opened: Callable[..., LocalSocket], folder: Path
) -> None:
    permit(folder, 0o755)
    assert await opened().open(lambda *_: None) is None
    permit(folder, 0o700)
    sender, path = await pair(opened, lambda *_: None)
    sender.connect_peers({})

    permit(folder, 0o711)
    sender.connect_peers({ME: path})
    assert not sender.reaches(ME)


async def test_a_container_with_a_clock_of_its_own_is_not_reached(
    opened: Callable[..., LocalSocket], monkeypatch: pytest.MonkeyPatch
) -> None:
    sender, path = await pair(opened, lambda *_: None)
    sender.connect_peers({})
    monkeypatch.setattr(module, "_clock", lambda: "another")
    sender.connect_peers({ME: path})
    assert not sender.reaches(ME)


async def test_only_abandoned_sockets_are_removed(opened: Callable[..., LocalSocket], folder: Path) -> None:
    _, used = await pair(opened, lambda *_: None)
    left, fresh = folder / "left", folder / "fresh"
    for path in (left, fresh):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as dead:
            dead.bind(str(path))
    long_ago = time.time() - 2 * module.STALE_SECONDS
    for path in (left, Path(used)):
        os.utime(path, (long_ago, long_ago))

    await opened().open(lambda *_: None)

    assert not is_there(left)
    assert is_there(fresh), "a process may be about to listen"
    assert is_there(used)


async def test_a_closed_socket_receives_nothing(opened: Callable[..., LocalSocket]) -> None:
    heard: list[bytes] = []
    sender, receiver = opened(), opened()
    path = await receiver.open(lambda _, said: heard.append(said))
    assert path is not None
    sender.connect_peers({ME: path})
    assert sender.send(ME, b"early")
    await until(lambda: heard == [b"early"], "it is heard")

    receiver.close()

    await until(lambda: not sender.send(ME, b"late"), "the sender notices")
    assert heard == [b"early"]


async def test_closing_removes_the_socket(opened: Callable[..., LocalSocket]) -> None:
    local = opened()
    path = await local.open(lambda *_: None)
    assert path is not None
    local.close()
    assert not is_there(path)


def permit(folder: Path, mode: int) -> None:
    folder.mkdir(exist_ok=True)
    folder.chmod(mode)


def is_there(path: str | Path) -> bool:
    return Path(path).exists()


def remove(path: str) -> None:
    Path(path).unlink()


def socket_of(process: StageProcess) -> LocalSocket:
    adapter = process.adapter
    assert isinstance(adapter, PostgresAdapter)
    return adapter.announcer.socket


def addressed(other: StageProcess, start: Start) -> Notifications:
    return Notifications(claim_refs={other.id: [CommandRef(start.saga, 0)]})


@pytest.mark.parametrize("turns", [0, 1, 3, 4])  # after two turns asyncio itself drops the connection
async def test_a_peer_that_connects_while_the_socket_closes_is_disconnected(tmp_path: Path, turns: int) -> None:
    """Between the turn of the loop that accepts a connection and the one that hands it over, the socket may be closed."""
    local = LocalSocket(tmp_path)
    path = await local.open(lambda *_: None)
    assert path is not None
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as peer:
        peer.setblocking(False)  # noqa: FBT003 (positional only)
        peer.connect(path)
        for _ in range(turns):
            await asyncio.sleep(0)
        local.close()
        async with asyncio.timeout(10):
            with suppress(ConnectionResetError):
                assert await asyncio.get_running_loop().sock_recv(peer, 1) == b""
