"""A PostgreSQL that can be broken, with a standby where one is wanted. It is started and ended by one lasting thread."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TypeVar

import asyncpg

from saga_postgres.embedded.child import Account, run_as
from saga_postgres.embedded.installation import choose
from saga_postgres.embedded.server import EmbeddedPostgres
from tests.process.fleet import connected
from tests.runtime.world import until

SETTINGS = {
    "max_connections": "300",
    "shared_buffers": "128MB",
    "max_wal_size": "256MB",
    "wal_keep_size": "512MB",
    "wal_retrieve_retry_interval": "200ms",
}
STANDBY = "standby"
FULL = "No space left on device"
SYNC_SECONDS = 30.0
FULL_SECONDS = 30.0
AGAIN_SECONDS = 0.05
_MORE_LOG = "select pg_switch_wal() from (select pg_logical_emit_message(false, 'chaos', 'x')) as one"

Answer = TypeVar("Answer")


class Server:
    """A durable server at one address, with whichever data folder it runs."""

    def __init__(self, folder: Path) -> None:
        self._root = folder
        self._generation = 0
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="server")
        self._primary = EmbeddedPostgres(folder / "0", settings=SETTINGS)
        self._standby: EmbeddedPostgres | None = None

    @property
    def url(self) -> str:
        return self._primary.url

    async def start(self) -> None:
        """Starts the server, also after an end of any kind."""
        await self._do(self._primary.start)

    async def crash(self) -> None:
        """Stops the server in immediate mode."""
        await self._do(self._primary.crash)

    async def kill(self) -> None:
        """Kills the postmaster with -9."""
        await self._do(self._primary.kill)

    async def close(self) -> None:
        for server in filter(None, (self._standby, self._primary)):
            await self._do(server.close)
        self._thread.shutdown()

    async def terminate_backends(self, count: int) -> int:
        """Terminates this many backends of its clients; returns how many there were."""
        victims = (
            "select count(pg_terminate_backend(pid)) from (select pid from pg_stat_activity"
            " where backend_type = 'client backend' and pid <> pg_backend_pid() order by random() limit $1) as victims"
        )
        async with connected(self.url) as axe:
            return int(await axe.fetchval(victims, count))

    async def runs_full(self) -> None:
        """Writes until the server reports a full disk, and until its log does not fit either, which ends the server.

        Raises TimeoutError if it never does.
        """
        before = self._complaints()
        async with asyncio.timeout(FULL_SECONDS):
            while self._complaints() == before:
                # The server breaks off in the middle of anything.
                with contextlib.suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                    async with connected(self.url) as writer:
                        while True:
                            await writer.execute(_MORE_LOG)
                await asyncio.sleep(AGAIN_SECONDS)

    def _complaints(self) -> int:
        """The number of reports of a full disk."""
        log = self._primary.folder / "log"
        return log.read_text(errors="replace").count(FULL) if log.exists() else 0

    @contextlib.asynccontextmanager
    async def replicated(self) -> AsyncIterator[None]:
        """Adds a synchronous standby for the length of the block: a commit is answered only when the standby has it."""
        await self._do(self._copy)
        await self.standby_returns()
        await self._wait_for("synchronous_standby_names", STANDBY)
        try:
            yield
        finally:
            await self._wait_for("synchronous_standby_names", "")
            if self._standby is not None:
                await self._do(self._standby.close)
                await self._do(partial(shutil.rmtree, self._standby.folder, ignore_errors=True))
                self._standby = None

    async def standby_goes_away(self) -> None:
        assert self._standby is not None
        await self._do(self._standby.crash)

    async def standby_returns(self) -> None:
        assert self._standby is not None
        await self._do(self._standby.start)

    async def fail_over(self) -> None:
        """Ends the primary for good; the standby takes over its address."""
        assert self._standby is not None
        old, standby = self._primary, self._standby
        await self._do(old.crash)
        await self._do(standby.stop)
        self._standby = None
        self._primary = EmbeddedPostgres(standby.folder, port=old.port, settings=SETTINGS)
        await self._do(self._primary.start)
        async with connected(self.url) as sql:
            assert await sql.fetchval("select pg_promote()")
        await self._do(partial(shutil.rmtree, old.folder, ignore_errors=True))

    @contextlib.asynccontextmanager
    async def handed_over(self) -> AsyncIterator[None]:
        """The standby takes over, at an address of its own while the block runs. Meanwhile the old primary stays up, read-only.

        Connections to the old primary live on. At the end it is gone, and the new one has its address.
        """
        assert self._standby is not None
        old, standby = self._primary, self._standby
        async with connected(old.url, default_transaction_read_only="off", synchronous_commit="local") as sql:
            await sql.execute("alter system set default_transaction_read_only = on")
            await sql.execute("select pg_reload_conf()")
        await until(partial(_takes_no_writes, old.url), "the old primary is read-only", seconds=SYNC_SECONDS)
        async with connected(standby.url) as sql:
            assert await sql.fetchval("select pg_promote()")
        self._primary, self._standby = standby, None
        try:
            yield
        finally:
            await self._do(old.crash)
            await self._do(standby.stop)
            self._primary = EmbeddedPostgres(standby.folder, port=old.port, settings=SETTINGS)
            await self._do(self._primary.start)
            await self._do(partial(shutil.rmtree, old.folder, ignore_errors=True))

    def _copy(self) -> None:
        self._generation += 1
        folder = self._root / str(self._generation)
        folder.mkdir()
        account = Account.for_servers()
        if account:
            os.chown(folder, account.uid, account.gid)
        shutil.copy2(self._primary.folder / "password", folder / "password")
        programs = choose().usable_by(account, folder)
        source = f"{self._primary.url}?application_name={STANDBY}"
        argv: list[str | Path] = [programs.folder / "pg_basebackup", "-D", folder / "data", "-d", source]
        done = run_as(account, [*argv, "-X", "stream", "-c", "fast", "-R", "--no-sync"], folder)
        if done.returncode:
            raise RuntimeError(f"pg_basebackup failed:\n{done.stderr}")
        self._standby = EmbeddedPostgres(folder, settings=SETTINGS)

    async def _wait_for(self, setting: str, value: str) -> None:
        """Changes a setting without a restart; with a standby, waits until it applies."""
        async with connected(self.url, synchronous_commit="local") as sql:
            await sql.execute(f"alter system set {setting} = '{value}'")
            await sql.execute("select pg_reload_conf()")
            if value:
                state = "select true from pg_stat_replication where application_name = $1 and sync_state = 'sync'"
                await until(lambda: sql.fetchval(state, value), "the standby is synchronous", seconds=SYNC_SECONDS)

    async def _do(self, work: Callable[[], Answer]) -> Answer:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)


async def _takes_no_writes(url: str) -> bool:
    async with connected(url) as sql:
        return bool(await sql.fetchval("show transaction_read_only") == "on")
