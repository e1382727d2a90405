"""The wire format as the first build wrote and read it, word for word. Never to be changed: such builds may still run."""

from __future__ import annotations

import json
from uuid import UUID

Address = tuple[UUID, int, str]


def first_writer(saga: UUID, step: int, operation: str) -> bytes:
    return json.dumps({"v": 1, "saga": str(saga), "step": step, "op": operation}).encode()


def first_reader(body: bytes) -> Address:
    document = json.loads(body)
    if document.get("v", 1) != 1:
        raise ValueError(f"format {document['v']!r}, this build reads 1")
    step = document["step"]
    if not isinstance(step, int) or not 0 <= step < 2**15:
        raise ValueError(f"step {step!r}")
    if document["op"] not in ("E", "C", "O"):
        raise ValueError(f"operation {document['op']!r}")
    return UUID(document["saga"]), step, document["op"]
