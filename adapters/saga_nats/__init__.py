"""A bus on NATS JetStream: `nats://user:password@host:4222,host:4222?prefix=shop.`, and the doctor of its streams."""

from saga_nats.bus import open_bus
from saga_nats.doctor import open_doctor

__all__ = ["open_bus", "open_doctor"]
