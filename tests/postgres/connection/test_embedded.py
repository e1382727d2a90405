"""The embedded server, from every installation of this machine."""

from __future__ import annotations

import os
import select
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import asyncpg
import pytest

from saga.errors import MissingDriver, Unavailable, UsageError
from saga_postgres.embedded.child import LOOPBACK, PORTS, Account
from saga_postgres.embedded.installation import Installation, choose, installations
from saga_postgres.embedded.server import NOT_DURABLE, EmbeddedPostgres

END_TIMEOUT_SECONDS = 20
PARENT = """
import pathlib, sys
from saga_postgres.embedded.server import EmbeddedPostgres
server = EmbeddedPostgres(pathlib.Path(sys.argv[1]))
server.start()
print(server.pid, flush=True)
sys.stdin.read()
"""


@pytest.fixture(
    scope="module", params=list(installations()), ids=lambda found: f"{found.folder.parts[-3]}-{found.major}"
)
def server(request: pytest.FixtureRequest) -> Iterator[EmbeddedPostgres]:
    with EmbeddedPostgres(installation=request.param) as running:
        yield running


@pytest.fixture
def folder() -> Iterator[Path]:
    """Outside tmp_path, which another account cannot enter."""
    with tempfile.TemporaryDirectory(prefix="saga-postgres-test-", ignore_cleanup_errors=True) as name:
        yield Path(name)


async def test_it_accepts_connections_as_soon_as_it_is_started(server: EmbeddedPostgres) -> None:
    assert await _ask(server.url, "select 1") == 1


async def test_it_is_durable_by_default(server: EmbeddedPostgres) -> None:
    settings = [await _ask(server.url, f"show {name}") for name in ("fsync", "synchronous_commit", "full_page_writes")]

    assert settings == ["on", "on", "on"]


async def test_a_connection_without_the_password_is_refused(server: EmbeddedPostgres) -> None:
    with pytest.raises(asyncpg.InvalidPasswordError):
        await _ask(server.url.replace(server.password, "guess"), "select 1")


@pytest.mark.parametrize("end", [EmbeddedPostgres.stop, EmbeddedPostgres.crash, EmbeddedPostgres.kill])
async def test_a_commit_survives_every_kind_of_end(
    server: EmbeddedPostgres, end: Callable[[EmbeddedPostgres], None]
) -> None:
    await _ask(server.url, "create table if not exists kept (value integer)")
    await _ask(server.url, "insert into kept values (1) returning value")
    before, url = await _ask(server.url, "select count(*) from kept"), server.url

    end(server)
    assert server.pid is None
    server.start()

    assert server.url == url
    assert await _ask(url, "select count(*) from kept") == before


async def test_a_restart_does_not_wait_for_the_backends_of_a_killed_server(server: EmbeddedPostgres) -> None:
    busy = await asyncpg.connect(server.url)

    server.kill()
    server.start()

    assert await _ask(server.url, "select 1") == 1
    busy.terminate()


@pytest.mark.skipif(Account.for_servers() is None, reason="only root has to change the account")
def test_a_folder_that_the_account_cannot_reach_is_refused(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)

    with pytest.raises(UsageError, match="cannot reach"):
        EmbeddedPostgres(closed / "postgres").start()


@pytest.mark.skipif(Account.for_servers() is None, reason="only root has to change the account")
async def test_programs_that_the_account_cannot_reach_are_copied(tmp_path: Path) -> None:
    found = [found for found in installations() if found.folder.parent.name.startswith("pginstall")]
    package = found[0].folder.parent.parent
    for part in package.parent.glob(f"{package.name}*"):
        shutil.copytree(part, tmp_path / "closed" / part.name, symlinks=True, dirs_exist_ok=True)
    (tmp_path / "closed").chmod(0o700)
    hidden = Installation(tmp_path / "closed" / found[0].folder.relative_to(package.parent), found[0].major)

    with EmbeddedPostgres(settings=NOT_DURABLE, installation=hidden) as server:
        assert await _ask(server.url, "select 1") == 1


async def test_settings_reach_the_server() -> None:
    with EmbeddedPostgres(settings={**NOT_DURABLE, "work_mem": "7MB"}) as server:
        assert await _ask(server.url, "show work_mem") == "7MB"


def test_a_setting_that_the_server_refuses_is_reported_in_its_words() -> None:
    server = EmbeddedPostgres(settings={**NOT_DURABLE, "work_mem": "much"})

    with pytest.raises(Unavailable, match='invalid value for parameter "work_mem"'):
        server.start()
    server.close()


def test_a_temporary_folder_goes_away() -> None:
    server = EmbeddedPostgres(settings=NOT_DURABLE)
    server.start()
    folder = server.folder

    server.close()

    assert not folder.exists()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process that its parent has ended")
def test_a_server_ends_with_its_parent(folder: Path) -> None:
    assert sys.platform == "linux"
    command = [sys.executable, "-c", PARENT, str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        assert parent.stdout
        postmaster = os.pidfd_open(int(parent.stdout.readline()))
        parent.kill()

    ended, _, _ = select.select([postmaster], [], [], END_TIMEOUT_SECONDS)  # readable when the process has ended
    os.close(postmaster)
    assert ended


async def test_a_folder_is_opened_by_the_version_that_wrote_it(folder: Path) -> None:
    oldest = min(installations(), key=lambda found: found.major)
    with EmbeddedPostgres(folder, settings=NOT_DURABLE, installation=oldest):
        pass

    with EmbeddedPostgres(folder, settings=NOT_DURABLE) as server:
        assert str(await _ask(server.url, "show server_version")).startswith(str(oldest.major))


def test_an_installation_is_found_by_its_version() -> None:
    for installation in installations():
        assert choose(installation.major).major == installation.major


def test_a_machine_without_postgresql_is_told_what_to_install() -> None:
    with pytest.raises(MissingDriver, match=r"apt-get install postgresql .* pip install"):
        choose(major=9)


async def _ask(url: str, sql: str) -> object:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(sql)
    finally:
        await connection.close()


def test_a_folder_keeps_its_port_while_it_is_free(folder: Path) -> None:
    with EmbeddedPostgres(folder) as first:
        url = first.url
    with EmbeddedPostgres(folder) as again:
        assert again.url == url

    with socket.socket() as taker:
        taker.bind((LOOPBACK, again.port))
        taker.listen()
        with EmbeddedPostgres(folder) as moved:
            assert moved.port != again.port
    with EmbeddedPostgres(folder) as later:
        assert later.port == moved.port


@pytest.mark.parametrize("written", ["", "none\n", "22\n"])
def test_a_port_that_cannot_be_read_is_chosen_anew(folder: Path, written: str) -> None:
    (folder / "port").write_text(written)

    with EmbeddedPostgres(folder, settings=NOT_DURABLE) as server:
        assert server.port in PORTS
