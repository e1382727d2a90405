"""Access to etcd and ZooKeeper: users, certificates, access lists, several endpoints, wrong URLs."""

from __future__ import annotations

import base64
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from kazoo.client import KazooClient
from kazoo.exceptions import NoAuthError

import saga_etcd.options
import saga_zookeeper.options
from saga import registry
from saga.errors import AccessRefused, UsageError
from saga.ports.election import Election
from saga.testing.suites.url import UrlSuite
from saga_postgres.embedded.child import LOOPBACK, free_port
from tests.services import etcd, zookeeper
from tests.services.etcd_stubs import STUBS, generate
from tests.services.places import or_skip
from tests.services.tls import Tls
from tools.stubs import ToolMissing

ROOT = Path(__file__).parents[2]
PASSWORD = "p/ss w%rd"  # noqa: S105
QUOTED = "p%2Fss%20w%25rd"


@pytest.fixture(scope="module")
def guarded_etcd() -> Iterator[etcd.Etcd]:
    """A cluster with its own certificate, and a user who may access the keys under saga/ only."""
    with or_skip(etcd.cluster(tls=True)) as cluster:
        prefix = {"key": text("saga/"), "range_end": text("saga0"), "permType": "READWRITE"}
        cluster.call("auth/user/add", {"name": "root", "password": "root"})
        cluster.call("auth/user/grant", {"user": "root", "role": "root"})
        cluster.call("auth/role/add", {"name": "supervisors"})
        cluster.call("auth/role/grant", {"name": "supervisors", "perm": prefix})
        for name, roles in (("supervisor", ["supervisors"]), ("stranger", [])):
            cluster.call("auth/user/add", {"name": name, "password": PASSWORD})
            for role in roles:
                cluster.call("auth/user/grant", {"user": name, "role": role})
        cluster.call("auth/enable", {})
        yield cluster


def text(value: str) -> str:
    return base64.b64encode(value.encode()).decode()


def tls_of(cluster: etcd.Etcd) -> Tls:
    assert cluster.tls is not None
    return cluster.tls


def guarded_url(cluster: etcd.Etcd, user: str = f"supervisor:{QUOTED}") -> str:
    tls = tls_of(cluster)
    return f"etcd://{user}@{cluster.endpoints[0]}?ttl=2&ca={tls.authority}&cert={tls.certificate}&key={tls.key}"


async def leads(election: Election) -> bool:
    """Campaigns, renews and resigns."""
    leadership = await election.campaign("a candidate")
    renewed = await election.renew(leadership)
    await election.resign(renewed)
    await election.close()
    return renewed.term == leadership.term


async def test_etcd_lets_a_user_with_a_role_and_a_certificate_lead(guarded_etcd: etcd.Etcd) -> None:
    assert await leads(registry.open_election(guarded_url(guarded_etcd), "guarded"))


async def test_a_candidate_with_an_expired_token_gets_a_new_one(guarded_etcd: etcd.Etcd) -> None:
    election = registry.open_election(guarded_url(guarded_etcd), "forgotten")
    leadership = await election.campaign("a candidate")
    guarded_etcd.kill()
    guarded_etcd.start()

    assert (await election.renew(leadership)).term == leadership.term

    await election.close()


@pytest.mark.parametrize("user", ["supervisor:wrong", f"stranger:{QUOTED}"])
async def test_etcd_refuses_a_wrong_password_and_a_user_without_a_role(guarded_etcd: etcd.Etcd, user: str) -> None:
    election = registry.open_election(guarded_url(guarded_etcd, user), "refused")

    with pytest.raises(AccessRefused, match="check user and password") as refusal:
        await election.campaign("a candidate")

    assert PASSWORD not in str(refusal.value)
    await election.close()


async def test_a_silent_endpoint_is_skipped() -> None:
    with or_skip(etcd.cluster()) as cluster:
        url = f"etcd://{LOOPBACK}:{free_port()},{cluster.endpoints[0]}?ttl=2"

        assert await leads(registry.open_election(url, "several"))


