"""Rollups: hourly figures that equal the observations before, during and after they are refreshed."""

from __future__ import annotations

from datetime import datetime
from threading import Event, Thread

import numpy as np

from domain.observations import Quality
from storage import rollups
from storage.connection import Connection, connect
from storage.ingestion import Ingestion
from storage.partitions import drop_before
from storage.rollups import DistrictHour
from tests.support.scenes import NOW, STATION, a_device, a_reading, minutes, stored, stored_by

SOUTH = "440105/environment/south/air-9"
EIGHT, SEVEN = NOW - minutes(60), NOW - minutes(120)


def _hours(conn: Connection, prop: str = "pm25") -> list[DistrictHour]:
    return rollups.list_district_hours(conn, prop, since=NOW - minutes(6000), until=NOW + minutes(60))


def _marks(conn: Connection) -> list[datetime]:
    return [row[0] for row in conn.execute("SELECT hour FROM rollup_mark ORDER BY mark_id")]


def test_an_hour_is_exact_before_and_after_the_refresh(conn: Connection) -> None:
    stored(conn, a_device(), *(a_reading(v, minutes_ago=m) for v, m in [(10, 60), (20, 31), (60, 1), (5, 61)]))
    expected = [DistrictHour("440106", "pm25", SEVEN, 1, 5, 5, 5), DistrictHour("440106", "pm25", EIGHT, 3, 30, 10, 60)]
    assert _hours(conn) == expected
    assert rollups.refresh(conn, NOW) == 1, "the hour that ends now has not ended before now"
    assert _hours(conn) == expected
    assert rollups.refresh(conn, NOW + minutes(1)) == 1
    assert _marks(conn) == []
    assert _hours(conn) == expected


def test_districts_and_properties_are_kept_apart(conn: Connection) -> None:
    stored(conn, a_reading(10, minutes_ago=30), a_reading(20, minutes_ago=20, device_id=STATION.replace("air-1", "air-2")),
           a_reading(90, minutes_ago=30, device_id=SOUTH), a_reading(7, minutes_ago=30, prop="pm10"))  # fmt: skip
    for _ in range(2):
        assert _hours(conn) == [
            DistrictHour("440105", "pm25", EIGHT, 1, 90, 90, 90),
            DistrictHour("440106", "pm25", EIGHT, 2, 15, 10, 20),
        ]
        assert _hours(conn, "pm10") == [DistrictHour("440106", "pm10", EIGHT, 1, 7, 7, 7)]
        rollups.refresh(conn, NOW + minutes(1))


def test_only_usable_values_count(conn: Connection) -> None:
    said = [(1, Quality.GOOD), (2, Quality.SIMULATED), (3, Quality.BACKFILLED), (999, Quality.BAD), (-9, Quality.UNCERTAIN)]
    stored(conn, a_device(), *(a_reading(v, minutes_ago=10 + k, quality=q) for k, (v, q) in enumerate(said)))
    for _ in range(2):
        assert _hours(conn) == [DistrictHour("440106", "pm25", EIGHT, 3, 2, 1, 3)]
        rollups.refresh(conn, NOW + minutes(1))


def test_late_data_into_a_rolled_up_hour_count_at_once_and_for_good(conn: Connection) -> None:
    stored(conn, a_device(), a_reading(10, minutes_ago=110))
    rollups.refresh(conn, NOW)
    stored(conn, a_reading(20, minutes_ago=100, delay_minutes=99))
    expected = [DistrictHour("440106", "pm25", SEVEN, 2, 15, 10, 20)]
    assert _hours(conn) == expected
    assert rollups.refresh(conn, NOW) == 1
    assert (_hours(conn), _marks(conn)) == (expected, [])


def test_a_correction_of_a_rolled_up_hour_counts_at_once_and_for_good(conn: Connection) -> None:
    stored(conn, a_device(), a_reading(10, minutes_ago=110), a_reading(400, minutes_ago=100))
    rollups.refresh(conn, NOW)
    stored(conn, a_reading(40, minutes_ago=100, delay_minutes=90, corrects=True))
    expected = [DistrictHour("440106", "pm25", SEVEN, 2, 25, 10, 40)]
    assert _hours(conn) == expected
    rollups.refresh(conn, NOW)
    assert (_hours(conn), _marks(conn)) == (expected, [])


def test_an_hour_whose_only_value_turned_out_bad_disappears(conn: Connection) -> None:
    stored(conn, a_device(), a_reading(400, minutes_ago=100))
    rollups.refresh(conn, NOW)
    stored(conn, a_reading(400, minutes_ago=100, delay_minutes=90, corrects=True, quality=Quality.BAD))
    assert _hours(conn) == []
    rollups.refresh(conn, NOW)
    assert _hours(conn) == []


def test_data_of_last_year_are_rolled_up_too(conn: Connection) -> None:
    year = 365 * 24 * 60
    stored(conn, a_device(), a_reading(10, minutes_ago=year + 30), a_reading(20, minutes_ago=30))
    assert rollups.refresh(conn, NOW + minutes(1)) == 2
    (old,) = rollups.list_district_hours(conn, "pm25", since=NOW - minutes(year + 60), until=NOW - minutes(year))
    assert (old.n, old.mean, old.hour) == (1, 10, NOW - minutes(year + 60))


