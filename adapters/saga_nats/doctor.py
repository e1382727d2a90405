"""Creates and examines the streams of a NATS bus: `saga bus ensure`, `saga doctor`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Final

from saga.core.duration import duration_text
from saga.errors import NotFound, SagaError
from saga.ports.bus import BODY_BYTES_MAX, HEADERS_BYTES_MAX
from saga.ports.bus_doctor import BusDoctor, Check, failed, passed
from saga_nats.failures import Answer
from saga_nats.link import Links
from saga_nats.message_format import stream_of
from saga_nats.monitoring import examine_servers
from saga_nats.options import Options
from saga_nats.streams import NANOSECONDS, Streams, has_leader

COPIES_MIN: Final = 3
MESSAGE_BYTES_MAX: Final = BODY_BYTES_MAX + 4 * HEADERS_BYTES_MAX
"""A message of the maximum size: its headers are percent-encoded, and it has some of its own."""
UNACKNOWLEDGED_MIN: Final = 1_000
SHARE_USED_MAX: Final = 0.9
ENSURE: Final = "saga bus ensure"


class NatsDoctor:
    """See `saga.ports.bus_doctor.BusDoctor`."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._links = Links(options, "saga doctor")
        self._streams = Streams(self._links)

    async def create(self, topics: Sequence[str]) -> list[str]:
        missing = await self._streams.missing([self._options.prefix + topic for topic in topics])
        await self._streams.create(missing)
        return [stream_of(subject) for subject in missing]

    async def examine(self, topics: Sequence[str]) -> AsyncIterator[Check]:
        try:
            for check in await self._account():
                yield check
        except SagaError as error:
            yield failed("bus", str(error), "start the servers with JetStream, or correct the URL of the bus")
            return
        async for check in examine_servers(self._options.monitors):
            yield check
        for topic in topics:
            try:
                for check in await self._topic(self._options.prefix + topic):
                    yield check
            except SagaError as error:
                yield failed("stream", str(error), "check that the servers of the stream run")

    async def close(self) -> None:
        await self._links.close()

    async def _account(self) -> list[Check]:
        """Checks the size of messages that the servers accept, and the space that is left for the streams of this account."""
        link = await self._links.opened()
        account = await link.ask("INFO")
        accepted = link.client.max_payload
        checks = []
        if accepted < MESSAGE_BYTES_MAX:
            detail = (
                f"{self._options.place} accepts messages of {accepted} bytes; a command can have {MESSAGE_BYTES_MAX}"
            )
            checks.append(failed("bus", detail, "set max_payload: 2MB in nats-server.conf of every server"))
        used, limit = account["storage"], account["limits"]["max_storage"]
        if limit > 0 and used > limit * SHARE_USED_MAX:
            detail = f"the streams use {used} of the {limit} bytes of the account: a full stream accepts no commands"
            checks.append(
                failed("bus", detail, "raise the account's limit, or lower retention in the URL of new streams")
            )
        version = link.client.connected_server_version
        return checks or [
            passed("bus", f"{self._options.place}: version {version.major}.{version.minor}.{version.patch}")
        ]

    async def _topic(self, subject: str) -> list[Check]:
        name = stream_of(subject)
        try:
            info = await self._streams.info(subject)
        except NotFound:
            return [failed("stream", f"{name} does not exist: nothing can be published to its service", ENSURE)]
        failures = [*self._availability(name, info), *self._settings(name, subject, info["config"])]
        failures += [found for consumer in await self._consumers(name) for found in _consumer(name, consumer)]
        if failures:
            return failures
        config = info["config"]
        kept = duration_text(config["max_age"] // NANOSECONDS) if config["max_age"] else "for ever"
        copies = config["num_replicas"]
        return [passed("stream", f"{name}: {copies} {'copies' if copies > 1 else 'copy'}, kept {kept}")]

    async def _consumers(self, name: str) -> list[Answer]:
        link = await self._links.opened()
        found: list[Answer] = (await link.ask(f"CONSUMER.LIST.{name}"))["consumers"] or []
        return found

    def _availability(self, name: str, info: Answer) -> list[Check]:
        if not has_leader(info):
            return [failed("stream", f"{name} has no leader", "start the servers that keep it")]
        replicas = info.get("cluster", {}).get("replicas") or []
        behind = [one["name"] for one in replicas if one.get("offline") or not one.get("current")]
        if behind:
            return [failed("stream", f"{name}: the copies of {', '.join(behind)} are behind", "check these servers")]
        return []

    def _settings(self, name: str, subject: str, config: Answer) -> list[Check]:
        edit, again = f"nats stream edit {name}", f"nats stream rm {name}, then {ENSURE}"
        wanted, copies = self._options, min(COPIES_MIN, self._options.replication)
        age, size = config["max_age"] // NANOSECONDS, config["max_msg_size"]
        rules = (
            (subject in config["subjects"], f"does not keep {subject}", f"{edit} --subjects {subject}"),
            (not config.get("no_ack"), "confirms no message, so that each publish fails", f"{edit} --ack"),
            (
                config["num_replicas"] >= copies,
                f"has {config['num_replicas']} of the {copies} copies: losing a server for good loses commands, until the redrive",
                f"{edit} --replicas {copies}",
            ),
            (config["storage"] == "file", "is in memory only: a restart of its servers loses commands", again),
            (
                config["retention"] == "limits",
                f"has retention {config['retention']}: it drops what a group has not asked for yet, or allows only one group",
                again,
            ),
            (config["discard"] == "new", "drops its oldest commands when it is full, read or not", f"{edit} --discard new"),
            (
                not age or age >= wanted.retention_ms,
                f"keeps commands for {duration_text(age)}; the URL of the bus says {duration_text(wanted.retention_ms)}",
                f"{edit} --max-age {duration_text(wanted.retention_ms)}",
            ),
            (
                size < 0 or size >= MESSAGE_BYTES_MAX,
                f"refuses commands of more than {size} bytes; a command can have {MESSAGE_BYTES_MAX}",
                f"{edit} --max-msg-size -1",
            ),
            (
                config.get("persist_mode") != "async",
                "confirms messages before they are on disk: a power failure loses commands, until the redrive",
                again,
            ),
        )  # fmt: skip
        return [failed("stream", f"{name} {detail}", remedy) for holds, detail, remedy in rules if not holds]


def _consumer(stream: str, consumer: Answer) -> list[Check]:
    """Examines the consumer of a group. One without a durable name belongs to a stranger, who only looks."""
    name, config = consumer["name"], consumer["config"]
    if "durable_name" not in config:
        return []
    problems = []
    if "deliver_subject" in config:
        problems.append("pushes messages, which no member of a group accepts")
    if config["ack_policy"] != "explicit":
        problems.append("does not wait for acknowledgements: a crash loses commands, until the redrive")
    if 0 < config.get("max_ack_pending", 0) < UNACKNOWLEDGED_MIN:
        problems.append("stops at a few unacknowledged messages, so that one slow process stops all")
    remedy = f"nats consumer rm {stream} {name}; the next member creates it again, and reads the stream from its start"
    return [failed("consumer", f"{name} of {stream} {problem}", remedy) for problem in problems]


def open_doctor(url: str, namespace: str) -> BusDoctor:  # noqa: ARG001 (topics have the namespace in their names)
    """The doctor behind nats:// and nats+tls:// URLs."""
    return NatsDoctor(Options.read(url))
