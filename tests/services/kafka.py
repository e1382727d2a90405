"""Apache Kafka from the environment, else a container, else its jars from Maven Central. KRaft, one broker or three."""

from __future__ import annotations

import base64
import contextlib
import importlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from saga_postgres.embedded.child import LOOPBACK, Child, free_port
from tests.services.places import Missing, jars, no_docker

KAFKA_VERSION = "4.3.1"  # pinned: a version range finds a release whose jars are not all published yet
PARTS = (f"org.apache.kafka:kafka_2.13:{KAFKA_VERSION}", "org.slf4j:slf4j-simple:1.7.36")
KAFKA_IMAGE = "confluentinc/cp-kafka:7.6.0"  # the container's start script is made for this one
START_TIMEOUT_SECONDS = 90.0
POLL_SECONDS = 0.02
READY = "Kafka Server started"
COPIES_MAX = 3
FOR_TESTS = "create=1&partitions=3&replication=1"

PROPERTIES = """
process.roles=broker,controller
node.id={node}
controller.quorum.voters={voters}
listeners=CLIENT://{host}:{client},CONTROLLER://{host}:{controller}
advertised.listeners=CLIENT://{host}:{advertised}
listener.security.protocol.map=CLIENT:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=CLIENT
controller.listener.names=CONTROLLER
log.dirs={data}
offsets.topic.replication.factor={copies}
offsets.topic.num.partitions=3
default.replication.factor={copies}
min.insync.replicas={in_sync}
transaction.state.log.replication.factor={copies}
transaction.state.log.min.isr={in_sync}
transaction.state.log.num.partitions=3
share.coordinator.state.topic.replication.factor={copies}
share.coordinator.state.topic.min.isr={in_sync}
unclean.leader.election.enable=false
auto.create.topics.enable=false
group.initial.rebalance.delay.ms=0
broker.session.timeout.ms=2000
broker.heartbeat.interval.ms=250
controlled.shutdown.max.retries=1
"""

JAVA = (
    "-Xmx384m",
    "-XX:+UseSerialGC",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.log.kafka.server.KafkaRaftServer=info",  # the line that says that the broker is ready
)
STARTS_FAST = "-XX:TieredStopAtLevel=1"  # starts 0.4 s sooner, and is slower afterwards


@dataclass(frozen=True, slots=True)
class Shape:
    """The shape of a cluster. `overrides` are further properties; `advertised` is the port that clients are sent to, of a proxy."""

    nodes: int = 1
    overrides: str = ""
    format_arguments: tuple[str, ...] = ()
    port: int | None = None
    advertised: int | None = None
    is_fast_to_start: bool = True


ONE = Shape()


