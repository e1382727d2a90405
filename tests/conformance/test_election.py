"""The election suite over memory and real servers."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

from saga.memory.data.database import Database
from saga.memory.election import MemoryElection
from saga.ports.election import Election
from saga.testing.clocks.hand_clock import HandClock
from saga.testing.suites.election import ElectionSuite
from saga_etcd import open_election as open_etcd_election
from saga_postgres import open_election
from saga_zookeeper import open_election as open_zookeeper_election
from tests.services import etcd, zookeeper
from tests.services.places import or_skip


class TestMemoryElection(ElectionSuite):
    @pytest.fixture(autouse=True)
    def _database(self) -> None:
        self.hand_clock = HandClock(1_000.0)
        self.clock = self.hand_clock
        self.database = Database(self.hand_clock, epoch=0.0)

    async def open_election(self) -> Election:
        return MemoryElection(self.database, self.lease_seconds)

    async def advance(self, seconds: float) -> None:
        await self.hand_clock.advance(seconds)


class TestPostgresElection(ElectionSuite):
    lease_seconds = 3.0

    @pytest.fixture(autouse=True)
    def _database(self, store_url: str) -> None:
        self.url = store_url

    async def open_election(self) -> Election:
        return open_election(self.url, "saga")


@pytest.fixture(scope="session")
def etcd_url() -> Iterator[str]:
    with or_skip(etcd.etcd()) as url:
        yield url


class TestEtcdElection(ElectionSuite):
    lease_seconds = 2.5

    @pytest.fixture(autouse=True)
    def _cluster(self, etcd_url: str) -> None:
        self.url, self.namespace = etcd_url, f"test_{uuid.uuid4().hex[:8]}"

    async def open_election(self) -> Election:
        return open_etcd_election(f"{self.url}?ttl=2", self.namespace)


@pytest.fixture(scope="session")
def zookeeper_url() -> Iterator[str]:
    with or_skip(zookeeper.zookeeper()) as url:
        yield url


class TestZooKeeperElection(ElectionSuite):
    lease_seconds = 2.5

    @pytest.fixture(autouse=True)
    def _ensemble(self, zookeeper_url: str) -> None:
        self.url, self.namespace = zookeeper_url, f"test_{uuid.uuid4().hex[:8]}"

    async def open_election(self) -> Election:
        return open_zookeeper_election(f"{self.url}?session=2", self.namespace)


@pytest.fixture(scope="module")
def etcd_cluster_url() -> Iterator[str]:
    with or_skip(etcd.cluster(3)) as cluster:
        yield cluster.url


@pytest.mark.slow
class TestEtcdClusterElection(TestEtcdElection):
    @pytest.fixture(autouse=True)
    def _cluster(self, etcd_cluster_url: str) -> None:
        self.url, self.namespace = etcd_cluster_url, f"test_{uuid.uuid4().hex[:8]}"


@pytest.fixture(scope="module")
def zookeeper_ensemble_url() -> Iterator[str]:
    with or_skip(zookeeper.ensemble(3)) as servers:
        yield servers.url


@pytest.mark.slow
class TestZooKeeperEnsembleElection(TestZooKeeperElection):
    @pytest.fixture(autouse=True)
    def _ensemble(self, zookeeper_ensemble_url: str) -> None:
        self.url, self.namespace = zookeeper_ensemble_url, f"test_{uuid.uuid4().hex[:8]}"
