"""Topics are created with the settings of the URL, and the doctor reports unsafe ones."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from saga import registry
from saga.errors import NotFound, UsageError
from saga.ports.bus import topic_of
from saga.ports.bus_doctor import BusDoctor, Check
from saga_kafka import open_bus
from saga_kafka.options import Options
from tests.adapters.delivery_log import GROUP, TOPIC, numbered
from tests.cli.conftest import Command, command, store  # noqa: F401 (fixtures)
from tests.migrated import migrated_template, store_url  # noqa: F401 (fixtures of `store`)
from tests.services.kafka import Cluster, Shape, cluster
from tests.services.places import or_skip

TIMEOUT_SECONDS = 20


@pytest.fixture(scope="module")
def creating_broker() -> Iterator[Cluster]:
    """A broker with default settings, which creates every topic that a client names."""
    with or_skip(cluster(Shape(overrides="auto.create.topics.enable=true\n"))) as found:
        yield found


@pytest.fixture
async def admin(kafka_url: str) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(**Options.read(kafka_url).client())
    await admin.start()
    yield admin
    await admin.close()


@pytest.fixture
async def doctor(kafka_url: str) -> AsyncIterator[BusDoctor]:
    doctor = registry.open_doctor(kafka_url, "saga")
    assert doctor is not None
    yield doctor
    await doctor.close()


async def findings(doctor: BusDoctor, *topics: str) -> list[Check]:
    async with asyncio.timeout(TIMEOUT_SECONDS):
        return [finding async for finding in doctor.examine(topics)]


def wrong(found: list[Check]) -> list[str]:
    return [f"{finding.detail} -> {finding.remedy}" for finding in found if not finding.ok]


async def test_topics_are_created_once_with_the_settings_of_the_url(
    doctor: BusDoctor, admin: AIOKafkaAdminClient, kafka_url: str
) -> None:
    name = Options.read(kafka_url).prefix + TOPIC

    assert await doctor.create([TOPIC]) == [name]
    assert await doctor.create([TOPIC]) == []

    (topic,) = await admin.describe_topics([name])
    (answer,) = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name)])
    settings = {entry[0]: entry[1] for entry in answer.resources[0][4]}
    assert len(topic["partitions"]) == 3
    assert settings["retention.ms"] == str(7 * 86_400_000)
    assert settings["unclean.leader.election.enable"] == "false"
    assert settings["cleanup.policy"] == "delete"
    assert int(settings["max.message.bytes"]) > 1024 * 1024


async def test_a_created_topic_passes_the_doctor(doctor: BusDoctor) -> None:
    await doctor.create([TOPIC])

    found = await findings(doctor, TOPIC)

    assert wrong(found) == []
    assert [finding.name for finding in found] == ["bus", "bus topics", "topic"]


async def test_a_missing_topic_is_reported_with_the_remedy(doctor: BusDoctor) -> None:
    (told,) = wrong(await findings(doctor, TOPIC))

    assert TOPIC in told
    assert told.endswith("-> saga bus ensure")


@pytest.mark.parametrize(
    ("setting", "value", "told"),
    [
        ("cleanup.policy", "compact", "cleanup.policy=delete"),
        ("retention.ms", "60000", "retention.ms=604800000"),
        ("unclean.leader.election.enable", "true", "unclean.leader.election.enable=false"),
        ("max.message.bytes", "1000", "max.message.bytes=2097152"),
    ],
)
async def test_an_unsafe_setting_is_reported_with_the_command_that_fixes_it(
    doctor: BusDoctor, admin: AIOKafkaAdminClient, kafka_url: str, setting: str, value: str, told: str
) -> None:
    name = Options.read(kafka_url).prefix + TOPIC
    safe = {"cleanup.policy": "delete", "retention.ms": "-1", "max.message.bytes": "2097152"}
    await admin.create_topics([NewTopic(name, 1, 1, topic_configs={**safe, setting: value})])

    (found,) = wrong(await findings(doctor, TOPIC))

    assert f"kafka-configs.sh --bootstrap-server {Options.read(kafka_url).servers[0]}" in found
    assert found.endswith(f"--entity-name {name} --add-config {told}")


async def test_too_few_copies_are_reported(kafka_url: str, doctor: BusDoctor) -> None:
    await doctor.create([TOPIC])
    strict = registry.open_doctor(kafka_url.replace("replication=1", "replication=3"), "saga")
    assert strict is not None

    found = wrong(await findings(strict, TOPIC))

    assert any("1 broker, but the URL asks for 3 copies" in told for told in found)
    assert any("has 1 of the 3 copies" in told for told in found)
    assert any("min.insync.replicas=1" in told for told in found)
    await strict.close()


async def test_more_copies_than_brokers_are_refused(kafka_url: str) -> None:
    strict = registry.open_doctor(kafka_url.replace("replication=1", "replication=3"), "saga")
    assert strict is not None

    with pytest.raises(UsageError, match="replication"):
        await strict.create([TOPIC])

    await strict.close()


async def test_an_unreachable_cluster_is_reported() -> None:
    doctor = registry.open_doctor("kafka://127.0.0.1:9", "saga")
    assert doctor is not None

    (told,) = wrong(await findings(doctor, TOPIC))

    assert "127.0.0.1:9" in told
    await doctor.close()


async def test_no_topic_is_created_implicitly_even_by_brokers_that_do_so(creating_broker: Cluster) -> None:
    url = creating_broker.url.replace("create=1", "create=0")
    bus = open_bus(url, "saga")
    for _ in range(2):
        with pytest.raises(NotFound):
            await bus.publish(numbered([1]))
        with pytest.raises(NotFound):
            await bus.ensure([TOPIC], GROUP)
        with pytest.raises(NotFound):
            async with bus.subscribe([TOPIC], GROUP, limit=1):
                pass
    await bus.close()

    doctor = registry.open_doctor(url, "saga")
    assert doctor is not None
    told = wrong(await findings(doctor, TOPIC))
    await doctor.close()

    assert any("auto.create.topics.enable=false" in line for line in told)
    assert any(line.endswith("-> saga bus ensure") for line in told)


async def test_added_partitions_are_read_and_written_without_a_restart(
    admin: AIOKafkaAdminClient, kafka_url: str
) -> None:
    bus = open_bus(kafka_url, "saga")
    await bus.ensure([TOPIC], GROUP)
    async with asyncio.timeout(60), bus.subscribe([TOPIC], GROUP, limit=1_000) as subscription:
        await bus.publish(numbered([0]))
        await subscription.ack(await anext(aiter(subscription)))
        await admin.create_partitions({Options.read(kafka_url).prefix + TOPIC: NewPartitions(9)})
        places: set[int] = set()
        number = 1
        while len(places) < 9:
            await bus.publish(numbered(range(number, number + 50)))
            number += 50
            deliveries = await anext(aiter(subscription))
            places |= {delivery.partition.partition for delivery in deliveries}  # type: ignore[attr-defined]
            await subscription.ack(deliveries)
    await bus.close()


@pytest.mark.parametrize(("messages", "partitions"), [(100, {1}), (1_000, {2, 3})])
async def test_messages_published_together_stay_together_up_to_a_chunk(
    kafka_url: str, messages: int, partitions: set[int]
) -> None:
    bus = open_bus(kafka_url, "saga")
    await bus.ensure([TOPIC], GROUP)
    arrived = 0
    places: set[int] = set()
    async with asyncio.timeout(60), bus.subscribe([TOPIC], GROUP, limit=1_000) as subscription:
        await bus.publish(numbered(range(messages)))
        while arrived < messages:
            deliveries = await anext(aiter(subscription))
            arrived += len(deliveries)
            places |= {delivery.partition.partition for delivery in deliveries}  # type: ignore[attr-defined]
            await subscription.ack(deliveries)
    await bus.close()

    assert len(places) in partitions


def test_saga_bus_ensure_creates_the_topics_of_the_named_services(
    command: Command,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
    kafka_url: str,
) -> None:
    monkeypatch.setenv("SAGA_BUS", kafka_url.replace("create=1", "create=0"))
    prefix = Options.read(kafka_url).prefix

    ran = command("bus", "ensure", "stock", "mail", "--store", "postgresql://unused", "--namespace", "shop")

    assert ran.err == ""
    assert ran.out == f"created {prefix}{topic_of('shop', 'stock')}\ncreated {prefix}{topic_of('shop', 'mail')}\n"
    assert (
        command("bus", "ensure", "stock", "--store", "postgresql://unused", "--namespace", "shop").out
        == "no topic was missing\n"
    )


def test_saga_bus_ensure_without_services_and_contracts_asks_for_names(
    command: Command,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
    kafka_url: str,
    store: str,  # noqa: F811
) -> None:
    monkeypatch.setenv("SAGA_BUS", kafka_url)

    ran = command("bus", "ensure", "--store", store)

    assert ran.code == 2
    assert "saga bus ensure orders" in ran.err
