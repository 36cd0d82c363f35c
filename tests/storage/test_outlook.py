"""The outlook: series found by words, one of them with everything about it, and how all are served."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest

from domain.moments import Moment
from domain.observations import PropertySpec
from domain.scores import ScoreKey, Tally
from storage.connection import Connection
from storage.derived import register_derived
from storage.forecasts import write_forecasts
from storage.outlook import find_named, find_number, find_series, series_outlook, service_of_all
from storage.partitions import DayPartitions
from storage.scores import add_scores
from tests.storage.test_anomalies import an_anomaly
from tests.support.scenes import (
    COUNTER,
    NOW,
    STATION,
    a_device,
    a_forecast,
    a_hall_event,
    a_reading,
    minutes,
    stored,
    the_stream,
)

LIVE = Moment.live(NOW)
HOUR = timedelta(hours=1)
OTHER = STATION.replace("air-1", "air-2")


@pytest.fixture
def stream(conn: Connection) -> int:
    both = (PropertySpec("pm25", "ug/m3"), PropertySpec("no2", "ug/m3"))
    hall = a_device(
        COUNTER, type_name="ServiceHall", properties=(), attributes=(("name_zh", "越秀大厅"), ("name_en", "Yuexiu hall"))
    )
    stored(conn, a_device(properties=both, name="北站"), a_device(OTHER, name="南站_2"), hall, a_hall_event(minutes_ago=50))
    register_derived(conn, NOW, since=NOW - HOUR)
    return the_stream(conn)


def names(conn: Connection, *words: str, **of: object) -> list[tuple[str | None, str, str]]:
    found = find_series(conn, LIVE, words, **of)  # type: ignore[arg-type]
    return [(s.named.name_zh, s.named.property, s.named.item) for s in found]


def test_a_series_is_found_by_a_part_of_its_name_id_property_or_service(conn: Connection, stream: int) -> None:
    assert names(conn, "北站") == [("北站", "no2", ""), ("北站", "pm25", "")]
    assert names(conn, "AIR-2") == [("南站_2", "pm25", "")]
    assert names(conn, "站_2") == [("南站_2", "pm25", "")], "a sign of LIKE means itself"
    assert names(conn, "%") == []
    assert names(conn, "北站", "NO2") == [("北站", "no2", "")]
    assert names(conn, "yuexiu", "tax") == [("越秀大厅", "arrivals", "tax")]
    assert names(conn, "北站", "氮", meanings=([], ["no2"])) == [("北站", "no2", "")]


def test_series_are_listed_by_group_derived_ones_first(conn: Connection, stream: int) -> None:
    assert len(names(conn, group="city")) == 8
    assert names(conn, group="hall") == [("越秀大厅", "arrivals", ""), ("越秀大厅", "arrivals", "tax")]
    assert len(names(conn, group="AirQualityObserved")) == 3
    assert names(conn, limit=1) == [(None, "arrivals", "")]


def test_one_series_has_what_came_what_was_expected_and_what_was_odd(conn: Connection, stream: int) -> None:
    stored(conn, a_reading(40, minutes_ago=20))
    write_forecasts(conn, DayPartitions(conn), [a_forecast(stream, minutes_ago=10), a_forecast(stream, minutes_ago=24 * 60 + 30)])
    from storage.anomalies import write_anomalies

    write_anomalies(conn, [an_anomaly(stream), an_anomaly(99)])
    add_scores(conn, {ScoreKey(stream, NOW.date(), 1, "naive"): Tally(1, 2.0)}, 900, since=None, until=NOW)
    one = series_outlook(conn, LIVE, stream, back=HOUR, score_days=14)
    assert one is not None
    assert (one.named.name_zh, one.named.property, one.start, one.step_s) == ("北站", "pm25", NOW - HOUR, 900)
    np.testing.assert_array_equal(one.values, [np.nan, np.nan, 40, np.nan, np.nan])
    assert one.forecast is not None
    assert one.earlier is not None
    assert (one.forecast.issued_at, one.earlier.issued_at) == (NOW - minutes(10), NOW - minutes(24 * 60 + 30))
    assert [row.tally.mean_error for row in one.scores] == [2]
    assert [row.anomaly.datastream_id for row in one.anomalies] == [stream]
    assert series_outlook(conn, LIVE, 10**6, back=HOUR, score_days=14) is None


def test_a_derived_series_has_its_counts(conn: Connection, stream: int) -> None:
    number = find_number(conn, "hall/hall-1/arrivals")
    assert number is not None
    one = series_outlook(conn, LIVE, number, back=HOUR, score_days=14)
    assert one is not None
    assert (one.named.group, one.named.name_zh, one.step_s, one.values.tolist()) == ("hall", "越秀大厅", 900, [1, 0, 0, 0])
    assert one.measured_at == NOW
    assert find_number(conn, "hall/hall-9/arrivals") is None


def test_where_a_series_stands_is_said_by_its_newest_forecast(conn: Connection, stream: int) -> None:
    write_forecasts(conn, DayPartitions(conn), [a_forecast(stream, minutes_ago=10)])
    standing = find_named(conn, stream, LIVE)
    assert standing is not None
    assert (standing.model, standing.issued_at) == ("naive", NOW - minutes(10))
    all_of_them = service_of_all(conn, LIVE, score_days=14)
    assert all_of_them.standings[stream] == standing
    assert len(all_of_them.standings) == 13
    conn.execute("UPDATE derived_series SET key = 'city/luck' WHERE key = 'city/requests'")
    assert len(service_of_all(conn, LIVE, score_days=14).standings) == 12, "a key of another version is left out"
