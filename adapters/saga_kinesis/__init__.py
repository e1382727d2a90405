"""A bus on Amazon Kinesis Data Streams: `kinesis://REGION?prefix=shop.`; its readers share shards by leases in Postgres."""

from saga_kinesis.bus import open_bus
from saga_kinesis.doctor import open_doctor

__all__ = ["open_bus", "open_doctor"]
