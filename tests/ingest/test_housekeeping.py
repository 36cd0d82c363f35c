"""Housekeeping: rollups take at most a tenth of the time."""

from __future__ import annotations

from datetime import timedelta

from ingest.service import Housekeeper
from storage.connection import Connection
from tests.support.scenes import NOW, a_device, a_reading, minutes, stored


def test_after_a_long_rollup_the_next_waits_nine_times_as_long(conn: Connection) -> None:
    """The first begins at 0 s and ends at 2 s; the second look is at 19 s, the third at 20 s."""
    moments = iter([0.0, 2.0, 19.0, 20.0, 20.1])
    keeper = Housekeeper(timedelta(days=90), clock_s=lambda: next(moments))
    stored(conn, a_device(), a_reading(10, minutes_ago=61))
    assert keeper.tick(conn, NOW + minutes(1))["rolled_up_hours"] == 1
    stored(conn, a_reading(20, minutes_ago=62))
    assert keeper.tick(conn, NOW + minutes(1))["rolled_up_hours"] == 0
    assert keeper.tick(conn, NOW + minutes(1))["rolled_up_hours"] == 1
