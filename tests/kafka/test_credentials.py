"""TLS and passwords: right ones are accepted, wrong ones reported, and no password is ever shown."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from saga.errors import AccessRefused, Unavailable
from saga.ports.bus import Bus
from saga_kafka import open_bus
from tests.adapters.delivery_log import GROUP, TOPIC, DeliveryLog, numbered
from tests.services.kafka import Cluster, Shape, cluster
from tests.services.places import or_skip
from tests.services.tls import Tls

USER, PASSWORD = "alice", "gr3en/apple#"
ESCAPED = "gr3en%2Fapple%23"
LOGIN = "org.apache.kafka.common.security"
PROPERTIES = """
listener.security.protocol.map=CLIENT:SASL_SSL,CONTROLLER:PLAINTEXT
sasl.enabled.mechanisms=SCRAM-SHA-512,PLAIN
sasl.mechanism.inter.broker.protocol=PLAIN
listener.name.client.plain.sasl.jaas.config={login}.plain.PlainLoginModule required username="broker" password="b" \
user_broker="b" user_{user}="{password}";
listener.name.client.scram-sha-512.sasl.jaas.config={login}.scram.ScramLoginModule required;
ssl.keystore.type=PEM
ssl.keystore.location={keystore}
ssl.truststore.type=PEM
ssl.truststore.location={authority}
ssl.client.auth={client_auth}
"""


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Tls:
    return Tls.made_in(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def guarded(tls: Tls) -> Iterator[Cluster]:
    keystore = tls.key.with_name("keystore.pem")
    keystore.write_text(tls.key.read_text() + tls.certificate.read_text())
    properties = PROPERTIES.format(
        login=LOGIN, user=USER, password=PASSWORD, keystore=keystore, authority=tls.authority, client_auth="requested"
    )
    scram = ("--add-scram", f"SCRAM-SHA-512=[name={USER},password={PASSWORD}]")
    with or_skip(cluster(Shape(overrides=properties, format_arguments=scram))) as found:
        yield found


@pytest.fixture(autouse=True)
async def _hung_up() -> AsyncIterator[None]:
    """Waits for the end of refused connections, which the driver leaves to the garbage collector."""
    yield
    connections = asyncio.get_running_loop()._transports  # type: ignore[attr-defined]
    async with asyncio.timeout(20):
        while any(one.get_extra_info("socket").fileno() >= 0 for one in list(connections.values())):  # noqa: ASYNC110
            await asyncio.sleep(0)


def url_of(broker: Cluster, authority: Path, *, password: str = ESCAPED, more: str = "") -> str:
    return f"{broker.url.replace('kafka://', f'kafka+ssl://{USER}:{password}@')}&ca={authority}{more}"


async def carries(bus: Bus, number: int) -> None:
    log = DeliveryLog()
    await bus.ensure([TOPIC], GROUP)
    await bus.publish(numbered([number]))
    log.published = {number}
    async with log.reading(bus):
        await log.complete()
    await bus.close()


@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-512", "PLAIN"])
async def test_the_right_password_over_tls_is_accepted(guarded: Cluster, tls: Tls, mechanism: str) -> None:
    await carries(open_bus(url_of(guarded, tls.authority, more=f"&mechanism={mechanism}"), "saga"), 1)


async def test_a_client_can_have_a_certificate(guarded: Cluster, tls: Tls) -> None:
    await carries(open_bus(url_of(guarded, tls.authority, more=f"&cert={tls.certificate}&key={tls.key}"), "saga"), 2)


async def test_a_wrong_password_is_reported_and_not_shown(
    guarded: Cluster, tls: Tls, caplog: pytest.LogCaptureFixture
) -> None:
    bus = open_bus(url_of(guarded, tls.authority, password="wr0ng"), "saga")  # noqa: S106
    with caplog.at_level(logging.DEBUG), pytest.raises(AccessRefused, match="password") as caught:
        async with asyncio.timeout(20):
            await bus.publish(numbered([1]))
    await bus.close()

    assert "wr0ng" not in str(caught.value) + caplog.text


async def test_the_right_password_is_in_no_log(guarded: Cluster, tls: Tls, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        await carries(open_bus(url_of(guarded, tls.authority), "saga"), 3)

    assert caplog.records
    assert PASSWORD not in caplog.text
    assert ESCAPED not in caplog.text


async def test_a_broker_with_an_untrusted_certificate_is_refused(guarded: Cluster, tmp_path: Path) -> None:
    stranger = Tls.made_in(tmp_path)
    bus = open_bus(url_of(guarded, stranger.authority), "saga")

    with pytest.raises(Unavailable, match=r"(?i)certificate verify failed"):
        async with asyncio.timeout(20):
            await bus.publish(numbered([1]))
    await bus.close()


async def test_a_client_without_tls_gets_unavailable(guarded: Cluster) -> None:
    bus = open_bus(guarded.url, "saga")

    with pytest.raises(Unavailable, match="check that the brokers run"):
        async with asyncio.timeout(40):
            await bus.publish(numbered([1]))
    await bus.close()
