"""Leader election in etcd: `etcd://user:password@host:2379,host:2379?ttl=5&ca=ca.pem`."""

from saga_etcd.election import open_election
from saga_etcd.etcd3 import stubs_for_etcd3

__all__ = ["open_election", "stubs_for_etcd3"]
