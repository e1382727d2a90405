"""The direct line between the processes of one machine: what it carries, whom it reaches, and what happens where it does not."""

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
from saga.testing.suites.deadline import TIMEOUT_SECONDS, soon
from saga.testing.suites.store.notifications import NotificationTests
from saga.testing.suites.store.stage import EXECUTE, OTHER_SERVICE, Heard, StageProcess, moved
from saga_postgres.adapter import PostgresAdapter
from saga_postgres.announce import local_socket as module
from saga_postgres.announce.local_socket import LocalSocket
from saga_postgres.announce.notify import process_channel
from tests.runtime.world import until
from tests.services import postgres as services
from tests.stores import OnPostgres

ME = 7


class TestSignalsOnTheLine(OnPostgres, NotificationTests):
    """All that the suite asks of signals, between two processes that reach each other."""

    async def _pair(self) -> tuple[StageProcess, StageProcess]:
        process, other = await super()._pair()
        await process.heartbeat()
        assert line_of(process).reaches(other.id)
        return process, other

    async def test_who_is_reached_is_not_notified(self) -> None:
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
            await process.adapter.membership.leave()  # from now on nobody reaches anybody
            line_of(process).close()
            await process.commit(notifications=addressed(other, await self.started(other)))

            assert await soon(overheard.get())
            assert overheard.empty(), "the first one went another way"

    async def test_what_cannot_be_sent_after_the_commit_is_notified(self) -> None:
        process, other = await self._pair()
        start = await self.started(process)
        line_of(process)._wires[other.id]._socket.shutdown(socket.SHUT_WR)

        await process.commit(notifications=addressed(other, start))

        assert await soon(other.heard.claim_refs.get()) == [CommandRef(start.saga, 0)]

    async def test_who_closes_its_line_is_notified(self) -> None:
        process, other = await self._pair()
        start = await self.started(process)
        line_of(other).close()

        async with asyncio.timeout(TIMEOUT_SECONDS):
            while other.heard.claim_refs.empty():  # the first frame may still be taken by the system
                await process.commit(notifications=addressed(other, start))

        assert await soon(other.heard.claim_refs.get()) == [CommandRef(start.saga, 0)]

    async def test_a_transaction_that_is_rolled_back_tells_nobody(self) -> None:
        process, other = await self._pair()
        lost, start = await self.started(process), await self.started(process)
        async with self.rolled_back(process) as connection:
            await process.commit(moved(lost, "S"), notifications=addressed(other, lost), connection=connection)

        await process.commit(notifications=addressed(other, start))

        assert await soon(other.heard.claim_refs.get()) == [CommandRef(start.saga, 0)]

    async def test_what_was_committed_by_somebody_who_died_before_telling_it_is_found(self) -> None:
        process, other = await self._pair()
        start = await self._given_without_a_word(process, other)

        process.adapter.membership.close()  # type: ignore[attr-defined]  # as a kill does
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while other.heard.claim_refs.empty():
                await other.heartbeat()

        assert await soon(other.heard.claim_refs.get()) == [CommandRef(start.saga, 1)]

    @pytest.mark.parametrize("is_notified", [False, True], ids=["on the line", "by notification"])
    async def test_what_a_peer_of_another_build_has_told_is_found_by_the_next_beat(self, *, is_notified: bool) -> None:
        process, other = await self._pair()
        start = await self._given_without_a_word(process, other)

        if is_notified:
            await services.administer(self.url, f"select pg_notify('{process_channel('saga', other.id)}', 'wAAAA')")
        else:
            line_of(process).send(other.id, b"\x91\x00")
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while other.heard.claim_refs.empty():
                await other.heartbeat()

        assert await soon(other.heard.claim_refs.get()) == [CommandRef(start.saga, 1)]
        await other.heartbeat()
        assert other.heard.claim_refs.empty(), "it was looked for once"

    async def test_what_was_said_to_an_earlier_number_of_a_process_is_not_heard(self) -> None:
        process, other = await self._pair()
        start = await self.started(process)
        session = other.adapter.membership._connection  # type: ignore[attr-defined]
        session.terminate()
        again = Heard()
        number = await other.adapter.membership.join("a process", [OTHER_SERVICE], 10, again.listener())

        await process.commit(notifications=addressed(other, start))  # nobody has told it yet
        await process.heartbeat()
        await process.commit(notifications=Notifications(claim_refs={number: [CommandRef(start.saga, 1)]}))

        assert await soon(again.claim_refs.get()) == [CommandRef(start.saga, 1)]

    @pytest.mark.parametrize("is_alone", [True, False], ids=["alone", "with another"])
    @pytest.mark.parametrize("step", [0, 1], ids=["a start", "a commit"])
    async def test_who_was_taken_for_dead_is_not_told_of_a_claim_that_was_not_made(
        self, step: int, *, is_alone: bool
    ) -> None:
        """It may not know it yet, and would make a call that nobody has counted, beside that of whoever pulls the command (G24, G25)."""
        process, other = await self._pair()
        start, second = await self.started(process, "DP"), await self.started(process, "D")
        await process.poll(limit=2)
        claim = replace(await self._claim_of(process, start, step=step), claim=process.for_me().claim or 0)
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

    async def test_the_time_of_the_store_is_the_own(self) -> None:
        """A claim has passed through many processes, the first of which may have looked at the clock long ago."""
        process, other = await self._pair()
        start = await self.started(process, "DP")
        claim = replace(await self._claim_of(process, start), store_clock=0.0)

        await process.commit(
            notifications=Notifications(claim_refs={other.id: [CommandRef(start.saga, 1)]}, claims={other.id: [claim]})
        )

        (told,) = await soon(other.heard.claims.get())
        assert told.store_clock == pytest.approx((await other.heartbeat()).store_clock, abs=0.5)

    async def _given_without_a_word(self, process: StageProcess, other: StageProcess) -> Start:
        """A saga of which the second step is the other's now, who has not been told."""
        start = await self.started(process, "DP")
        write = moved(start, "SD")
        write.dispatches.append(Dispatch(1, EXECUTE, OTHER_SERVICE, other.id, process.for_me().claim, 0.0))
        await process.commit(write)
        assert other.heard.claim_refs.empty()
        return start

    async def test_it_can_be_switched_off(self) -> None:
        process = await self.process(options=StoreOptions(local_socket=False))
        other = await self.process(OTHER_SERVICE)
        for one in (process, other):
            await one.heartbeat()
        assert not line_of(process).reaches(other.id)
        assert not line_of(other).reaches(process.id)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A path that does not exist yet. The system wants those of sockets to be short."""
    with tempfile.TemporaryDirectory(prefix="saga") as name:
        yield Path(name) / "line"


@pytest.fixture
async def opened(folder: Path) -> AsyncIterator[Callable[[module.Hear], LocalSocket]]:
    """Lines of this folder, closed after the test."""
    lines: list[LocalSocket] = []

    def make(_: object = None) -> LocalSocket:
        lines.append(LocalSocket(folder))
        return lines[-1]

    yield make
    for line in lines:
        line.close()


async def pair(opened: Callable[..., LocalSocket], hear: module.Hear) -> tuple[LocalSocket, str]:
    """One that speaks to the one that hears, and the door of that."""
    speaker, hearer = opened(), opened()
    door = await hearer.open(hear)
    assert door is not None
    speaker.meet({ME: door})
    return speaker, door


async def test_what_is_sent_arrives_whole_once_and_in_order_however_long_it_is(
    opened: Callable[..., LocalSocket],
) -> None:
    heard: list[bytes] = []
    speaker, _ = await pair(opened, lambda process, said: heard.append(said) if process == ME else None)
    said = [bytes([n % 256]) * (n * 997 % 60_000) for n in range(200)]

    for one in said:
        await until(lambda one=one: speaker.send(ME, one), "there is room for it")  # type: ignore[misc]

    await until(lambda: len(heard) == len(said), "all of it is there")
    assert heard == said


async def test_who_does_not_read_is_given_up_on_before_memory_fills(opened: Callable[..., LocalSocket]) -> None:
    heard: list[bytes] = []
    speaker, _ = await pair(opened, lambda _, said: heard.append(said))
    sent = 0
    while speaker.send(ME, b"x" * 10_000):  # the loop does not come round, so that nobody reads
        sent += 1

    assert 10_000 * sent < 2 * module.UNSENT_BYTES_MAX
    await until(lambda: len(heard) == sent, "it reads again")
    assert speaker.send(ME, b"")


async def test_somebody_who_is_not_there_is_not_reached(opened: Callable[..., LocalSocket]) -> None:
    speaker, door = await pair(opened, lambda *_: None)
    assert speaker.reaches(ME)
    assert not speaker.send(ME + 1, b"")

    speaker.meet({})
    assert not speaker.reaches(ME)

    remove(door)
    speaker.meet({ME: door})
    assert not speaker.send(ME, b"")


async def test_nonsense_ends_a_connection_and_nothing_else(opened: Callable[..., LocalSocket]) -> None:
    heard: list[bytes] = []
    speaker, door = await pair(opened, lambda _, said: heard.append(said))
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as stranger:
        stranger.connect(door)
        stranger.sendall(b"\xff" * 100)
        stranger.settimeout(0)

        async def is_closed() -> bool:
            with suppress(BlockingIOError):
                return stranger.recv(1) == b""
            return False

        await until(is_closed, "it was closed")
    assert speaker.send(ME, b"sense")
    await until(lambda: heard == [b"sense"], "the others are heard")


async def test_a_folder_that_others_may_enter_is_not_used(opened: Callable[..., LocalSocket], folder: Path) -> None:
    permit(folder, 0o755)
    assert await opened().open(lambda *_: None) is None
    permit(folder, 0o700)
    speaker, door = await pair(opened, lambda *_: None)
    speaker.meet({})

    permit(folder, 0o711)
    speaker.meet({ME: door})
    assert not speaker.reaches(ME)


async def test_a_container_with_a_clock_of_its_own_is_not_reached(
    opened: Callable[..., LocalSocket], monkeypatch: pytest.MonkeyPatch
) -> None:
    speaker, door = await pair(opened, lambda *_: None)
    speaker.meet({})
    monkeypatch.setattr(module, "_clock", lambda: "another")
    speaker.meet({ME: door})
    assert not speaker.reaches(ME)


async def test_only_sockets_that_were_left_behind_are_removed(opened: Callable[..., LocalSocket], folder: Path) -> None:
    _, door = await pair(opened, lambda *_: None)
    left, fresh = folder / "left", folder / "fresh"
    for path in (left, fresh):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as dead:
            dead.bind(str(path))
    long_ago = time.time() - 2 * module.STALE_SECONDS
    for path in (left, Path(door)):
        os.utime(path, (long_ago, long_ago))

    await opened().open(lambda *_: None)

    assert not is_there(left)
    assert is_there(fresh), "somebody may be about to listen"
    assert is_there(door)


async def test_who_has_closed_hears_nothing_any_more(opened: Callable[..., LocalSocket]) -> None:
    heard: list[bytes] = []
    speaker, hearer = opened(), opened()
    door = await hearer.open(lambda _, said: heard.append(said))
    assert door is not None
    speaker.meet({ME: door})
    assert speaker.send(ME, b"early")
    await until(lambda: heard == [b"early"], "it is heard")

    hearer.close()

    await until(lambda: not speaker.send(ME, b"late"), "the speaker notices")
    assert heard == [b"early"]


async def test_who_closes_leaves_no_socket_behind(opened: Callable[..., LocalSocket]) -> None:
    line = opened()
    door = await line.open(lambda *_: None)
    assert door is not None
    line.close()
    assert not is_there(door)


def permit(folder: Path, mode: int) -> None:
    folder.mkdir(exist_ok=True)
    folder.chmod(mode)


def is_there(path: str | Path) -> bool:
    return Path(path).exists()


def remove(path: str) -> None:
    Path(path).unlink()


def line_of(process: StageProcess) -> LocalSocket:
    adapter = process.adapter
    assert isinstance(adapter, PostgresAdapter)
    return adapter.store._line


def addressed(other: StageProcess, start: Start) -> Notifications:
    return Notifications(claim_refs={other.id: [CommandRef(start.saga, 0)]})
