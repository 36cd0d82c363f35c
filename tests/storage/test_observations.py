"""Newest values, corrections and series, now and as they were known."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from domain.batches import BatchCounts
from domain.moments import Moment
from domain.observations import Quality
from storage import observations
from storage.connection import Connection, connect
from storage.ingestion import Ingestion
from storage.observations import Series, Value
from tests.support.scenes import NOW, STATION, a_device, a_reading, minutes, stored, stored_by, the_stream

LIVE = Moment.live(NOW)


def _now(conn: Connection, moment: Moment = LIVE) -> list[tuple[float, float]]:
    """(minutes ago, value) of the newest values."""
    return [((NOW - v.phenomenon_time) / minutes(1), v.value) for v in observations.list_values(conn, moment)]


def _known(*, at_minutes_ago: float, known_minutes_ago: float | None = None) -> Moment:
    known_at = None if known_minutes_ago is None else NOW - minutes(known_minutes_ago)
    return Moment.past(NOW - minutes(at_minutes_ago), known_at)


def test_latest_is_latest_measured_not_latest_received(conn: Connection) -> None:
    stored(conn, a_device(), a_reading(41, minutes_ago=2, delay_minutes=0))
    stored(conn, a_reading(40, minutes_ago=5, delay_minutes=4))
    assert _now(conn) == [(2, 41)]
    stored(conn, a_reading(42, minutes_ago=1, delay_minutes=1))
    assert _now(conn) == [(1, 42)]


def test_latest_within_a_batch_is_latest_measured(conn: Connection) -> None:
    stored(conn, a_device(), a_reading(42, minutes_ago=1), a_reading(40, minutes_ago=5), a_reading(41, minutes_ago=3))
    assert _now(conn) == [(1, 42)]


def test_a_value_comes_back_as_it_was_given(conn: Connection) -> None:
    reading = a_reading(40.125, minutes_ago=2, delay_minutes=1, quality=Quality.UNCERTAIN)
    stored(conn, a_device(), reading)
    assert observations.list_values(conn, LIVE) == [
        Value(the_stream(conn), reading.phenomenon_time, reading.received_time, 40.125, Quality.UNCERTAIN)
    ]


@pytest.mark.parametrize("quality", list(Quality))
def test_every_quality_is_kept(conn: Connection, quality: Quality) -> None:
    stored(conn, a_device(), a_reading(40, quality=quality))
    assert observations.list_values(conn, LIVE)[0].quality is quality


def test_a_datastream_that_never_spoke_has_no_value(conn: Connection) -> None:
    stored(conn, a_device())
    assert observations.list_values(conn, LIVE) == []
    assert observations.list_values(conn, Moment.past(NOW)) == []


def test_values_of_one_property_per_service_are_series_of_their_own(conn: Connection) -> None:
    stored(conn, a_reading(12, prop="waiting", item="tax"), a_reading(3, prop="waiting", item="renewal"))
    assert sorted(value for _, value in _now(conn)) == [3, 12]


def test_a_second_value_for_the_same_time_is_a_duplicate(conn: Connection) -> None:
    stored(conn, a_device(), a_reading(40))
    assert stored(conn, a_reading(99)) == BatchCounts(received=1, duplicate=1)
    assert _now(conn) == [(0, 40)]


def test_a_correction_replaces_the_value_and_keeps_the_old_one(conn: Connection) -> None:
    stored(conn, a_device(), a_reading(400, minutes_ago=10))
    assert stored(conn, a_reading(40, minutes_ago=10, delay_minutes=6, corrects=True)) == BatchCounts(received=1, corrected=1)
    assert _now(conn) == [(10, 40)]
    assert conn.execute("SELECT value, received_time, superseded_at FROM observation_superseded").fetchall() == [
        (400, NOW - minutes(10), NOW - minutes(4))
    ]


def test_a_correction_shows_from_the_minute_it_was_known(conn: Connection) -> None:
    stored(conn, a_device(), a_reading(400, minutes_ago=10))
    stored(conn, a_reading(40, minutes_ago=10, delay_minutes=6, corrects=True))
    assert _now(conn, _known(at_minutes_ago=9)) == [(10, 400)]  # as known then
    assert _now(conn, _known(at_minutes_ago=9, known_minutes_ago=5)) == [(10, 400)]
    assert _now(conn, _known(at_minutes_ago=9, known_minutes_ago=4)) == [(10, 40)]  # the minute it came
    assert _now(conn, _known(at_minutes_ago=9, known_minutes_ago=0)) == [(10, 40)]  # as known now


def test_a_value_corrected_twice_shows_each_version_in_its_time(conn: Connection) -> None:
    stored(conn, a_device(), a_reading(1, minutes_ago=10))
    stored(conn, a_reading(2, minutes_ago=10, delay_minutes=2, corrects=True))
    stored(conn, a_reading(3, minutes_ago=10, delay_minutes=4, corrects=True))
    shown = [_now(conn, _known(at_minutes_ago=10, known_minutes_ago=m)) for m in (10, 9, 8, 7, 6, 5)]
    assert [rows[0][1] for rows in shown] == [1, 1, 2, 2, 3, 3]


def test_a_value_corrected_twice_in_one_message_ends_as_the_last_said(conn: Connection) -> None:
    stored(conn, a_device(), a_reading(1, minutes_ago=10))
    twice = [a_reading(v, minutes_ago=10, delay_minutes=2, corrects=True) for v in (2, 3)]
    assert stored(conn, *twice) == BatchCounts(received=2, corrected=2)
    assert _now(conn) == _now(conn, _known(at_minutes_ago=5)) == [(10, 3)]


def test_a_value_said_and_corrected_twice_in_one_message_ends_as_the_last_said(conn: Connection) -> None:
    told = [a_reading(1), a_reading(2, corrects=True), a_reading(3, corrects=True)]
    stored(conn, a_device(), *told)
    assert _now(conn) == _now(conn, _known(at_minutes_ago=0, known_minutes_ago=-1)) == [(0, 3)]
    assert conn.execute("SELECT value FROM observation_superseded ORDER BY received_time").fetchall() == [(1,), (2,)]


def test_eight_corrections_at_once_follow_one_another(conn: Connection, database_url: str) -> None:
    stored(conn, a_device(), a_reading(100, minutes_ago=10))
    ready = Barrier(8)

    def correct(k: int) -> BatchCounts:
        with connect(database_url) as own:
            ingestion = Ingestion(own)
            ready.wait()
            return stored_by(ingestion, a_reading(k, minutes_ago=10, delay_minutes=1 + k / 100, corrects=True))

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(correct, range(8)), BatchCounts()).corrected == 8
    believed = {
        row[0] for row in conn.execute("SELECT value FROM observation UNION ALL SELECT value FROM observation_superseded")
    }
    assert believed == {100, *range(8)}
    assert _now(conn) == _now(conn, Moment.past(NOW))


def test_at_every_moment_one_version_of_a_value_is_believed(conn: Connection) -> None:
    """Also when corrections are written in another order than they were received."""
    stored(conn, a_device(), a_reading(1, minutes_ago=10))
    for value, delay_minutes in ((7, 7), (3, 3), (5, 5)):
        stored(conn, a_reading(value, minutes_ago=10, delay_minutes=delay_minutes, corrects=True))
    known = [_known(at_minutes_ago=10, known_minutes_ago=10 - m) for m in range(11)]
    assert [_now(conn, moment)[0][1] for moment in known] == [1] * 7 + [7] + [5] * 3
    of_the_slot = [
        observations.load_series(conn, [the_stream(conn)], start=NOW - minutes(15), end=NOW, step_s=900, moment=moment)
        for moment in (replace(moment, at=moment.known_at) for moment in known[1:])
    ]
    assert [float(series.values[0, 0]) for series in of_the_slot] == [1] * 6 + [7] + [5] * 3


def test_a_correction_of_a_value_that_never_came_is_the_value(conn: Connection) -> None:
    assert stored(conn, a_device(), a_reading(40, corrects=True)) == BatchCounts(received=2, stored=2)
    assert _now(conn) == [(0, 40)]


def test_a_correction_that_changes_nothing_is_a_duplicate(conn: Connection) -> None:
    stored(conn, a_device(), a_reading(40, minutes_ago=1))
    assert stored(conn, a_reading(40, minutes_ago=1, delay_minutes=1, corrects=True)) == BatchCounts(received=1, duplicate=1)
    assert conn.execute("SELECT FROM observation_superseded").fetchall() == []


def test_a_correction_of_an_old_value_leaves_the_newest_alone(conn: Connection) -> None:
    stored(conn, a_device(), a_reading(400, minutes_ago=10), a_reading(41, minutes_ago=1))
    stored(conn, a_reading(40, minutes_ago=10, delay_minutes=9.5, corrects=True))
    assert _now(conn) == [(1, 41)]


def test_the_past_is_shown_as_it_was_known_then(conn: Connection) -> None:
    stored(conn, a_device(), a_reading(40, minutes_ago=20), a_reading(41, minutes_ago=10, delay_minutes=5))
    assert _now(conn, _known(at_minutes_ago=8)) == [(20, 40)]  # 41 was measured but had not come
    assert _now(conn, _known(at_minutes_ago=8, known_minutes_ago=0)) == [(10, 41)]
    assert _now(conn, _known(at_minutes_ago=5)) == [(10, 41)]
    assert _now(conn, _known(at_minutes_ago=30)) == []


def test_as_known_now_agrees_with_live(conn: Connection) -> None:
    stored(conn, a_device(), *(a_reading(k, minutes_ago=k) for k in range(5)))
    stored(conn, a_reading(9, minutes_ago=1, delay_minutes=1, corrects=True), a_reading(8, minutes_ago=30, delay_minutes=30))
    assert observations.list_values(conn, LIVE) == observations.list_values(conn, Moment.past(NOW))


def test_a_value_from_a_clock_that_runs_ahead_is_shown_live_and_in_the_past(conn: Connection) -> None:
    stored(conn, a_device(), a_reading(40, minutes_ago=9), a_reading(41, minutes_ago=-3, delay_minutes=-3))
    assert _now(conn) == _now(conn, Moment.past(NOW)) == [(-3, 41)]
    assert _now(conn, _known(at_minutes_ago=1, known_minutes_ago=0)) == [(9, 40)]


def _series(conn: Connection, moment: Moment = LIVE, *, hours: int = 1) -> Series:
    start = NOW - minutes(60 * hours)
    return observations.load_series(conn, [the_stream(conn)], start=start, end=NOW, step_s=900, moment=moment)


def test_a_series_holds_the_mean_of_each_slot_and_nan_where_nothing_was_measured(conn: Connection) -> None:
    stored(conn, a_device(), *(a_reading(v, minutes_ago=m) for v, m in [(10, 60), (20, 50), (30, 46), (7, 30), (8, 15)]))
    series = _series(conn)
    assert_array_equal(series.values, [[20, np.nan, 7, 8]])  # slots from 60, 45, 30 and 15 minutes ago
    assert series.watermark == NOW - minutes(15)
    assert (series.start, series.step_s) == (NOW - minutes(60), 900)


def test_a_series_counts_only_usable_values(conn: Connection) -> None:
    said = [(10, Quality.GOOD), (20, Quality.SIMULATED), (30, Quality.BACKFILLED), (999, Quality.BAD), (888, Quality.UNCERTAIN)]
    stored(conn, a_device(), *(a_reading(v, minutes_ago=10 + k, quality=q) for k, (v, q) in enumerate(said)))
    for moment in (LIVE, Moment.past(NOW)):
        assert_array_equal(_series(conn, moment).values, [[np.nan, np.nan, np.nan, 20]])


def test_a_series_begins_with_its_first_instant_and_ends_before_its_last(conn: Connection) -> None:
    stored(conn, a_device(), *(a_reading(m, minutes_ago=m) for m in (61, 60, 0)))
    assert_array_equal(_series(conn).values, [[60, np.nan, np.nan, np.nan]])


def test_a_series_as_known_has_neither_late_values_nor_later_corrections(conn: Connection) -> None:
    stored(conn, a_device(), a_reading(400, minutes_ago=50), a_reading(20, minutes_ago=30, delay_minutes=25))
    stored(conn, a_reading(40, minutes_ago=50, delay_minutes=45, corrects=True))
    assert_array_equal(_series(conn, _known(at_minutes_ago=10)).values, [[400, np.nan, np.nan, np.nan]])
    as_known_now = _series(conn, _known(at_minutes_ago=10, known_minutes_ago=0))
    assert_array_equal(as_known_now.values, [[40, np.nan, 20, np.nan]])
    assert_array_equal(as_known_now.values, _series(conn).values)


def test_a_series_does_not_look_beyond_the_moment(conn: Connection) -> None:
    stored(conn, a_device(), a_reading(10, minutes_ago=40), a_reading(20, minutes_ago=20))
    series = _series(conn, _known(at_minutes_ago=30, known_minutes_ago=0))
    assert_array_equal(series.values, [[np.nan, 10, np.nan, np.nan]])
    assert series.watermark == NOW - minutes(40)


def test_series_of_several_datastreams_keep_their_order(conn: Connection) -> None:
    other = STATION.replace("air-1", "air-2")
    stored(conn, a_reading(1, minutes_ago=10), a_reading(2, minutes_ago=10, device_id=other))
    asked = [the_stream(conn, other), the_stream(conn)]
    series = observations.load_series(conn, asked, start=NOW - minutes(15), end=NOW, step_s=900, moment=LIVE)
    assert_array_equal(series.values, [[2], [1]])
    assert series.datastream_ids == tuple(asked)


def test_a_series_of_nothing_is_all_nan(conn: Connection) -> None:
    stored(conn, a_device())
    series = _series(conn)
    assert series.values.shape == (1, 4)
    assert np.isnan(series.values).all()
    assert series.watermark is None


def test_a_correction_of_rolled_history_is_found_however_far_back(conn: Connection) -> None:
    ingestion = Ingestion(conn)
    day = 24 * 60
    stored_by(ingestion, a_device(), a_reading(400, minutes_ago=3 * day))
    assert _now(conn, _known(at_minutes_ago=3 * day)) == [(3 * day, 400)]
    stored_by(ingestion, a_reading(40, minutes_ago=3 * day, delay_minutes=2 * day, corrects=True))
    assert _now(conn, _known(at_minutes_ago=day + 1)) == [(3 * day, 400)]
    assert _now(conn, _known(at_minutes_ago=day)) == [(3 * day, 40)]
