"""What may be wrong with our topics on a Kafka, each with what to type."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Final

from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import for_code

from saga.core.duration import duration_text
from saga.errors import SagaError
from saga.ports.bus_doctor import BusDoctor, Check, failed, passed
from saga_kafka.failures import translated
from saga_kafka.log_filter import soften
from saga_kafka.options import Options
from saga_kafka.topics import MESSAGE_BYTES_MAX, TIMEOUT_SECONDS, Topics

COPIES_MIN: Final = 3
_ALTER: Final = "kafka-configs.sh --bootstrap-server {server} --alter --entity-type topics --entity-name {name} --add-config {setting}"


class KafkaDoctor:
    """See `saga.ports.bus_doctor.BusDoctor`."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._topics = Topics(options)

    async def create(self, topics: Sequence[str]) -> list[str]:
        missing = await self._topics.missing([self._options.prefix + topic for topic in topics])
        if missing:
            await self._topics.create(missing)
        return missing

    async def examine(self, topics: Sequence[str]) -> AsyncIterator[Check]:
        names = [self._options.prefix + topic for topic in topics]
        try:
            yield await self._brokers()
            yield await self._automatic()
            missing = set(await self._topics.missing(names))
            for name in names:
                if name in missing:
                    yield failed(
                        "topic", f"{name} does not exist: nothing can be published to its service", "saga bus ensure"
                    )
                    continue
                for finding in await self._topic(name):
                    yield finding
        except SagaError as error:
            yield failed("bus", str(error), "start the brokers, or correct the URL of the bus")

    async def close(self) -> None:
        await self._topics.close()

    async def _brokers(self) -> Check:
        with translated(self._options.place):
            async with asyncio.timeout(TIMEOUT_SECONDS):
                cluster: Mapping[str, Any] = await self._topics.ask(lambda admin: admin.describe_cluster())
        count = len(cluster["brokers"])
        detail = f"{self._options.place}: {count} broker{'s' if count > 1 else ''}"
        if count < self._options.replication:
            return failed(
                "bus",
                f"{detail}, where the URL asks for {self._options.replication} copies of each message",
                f"start {self._options.replication - count} more; for development say ?replication={count} in the URL",
            )
        return passed("bus", detail)

    async def _automatic(self) -> Check:
        """Any client that names a topic would make it, with one copy."""
        cluster: Mapping[str, Any] = await self._topics.ask(lambda admin: admin.describe_cluster())
        broker = str(cluster["brokers"][0]["node_id"])
        settings = await self._settings(ConfigResourceType.BROKER, broker)
        if settings.get("auto.create.topics.enable") == "true":
            return failed(
                "bus topics",
                "the brokers create a topic whenever one is named, with the cluster's defaults",
                "set auto.create.topics.enable=false in server.properties of every broker",
            )
        return passed("bus topics", "none is created in passing")

    async def _topic(self, name: str) -> list[Check]:
        with translated(self._options.place):
            async with asyncio.timeout(TIMEOUT_SECONDS):
                (topic,) = await self._topics.ask(lambda admin: admin.describe_topics([name]))
        settings = await self._settings(ConfigResourceType.TOPIC, name)
        found = [self._copies(name, topic), self._alive(name, topic)]
        found += [self._setting(name, settings, *rule) for rule in self._rules()]
        wrong = [finding for finding in found if finding is not None]
        if wrong:
            return wrong
        partitions = topic["partitions"]
        copies = len(partitions[0]["replicas"])
        retention = duration_text(int(settings["retention.ms"])) if int(settings["retention.ms"]) >= 0 else "for ever"
        insync = settings["min.insync.replicas"]
        return [
            passed(
                "topic", f"{name}: {len(partitions)} partitions, {copies} copies, {insync} in sync, kept {retention}"
            )
        ]

    def _copies(self, name: str, topic: Mapping[str, Any]) -> Check | None:
        copies = min(len(partition["replicas"]) for partition in topic["partitions"])
        wanted = min(COPIES_MIN, self._options.replication)
        if copies >= wanted:
            return None
        detail = f"{name} has {copies} of the {wanted} copies: a broker that is lost for good takes commands along, until the redrive"
        return failed(
            "topic",
            detail,
            f"kafka-reassign-partitions.sh --bootstrap-server {self._options.servers[0]} (more replicas)",
        )

    def _alive(self, name: str, topic: Mapping[str, Any]) -> Check | None:
        headless = [p["partition"] for p in topic["partitions"] if p["leader"] < 0]
        behind = [p["partition"] for p in topic["partitions"] if len(p["isr"]) < len(p["replicas"])]
        if headless:
            return failed("topic", f"{name}: no leader for partitions {headless}", "start the brokers that have them")
        if behind:
            return failed(
                "topic",
                f"{name}: copies are behind in partitions {behind}",
                "look after the brokers that are away or slow",
            )
        return None

    def _rules(self) -> list[tuple[str, str, str]]:
        """Name, what it has to be (`>=n`: at least, -1 is without end), and why."""
        wanted = self._options
        return [
            ("min.insync.replicas", f">={wanted.min_insync}", "an acknowledged command may have one copy only"),
            ("unclean.leader.election.enable", "false", "a broker that is behind may become leader, which loses commands"),
            ("cleanup.policy", "delete", "compaction removes commands of the same saga that nobody has read"),
            ("retention.ms", f">={wanted.retention_ms}", "commands go away before a service that was down has read them"),
            ("max.message.bytes", f">={MESSAGE_BYTES_MAX}", "a command of the greatest size is refused"),
        ]  # fmt: skip

    def _setting(self, name: str, settings: Mapping[str, str], key: str, wanted: str, why: str) -> Check | None:
        actual = settings.get(key, "")
        is_enough = wanted.startswith(">=") and (actual == "-1" or int(actual or 0) >= int(wanted[2:]))
        if actual == wanted or is_enough:
            return None
        setting = f"{key}={wanted.removeprefix('>=')}"
        remedy = _ALTER.format(server=self._options.servers[0], name=name, setting=setting)
        return failed("topic", f"{name} has {key}={actual or 'unknown'}: {why}", remedy)

    async def _settings(self, kind: ConfigResourceType, name: str) -> dict[str, str]:
        with translated(self._options.place):
            async with asyncio.timeout(TIMEOUT_SECONDS):
                (answer,) = await self._topics.ask(lambda admin: admin.describe_configs([ConfigResource(kind, name)]))
            error, reason, _, _, entries = answer.resources[0]
            if error:
                raise for_code(error)(reason)
        return {entry[0]: entry[1] for entry in entries}


def open_doctor(url: str, namespace: str) -> BusDoctor:  # noqa: ARG001 - topics have the namespace in their names
    """The doctor of kafka:// and kafka+ssl:// URLs."""
    soften()
    return KafkaDoctor(Options.read(url))