@pytest.mark.parametrize("auth", ["sasl", "digest"])
async def test_zookeeper_lets_a_user_lead_and_hides_its_nodes_from_others(auth: str) -> None:
    with or_skip(zookeeper.ensemble(users={"supervisor": "secret"})) as servers:
        host = servers.endpoints[0]

        assert await leads(registry.open_election(f"zookeeper://supervisor:secret@{host}?session=2&auth={auth}", "own"))

        stranger = KazooClient(hosts=host)
        stranger.start()
        with pytest.raises(NoAuthError):
            stranger.get("/saga/own/supervisor/reign")
        stranger.stop()
        stranger.close()


async def test_zookeeper_refuses_a_wrong_password() -> None:
    with or_skip(zookeeper.ensemble(users={"supervisor": "secret"})) as servers:
        election = registry.open_election(f"zookeeper://supervisor:wrong@{servers.endpoints[0]}?session=10", "own")

        with pytest.raises(AccessRefused, match="check user and password"):
            await election.campaign("a candidate")

        await election.close()


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("etcd://host:2379?ttl=1", "ttl must be a whole number of seconds from 2 to 60"),
        ("etcd://host:2379?tll=5", "Did you mean ttl? Known options: ca, cert, key, tls, ttl"),
        ("etcd://host:2379?cert=a", "go together"),
        ("etcd://host:2379?ca=/nowhere/ca.pem", "cannot read the TLS file /nowhere/ca.pem"),
        ("etcd://user:secret@ho st", "host:port"),
        ("etcd://host/prefix", "a path has no meaning here"),
        ("zookeeper://host?session=soon", "session must be a number of seconds from 1 to 60"),
        ("zookeeper://host?ttl=5", "unknown option ttl. Known options: auth, session"),
        ("zookeeper://host?auth=kerberos", "auth must be one of sasl, digest"),
        ("zookeeper://host?auth=sasl", "auth needs a user"),
        ("zookeeper://a:secret@b:c", "this URL cannot be read"),
    ],
)
def test_a_wrong_url_is_refused_with_the_way_out(url: str, message: str) -> None:
    with pytest.raises(UsageError, match=re.escape(message)) as refusal:
        registry.open_election(url, "saga")

    assert "secret" not in str(refusal.value)


class TestEtcdUrl(UrlSuite):
    url = "etcd://a:1,b:2"
    options = saga_etcd.options.OPTIONS

    def read(self, url: str) -> saga_etcd.options.Options:
        return saga_etcd.options.Options.read(url)


class TestZooKeeperUrl(UrlSuite):
    url = "zookeeper://a:1,b:2/chroot?session=5"
    options = saga_zookeeper.options.OPTIONS

    def read(self, url: str) -> saga_zookeeper.options.Options:
        return saga_zookeeper.options.Options.read(url)


def test_the_package_etcd3_works_on_the_stubs_of_this_adapter() -> None:
    """Runs in its own process: protobuf registers each message only once."""
    with or_skip(etcd.cluster()) as cluster:
        host, _, port = cluster.endpoints[0].partition(":")
        ran = subprocess.run(
            [sys.executable, "-W", "error", "-m", "tests.election.with_etcd3", host, port],
            cwd=ROOT, check=False, capture_output=True, text=True, timeout=60,
        )  # fmt: skip

    assert ran.stdout.split() == ["value", "True", "True", "seen"], ran.stderr


def test_the_stubs_of_etcd_match_its_protos(tmp_path: Path) -> None:
    try:
        generate(tmp_path)
    except ToolMissing as error:
        pytest.skip(f"the stubs cannot be made here: {error}")
    made = {path.name: path.read_bytes() for path in (tmp_path / "saga_etcd/stubs").iterdir()}

    assert made == {path.name: path.read_bytes() for path in STUBS.glob("*_pb2*") if path.is_file()}
