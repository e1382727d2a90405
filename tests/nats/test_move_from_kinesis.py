"""An installation moves from Kinesis to NATS under load, as the how-to describes, and loses no saga."""

from __future__ import annotations

import uuid

from tests.migrated import migrated_template, store_url  # noqa: F401 (offered to the tests of this file)
from tests.runtime.bus.moving_fleet import MovingFleet
from tests.services import kinesis
from tests.services.places import or_skip


async def test_an_installation_moves_from_kinesis_to_nats_without_losing_a_saga(
    nats_url: str,
    store_url: str,  # noqa: F811
) -> None:
    with or_skip(kinesis.kinesis()) as endpoint:
        old = kinesis.bus_url(endpoint, store_url, prefix=f"m{uuid.uuid4().hex[:8]}.", poll="100ms", idle="300ms")
        async with MovingFleet(store_url) as fleet:
            await fleet.move(old, nats_url)
