"""Anomalies: stored once, listed by series, lane and time, ended when nothing is odd any more."""

from __future__ import annotations

from datetime import timedelta

import pytest

from domain.anomalies import Anomaly, Lane, Oddity
from storage.anomalies import count_anomalies, end_anomalies, list_anomalies, list_open_series, write_anomalies
from storage.connection import Connection
from tests.support.scenes import NOW, minutes

DAY = timedelta(days=1)


def an_anomaly(series_id: int = 7, cause: Oddity = Oddity.UNUSUAL_HOUR, minutes_ago: float = 5) -> Anomaly:
    time = NOW - minutes(minutes_ago)
    return Anomaly(series_id, time, time - minutes(10), cause, 9.7, 2.4, 4.0, 0.95, (("ratio", 2.0),))


@pytest.fixture
def some(conn: Connection) -> list[Anomaly]:
    told = [an_anomaly(), an_anomaly(cause=Oddity.STUCK, minutes_ago=30), an_anomaly(8, minutes_ago=60)]
    assert write_anomalies(conn, told) == 3
    return told


def test_an_anomaly_comes_back_as_it_was_found_and_is_stored_once(conn: Connection, some: list[Anomaly]) -> None:
    assert write_anomalies(conn, some) == 0
    assert write_anomalies(conn, []) == 0
    assert [row.anomaly for row in list_anomalies(conn, since=NOW - DAY, until=NOW)] == some


def test_anomalies_are_listed_by_series_lane_and_time(conn: Connection, some: list[Anomaly]) -> None:
    def found(**of: object) -> list[Anomaly]:
        return [row.anomaly for row in list_anomalies(conn, **{"since": NOW - DAY, "until": NOW, **of})]  # type: ignore[arg-type]

    assert found(series_id=7) == some[:2]
    assert found(lane=Lane.QUALITY.value) == [some[1]]
    assert found(since=NOW - minutes(10)) == [some[0]]
    assert found(until=NOW - minutes(30)) == some[1:]
    assert found(limit=1) == [some[0]]
    assert count_anomalies(conn, since=NOW - DAY) == {"insight": 2, "quality": 1}


def test_what_is_over_is_noted_once(conn: Connection, some: list[Anomaly]) -> None:
    assert list_open_series(conn, since=NOW - DAY) == {7, 8}
    assert end_anomalies(conn, [7], NOW) == 2
    assert end_anomalies(conn, [7], NOW + minutes(5)) == 0
    assert list_open_series(conn, since=NOW - DAY) == {8}
    assert [row.ended_at for row in list_anomalies(conn, since=NOW - DAY, until=NOW, series_id=7)] == [NOW, NOW]


def test_a_cause_of_another_version_is_left_out(conn: Connection, some: list[Anomaly]) -> None:
    conn.execute("UPDATE anomaly SET cause = 'whim' WHERE series_id = 8")
    assert [row.anomaly for row in list_anomalies(conn, since=NOW - DAY, until=NOW)] == some[:2]