class Cluster:
    """Combined broker-controllers, numbered from 1."""

    def __init__(self, folder: Path, shape: Shape) -> None:
        self._java = _java()
        self._classpath = f"{jars(f'kafka-{KAFKA_VERSION}', *PARTS)}/*"
        self._folder = folder
        self._options = [*JAVA, STARTS_FAST] if shape.is_fast_to_start else [*JAVA]
        nodes = shape.nodes
        self.ports = [shape.port or free_port() for _ in range(nodes)]
        controllers = [free_port() for _ in range(nodes)]
        voters = ",".join(f"{node}@{LOOPBACK}:{port}" for node, port in enumerate(controllers, 1))
        self.children: dict[int, Child] = {}
        for node, port in enumerate(self.ports, 1):
            self._configuration(node).write_text(
                PROPERTIES.format(
                    node=node,
                    host=LOOPBACK,
                    voters=voters,
                    client=port,
                    advertised=shape.advertised or port,
                    controller=controllers[node - 1],
                    data=folder / f"data-{node}",
                    copies=min(COPIES_MAX, nodes),
                    in_sync=2 if nodes >= COPIES_MAX else 1,
                )
                + shape.overrides
            )
        self._format(nodes, shape.format_arguments)
        self.start(*range(1, nodes + 1))

    @property
    def servers(self) -> str:
        """The servers as they are written in a URL."""
        return ",".join(f"{LOOPBACK}:{port}" for port in self.ports)

    @property
    def url(self) -> str:
        """The URL of a bus for tests, which creates topics on demand."""
        nodes = len(self.ports)
        return f"kafka://{self.servers}?create=1&partitions=3&replication={min(COPIES_MAX, nodes)}"

    def start(self, *nodes: int) -> None:
        for node in nodes:
            argv: list[str | Path] = [
                self._java, *self._options, "-cp", self._classpath, "kafka.Kafka", self._configuration(node),
            ]  # fmt: skip
            self.children[node] = Child(argv, folder=self._folder, log=self._log(node), account=None)
        give_up_at = time.monotonic() + START_TIMEOUT_SECONDS
        for node in nodes:
            child = self.children[node]
            while READY not in child.log_tail():
                if not child.is_running or time.monotonic() > give_up_at:
                    raise RuntimeError(f"kafka node {node} did not start:\n{child.log_tail()}")
                time.sleep(POLL_SECONDS)

    def kill(self, node: int) -> None:
        """Kills a broker, as a crash does."""
        self.children[node].end(signal.SIGKILL)

    def freeze(self, node: int) -> None:
        """Suspends a broker, which then accepts connections and never answers. `thaw` it before stopping it."""
        os.kill(self.children[node].pid, signal.SIGSTOP)

    def thaw(self, node: int) -> None:
        os.kill(self.children[node].pid, signal.SIGCONT)

    def stop(self) -> None:
        for child in self.children.values():
            if child.is_running:
                os.kill(child.pid, signal.SIGTERM)
        for child in self.children.values():
            child.end(signal.SIGTERM)

    def _format(self, nodes: int, arguments: tuple[str, ...]) -> None:
        cluster_id = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        tool = [
            self._java,
            "-Xmx128m",
            *JAVA[1:],
            STARTS_FAST,
            "-cp",
            self._classpath,
            "kafka.tools.StorageTool",
            "format",
        ]
        processes = [
            subprocess.Popen(
                [*tool, f"--cluster-id={cluster_id}", "-c", str(self._configuration(node)), *arguments],
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            )
            for node in range(1, nodes + 1)
        ]  # fmt: skip
        for process in processes:
            output, _ = process.communicate(timeout=START_TIMEOUT_SECONDS)
            if process.returncode:
                raise RuntimeError(f"kafka: formatting failed:\n{output}")

    def _configuration(self, node: int) -> Path:
        return self._folder / f"node-{node}.properties"

    def _log(self, node: int) -> Path:
        return self._folder / f"node-{node}.log"


@contextlib.contextmanager
def cluster(shape: Shape = ONE) -> Iterator[Cluster]:
    """Yields native brokers, which a test may kill. Raises Missing."""
    with tempfile.TemporaryDirectory(prefix="saga-kafka-", ignore_cleanup_errors=True) as name:
        made = Cluster(Path(name), shape)
        try:
            yield made
        finally:
            made.stop()


@contextlib.contextmanager
def kafka() -> Iterator[str]:
    """Yields the URL of a bus on a Kafka for tests, which is deleted afterwards unless the environment named it."""
    if url := os.environ.get("SAGA_TEST_KAFKA_URL"):
        yield url if "?" in url else f"{url}?{FOR_TESTS}"
    elif why_not := no_docker():
        with contextlib.ExitStack() as stack:
            try:
                made = stack.enter_context(cluster())
            except Missing as error:
                raise Missing(f"kafka: SAGA_TEST_KAFKA_URL is not set; {why_not}; {error}") from error
            yield made.url
    else:
        containers = importlib.import_module("testcontainers.community.kafka")
        with containers.KafkaContainer(KAFKA_IMAGE).with_kraft() as container:
            yield f"kafka://{container.get_bootstrap_server()}?{FOR_TESTS}"


def _java() -> str:
    if not (path := shutil.which("java")):
        raise Missing("java is not on PATH (apt-get install openjdk-17-jre-headless, brew install openjdk)")
    return path
