"""What TimescaleDB keeps for us: hypertables, columnstore, the continuous aggregate, the policies."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from domain.batches import BatchCounts
from domain.moments import Moment
from storage import observations, rollups
from storage.connection import Connection, connect
from storage.migrate import flavour_of, migrate
from storage.partitions import PARTITIONED
from storage.rollups import DistrictHour
from tests.support.scenes import NOW, a_device, a_reading, minutes, stored

TEN_DAYS = 10 * 24 * 60


@pytest.fixture
def timescale(conn: Connection) -> Connection:
    if flavour_of(conn) != "timescale":
        pytest.skip("the server has no TimescaleDB; --database-url= names one that has")
    return conn


@pytest.fixture
def untouched(timescale: Connection, empty_database_url: str) -> Iterator[Connection]:
    """A schema as `cityhelm migrate` makes it; in the template the policies are paused."""
    with connect(empty_database_url) as conn:
        migrate(conn)
        yield conn


def _compress(conn: Connection) -> int:
    """Converts every chunk of readings to the columnstore, as the policy does a week later."""
    chunks = [row[0] for row in conn.execute("SELECT show_chunks('observation')::text")]
    for chunk in chunks:
        conn.execute(f"CALL convert_to_columnstore('{chunk}')")
    return len(chunks)


def test_tables_that_grow_with_time_are_hypertables(timescale: Connection) -> None:
    found = timescale.execute(
        "SELECT hypertable_name, num_dimensions FROM timescaledb_information.hypertables WHERE hypertable_schema = 'public'"
    ).fetchall()
    assert dict(found) == dict.fromkeys(PARTITIONED, 1)


def test_the_policies_are_there_and_scheduled(untouched: Connection) -> None:
    jobs = untouched.execute(
        "SELECT hypertable_name, proc_name, config ->> 'compress_after' FROM timescaledb_information.jobs "
        "WHERE hypertable_schema = 'public' AND scheduled ORDER BY 1"
    ).fetchall()
    assert jobs == [("observation", "policy_compression", "7 days"), ("unit_position", "policy_compression", "3 days")]


def test_nothing_is_dropped_by_a_policy_behind_our_back(untouched: Connection) -> None:
    """Retention is ours: a refresh policy or a retention policy would erase history that the rollups keep."""
    names = untouched.execute("SELECT proc_name FROM timescaledb_information.jobs WHERE job_id >= 1000").fetchall()
    assert {row[0] for row in names} == {"policy_compression"}


def test_the_rollup_is_a_continuous_aggregate(timescale: Connection) -> None:
    views = timescale.execute("SELECT view_name, materialized_only FROM timescaledb_information.continuous_aggregates").fetchall()
    assert views == [("district_hour_kept", True)]


def test_the_columnstore_is_segmented_by_series(timescale: Connection) -> None:
    settings = timescale.execute(
        "SELECT hypertable::text, segmentby, orderby FROM timescaledb_information.hypertable_columnstore_settings "
        "WHERE hypertable::text IN ('observation', 'unit_position') ORDER BY 1"
    ).fetchall()
    assert settings == [
        ("observation", "datastream_id", "phenomenon_time DESC"), ("unit_position", "unit_id", "phenomenon_time DESC"),
    ]  # fmt: skip


def test_late_data_into_the_columnstore_are_stored_once(timescale: Connection) -> None:
    stored(timescale, a_device(), *(a_reading(k, minutes_ago=TEN_DAYS + k) for k in range(60)))
    assert _compress(timescale) >= 1
    late = [a_reading(100, minutes_ago=TEN_DAYS + 30.5), a_reading(999, minutes_ago=TEN_DAYS + 30)]
    assert stored(timescale, *late) == BatchCounts(received=2, stored=1, duplicate=1)
    assert stored(timescale, *late) == BatchCounts(received=2, duplicate=2)
    assert timescale.execute("SELECT count(*), sum(value) FROM observation").fetchone() == (61, 59 * 60 / 2 + 100)


def test_a_value_in_the_columnstore_can_be_corrected(timescale: Connection) -> None:
    stored(timescale, a_device(), *(a_reading(k, minutes_ago=TEN_DAYS + k) for k in range(60)))
    _compress(timescale)
    assert stored(timescale, a_reading(700, minutes_ago=TEN_DAYS, delay_minutes=1, corrects=True)).corrected == 1
    then, now = (NOW - minutes(TEN_DAYS), NOW - minutes(TEN_DAYS - 1))
    assert [v.value for v in observations.list_values(timescale, Moment.past(then))] == [0]
    assert [v.value for v in observations.list_values(timescale, Moment.past(now))] == [700]


def test_late_data_into_the_columnstore_reach_the_rollup(timescale: Connection) -> None:
    stored(timescale, a_device(), a_reading(10, minutes_ago=TEN_DAYS + 30))
    rollups.refresh(timescale, NOW)
    _compress(timescale)
    stored(timescale, a_reading(20, minutes_ago=TEN_DAYS + 20))
    hour = NOW - minutes(TEN_DAYS + 60)
    expected = [DistrictHour("440106", "pm25", hour, 2, 15, 10, 20)]
    for _ in range(2):
        assert rollups.list_district_hours(timescale, "pm25", since=hour, until=hour + minutes(60)) == expected
        rollups.refresh(timescale, NOW)
