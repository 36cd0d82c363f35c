"""Forecasts: stored as issued, never rewritten, read as known at a moment."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from domain.forecasts import Forecast
from domain.moments import Moment
from domain.warnings import WarningLevel, WarningSource
from storage import forecasts
from storage.connection import Connection
from storage.forecasts import Issue
from storage.partitions import DayPartitions
from storage.warnings import open_warning
from tests.support.scenes import NOW, STATION, a_device, a_forecast, a_reading, a_rule, minutes, stored, the_stream


@pytest.fixture
def stream(conn: Connection) -> int:
    stored(conn, a_device())
    return the_stream(conn)


def _write(conn: Connection, *told: Forecast) -> int:
    return forecasts.write_forecasts(conn, DayPartitions(conn), told)


def test_a_forecast_comes_back_as_it_was_issued(conn: Connection, stream: int) -> None:
    forecast = replace(a_forecast(stream), fallback_reason="too little history")
    assert _write(conn, forecast) == 1
    assert forecasts.find_forecast(conn, stream, Moment.live(NOW)) == forecast
    assert forecasts.list_forecasts(conn, ["pm25"], Moment.live(NOW)) == [forecast]
    assert forecasts.newest_issue(conn, NOW) == NOW


def test_a_forecast_once_issued_is_never_rewritten(conn: Connection, stream: int) -> None:
    _write(conn, a_forecast(stream, median=50))
    assert _write(conn, a_forecast(stream, median=99), a_forecast(stream, minutes_ago=-1, median=60)) == 1
    assert forecasts.find_forecast(conn, stream, Moment.live(NOW)) == a_forecast(stream, median=50)


def test_the_newest_forecast_issued_by_the_moment_is_shown(conn: Connection, stream: int) -> None:
    older, newer = a_forecast(stream, minutes_ago=20, median=40), a_forecast(stream, minutes_ago=5, median=50)
    _write(conn, newer, older)
    assert forecasts.find_forecast(conn, stream, Moment.live(NOW)) == newer
    assert forecasts.find_forecast(conn, stream, Moment.past(NOW - minutes(6))) == older
    assert forecasts.find_forecast(conn, stream, Moment.past(NOW - minutes(21))) is None
    assert forecasts.list_forecasts(conn, ["pm25"], Moment.past(NOW - minutes(6))) == [older]


def test_a_forecast_whose_last_target_has_passed_is_not_shown(conn: Connection, stream: int) -> None:
    _write(conn, a_forecast(stream, minutes_ago=46))  # targets 46, 31, 16 and 1 minutes ago
    assert forecasts.find_forecast(conn, stream, Moment.live(NOW)) is None
    assert forecasts.find_forecast(conn, stream, Moment.past(NOW - minutes(1))) is not None


def test_forecasts_are_listed_by_property_one_per_series(conn: Connection, stream: int) -> None:
    other = STATION.replace("air-1", "air-2")
    stored(conn, a_reading(1, device_id=other), a_reading(2, prop="pm10"))
    told = [a_forecast(the_stream(conn, other), minutes_ago=3), a_forecast(stream, minutes_ago=9), a_forecast(stream)]
    _write(conn, *told, a_forecast(the_stream(conn, prop="pm10")))
    listed = forecasts.list_forecasts(conn, ["pm25"], Moment.live(NOW))
    assert sorted(listed, key=lambda f: f.issued_at) == [told[0], told[2]]
    assert forecasts.list_forecasts(conn, [], Moment.live(NOW)) == []


def test_a_forecast_older_than_a_day_is_not_listed(conn: Connection, stream: int) -> None:
    _write(conn, a_forecast(stream, minutes_ago=24 * 60 + 1))
    assert forecasts.list_forecasts(conn, ["pm25"], Moment.live(NOW)) == []


def test_forecast_values_are_one_row_a_target(conn: Connection, stream: int) -> None:
    _write(conn, a_forecast(stream, median=50, steps=3))
    rows = conn.execute("SELECT target_time, q10, q50, q90 FROM forecast_value ORDER BY target_time").fetchall()
    assert rows == [(NOW + minutes(15 * k), 40, 50, 60) for k in range(3)]
    assert [row[0] for row in rows] == list(a_forecast(stream, steps=3).target_times)


def test_there_is_no_newest_issue_before_the_first(conn: Connection) -> None:
    assert forecasts.newest_issue(conn, NOW) is None


def test_the_newest_issue_is_looked_for_within_a_day(conn: Connection, stream: int) -> None:
    _write(conn, a_forecast(stream, minutes_ago=30), a_forecast(stream, minutes_ago=20))
    assert forecasts.newest_issue(conn, NOW) == NOW - minutes(20)
    assert forecasts.newest_issue(conn, NOW - minutes(25)) == NOW - minutes(30)
    assert forecasts.newest_issue(conn, NOW + minutes(24 * 60 - 20)) is None


def test_each_series_knows_when_it_was_last_forecast_and_by_whom(conn: Connection, stream: int) -> None:
    _write(conn, a_forecast(stream, minutes_ago=20), replace(a_forecast(stream, minutes_ago=5), fallback_reason="gaps"))
    assert forecasts.newest_issues(conn, since=NOW - minutes(60)) == {stream: Issue(NOW - minutes(5), "naive", "gaps")}
    assert forecasts.newest_issues(conn, since=NOW - minutes(5)) == {}


def test_of_an_old_day_one_issue_in_six_hours_is_kept_and_what_warnings_rest_on(conn: Connection, stream: int) -> None:
    day = NOW.replace(hour=0, minute=0, second=0, microsecond=0)
    issues = [day + minutes(15 * k) for k in range(-4, 100)]
    _write(conn, *(replace(a_forecast(stream), issued_at=at) for at in issues))
    rests_on = day + minutes(7 * 60)
    open_warning(
        conn, replace(a_rule(), source=WarningSource.FORECAST, horizon_s=3600.0), WarningLevel.YELLOW, identifier="w-1",
        object_id=str(stream), device_id=STATION, now=NOW, evidence={"issued_at": rests_on.isoformat()},
    )  # fmt: skip
    assert forecasts.thin_forecasts(conn, day, every=timedelta(hours=6)) == 96 - 5
    kept = [row[0] for row in conn.execute("SELECT issued_at FROM forecast ORDER BY 1")]
    assert [at for at in kept if day <= at < day + timedelta(days=1)] == [
        day, day + timedelta(hours=6), rests_on, day + timedelta(hours=12), day + timedelta(hours=18)
    ]  # fmt: skip
    assert len(kept) == 5 + 8, "other days are whole"
    assert forecasts.thin_forecasts(conn, day, every=timedelta(hours=6)) == 0
