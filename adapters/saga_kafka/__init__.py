"""A bus on Apache Kafka: `kafka://user:password@host:9092,host:9092?prefix=shop.`, and the doctor of its topics."""

from saga_kafka.bus import open_bus
from saga_kafka.doctor import open_doctor

__all__ = ["open_bus", "open_doctor"]