def test_a_duplicate_marks_nothing(conn: Connection) -> None:
    stored(conn, a_device(), a_reading(10, minutes_ago=100))
    rollups.refresh(conn, NOW)
    stored(conn, a_reading(11, minutes_ago=100, delay_minutes=3))
    assert _marks(conn) == []


def test_a_busy_hour_keeps_one_mark(conn: Connection) -> None:
    ingestion = Ingestion(conn)
    for k in range(5):
        stored_by(ingestion, a_device(), a_reading(k, minutes_ago=-k))
    assert len(_marks(conn)) == 5
    assert rollups.refresh(conn, NOW) == 0
    assert _marks(conn) == [NOW]
    assert _hours(conn)[0].n == 5


def test_one_refresher_works_at_a_time(conn: Connection, database_url: str) -> None:
    stored(conn, a_device(), a_reading(10, minutes_ago=100))
    with connect(database_url) as other:
        other.execute("SELECT pg_advisory_lock(7205004)")
        assert rollups.refresh(conn, NOW) == 0
        other.execute("SELECT pg_advisory_unlock(7205004)")
    assert rollups.refresh(conn, NOW) == 1
    assert rollups.refresh(conn, NOW) == 0, "and lets go of the lock"


def test_rows_committed_while_their_hour_is_refreshed_stay_marked(conn: Connection, database_url: str) -> None:
    """The writer has written but not committed when the refresher looks: its mark must survive."""
    stored(conn, a_device(), a_reading(10, minutes_ago=110))
    with connect(database_url) as writer:
        ingestion = Ingestion(writer)
        stored_by(ingestion, a_reading(1, minutes_ago=3000))  # so that nothing but the batch itself is uncommitted
        with writer.transaction():
            stored_by(ingestion, a_reading(20, minutes_ago=100))
            assert rollups.refresh(conn, NOW) == 2
            assert [h.mean for h in _hours(conn) if h.hour == SEVEN] == [10]
    assert [h.mean for h in _hours(conn) if h.hour == SEVEN] == [15]
    assert _marks(conn) == [SEVEN]
    assert rollups.refresh(conn, NOW) == 1
    assert [h.mean for h in _hours(conn) if h.hour == SEVEN] == [15]


def test_a_writer_and_a_refresher_side_by_side_never_show_a_wrong_hour(conn: Connection, database_url: str) -> None:
    """Each batch adds one value to each of three hours, so that at any moment all three have the same count."""
    stop = Event()

    def write() -> None:
        with connect(database_url) as own:
            ingestion = Ingestion(own)
            for k in range(40):
                stored_by(ingestion, *(a_reading(k, minutes_ago=60 * h - k) for h in (2, 3, 4)))
        stop.set()

    stored(conn, a_device())
    writer = Thread(target=write)
    writer.start()
    seen = []
    with connect(database_url) as reader:
        while not stop.is_set():
            rollups.refresh(conn, NOW)
            seen.append([h.n for h in _hours(reader)])
    writer.join()
    assert all(len(set(ns)) <= 1 and len(ns) in (0, 3) for ns in seen), seen
    rollups.refresh(conn, NOW)
    assert [(h.n, h.mean, h.low, h.high) for h in _hours(conn)] == [(40, np.arange(40).mean(), 0, 39)] * 3
    assert _marks(conn) == []


def test_hours_are_asked_for_from_until(conn: Connection) -> None:
    stored(conn, a_device(), *(a_reading(h, minutes_ago=60 * h) for h in range(1, 5)))
    asked = rollups.list_district_hours(conn, "pm25", since=NOW - minutes(180), until=EIGHT)
    assert [h.mean for h in asked] == [3, 2]


def test_rollups_outlive_the_readings_they_were_made_of(conn: Connection) -> None:
    day = 24 * 60
    stored(conn, a_device(), a_reading(10, minutes_ago=10 * day + 30), a_reading(1, minutes_ago=100))
    rollups.refresh(conn, NOW)
    drop_before(conn, "observation", NOW - minutes(day))
    stored(conn, a_reading(3, minutes_ago=90))
    rollups.refresh(conn, NOW)
    assert [(h.hour, h.mean) for h in rollups.list_district_hours(conn, "pm25", since=NOW - minutes(11 * day), until=NOW)] == [
        (NOW - minutes(10 * day + 60), 10), (SEVEN, 2),
    ]  # fmt: skip


def test_a_late_reading_does_not_stand_for_an_hour_whose_readings_were_dropped(conn: Connection) -> None:
    stored(conn, a_device(), *(a_reading(k, minutes_ago=90 + k) for k in range(5)))
    rollups.refresh(conn, NOW + minutes(120))
    before = rollups.list_district_hours(conn, "pm25", since=NOW - minutes(240), until=NOW)
    conn.execute("DELETE FROM observation")
    stored(conn, a_reading(900, minutes_ago=96))
    rollups.refresh(conn, NOW + minutes(120), oldest_kept=NOW)
    assert rollups.list_district_hours(conn, "pm25", since=NOW - minutes(240), until=NOW) == before
