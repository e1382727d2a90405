"""This build reads what every release has written, and keeps what older processes rely on.

`records/unreleased` is what this build writes; SAGA_REWRITE=1 writes it again, and the diff is the review. A release freezes it
as `records/X.Y.Z`, which is never edited: see docs/contributing/releasing.md.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import msgspec
import pytest

from saga.core.definition.graph import graph_from_json
from saga.ports.bus import Message
from saga.runtime.bus.wire import decode
from saga_postgres.schema.migrate import migrate
from tests.compatibility import protos, record
from tests.compatibility.record import Written, meaning_of
from tools.release import checksums

RECORDS = Path(__file__).parent / "records"
UNRELEASED = RECORDS / "unreleased"
ROOT = Path(__file__).parents[2]
RELEASES = sorted(path for path in RECORDS.iterdir() if path.is_dir())
WITHDRAWN: dict[str, str] = {}
"""A line of a released schema that no supported build uses any more -> why."""

each_release = pytest.mark.parametrize("release", RELEASES, ids=lambda path: path.name)


def read(path: Path) -> list[Written]:
    return [msgspec.json.decode(line, type=Written) for line in path.read_bytes().splitlines()]


def recorded(path: Path, lines: list[str]) -> list[str]:
    """The lines of a file of the unreleased record, which SAGA_REWRITE=1 writes."""
    if os.environ.get("SAGA_REWRITE") == "1":
        path.parent.mkdir(exist_ok=True)
        path.write_text("\n".join(lines) + "\n")
    return path.read_text().splitlines()


def as_lines(written: list[Written]) -> Iterator[str]:
    return (msgspec.json.encode(entry).decode() for entry in written)


def test_the_commands_that_this_build_writes_are_on_record() -> None:
    lines = list(as_lines(record.commands()))

    assert recorded(UNRELEASED / "commands.jsonl", lines) == lines


def test_the_definitions_that_this_build_writes_are_on_record() -> None:
    lines = list(as_lines(record.definitions()))

    assert recorded(UNRELEASED / "definitions.jsonl", lines) == lines


async def test_the_schema_that_this_build_uses_is_on_record(postgres: asyncpg.Connection[asyncpg.Record]) -> None:
    await migrate(postgres, schema="saga")
    lines = await record.schema(postgres, "saga")

    assert recorded(UNRELEASED / "schema.txt", lines) == lines


def test_the_protos_of_this_build_are_on_record() -> None:
    """More methods, messages, fields and values are fine. What is there stays as it is, before the first release, too."""
    lines = [line for file in protos.files() for line in protos.lines_of(file)]
    gone = set((UNRELEASED / "grpc.txt").read_text().splitlines()) - set(lines)

    assert sorted(gone) == [], "clients of the gRPC API break"
    assert recorded(UNRELEASED / "grpc.txt", lines) == lines


@each_release
def test_clients_of_a_release_find_the_protos_that_they_rely_on(release: Path) -> None:
    present = {line for file in protos.files() for line in protos.lines_of(file)}

    assert set((release / "grpc.txt").read_text().splitlines()) - present == set()


@each_release
def test_the_commands_of_a_release_are_read(release: Path) -> None:
    for written in read(release / "commands.jsonl"):
        assert meaning_of(decode(Message("saga.saga.shop", b"", written.body.encode()))) == written.means


@each_release
def test_the_definitions_of_a_release_are_read_and_keep_their_hash(release: Path) -> None:
    for written in read(release / "definitions.jsonl"):
        graph = graph_from_json(written.body)

        assert graph.canonical.decode() == written.body
        assert graph.hash.hex() == written.means["hash"]


@each_release
async def test_older_processes_find_the_schema_that_they_rely_on(
    release: Path, postgres: asyncpg.Connection[asyncpg.Record]
) -> None:
    """A rolling upgrade: builds of the release go on working while the newer schema is in the store."""
    await migrate(postgres, schema="saga")
    present = set(await record.schema(postgres, "saga"))

    relied_on = set((release / "schema.txt").read_text().splitlines()) - WITHDRAWN.keys()

    assert relied_on - present == set()


def test_a_migration_of_a_release_is_never_edited() -> None:
    changed = [
        f"{release.name}: {name}"
        for release in RELEASES
        if release != UNRELEASED
        for name, checksum in map(str.split, (release / "migrations.txt").read_text().splitlines())
        if checksums(ROOT).get(name) != checksum
    ]

    assert changed == []
