"""Times in the zone of the reader."""

from __future__ import annotations

from fastapi import Request

from saga.api.ui.zone import clock_in, zone_of


def test_a_time_of_another_day_has_its_date() -> None:
    request = Request({"type": "http", "headers": [(b"cookie", b"saga_zone=America/New_York")]})

    clock = clock_in(zone_of(request), 1_800_000_000.0)

    assert clock(1_800_000_000.0) == "03:00:00"
    assert clock(1_800_000_000.0 - 86_400) == "14 Jan 03:00:00"
    assert clock(1_800_000_000.0 - 20 * 86_400) == "26 Dec 2026 03:00:00"
