"""The conformance suite of `saga.ports.bus`. Subclass `BusSuite`, open your adapter in `open_bus`, and run it with pytest."""

from __future__ import annotations

import abc
import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from typing import Final

import pytest
import pytest_asyncio

from saga.errors import Closed, InputRefused
from saga.ports.bus import BODY_BYTES_MAX, HEADERS_BYTES_MAX, HEADERS_MAX, Bus, Delivery, Message, Subscription
from saga.testing.suites.timeout import TIMEOUT_SECONDS, soon

TOPIC: Final = "saga.test.stock"
OTHER_TOPIC: Final = "saga.test.mail"
GROUP: Final = "stock"
OTHER_GROUP: Final = "mail"


def messages(*bodies: str, topic: str = TOPIC) -> list[Message]:
    return [Message(topic, body.encode(), body.encode()) for body in bodies]


def bodies(deliveries: Sequence[Delivery]) -> list[str]:
    return sorted(delivery.message.body.decode() for delivery in deliveries)


async def take(subscription: Subscription, count: int) -> list[Delivery]:
    """Receives that many deliveries, and acknowledges none."""
    taken: list[Delivery] = []
    async with asyncio.timeout(TIMEOUT_SECONDS):
        while len(taken) < count:
            taken += await anext(aiter(subscription))
    return taken


