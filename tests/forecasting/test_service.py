"""The forecaster at a real database: what is due, once, and not before its time."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from itertools import chain
from threading import Event, Thread
from time import monotonic

import pytest

from domain.forecasts import Forecast
from domain.moments import Moment
from domain.observations import PropertySpec, Reading
from domain.warnings import WarningSource
from forecasting.service import BATCH, Forecaster, run
from storage.connection import Connection
from storage.devices import list_datastreams
from storage.forecasts import find_forecast
from storage.rules import seed_rules
from tests.support.scenes import NOW, STATION, a_device, a_reading, a_rule, minutes, stored, the_stream

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
    row = conn.execute("SELECT count(*) FROM forecast").fetchone()
    assert row is not None
    return int(row[0])


def test_a_series_is_forecast_as_soon_as_it_is_known(conn: Connection) -> None:
    stored(conn, a_device(interval_s=900), *quarter_hours(72))
    figures = a_forecaster().tick(conn, NOW + minutes(1))
    made = the_forecast(conn, NOW + minutes(1))
    assert (made.model, made.fallback_reason) == ("autoreg", "")
    assert made.issued_at == NOW + minutes(1)
    assert made.first_target == NOW
    assert made.watermark == NOW - minutes(15)
    assert len(made.q10) == len(made.q50) == len(made.q90) == 24
    assert made.q50[20] == pytest.approx(25, abs=4), "five hours after the saw fell to 20"
    assert {k: figures[k] for k in ("series", "forecasts", "fallbacks", "autoreg", "waiting")} == {
        "series": 1, "forecasts": 1, "fallbacks": 0, "autoreg": 1, "waiting": 0,
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
    assert the_forecast(conn, NOW + minutes(1.6)).model == "autoreg"


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
    assert (made.step_s, len(made.q50), made.model) == (3600, 6, "autoreg")


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
    monkeypatch.setattr(forecaster, "_forecast", lambda _conn, batch, *_: tried.append(len(batch)))
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
