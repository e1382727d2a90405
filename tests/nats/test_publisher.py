"""Publishing: batches where a stream allows them, single messages elsewhere, each kept once; a foreign answer confirms nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping

import pytest

from saga.errors import InputRefused, UsageError
from saga.ports.bus import BODY_BYTES_MAX, Message
from saga_nats.bus import NatsBus
from saga_nats.link import Link
from saga_nats.message_format import stream_of
from saga_nats.options import Options
from saga_nats.publisher import BATCH_MESSAGES
from saga_nats.streams import stream_settings
from tests.adapters.delivery_log import TOPIC, numbered
from tests.services.nats import Shape, cluster
from tests.services.places import or_skip


class Publishing:
    """A bus on a prefix of its own, and an operator's connection."""

    def __init__(self, url: str, operator: Link) -> None:
        self.options = Options.read(url)
        self.bus = NatsBus(self.options)
        self.subject = self.options.prefix + TOPIC
        self._operator = operator

    async def create(self, **settings: object) -> None:
        config = {**stream_settings(self.options, self.subject), **settings}
        await self._operator.ask(f"STREAM.CREATE.{config['name']}", config)

    async def kept(self) -> int:
        """The number of messages in the stream."""
        state: Mapping[str, int] = (await self._operator.ask(f"STREAM.INFO.{stream_of(self.subject)}"))["state"]
        return state["messages"]


@pytest.fixture
async def publishing(nats_url: str) -> AsyncIterator[Publishing]:
    operator = await Link.open(Options.read(nats_url), "operator")
    made = Publishing(nats_url, operator)
    yield made
    await made.bus.close()
    await operator.close()


async def test_messages_of_one_publish_are_kept_as_batches(publishing: Publishing) -> None:
    await publishing.create()

    await publishing.bus.publish(numbered(range(2 * BATCH_MESSAGES + 1)))

    assert await publishing.kept() == 2 * BATCH_MESSAGES + 1
    assert publishing.bus._publisher._unbatched == set()


async def test_a_stream_that_allows_no_batches_keeps_each_message_once(publishing: Publishing) -> None:
    await publishing.create(allow_atomic=False)

    for _ in range(2):
        await publishing.bus.publish(numbered(range(50)))

    assert await publishing.kept() == 100
    assert publishing.bus._publisher._unbatched == {publishing.subject}


async def test_an_answer_that_counts_one_message_does_not_confirm_a_batch(publishing: Publishing) -> None:
    """A server before 2.12 keeps the messages of a batch one by one, and answers for the last one only."""
    stream = stream_of(publishing.subject)

    failure = publishing.bus._publisher._failure(b'{"stream": "%s", "seq": 7}' % stream.encode(), publishing.subject, 7)

    assert failure is not None
    assert (
        publishing.bus._publisher._failure(b'{"stream": "%s", "seq": 7}' % stream.encode(), publishing.subject, 1)
        is None
    )


async def test_a_message_that_is_sent_again_is_kept_once(publishing: Publishing) -> None:
    await publishing.create()
    publisher = publishing.bus._publisher
    publisher._unbatched.add(publishing.subject)
    (parcel,) = [publisher._parcel(Message(publishing.subject, b"", b"1"), 10_000)]

    for _ in range(2):
        await publisher._publish({parcel.id: parcel})

    assert await publishing.kept() == 1


@pytest.mark.parametrize("answer", [b"", b"{}", b"[]", b"no JSON", b'{"stream": "OTHER", "seq": 1}'])
async def test_an_answer_of_a_stranger_confirms_nothing(publishing: Publishing, answer: bytes) -> None:
    stranger = await Link.open(publishing.options, "stranger")

    async def respond(message: object) -> None:
        await message.respond(answer)  # type: ignore[attr-defined]

    await stranger.listen(publishing.subject, respond)
    await stranger.client.flush()

    with pytest.raises(UsageError, match="choose another prefix"):
        await publishing.bus.publish(numbered([1]))
    await stranger.close()


async def test_a_message_that_the_servers_would_not_take_is_refused_with_its_batch() -> None:
    with or_skip(cluster(Shape(payload="1MB"))) as server:
        bus = NatsBus(Options.read(server.bus_url))
        with pytest.raises(InputRefused, match="max_payload"):
            await bus.publish([*numbered([1]), Message(TOPIC, b"k", b"x" * BODY_BYTES_MAX)])
        await bus.publish(numbered([2]))
        assert (await bus._streams.info(TOPIC))["state"]["messages"] == 1
        await bus.close()