class BusSuite(abc.ABC):
    """The contract of a bus. A test shows that nothing arrives by what arrives next: its last message ends the waiting."""

    pytestmark: pytest.MarkDecorator = pytest.mark.asyncio

    keeps_backlog = True  # the first group of a topic receives what was published before it existed
    redelivers_at_once = True  # the deliveries of a member that has left come again to the other members

    @abc.abstractmethod
    async def open_bus(self) -> Bus:
        """Opens another process's connection to the bus of this test, which is empty at the first call."""

    @pytest_asyncio.fixture(autouse=True)
    async def _open_buses(self) -> AsyncIterator[None]:
        async with AsyncExitStack() as self._buses:
            yield

    async def bus(self, *topics: str, group: str = GROUP) -> Bus:
        """A connection that has ensured the topics for the group; closed after the test."""
        bus = await self.open_bus()
        self._buses.push_async_callback(bus.close)
        await bus.ensure(topics or (TOPIC,), group)
        return bus

    async def test_a_published_body_arrives_unchanged(self) -> None:
        bus = await self.bus()
        sent = [Message(TOPIC, b"key", bytes(range(256))), Message(TOPIC, b"", b""), Message(TOPIC, b"\x00", b"{}")]

        await bus.publish(sent)

        async with bus.subscribe([TOPIC], GROUP, limit=10) as subscription:
            arrived = await take(subscription, 3)
        assert sorted(delivery.message.body for delivery in arrived) == sorted(message.body for message in sent)

    async def test_topic_and_key_arrive_with_the_body(self) -> None:
        bus = await self.bus()
        (sent,) = messages("one")

        await bus.publish([sent])

        async with bus.subscribe([TOPIC], GROUP, limit=10) as subscription:
            (arrived,) = await take(subscription, 1)
        assert arrived.message == sent

    async def test_headers_arrive_unchanged(self) -> None:
        bus = await self.bus()
        headers = {"ce_id": "1", "traceparent": "00-" + "a" * 32 + "-" + "b" * 16 + "-01", "x-name.1": 'ä €, "q" \\ '}
        most = {f"h{number:02}": "x" * (HEADERS_BYTES_MAX // HEADERS_MAX - 3) for number in range(HEADERS_MAX)}
        sent = [Message(TOPIC, b"k", bytes([number]), h) for number, h in enumerate((headers, {}, {"empty": ""}, most))]

        await bus.publish(sent)

        async with bus.subscribe([TOPIC], GROUP, limit=10) as subscription:
            arrived = await take(subscription, 4)
        assert sorted((delivery.message for delivery in arrived), key=lambda message: message.body) == sent

    @pytest.mark.parametrize(
        "headers",
        [
            {"CE_ID": "1"},
            {"": "1"},
            {"line": "a\r\nb"},
            {"nul": "\x00"},
            {"surrogate": "\ud800"},
            {"large": "x" * HEADERS_BYTES_MAX},
            {f"h{number}": "" for number in range(HEADERS_MAX + 1)},
        ],
        ids=["capitals", "no name", "line break", "nul", "surrogate", "too large", "too many"],
    )
    async def test_invalid_headers_are_refused_with_their_batch(self, headers: dict[str, str]) -> None:
        bus = await self.bus()

        with pytest.raises(InputRefused):
            await bus.publish([*messages("with it"), Message(TOPIC, b"k", b"refused", headers)])

        await bus.publish(messages("after it"))
        async with bus.subscribe([TOPIC], GROUP, limit=10) as subscription:
            assert bodies(await take(subscription, 1)) == ["after it"]

    async def test_a_body_of_the_maximum_size_arrives(self) -> None:
        bus = await self.bus()
        body = bytes(range(256)) * (BODY_BYTES_MAX // 256)

        await bus.publish([Message(TOPIC, b"key", body)])

        async with bus.subscribe([TOPIC], GROUP, limit=10) as subscription:
            (arrived,) = await take(subscription, 1)
        assert arrived.message.body == body

    async def test_every_message_of_a_large_batch_arrives(self) -> None:
        bus = await self.bus()
        names = [f"message {number:04}" for number in range(1_000)]

        await bus.publish(messages(*names))

        async with bus.subscribe([TOPIC], GROUP, limit=300) as subscription:
            arrived: list[Delivery] = []
            while len(arrived) < len(names):
                batch = await take(subscription, 1)
                await subscription.ack(batch)
                arrived += batch
        assert set(bodies(arrived)) == set(names)

    async def test_publishing_nothing_is_harmless(self) -> None:
        bus = await self.bus()

        await bus.publish([])

    async def test_a_waiting_member_receives_what_is_published_later(self) -> None:
        bus, publisher = await self.bus(), await self.bus()

        async with bus.subscribe([TOPIC], GROUP, limit=10) as subscription:
            waiting = asyncio.create_task(take(subscription, 1))
            await asyncio.sleep(0)
            await publisher.publish(messages("late"))
            assert bodies(await soon(waiting)) == ["late"]

    async def test_a_batch_has_at_most_limit_deliveries(self) -> None:
        bus = await self.bus()
        await bus.publish(messages("a", "b", "c", "d", "e"))

        async with bus.subscribe([TOPIC], GROUP, limit=2) as subscription:
            arrived: list[Delivery] = []
            while len(arrived) < 5:
                batch = await soon(anext(aiter(subscription)))
                assert 0 < len(batch) <= 2
                arrived += batch
                await subscription.ack(batch)
        assert bodies(arrived) == ["a", "b", "c", "d", "e"]

    async def test_a_subscription_can_have_several_topics(self) -> None:
        bus = await self.bus(TOPIC, OTHER_TOPIC)
        await bus.publish([*messages("a"), *messages("b", topic=OTHER_TOPIC)])

        async with bus.subscribe([TOPIC, OTHER_TOPIC], GROUP, limit=10) as subscription:
            arrived = await take(subscription, 2)

        assert {delivery.message.topic for delivery in arrived} == {TOPIC, OTHER_TOPIC}

    async def test_a_subscription_receives_its_topics_only(self) -> None:
        bus = await self.bus(TOPIC, OTHER_TOPIC)
        await bus.publish([*messages("other", topic=OTHER_TOPIC), *messages("mine")])

        async with bus.subscribe([TOPIC], GROUP, limit=10) as subscription:
            assert bodies(await take(subscription, 1)) == ["mine"]

    async def test_an_unacknowledged_delivery_comes_again(self) -> None:
        bus = await self.bus()
        await bus.publish(messages("one"))
        async with bus.subscribe([TOPIC], GROUP, limit=10) as subscription:
            await take(subscription, 1)

        async with bus.subscribe([TOPIC], GROUP, limit=10) as subscription:
            assert bodies(await take(subscription, 1)) == ["one"]

    async def test_an_unacknowledged_delivery_comes_again_to_another_member(self) -> None:
        if not self.redelivers_at_once:
            pytest.skip("this bus redelivers later")
        bus, other = await self.bus(), await self.bus()
        await bus.publish(messages("one"))
        async with AsyncExitStack() as members:
            subscription = await members.enter_async_context(bus.subscribe([TOPIC], GROUP, limit=10))
            await take(subscription, 1)
            async with other.subscribe([TOPIC], GROUP, limit=10) as second:
                waiting = asyncio.create_task(take(second, 1))
                await members.aclose()
                assert bodies(await soon(waiting)) == ["one"]

    async def test_an_acknowledged_delivery_does_not_come_again_to_its_group(self) -> None:
        bus = await self.bus()
        await bus.publish(messages("first"))
        async with bus.subscribe([TOPIC], GROUP, limit=10) as subscription:
            await subscription.ack(await take(subscription, 1))
        await bus.publish(messages("second"))

        async with bus.subscribe([TOPIC], GROUP, limit=10) as subscription:
            assert bodies(await take(subscription, 1)) == ["second"]

    async def test_the_unacknowledged_part_of_a_batch_comes_again(self) -> None:
        bus = await self.bus()
        await bus.publish(messages("a", "b", "c", "d"))
        async with bus.subscribe([TOPIC], GROUP, limit=10) as subscription:
            taken = await take(subscription, 4)
            await subscription.ack([delivery for delivery in taken if delivery.message.body in (b"a", b"c")])
        await bus.publish(messages("end"))

        async with bus.subscribe([TOPIC], GROUP, limit=10) as subscription:
            assert bodies(await take(subscription, 3)) == ["b", "d", "end"]

    async def test_acknowledging_twice_or_nothing_is_harmless(self) -> None:
        bus = await self.bus()
        await bus.publish(messages("one"))
        async with bus.subscribe([TOPIC], GROUP, limit=10) as subscription:
            taken = await take(subscription, 1)
            await subscription.ack(taken)
            await subscription.ack(taken)
            await subscription.ack([])
        await bus.publish(messages("two"))

        async with bus.subscribe([TOPIC], GROUP, limit=10) as subscription:
            assert bodies(await take(subscription, 1)) == ["two"]

    async def test_every_group_receives_every_message(self) -> None:
        bus, other = await self.bus(), await self.bus(group=OTHER_GROUP)
        await bus.publish(messages("a", "b"))

        async with bus.subscribe([TOPIC], GROUP, limit=10) as subscription:
            await subscription.ack(await take(subscription, 2))
        async with other.subscribe([TOPIC], OTHER_GROUP, limit=10) as subscription:
            assert bodies(await take(subscription, 2)) == ["a", "b"]

    async def test_the_members_of_one_group_share_the_messages(self) -> None:
        bus, other = await self.bus(), await self.bus()
        names = [f"message {number:02}" for number in range(40)]
        arrived: Counter[str] = Counter()
        complete = asyncio.Event()

        async def receive(member: Bus) -> None:
            async with member.subscribe([TOPIC], GROUP, limit=5) as subscription:
                async for batch in subscription:
                    await subscription.ack(batch)
                    arrived.update(bodies(batch))
                    if len(arrived) == len(names):
                        complete.set()

        members = [asyncio.create_task(receive(member)) for member in (bus, other)]
        await bus.publish(messages(*names))
        await soon(complete.wait())
        for member in members:
            member.cancel()
        await asyncio.wait(members)

        assert arrived == Counter(names)

    async def test_a_group_that_joins_late_receives_the_backlog(self) -> None:
        bus = await self.bus()
        await bus.publish(messages("a", "b"))
        late = await self.bus()

        async with late.subscribe([TOPIC], GROUP, limit=10) as subscription:
            assert bodies(await take(subscription, 2)) == ["a", "b"]

    async def test_the_first_group_of_a_topic_receives_what_was_published_before_it(self) -> None:
        if not self.keeps_backlog:
            pytest.skip("this bus keeps nothing for a topic without a group")
        bus = await self.bus(OTHER_TOPIC)
        await bus.publish(messages("early"))

        await bus.ensure([TOPIC], GROUP)

        async with bus.subscribe([TOPIC], GROUP, limit=10) as subscription:
            assert bodies(await take(subscription, 1)) == ["early"]

    async def test_ensuring_again_changes_nothing(self) -> None:
        bus = await self.bus()
        await bus.publish(messages("one"))

        await bus.ensure([TOPIC], GROUP)

        async with bus.subscribe([TOPIC], GROUP, limit=10) as subscription:
            assert bodies(await take(subscription, 1)) == ["one"]

    async def test_cancelling_a_waiting_member_loses_nothing(self) -> None:
        bus = await self.bus()
        async with bus.subscribe([TOPIC], GROUP, limit=10) as subscription:
            waiting = asyncio.create_task(take(subscription, 1))
            await asyncio.sleep(0)
            await bus.publish(messages("one"))
            waiting.cancel()
            await asyncio.wait([waiting])

        async with bus.subscribe([TOPIC], GROUP, limit=10) as subscription:
            assert bodies(await take(subscription, 1)) == ["one"]

    async def test_a_subscription_continues_after_a_cancelled_iteration(self) -> None:
        bus = await self.bus()
        async with bus.subscribe([TOPIC], GROUP, limit=10) as subscription:
            waiting = asyncio.create_task(take(subscription, 1))
            await asyncio.sleep(0)
            waiting.cancel()
            await asyncio.wait([waiting])
            await bus.publish(messages("one"))

            assert bodies(await take(subscription, 1)) == ["one"]

    async def test_publishing_after_close_raises(self) -> None:
        bus = await self.bus()
        await bus.close()

        with pytest.raises(Closed):
            await bus.publish(messages("one"))

    async def test_closing_twice_is_harmless(self) -> None:
        bus = await self.bus()

        await bus.close()
        await bus.close()

    async def test_closing_one_connection_leaves_the_others_open(self) -> None:
        bus, other = await self.bus(), await self.bus()
        await bus.publish(messages("one"))
        await bus.close()

        async with other.subscribe([TOPIC], GROUP, limit=10) as subscription:
            assert bodies(await take(subscription, 1)) == ["one"]
