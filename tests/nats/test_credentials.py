"""TLS, passwords, tokens, keys and permissions: right ones are accepted, wrong ones reported, and no secret is ever shown."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest

from saga.errors import AccessRefused, SagaError, Unavailable
from saga.ports.bus import Bus
from saga_nats import open_bus
from saga_postgres.embedded.child import LOOPBACK
from tests.adapters.delivery_log import GROUP, TOPIC, DeliveryLog, numbered
from tests.nats.accounts import USER, Nkey, operated
from tests.runtime.world import until
from tests.services.nats import Nats, Shape, cluster
from tests.services.places import or_skip
from tests.services.tls import Tls

NAME, PASSWORD = "alice", "gr3en/apple#"
ESCAPED: Final = "gr3en%2Fapple%23"
KEY: Final = Nkey.new(USER)
TOKEN: Final = "t0ken-of-the-bus"  # noqa: S105
TLS: Final = """
tls {{ cert_file: "{certificate}", key_file: "{key}", ca_file: "{authority}", verify: {verify} }}
"""
USERS: Final = """
authorization {{ users: [
  {{ user: "{name}", password: "{password}" }}
  {{ nkey: "{key}" }}
  {{ user: "limited", password: "p", permissions: {{ publish: {{ allow: [{allowed}] }}, subscribe: "_INBOX.>" }} }}
] }}
"""
ALLOWED: Final = ("$JS.API.STREAM.INFO.*", "$JS.API.CONSUMER.>", "$JS.ACK.>", TOPIC)


def users(*allowed: str) -> str:
    names = ", ".join(f'"{subject}"' for subject in allowed)
    return USERS.format(name=NAME, password=PASSWORD, key=KEY.public, allowed=names)


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Tls:
    return Tls.made_in(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def guarded(tls: Tls) -> Iterator[Nats]:
    """A server with TLS and users."""
    lines = TLS.format(certificate=tls.certificate, key=tls.key, authority=tls.authority, verify="false")
    with or_skip(cluster(Shape(overrides=lines + users(*ALLOWED)))) as found:
        yield found


def url_of(server: Nats, authority: Path, *, account: str = f"{NAME}:{ESCAPED}@", more: str = "") -> str:
    return f"{server.bus_url.replace('nats://', f'nats+tls://{account}')}&ca={authority}{more}"


async def carries(bus: Bus, number: int) -> None:
    log = DeliveryLog()
    await bus.ensure([TOPIC], GROUP)
    await bus.publish(numbered([number]))
    log.published = {number}
    async with log.reading(bus):
        await log.complete()
    await bus.close()


async def refused(url: str, kind: type[SagaError], match: str) -> str:
    bus = open_bus(url, "saga")
    with pytest.raises(kind, match=match) as caught:
        async with asyncio.timeout(20):
            await bus.publish(numbered([1]))
    await bus.close()
    return str(caught.value)


async def test_the_right_password_over_tls_is_accepted(
    guarded: Nats, tls: Tls, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        await carries(open_bus(url_of(guarded, tls.authority), "saga"), 1)

    assert PASSWORD not in caplog.text
    assert ESCAPED not in caplog.text


async def test_a_client_can_have_a_certificate(tls: Tls) -> None:
    lines = TLS.format(certificate=tls.certificate, key=tls.key, authority=tls.authority, verify="true")
    with or_skip(cluster(Shape(overrides=lines))) as server:
        await carries(
            open_bus(url_of(server, tls.authority, account="", more=f"&cert={tls.certificate}&key={tls.key}"), "saga"),
            1,
        )
        await refused(url_of(server, tls.authority, account=""), Unavailable, "check that the servers run")


async def test_an_nkey_is_accepted_and_a_wrong_one_refused(guarded: Nats, tls: Tls, tmp_path: Path) -> None:
    seed = tmp_path / "user.nk"
    url = url_of(guarded, tls.authority, account="", more=f"&nkey={seed}")
    seed.write_text(KEY.seed)
    await carries(open_bus(url, "saga"), 2)

    seed.write_text(Nkey.new(USER).seed)
    await refused(url, AccessRefused, "credentials")


async def test_a_credentials_file_is_accepted(tmp_path: Path) -> None:
    configuration, creds = operated(tmp_path)
    with or_skip(cluster(Shape(overrides=configuration))) as server:
        await carries(open_bus(f"{server.bus_url}&creds={creds}", "saga"), 1)
        await refused(server.bus_url, AccessRefused, "credentials")


async def test_a_token_is_accepted() -> None:
    with or_skip(cluster(Shape(overrides=f'authorization {{ token: "{TOKEN}" }}'))) as server:
        await carries(open_bus(server.bus_url.replace("nats://", f"nats://{TOKEN}@"), "saga"), 1)


async def test_a_wrong_password_is_reported_and_not_shown(
    guarded: Nats, tls: Tls, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        told = await refused(url_of(guarded, tls.authority, account=f"{NAME}:wr0ng@"), AccessRefused, "credentials")

    assert "wr0ng" not in told + caplog.text


async def test_a_server_with_an_untrusted_certificate_is_refused(guarded: Nats, tmp_path: Path) -> None:
    stranger = Tls.made_in(tmp_path)

    await refused(url_of(guarded, stranger.authority), Unavailable, r"(?i)certificate verify failed")


@pytest.fixture
def plain_server() -> Iterator[tuple[int, Callable[[], bytes]]]:
    """A server that offers no TLS, and what it was sent."""
    received = bytearray()
    with socket.create_server((LOOPBACK, 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.sendall(b'INFO {"server_id": "x", "version": "2.10.0", "max_payload": 1048576}\r\n')
                while data := connection.recv(1024):
                    received.extend(data)

        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1], lambda: bytes(received)
        thread.join(20)


async def test_a_server_without_tls_gets_no_password(plain_server: tuple[int, Callable[[], bytes]]) -> None:
    port, received = plain_server

    await refused(f"nats+tls://{NAME}:{ESCAPED}@{LOOPBACK}:{port}", Unavailable, "secure connection required")

    assert received() == b""


async def test_a_subject_that_the_user_may_not_use_is_named_at_once(guarded: Nats, tls: Tls) -> None:
    url = url_of(guarded, tls.authority, account="limited:p@")
    bus = open_bus(url.replace("create=1", "create=0"), "saga")
    owner = open_bus(url_of(guarded, tls.authority), "saga")
    await owner.ensure([TOPIC, "saga.test.other"], GROUP)
    await owner.close()

    await carries(bus, 3)
    bus = open_bus(url, "saga")
    with pytest.raises(AccessRefused, match=r"saga\.test\.other"):
        await bus.publish([*numbered([4]), *numbered([5], topic="saga.test.other")])
    with pytest.raises(AccessRefused, match=r"stream\.create\.saga-test-new"):
        await bus.ensure(["saga.test.new"], GROUP)
    await bus.close()


async def test_permissions_that_are_taken_away_end_a_subscription_with_the_reason() -> None:
    with or_skip(cluster(Shape(overrides=users(*ALLOWED, "$JS.API.>")))) as server:
        url = server.bus_url.replace("nats://", "nats://limited:p@")
        reader, publisher, log = open_bus(url, "saga"), open_bus(url, "saga"), DeliveryLog()
        async with log.publishing(publisher), log.reading(reader):
            await log.more(50)
            server.configure(1, Shape(overrides=users("$JS.API.STREAM.INFO.*", "$JS.API.CONSUMER.INFO.>", TOPIC)))
            server.reload(1)
            await until(lambda: log.failures["reading: AccessRefused"], "the subscription has ended", seconds=20)
            server.configure(1, Shape(overrides=users(*ALLOWED)))
            server.reload(1)
            await log.more(50, seconds=40)
        await reader.close()
        await publisher.close()
