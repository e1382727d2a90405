"""Leader election in ZooKeeper: `zookeeper://user:password@host:2181,host:2181/chroot?session=5`."""

from saga_zookeeper.election import open_election

__all__ = ["open_election"]
