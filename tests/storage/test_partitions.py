"""Days: made when their first row arrives, dropped whole; on TimescaleDB the same by chunks."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier

import pytest

from domain.batches import BatchCounts
from domain.moments import Moment
from storage import forecasts, observations, partitions, units
from storage.connection import Connection, connect
from storage.ingestion import Ingestion
from storage.migrate import recorded_flavour
from storage.partitions import PARTITIONED, DayPartitions, drop_before
from tests.support.scenes import NOW, a_device, a_hall_event, a_position, a_reading, a_unit, stored, stored_by

DAY = 24 * 60
MIDNIGHT_60 = 60  # minutes before NOW: NOW is one o'clock UTC


def _days(conn: Connection) -> list[datetime]:
    rows = conn.execute("SELECT date_trunc('day', phenomenon_time) FROM observation GROUP BY 1 ORDER BY 1")
    return [row[0] for row in rows]


def _partitions(conn: Connection, table: str) -> list[str]:
    query = "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = %s::regclass ORDER BY 1"
    return [row[0] for row in conn.execute(query, (table,))]


def _plain_only(conn: Connection) -> None:
    if recorded_flavour(conn) != "plain":
        pytest.skip("TimescaleDB makes its own chunks")


@pytest.mark.parametrize("days_ago", [0, 1, 400, 13_000])
def test_any_day_is_accepted(conn: Connection, days_ago: int) -> None:
    reading = a_reading(40, minutes_ago=days_ago * DAY)
    assert stored(conn, a_device(), reading).stored == 2
    assert observations.list_values(conn, Moment.live(NOW))[0].phenomenon_time == reading.phenomenon_time


def test_the_two_sides_of_midnight_are_two_days(conn: Connection) -> None:
    stored(conn, a_device(), a_reading(1, minutes_ago=MIDNIGHT_60), a_reading(2, minutes_ago=MIDNIGHT_60 + 1e-4))
    _plain_only(conn)
    assert _partitions(conn, "observation") == ["observation_20260301", "observation_20260302"]


def test_every_table_that_grows_with_time_makes_its_days(conn: Connection) -> None:
    days = DayPartitions(conn)
    for table in PARTITIONED:
        days.ensure(conn, table, [NOW.date(), NOW.date()])
    _plain_only(conn)
    for table in PARTITIONED:
        assert _partitions(conn, table) == [f"{table}_20260302"]


def test_of_many_days_only_those_asked_for_are_touched(conn: Connection) -> None:
    """A table is locked by whoever plans a question with it; a year of days would be planned for a quarter of a second."""
    _plain_only(conn)
    stored(conn, a_device(), a_unit(), a_reading(1), a_position(113.25))
    days = DayPartitions(conn)
    for table in ("forecast", "observation", "unit_position"):
        days.ensure(conn, table, [(NOW - timedelta(days=k)).date() for k in range(20)])
    questions: dict[str, Callable[[], object]] = {
        "newest issue": lambda: forecasts.newest_issue(conn, NOW),
        "forecasts": lambda: forecasts.list_forecasts(conn, ["pm25"], Moment.live(NOW)),
        "forecast": lambda: forecasts.find_forecast(conn, 1, Moment.live(NOW)),
        "values": lambda: observations.list_values(conn, Moment.past(NOW)),
        "units": lambda: units.list_units(conn, Moment.past(NOW)),
    }
    for name, ask in questions.items():
        with conn.transaction():
            ask()
            assert 0 < len(_locked_days(conn)) <= 9, name


def _locked_days(conn: Connection) -> list[str]:
    """Tables of a day that this transaction has locked."""
    query = (
        "SELECT relname FROM pg_locks JOIN pg_class ON pg_class.oid = relation "
        "WHERE pid = pg_backend_pid() AND relname ~ '_[0-9]{8}$'"
    )
    return [row[0] for row in conn.execute(query)]


def test_the_list_of_growing_tables_is_the_schema_s(conn: Connection) -> None:
    if recorded_flavour(conn) == "plain":
        found = conn.execute("SELECT relname FROM pg_class WHERE relkind = 'p'").fetchall()
    else:
        found = conn.execute(
            "SELECT hypertable_name FROM timescaledb_information.hypertables WHERE hypertable_schema = 'public'"
        ).fetchall()
    assert {row[0] for row in found} == set(PARTITIONED)


def test_eight_writers_who_need_the_same_new_day_all_get_it(conn: Connection, database_url: str) -> None:
    stored(conn, a_device(minutes_ago=3 * DAY))
    ready = Barrier(8)

    def write(k: int) -> BatchCounts:
        with connect(database_url) as own:
            ingestion = Ingestion(own)
            ready.wait()
            return stored_by(ingestion, a_reading(k, minutes_ago=k), a_reading(k, minutes_ago=DAY + k))

    with ThreadPoolExecutor(8) as writers:
        assert sum(writers.map(write, range(8)), BatchCounts()).stored == 16
    assert len(_days(conn)) == 2


def test_a_new_day_does_not_wait_for_a_reader(conn: Connection, database_url: str) -> None:
    """A long report reads the table while midnight passes."""
    stored(conn, a_device(), a_reading(1, minutes_ago=DAY))
    with connect(database_url) as reader, reader.transaction():
        reader.execute("SELECT count(*) FROM observation")
        conn.execute("SET lock_timeout = '2s'")
        assert stored(conn, a_reading(2)).stored == 1


def test_retention_drops_whole_days_only(conn: Connection) -> None:
    stored(conn, a_device(), *(a_reading(k, minutes_ago=k * DAY) for k in range(5)))
    for oldest_kept in (NOW.replace(day=1, hour=0), NOW.replace(day=1), NOW.replace(day=1, hour=23)):
        drop_before(conn, "observation", oldest_kept)
        assert _days(conn) == [datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 2, tzinfo=UTC)]
    assert drop_before(conn, "observation", NOW.replace(day=1)) == []


def test_retention_says_what_it_dropped(conn: Connection) -> None:
    stored(conn, a_device(), a_reading(1, minutes_ago=2 * DAY), a_reading(2))
    dropped = drop_before(conn, "observation", NOW)
    assert len(dropped) == 1
    _plain_only(conn)
    assert dropped == ["observation_20260228"]


def test_each_table_is_dropped_on_its_own(conn: Connection) -> None:
    stored(conn, a_device(), a_unit(), a_reading(1, minutes_ago=30 * DAY), a_position(113.25, minutes_ago=30 * DAY),
           a_hall_event(minutes_ago=30 * DAY))  # fmt: skip
    partitions.drop_before(conn, "unit_position", NOW)
    counts = [conn.execute(f"SELECT count(*) FROM {t}").fetchone() for t in ("observation", "unit_position", "hall_event")]
    assert counts == [(1,), (0,), (1,)]


def test_a_reading_of_a_day_that_was_dropped_is_stored_again(conn: Connection, database_url: str) -> None:
    """Any age is accepted, also by an ingester that wrote this day before another process dropped it."""
    ingestion = Ingestion(conn)
    stored_by(ingestion, a_device(), a_reading(1, minutes_ago=9 * DAY))
    with connect(database_url) as janitor:
        drop_before(janitor, "observation", NOW)
    assert stored_by(ingestion, a_reading(2, minutes_ago=9 * DAY)).stored == 1


def test_an_import_of_old_data_is_kept_as_long_as_any_other(conn: Connection) -> None:
    """Retention counts from receipt: what was measured years ago and received today is not dropped tonight."""
    stored(conn, a_device(), a_reading(1, minutes_ago=800 * DAY, delay_minutes=800 * DAY))
    assert drop_before(conn, "observation", NOW - timedelta(minutes=400 * DAY)) == []
    assert len(drop_before(conn, "observation", NOW + timedelta(minutes=DAY))) == 1
