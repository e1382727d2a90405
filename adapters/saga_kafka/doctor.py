"""Creates and examines the topics of a Kafka bus: `saga bus ensure`, `saga doctor`."""

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
from saga_kafka.log_filter import limit_repeated_logs
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
            yield await self._topic_creation()
            missing = set(await self._topics.missing(names))
            for name in names:
                if name in missing:
                    yield failed(
                        "topic", f"{name} does not exist: nothing can be published to its service", "saga bus ensure"
                    )
                    continue
                for check in await self._topic(name):
                    yield check
        except SagaError as error:
            yield failed("bus", str(error), "start the brokers, or correct the URL of the bus")

    async def close(self) -> None:
        await self._topics.close()

    async def _brokers(self) -> Check:
        with translated(self._options.place):
            async with asyncio.timeout(TIMEOUT_SECONDS):
                cluster: Mapping[str, Any] = await self._topics.call(lambda admin: admin.describe_cluster())
        count = len(cluster["brokers"])
        detail = f"{self._options.place}: {count} broker{'s' if count > 1 else ''}"
        if count < self._options.replication:
            return failed(
                "bus",
                f"{detail}, but the URL asks for {self._options.replication} copies of each message",
                f"start {self._options.replication - count} more; for development, write ?replication={count} in the URL",
            )
        return passed("bus", detail)

    async def _topic_creation(self) -> Check:
        """Fails if brokers create a topic, with one copy, whenever a client names one."""
        cluster: Mapping[str, Any] = await self._topics.call(lambda admin: admin.describe_cluster())
        broker = str(cluster["brokers"][0]["node_id"])
        settings = await self._settings(ConfigResourceType.BROKER, broker)
        if settings.get("auto.create.topics.enable") == "true":
            return failed(
                "bus topics",
                "the brokers create any topic that a client names, with the cluster's defaults",
                "set auto.create.topics.enable=false in server.properties of every broker",
            )
        return passed("bus topics", "the brokers create no topic on their own")

    async def _topic(self, name: str) -> list[Check]:
        with translated(self._options.place):
            async with asyncio.timeout(TIMEOUT_SECONDS):
                (topic,) = await self._topics.call(lambda admin: admin.describe_topics([name]))
        settings = await self._settings(ConfigResourceType.TOPIC, name)
        problems = [self._copies(name, topic), self._availability(name, topic)]
        problems += [self._setting(name, settings, *rule) for rule in self._rules()]
        failures = [problem for problem in problems if problem is not None]
        if failures:
            return failures
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
        detail = (
            f"{name} has {copies} of the {wanted} copies: losing a broker for good loses commands, until the redrive"
        )
        return failed(
            "topic",
            detail,
            f"kafka-reassign-partitions.sh --bootstrap-server {self._options.servers[0]} (more replicas)",
        )

    def _availability(self, name: str, topic: Mapping[str, Any]) -> Check | None:
        leaderless = [p["partition"] for p in topic["partitions"] if p["leader"] < 0]
        behind = [p["partition"] for p in topic["partitions"] if len(p["isr"]) < len(p["replicas"])]
        if leaderless:
            return failed("topic", f"{name}: no leader for partitions {leaderless}", "start the brokers that have them")
        if behind:
            return failed(
                "topic",
                f"{name}: copies are behind in partitions {behind}",
                "check the brokers that are down or slow",
            )
        return None

    def _rules(self) -> list[tuple[str, str, str]]:
        """Name of a setting, its required value (`>=n`: at least n, or -1 for no limit), and the reason."""
        wanted = self._options
        return [
            ("min.insync.replicas", f">={wanted.min_insync}", "an acknowledged command may have only one copy"),
            ("unclean.leader.election.enable", "false", "a broker that is behind may become leader and lose commands"),
            ("cleanup.policy", "delete", "compaction removes unread commands of the same saga"),
            ("retention.ms", f">={wanted.retention_ms}", "commands are deleted before a service that was down reads them"),
            ("max.message.bytes", f">={MESSAGE_BYTES_MAX}", "a command of the maximum size is refused"),
        ]  # fmt: skip

    def _setting(self, name: str, settings: Mapping[str, str], key: str, wanted: str, reason: str) -> Check | None:
        actual = settings.get(key, "")
        is_enough = wanted.startswith(">=") and (actual == "-1" or int(actual or 0) >= int(wanted[2:]))
        if actual == wanted or is_enough:
            return None
        setting = f"{key}={wanted.removeprefix('>=')}"
        remedy = _ALTER.format(server=self._options.servers[0], name=name, setting=setting)
        return failed("topic", f"{name} has {key}={actual or 'unknown'}: {reason}", remedy)

    async def _settings(self, kind: ConfigResourceType, name: str) -> dict[str, str]:
        with translated(self._options.place):
            async with asyncio.timeout(TIMEOUT_SECONDS):
                (answer,) = await self._topics.call(lambda admin: admin.describe_configs([ConfigResource(kind, name)]))
            error, reason, _, _, entries = answer.resources[0]
            if error:
                raise for_code(error)(reason)
        return {entry[0]: entry[1] for entry in entries}


def open_doctor(url: str, namespace: str) -> BusDoctor:  # noqa: ARG001 - topics have the namespace in their names
    """The doctor behind kafka:// and kafka+ssl:// URLs."""
    limit_repeated_logs()
    return KafkaDoctor(Options.read(url))
