"""Creates and examines the streams and lease tables of a Kinesis bus: `saga bus ensure`, `saga doctor`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Final

from saga.errors import NotFound, SagaError
from saga.ports.bus_doctor import BusDoctor, Check, failed, passed
from saga_kinesis.client import Client, Stream
from saga_kinesis.options import Options
from saga_kinesis.readers.lease_table import LeaseTable
from saga_kinesis.streams import create_stream, wait_until_usable

ENSURE: Final = "saga bus ensure"


class KinesisDoctor:
    """See `saga.ports.bus_doctor.BusDoctor`."""

    def __init__(self, options: Options, namespace: str) -> None:
        self._options = options
        self._api = Client(options)
        self._table = LeaseTable(options.leases, namespace)

    async def create(self, topics: Sequence[str]) -> list[str]:
        """Creates the lease tables, then the streams. Waits until these are usable, which takes AWS up to a minute each."""
        migrations = await self._table.migrate()
        created = [f"{self._table.schema} {migration.name}" for migration in migrations]
        for topic in topics:
            name = self._options.prefix + topic
            try:
                await self._api.describe(name)
            except NotFound:
                await create_stream(self._api, name)
                created.append(name)
            else:
                await wait_until_usable(self._api, name)
        return created

    async def examine(self, topics: Sequence[str]) -> AsyncIterator[Check]:
        yield await self._leases()
        for topic in topics:
            name = self._options.prefix + topic
            try:
                stream = await self._api.describe(name)
            except NotFound:
                yield failed("stream", f"{name} does not exist: what is published to it is lost", ENSURE)
            except SagaError as error:
                yield failed("bus", str(error), "check the URL of the bus, the credentials, and that the service runs")
                return
            else:
                yield self._stream(stream)

    async def close(self) -> None:
        await self._api.close()
        await self._table.close()

    async def _leases(self) -> Check:
        try:
            pending = await self._table.pending()
        except SagaError as error:
            return failed("leases", str(error), "check leases= in the URL of the bus")
        if pending:
            return failed("leases", f"{self._table.place} lacks the lease tables of this version", ENSURE)
        return passed("leases", f"schema {self._table.schema} of {self._table.place}")

    def _stream(self, stream: Stream) -> Check:
        retention_hours = round(self._options.retention_seconds / 3600)
        if not stream.is_usable:
            return failed("stream", f"{stream.name} is {stream.status.lower()}", "wait, and run the doctor again")
        if stream.retention_hours < retention_hours:
            return failed(
                "stream",
                f"{stream.name} keeps records for {stream.retention_hours} h; the URL of the bus says {retention_hours} h",
                f"aws kinesis increase-stream-retention-period --stream-name {stream.name} --retention-period-hours {retention_hours}",
            )
        if not stream.is_on_demand and stream.open_shards < self._options.shards:
            return failed(
                "stream",
                f"{stream.name} has {stream.open_shards} shards, the maximum number of processes that read it; "
                f"the URL of the bus says {self._options.shards}",
                f"aws kinesis update-shard-count --stream-name {stream.name} --scaling-type UNIFORM_SCALING "
                f"--target-shard-count {self._options.shards}",
            )
        encryption = "not encrypted at rest" if stream.encryption == "NONE" else f"encrypted by {stream.encryption}"
        return passed("stream", f"{stream.name}: {stream.open_shards} shards, {stream.retention_hours} h, {encryption}")


def open_doctor(url: str, namespace: str) -> BusDoctor:
    """The doctor behind kinesis:// URLs."""
    return KinesisDoctor(Options.read(url), namespace)
