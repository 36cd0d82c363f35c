"""Waits ahead and profiles in the memory: as issued, the newest of them, why there is none, scores that count once."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import timedelta

from domain.derived import Derived, Measure
from domain.moments import Moment
from storage import profiles, waits
from storage.connection import Connection, connect
from storage.derived import list_derived, register_derived
from storage.forecasts import write_forecasts
from storage.partitions import DayPartitions
from storage.profiles import StoredProfile
from storage.waits import StoredCalibration, WaitForecast, WaitScore
from tests.support.halls import a_visit
from tests.support.scenes import NOW, a_forecast, minutes, stored

LEADS = (0, 900)


def a_wait(
    item: str = "", minute: float = 0, hall_id: str = "hall-1", *, p90_s: float = 600.0, basis: str = "simulation"
) -> WaitForecast:
    rows = [(value, value) for value in (60.0, 300.0, p90_s, 0.1, 50.0, 300.0, 500.0)]
    at = NOW + minutes(minute)
    return WaitForecast(hall_id, item, at, at, basis, LEADS, *rows)


def live(minute: float) -> Moment:
    return Moment.live(NOW + minutes(minute))


def test_a_forecast_of_waits_is_read_as_it_was_issued_and_never_rewritten(conn: Connection) -> None:
    closed = replace(a_wait("tax"), p90_s=(math.inf, math.nan))
    waits.write_wait_forecasts(conn, [a_wait(), closed])
    waits.write_wait_forecasts(conn, [a_wait(p90_s=9.0)])
    whole, tax = waits.newest_wait_forecasts(conn, live(1))
    assert whole == a_wait()
    assert tax.p90_s[0] == math.inf
    assert math.isnan(tax.p90_s[1])


def test_the_newest_of_each_hall_stands_for_an_hour_or_until_there_is_a_reason_why_not(conn: Connection) -> None:
    waits.write_wait_forecasts(conn, [a_wait("tax"), a_wait(minute=5), a_wait(hall_id="hall-2")])
    found = waits.newest_wait_forecasts(conn, live(10))
    assert [(f.hall_id, f.item) for f in found] == [("hall-1", ""), ("hall-2", "")], "tax is of an older issue"
    assert [f.hall_id for f in waits.newest_wait_forecasts(conn, live(61))] == ["hall-1"]
    assert waits.newest_wait_forecasts(conn, Moment.live(NOW - minutes(1))) == []
    assert waits.newest_wait_issues(conn, NOW + minutes(10)) == {"hall-1": NOW + minutes(5), "hall-2": NOW}
    waits.write_wait_forecasts(conn, [a_wait(minute=12, basis="closed")])
    assert [f.hall_id for f in waits.newest_wait_forecasts(conn, live(13))] == ["hall-2"]
    assert [waits.find_wait_reason(conn, hall_id, live(13)) for hall_id in ("hall-1", "hall-2", "hall-3")] == [
        "closed",
        None,
        None,
    ]
    kept = waits.list_wait_forecasts(conn, "hall-1", NOW - minutes(1), NOW + minutes(20))
    assert [(f.item, f.basis) for f in kept] == [("tax", "simulation"), ("", "simulation")]
    with_reasons = waits.list_wait_forecasts(conn, "hall-1", NOW, NOW + minutes(20), items=[""], with_reasons=True)
    assert [f.basis for f in with_reasons] == ["simulation", "closed"]
    assert waits.delete_wait_forecasts(conn, NOW + minutes(1)) == 2


def test_scores_add_up_and_a_judgement_counts_once(conn: Connection) -> None:
    """Of two who judge from the same moment on the second finds that somebody was quicker."""
    score = WaitScore("tax", 900, 10, 8, 1, 600.0, 900.0)
    first, second = (StoredCalibration(NOW + minutes(k), [[1, 900, -1.0, 1.2, 10 * k]]) for k in (1, 2))
    assert waits.write_judgement(conn, "hall-1", NOW.date(), first, [score], since=None)
    assert not waits.write_judgement(conn, "hall-1", NOW.date(), first, [score], since=None)
    assert waits.list_wait_scores(conn, "hall-1", NOW.date()) == [score]
    assert waits.write_judgement(conn, "hall-1", NOW.date(), second, [score], since=first.judged_until)
    assert waits.list_wait_scores(conn, "hall-1", NOW.date()) == [WaitScore("tax", 900, 20, 16, 2, 1_200.0, 1_800.0)]
    assert waits.list_wait_scores(conn, "hall-1", NOW.date() + timedelta(days=1)) == []
    assert waits.list_calibrations(conn) == {"hall-1": second}


def test_profiles_are_kept_for_some_nights_and_read_as_known_then(conn: Connection) -> None:
    for night in range(5):
        at = NOW + timedelta(days=night)
        profiles.write_profile(conn, StoredProfile("hall-1", at, NOW, night, {"n_days": night}), kept=3)
    assert profiles.newest_profiles(conn, live(10 * 24 * 60))["hall-1"].content == {"n_days": 4}
    assert profiles.newest_profiles(conn, live(3.5 * 24 * 60), hall_id="hall-1")["hall-1"].content == {"n_days": 3}
    assert profiles.newest_profiles(conn, live(1.5 * 24 * 60)) == {}, "older ones are gone"


def test_of_two_connections_one_looks_after_the_halls(conn: Connection, database_url: str) -> None:
    assert profiles.hold_halls(conn)
    with connect(database_url) as other:
        assert not profiles.hold_halls(other)


def test_arrivals_are_foreseen_by_hall_and_item(conn: Connection) -> None:
    stored(conn, *a_visit("A1", -60, -50, -49, -40))
    register_derived(conn, NOW, since=NOW - timedelta(days=1))
    numbers = {row.derived: row.series_id for row in list_derived(conn)}
    of_tax, of_all = (numbers[Derived(Measure.ARRIVALS, "hall-1", item)] for item in ("tax", ""))
    made = [a_forecast(number, minutes_ago=5, median=7) for number in (of_tax, of_all)]
    write_forecasts(conn, DayPartitions(conn), made)
    found = waits.list_arrival_forecasts(conn, live(0), since=NOW - minutes(60))
    assert found.keys() == {"hall-1"}
    assert {item: forecast.q50[0] for item, forecast in found["hall-1"].items()} == {"tax": 7, "": 7}
    assert waits.list_arrival_forecasts(conn, live(0), since=NOW) == {}
