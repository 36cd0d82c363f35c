"""Scores: what stored forecasts said of a target, and their errors added up exactly once."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from domain.forecasts import Rival
from domain.scores import ScoreKey, Tally
from storage.connection import Connection
from storage.forecasts import write_forecasts
from storage.partitions import DayPartitions
from storage.scores import (
    add_scores,
    delete_rivals,
    list_scores,
    list_told,
    oldest_target,
    scored_until,
    write_rivals,
)
from tests.support.scenes import NOW, a_device, a_forecast, minutes, stored, the_stream

HOUR = timedelta(hours=1)
KEY = ScoreKey(7, NOW.date(), 1, "naive")


@pytest.fixture
def stream(conn: Connection) -> int:
    stored(conn, a_device())
    return the_stream(conn)


def test_the_newest_forecast_that_was_early_enough_counts(conn: Connection, stream: int) -> None:
    told = [a_forecast(stream, minutes_ago=m, median=m, steps=8) for m in (90, 60, 30)]
    write_forecasts(conn, DayPartitions(conn), told)
    found = list_told(conn, [stream, 99], NOW, 900, HOUR, within=HOUR)
    assert (found.series_ids.tolist(), list(found.models)) == ([stream], ["naive"])
    np.testing.assert_array_equal(found.quantiles, [[np.nan, 50, 60, 70, np.nan]])
    assert len(list_told(conn, [stream], NOW, 900, 2 * HOUR, within=HOUR).models) == 0, "none was issued so long before"
    assert len(list_told(conn, [stream], NOW + minutes(45), 900, HOUR, within=HOUR).models) == 1
    assert len(list_told(conn, [stream], NOW + minutes(90), 900, 2 * HOUR, within=HOUR).models) == 0, "beyond its last target"


def test_a_day_ahead_is_the_last_slot_of_a_day_s_forecast(conn: Connection, stream: int) -> None:
    """Issued three minutes after the boundary from which on it looks ahead, as the readings have to be in."""
    told = replace(a_forecast(stream, minutes_ago=0, steps=96), issued_at=NOW + minutes(3))
    write_forecasts(conn, DayPartitions(conn), [told])
    for target, n in ((NOW + 23.75 * HOUR, 1), (NOW + 23.5 * HOUR, 0)):
        assert len(list_told(conn, [stream], target, 900, 24 * HOUR, within=HOUR).models) == n


def test_wider_quantiles_come_back_where_they_were_given(conn: Connection, stream: int) -> None:
    forecast = a_forecast(stream, minutes_ago=60, median=50, steps=8)
    forecast = replace(forecast, q05=tuple(v - 15 for v in forecast.q50), q95=tuple(v + 15 for v in forecast.q50))
    write_forecasts(conn, DayPartitions(conn), [forecast])
    assert list_told(conn, [stream], NOW, 900, HOUR, within=HOUR).quantiles.tolist() == [[35, 40, 50, 60, 65]]


def test_rivals_are_told_by_model_and_forgotten(conn: Connection, stream: int) -> None:
    write_rivals(
        conn, [Rival(stream, NOW - HOUR, m, "1", NOW - HOUR, 900, (1.0, 2.0, 3.0, 4.0, v)) for m, v in (("a", 5.0), ("b", 6.0))]
    )
    found = list_told(conn, [stream], NOW, 900, HOUR, within=HOUR, is_rival=True)
    assert dict(zip(found.models, found.quantiles[:, 2].tolist(), strict=True)) == {"a": 5.0, "b": 6.0}
    assert delete_rivals(conn, NOW) == 2


def test_errors_are_added_up_once(conn: Connection) -> None:
    once = Tally(4, 8.0, 4, 8.0, 16.0, 4, 3, 4, 4)
    assert scored_until(conn, 900) is None
    assert add_scores(conn, {KEY: once}, 900, since=None, until=NOW)
    assert not add_scores(conn, {KEY: once}, 900, since=None, until=NOW), "somebody else has scored them"
    assert add_scores(conn, {KEY: once}, 900, since=NOW, until=NOW + HOUR)
    (row,) = list_scores(conn, since=NOW.date())
    assert (row.series_id, row.model, row.lead_h, row.tally) == (7, "naive", 1, Tally(8, 16.0, 8, 16.0, 32.0, 8, 6, 8, 8))
    assert (row.tally.mean_error, row.tally.against_reference, row.tally.coverage_80, row.tally.coverage_90) == (2, 0.5, 0.75, 1)
    assert scored_until(conn, 900) == NOW + HOUR


def test_nothing_scored_has_no_figures() -> None:
    assert (Tally().mean_error, Tally().against_reference, Tally().coverage_80, Tally().coverage_90) == (None,) * 4


def test_rivals_and_other_days_stay_apart(conn: Connection) -> None:
    old = KEY._replace(day=NOW.date() - timedelta(days=20))
    add_scores(conn, {KEY: Tally(1), KEY._replace(is_rival=True): Tally(2), old: Tally(3)}, 900, since=None, until=NOW)
    assert [row.tally.n for row in list_scores(conn, since=NOW.date())] == [1]
    assert [row.tally.n for row in list_scores(conn, since=NOW.date(), is_rival=True)] == [2]
    assert [row.tally.n for row in list_scores(conn, since=old.day, series_id=7)] == [4]
    assert list_scores(conn, since=old.day, series_id=8) == []


def test_scoring_begins_with_the_oldest_forecast(conn: Connection, stream: int) -> None:
    write_forecasts(conn, DayPartitions(conn), [a_forecast(stream, minutes_ago=30), a_forecast(stream, minutes_ago=90)])
    assert oldest_target(conn, 900, since=NOW - 4 * HOUR) == NOW - minutes(90)
    assert oldest_target(conn, 900, since=NOW - HOUR) == NOW - minutes(30)
    assert oldest_target(conn, 3600, since=NOW - 4 * HOUR) is None
