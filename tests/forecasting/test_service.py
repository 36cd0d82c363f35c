"""The forecaster at a real database: what is due, once, and not before its time."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import chain
from threading import Event, Thread
from time import monotonic
from typing import Any

import numpy as np
import pytest

from domain.anomalies import Oddity
from domain.derived import CITY
from domain.forecasts import Forecast
from domain.moments import Moment
from domain.observations import PropertySpec, Reading
from domain.scores import ScoreKey, Tally
from domain.warnings import WarningSource
from forecasting.jury import CONTEST_BEGINS
from forecasting.reader import READ_AGAIN
from forecasting.service import BATCH, Forecaster, run
from forecasting.workshop import Workshop
from storage.anomalies import list_anomalies
from storage.champions import find_champion, find_state
from storage.connection import Connection
from storage.devices import list_datastreams
from storage.forecasts import find_forecast, write_forecasts
from storage.outlook import find_number
from storage.partitions import DayPartitions
from storage.rules import seed_rules
from storage.scores import add_scores, list_scores, scored_until
from tests.forecasting.arrivals import SHANGHAI, office_arrivals
from tests.support.scenes import NOW, STATION, a_device, a_forecast, a_reading, a_rule, minutes, stored, the_stream

STEP_S = 900


def a_forecaster(stop: Event | None = None, issue_s: int = STEP_S) -> Forecaster:
    return Forecaster(horizon_s=6 * 3600, step_s=STEP_S, issue_s=issue_s, history_days=28, stop=stop or Event())


def quarter_hours(n_hours: float, device_id: str = STATION) -> list[Reading]:
    """A saw of 20 … 43 over the day, a value every quarter of an hour until NOW, with a tremble that no model knows."""
    n = int(n_hours * 4)
    return [a_reading(20 + (k // 4) % 24 + (k * 7919 % 13) / 13, minutes_ago=15 * (n - k), device_id=device_id) for k in range(n)]


def beyond_reckoning(device_id: str) -> list[Reading]:
    """Three hours of values whose sum, three a slot, no number of the database holds."""
    return [a_reading(1.7e308, minutes_ago=5 * k, device_id=device_id) for k in range(1, 37)]


def the_forecast(conn: Connection, at: datetime = NOW, device_id: str = STATION) -> Forecast:
    found = find_forecast(conn, the_stream(conn, device_id), Moment.live(at))
    assert found is not None
    return found


def n_forecasts(conn: Connection) -> int:
    row = conn.execute("SELECT count(*) FROM forecast WHERE datastream_id > 0").fetchone()
    assert row is not None
    return int(row[0])


def test_a_series_is_forecast_as_soon_as_it_is_known(conn: Connection) -> None:
    stored(conn, a_device(interval_s=900), *quarter_hours(72))
    figures = a_forecaster().tick(conn, NOW + minutes(1))
    made = the_forecast(conn, NOW + minutes(1))
    assert (made.model, made.fallback_reason) == ("combination", "")
    assert made.issued_at == NOW + minutes(1)
    assert made.first_target == NOW
    assert made.watermark == NOW - minutes(15)
    assert len(made.q10) == len(made.q50) == len(made.q90) == 24
    assert made.q50[20] == pytest.approx(25, abs=4), "five hours after the saw fell to 20"
    assert {k: figures[k] for k in ("series", "forecasts", "fallbacks", "combination", "waiting")} == {
        "series": 1, "forecasts": 1, "fallbacks": 0, "combination": 1, "waiting": 0,
    }  # fmt: skip


def test_a_slot_is_forecast_once_and_the_next_when_its_readings_are_in(conn: Connection) -> None:
    stored(conn, a_device(interval_s=900), *quarter_hours(72))
    forecaster = a_forecaster()
    for now in (NOW + minutes(1), NOW + minutes(2), NOW + minutes(15), NOW + minutes(15.05)):
        forecaster.tick(conn, now)
    assert n_forecasts(conn) == 1
    forecaster.tick(conn, NOW + minutes(15.1))
    assert n_forecasts(conn) == 2


def test_series_that_no_rule_watches_take_turns(conn: Connection) -> None:
    devices = [f"440106/environment/north/air-{k}" for k in range(4)]
    stored(conn, *chain.from_iterable((a_device(d, interval_s=900), *quarter_hours(72, d)) for d in devices))
    forecaster = a_forecaster(issue_s=3600)
    forecaster.tick(conn, NOW + minutes(1))
    done = [n_forecasts(conn)]
    for quarter in range(1, 6):
        forecaster.tick(conn, NOW + minutes(15 * quarter + 0.1))
        done.append(n_forecasts(conn))
    assert done == [4, 5, 6, 7, 8, 9]


def test_a_series_that_a_rule_judges_by_its_forecast_is_forecast_every_slot(conn: Connection) -> None:
    seed_rules(conn, [replace(a_rule(), source=WarningSource.FORECAST, horizon_s=3600.0)], now=NOW)
    stored(conn, a_device(interval_s=900), *quarter_hours(72))
    forecaster = a_forecaster(issue_s=3600)
    for quarter in range(4):
        forecaster.tick(conn, NOW + minutes(15 * quarter + 0.1))
    assert n_forecasts(conn) == 4


def test_a_forecast_of_the_past_knows_what_was_known_then(conn: Connection) -> None:
    late = [a_reading(500, minutes_ago=24 * 60 + 15 * k, delay_minutes=48 * 60) for k in range(1, 49)]
    stored(conn, a_device(interval_s=900), *late, *[r for r in quarter_hours(96) if r.phenomenon_time < late[-1].phenomenon_time])
    then = NOW - minutes(24 * 60)
    assert a_forecaster().issue_as_of(conn, list_datastreams(conn), then) == 1
    made = the_forecast(conn, then)
    assert made.issued_at == then
    assert max(made.q50) < 50, "the half day of 500 had not been received"


def test_a_restart_repeats_nothing(conn: Connection) -> None:
    stored(conn, a_device(interval_s=900), *quarter_hours(72))
    a_forecaster().tick(conn, NOW + minutes(1))
    figures = a_forecaster().tick(conn, NOW + minutes(2))
    assert n_forecasts(conn) == 1
    assert figures["forecasts"] == 1


def test_without_values_nothing_is_foreseen(conn: Connection) -> None:
    stored(conn, a_device())
    figures = a_forecaster().tick(conn, NOW)
    assert n_forecasts(conn) == 0
    assert (figures["series"], figures["forecasts"]) == (1, 0)


def test_back_fill_is_noticed_before_the_slot_is_over(conn: Connection) -> None:
    forecaster = a_forecaster()
    stored(conn, a_device(interval_s=900), *quarter_hours(3))
    forecaster.tick(conn, NOW + minutes(1))
    assert the_forecast(conn, NOW + minutes(1)).fallback_reason == "short_history have_h=3 model=seasonal_naive need_h=30"
    stored(conn, *quarter_hours(72))
    forecaster.tick(conn, NOW + minutes(1.4))
    assert n_forecasts(conn) == 1, "not before the pause is over"
    forecaster.tick(conn, NOW + minutes(1.6))
    assert the_forecast(conn, NOW + minutes(1.6)).model == "combination"


def test_a_fallback_is_not_issued_twice_for_a_slot(conn: Connection) -> None:
    stored(conn, a_device(interval_s=900), *quarter_hours(3))
    forecaster = a_forecaster()
    for k in range(6):
        forecaster.tick(conn, NOW + minutes(1 + k))
    assert n_forecasts(conn) == 1


def test_a_device_that_speaks_hourly_is_forecast_by_the_hour(conn: Connection) -> None:
    hourly = [a_reading(20 + k % 24 + (k * 7919 % 13) / 13, minutes_ago=60 * (72 - k)) for k in range(72)]
    stored(conn, a_device(interval_s=3600), *hourly)
    a_forecaster().tick(conn, NOW + minutes(20))
    made = the_forecast(conn, NOW + minutes(20))
    assert (made.step_s, len(made.q50), made.model) == (3600, 6, "combination")


def test_water_may_be_below_zero_and_dust_may_not(conn: Connection) -> None:
    properties = (PropertySpec("pm25", "ug/m3"), PropertySpec("waterLevel", "m"))
    falling = [[a_reading(3 - k / 10, minutes_ago=15 * (30 - k), prop=p) for k in range(30)] for p in ("pm25", "waterLevel")]
    stored(conn, a_device(interval_s=900, properties=properties), *[r for readings in falling for r in readings])
    a_forecaster().tick(conn, NOW)
    dust, water = (find_forecast(conn, the_stream(conn, prop=p), Moment.live(NOW)) for p in ("pm25", "waterLevel"))
    assert dust is not None
    assert water is not None
    assert min(dust.q10) == 0
    assert min(water.q10) < 0


def test_told_to_stop_it_leaves_the_rest_for_the_next_start(conn: Connection) -> None:
    devices = [f"440106/environment/north/air-{k}" for k in range(BATCH + 1)]
    stored(conn, *(a_device(d, interval_s=900) for d in devices))
    stop = Event()
    stop.set()
    assert a_forecaster(stop).tick(conn, NOW)["waiting"] == BATCH + 1
    assert a_forecaster().tick(conn, NOW)["waiting"] == 0


def test_the_process_stops_when_told(database_url: str, conn: Connection) -> None:
    stop = Event()
    process = Thread(
        target=run,
        args=(database_url,),
        kwargs={"horizon_s": 3600, "step_s": 900, "issue_s": 900, "history_days": 2, "stop": stop},
    )
    process.start()
    deadline = monotonic() + 10
    while conn.execute("SELECT FROM process_heartbeat WHERE process = 'forecaster'").fetchone() is None:
        assert monotonic() < deadline, "the forecaster never beat its heart"
        process.join(0.05)
    stop.set()
    process.join(5)
    assert not process.is_alive()


def test_a_series_that_the_database_cannot_hold_does_not_stop_the_others(
    conn: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    """Its values are beyond what can be averaged in 8 bytes."""
    other = STATION.replace("air-1", "air-2")
    stored(conn, a_device(interval_s=900), *quarter_hours(3), a_device(other, interval_s=900), *beyond_reckoning(other))
    forecaster = a_forecaster()
    for later in (1, 1.1, 16):
        forecaster.tick(conn, NOW + minutes(later))
        assert the_forecast(conn, NOW + minutes(later)).issued_at == NOW + minutes(16 if later == 16 else 1)
    said = [record.message for record in caplog.records if "cannot be forecast" in record.message]
    assert len(said) == 1, "named once, though it is tried again at the next slot"
    assert said[0].startswith(f"pm25 of {other} cannot be forecast (value out of range: overflow): expected values that fit")


def test_a_series_at_fault_waits_for_its_next_slot(conn: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    stored(conn, a_device(interval_s=900), *beyond_reckoning(STATION))
    forecaster = a_forecaster()
    forecaster.tick(conn, NOW + minutes(1))
    tried = []
    monkeypatch.setattr(forecaster, "_forecast", lambda _conn, batch, _now: tried.append(len(batch)) or 0)
    forecaster.tick(conn, NOW + minutes(14))
    assert tried == []
    forecaster.tick(conn, NOW + minutes(15.1))
    assert tried == [1]


def test_what_dwindles_to_nothing_is_stored_as_nothing(conn: Connection) -> None:
    """PostgreSQL refuses a number that is too small for its column, as a decaying forecast may be."""
    stored(conn, a_device(interval_s=900), *(a_reading(1e-60, minutes_ago=15 * k) for k in range(1, 13)))
    a_forecaster().tick(conn, NOW + minutes(1))
    assert set(the_forecast(conn, NOW + minutes(1)).q50) == {0.0}


def test_a_fault_that_is_not_of_the_values_rises(conn: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    stored(conn, a_device(interval_s=900), *quarter_hours(3))

    def broken(*_: object) -> None:
        raise RuntimeError("of ours")

    monkeypatch.setattr("forecasting.service.write_forecasts", broken)
    with pytest.raises(RuntimeError, match="of ours"):
        a_forecaster().tick(conn, NOW)


def test_what_is_known_is_not_read_again(conn: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    stored(conn, a_device(interval_s=900), *quarter_hours(72))
    forecaster = a_forecaster()
    forecaster.tick(conn, NOW + minutes(1))
    reached = []
    load = forecaster.reader.load
    monkeypatch.setattr(
        forecaster.reader, "load", lambda c, b, start, end, *more: reached.append(end - start) or load(c, b, start, end, *more)
    )  # type: ignore[func-returns-value]
    stored(conn, a_reading(21, minutes_ago=-10))
    forecaster.tick(conn, NOW + minutes(15.1))
    assert reached[0] == READ_AGAIN + minutes(15)
    made, anew = the_forecast(conn, NOW + minutes(16)), a_forecaster()
    conn.execute("DELETE FROM forecast WHERE issued_at > %s", (NOW + minutes(2),))
    anew.tick(conn, NOW + minutes(15.2))
    assert made.q50 == the_forecast(conn, NOW + minutes(16)).q50, "memory and database say the same"


def test_older_hours_that_change_are_read_anew(conn: Connection) -> None:
    stored(conn, a_device(interval_s=900), *quarter_hours(72))
    forecaster = a_forecaster()
    forecaster.tick(conn, NOW + minutes(1))
    histories = forecaster.reader.histories(STEP_S)
    number = the_stream(conn)
    corrected = a_reading(400, minutes_ago=24 * 60, corrects=True, delay_minutes=24 * 60 + 5)
    stored(conn, corrected)
    forecaster._changes.look(conn, NOW + minutes(12), forecaster.reader.history, forecaster._forget)
    assert histories.read_until(number) is None
    forecaster.tick(conn, NOW + minutes(15.1))
    assert (histories.of([number]) == 400).any()


def a_whole_forecaster(**more: Any) -> Forecaster:
    return Forecaster(
        horizon_s=6 * 3600, step_s=STEP_S, issue_s=STEP_S, history_days=7, stop=Event(), zone=SHANGHAI, derives=True, **more
    )


def test_halls_and_the_city_are_foreseen(conn: Connection) -> None:
    stored(conn, *office_arrivals(5, every_min=15, least=1))
    figures = a_whole_forecaster().tick(conn, NOW + minutes(1))
    number = find_number(conn, "hall/hall-1/arrivals")
    assert number is not None
    made = find_forecast(conn, number, Moment.live(NOW + minutes(1)))
    assert made is not None
    assert (made.first_target, made.step_s, len(made.q05), len(made.q95)) == (NOW, 900, 24, 24)
    assert made.q50[4] == pytest.approx(2, abs=1)
    assert all(a <= b <= c <= d <= e for a, b, c, d, e in zip(made.q05, made.q10, made.q50, made.q90, made.q95, strict=True))
    assert (figures["series"], figures["derived"]) == (0, len(CITY) + 2)


def test_what_was_foreseen_is_scored_once_it_has_been_measured(conn: Connection) -> None:
    stored(conn, a_device(interval_s=900), *quarter_hours(48))
    number = the_stream(conn)
    told = replace(a_forecast(number, minutes_ago=45, median=40, steps=24), model="autoreg")
    write_forecasts(conn, DayPartitions(conn), [told])
    forecaster = a_forecaster()
    for k in range(3):
        forecaster.tick(conn, NOW + minutes(1 + k))
    rows = [row for row in list_scores(conn, since=NOW.date(), series_id=number) if row.model == "autoreg"]
    assert [(row.lead_h, row.tally.n) for row in rows] == [], "of its targets none is an hour ahead and measured yet"
    stored(conn, a_reading(45, minutes_ago=-5))
    for k in range(4):
        forecaster.tick(conn, NOW + minutes(26 + k))
    (row,) = list_scores(conn, since=NOW.date(), series_id=number)
    assert (row.model, row.lead_h, row.tally.n, row.tally.error) == ("autoreg", 1, 1, 5.0)
    assert (row.tally.inside_80, row.tally.n_80, row.tally.n_90) == (1, 1, 0), "within 30 to 50; no wider band was given"
    assert row.tally.error_reference > 0
    a_forecaster().tick(conn, NOW + minutes(30))
    assert list_scores(conn, since=NOW.date(), series_id=number) == [row], "a restart scores nothing twice"


def test_series_that_matter_are_contested_and_the_best_model_speaks(conn: Connection) -> None:
    stored(conn, *office_arrivals(5, every_min=15, least=1))
    forecaster = a_whole_forecaster(workshop=Workshop(workers=0))
    forecaster.tick(conn, NOW - CONTEST_BEGINS)
    for k in range(40):
        forecaster.tick(conn, NOW + minutes(1) + k * timedelta(seconds=1))
    number = find_number(conn, "hall/hall-1/arrivals")
    assert number is not None
    rivals = {row[0] for row in conn.execute("SELECT DISTINCT model FROM rival_forecast WHERE series_id = %s", (number,))}
    assert {"seasonal_naive", "profile"} <= rivals
    tallies = {
        ScoreKey(number, NOW.date(), 1, model, is_rival=True): Tally(60, 60 * error, 60, 60 * error, 60.0)
        for model, error in (("profile", 0.5), ("autoreg", 0.9))
    }
    mark = scored_until(conn, 900)
    add_scores(conn, tallies, 900, since=mark, until=mark or NOW)
    for k in range(80):
        forecaster.tick(conn, NOW + minutes(62) + k * timedelta(seconds=1))
    champion = find_champion(conn, number)
    assert champion is not None
    assert (champion.model, champion.contest) == ("profile", {"profile": 0.5, "autoreg": 0.9, "seasonal_naive": 1.0})
    made = find_forecast(conn, number, Moment.live(NOW + minutes(64)))
    assert made is not None
    assert (made.model, made.fallback_reason) == ("profile", "")
    assert made.issued_at >= NOW + minutes(62)


def test_a_stuck_sensor_is_found_by_the_watch_and_its_memory_survives_a_restart(conn: Connection) -> None:
    values = [a_reading(20 + (k * 7919 % 13) / 3 + 5 * np.sin(k / 120), minutes_ago=1440 - k) for k in range(1440)]
    stored(conn, a_device(interval_s=60, minutes_ago=1500), *values)
    forecaster = a_whole_forecaster(watches=True)
    figures = forecaster.tick(conn, NOW)
    assert figures["watched"] == 1
    stored(conn, a_reading(900, minutes_ago=-1))
    forecaster.tick(conn, NOW + minutes(1.1))
    (found,) = list_anomalies(conn, since=NOW, until=NOW + minutes(5))
    assert (found.anomaly.value, found.ended_at) == (900, None)
    assert found.anomaly.low < found.anomaly.high < 900
    forecaster.tick(conn, NOW + minutes(6))
    kept = find_state(conn, "detectors/0")
    assert kept is not None
    assert kept[0] == NOW + minutes(6)
    again = a_whole_forecaster(watches=True)
    again.tick(conn, NOW + minutes(7))
    assert [cohort.ids for cohort in again._watch._cohorts] == [[the_stream(conn)]]  # type: ignore[union-attr]
    for later in (8, 20, 39):
        again.tick(conn, NOW + minutes(later))
    (over,) = list_anomalies(conn, since=NOW, until=NOW + minutes(60))
    assert over.ended_at == NOW + minutes(39)


def test_what_was_learnt_once_is_refreshed_from_then_on(conn: Connection) -> None:
    stored(conn, a_device(interval_s=900), *quarter_hours(10 * 24))
    forecaster = Forecaster(
        horizon_s=6 * 3600,
        step_s=STEP_S,
        issue_s=STEP_S,
        history_days=28,
        stop=Event(),
        zone=SHANGHAI,
        workshop=Workshop(workers=0),
    )
    forecaster.tick(conn, NOW + minutes(1))
    tried = the_forecast(conn, NOW + minutes(1))
    for later in (7, 8):
        figures = forecaster.tick(conn, NOW + minutes(later))
    assert figures["learnt"] == 1
    stored(conn, a_reading(25, minutes_ago=-10))
    asked: list[int] = []
    forecaster._try = lambda *_: asked.append(1)  # type: ignore[method-assign]
    forecaster.tick(conn, NOW + minutes(15.1))
    assert asked == [], "nothing is tried anew"
    made = the_forecast(conn, NOW + minutes(16))
    assert (made.model, made.first_target, made.watermark) == ("combination", NOW + minutes(15), NOW)
    assert made.q50[10:20] == pytest.approx(tried.q50[11:21], abs=4)
    assert all(a <= b <= c <= d <= e for a, b, c, d, e in zip(made.q05, made.q10, made.q50, made.q90, made.q95, strict=True))
    forecaster._forget({STATION})
    assert forecaster._blocks._blocks[0].is_doubted


def test_bands_that_held_too_little_grow_and_are_kept(conn: Connection) -> None:
    forecaster = a_forecaster()
    forecaster.tick(conn, NOW)
    forecaster._adapt(
        {ScoreKey(7, NOW.date(), lead, "combination"): Tally(1, 1.0, n_80=1, inside_80=lead // 24) for lead in (1, 6, 24)}
    )
    assert forecaster._widths[7] > 1
    forecaster.tick(conn, NOW + minutes(61))
    again = a_forecaster()
    again.tick(conn, NOW + minutes(62))
    assert again._widths == pytest.approx(forecaster._widths, abs=1e-4)


def test_a_device_that_speaks_on_change_owes_nothing(conn: Connection) -> None:
    lamp = STATION.replace("air-1", "lamp-1")
    values = [(20 + (k * 7919 % 13) / 3, 2880 - 2 * k) for k in range(720)]
    stored(
        conn, a_device(interval_s=60, minutes_ago=3000), a_device(lamp, interval_s=60, mode="on_change", minutes_ago=3000),
        *(a_reading(v, minutes_ago=m - 1440, device_id=device) for v, m in values for device in (STATION, lamp)),
    )  # fmt: skip
    forecaster = a_whole_forecaster(watches=True)
    forecaster.tick(conn, NOW)
    for later in (600, 601):
        stored(conn, *(a_reading(21, minutes_ago=-later, device_id=device) for device in (STATION, lamp)))
        forecaster.tick(conn, NOW + minutes(later + 0.1))
    found = {(row.anomaly.datastream_id, row.anomaly.cause) for row in list_anomalies(conn, since=NOW, until=NOW + minutes(700))}
    assert (the_stream(conn), Oddity.SILENT) in found
    assert (the_stream(conn, lamp), Oddity.SILENT) not in found
