"""Snapshots: what a screen shows, in one consistent view, now and as it was known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from domain.moments import Moment
from domain.orders import OrderState
from domain.units import UnitStatus
from domain.warnings import WarningLevel
from storage import audit, forecasts, heartbeats, orders, outbox, snapshots, units, warnings
from storage.connection import Connection
from storage.migrate import list_migrations, recorded_flavour
from storage.partitions import DayPartitions
from storage.snapshots import DeviceNow
from tests.support.scenes import (
    COMMANDER,
    NOW,
    STATION,
    a_device,
    a_forecast,
    a_position,
    a_reading,
    a_rejection,
    a_rule,
    a_status,
    a_unit,
    an_incident,
    an_order,
    minutes,
    ordered,
    stored,
    the_stream,
)

LIVE = Moment.live(NOW)


@pytest.fixture
def city(conn: Connection) -> Connection:
    """An air station that has just risen, its warning, a fire ten minutes old and the ambulance sent to it."""
    stored(conn, a_device(name="北站"), a_unit(), a_status("available", minutes_ago=30), a_position(113.25, minutes_ago=20),
           an_incident(minutes_ago=10), a_reading(40, minutes_ago=15), a_reading(104, minutes_ago=3, delay_minutes=2))  # fmt: skip
    ordered(conn, an_order(minutes_ago=5))
    units.set_status(conn, "a-1", UnitStatus.DISPATCHED, order_id="o-1", now=NOW - minutes(5), exercise_id=None)
    stored(conn, a_position(113.5, minutes_ago=1))
    warnings.open_warning(
        conn, a_rule(), WarningLevel.BLUE, identifier="w-1", object_id=str(the_stream(conn)), device_id=STATION,
        now=NOW - minutes(1),
    )  # fmt: skip
    return conn


def _station(devices: tuple[DeviceNow, ...]) -> DeviceNow:
    return next(device for device in devices if device.device_id == STATION)


def test_the_map_shows_the_city_as_it_is(city: Connection) -> None:
    shown = snapshots.map_snapshot(city, LIVE)
    station = _station(shown.devices)
    assert (station.device_id, station.type_name, station.name, station.lon) == (STATION, "AirQualityObserved", "北站", 113.25)
    (value,) = station.values
    assert (value.property, value.unit, value.value, value.phenomenon_time) == ("pm25", "ug/m3", 104, NOW - minutes(3))
    assert [(u.unit_id, u.status, u.lon) for u in shown.units] == [("a-1", UnitStatus.DISPATCHED, 113.5)]
    assert [i.incident_id for i in shown.incidents] == ["i-1"]
    assert [w.level for w in shown.warnings] == [WarningLevel.BLUE]
    assert [o.order_id for o in shown.orders] == ["o-1"]
    assert (shown.newest_phenomenon_time, shown.newest_received_time) == (NOW - minutes(3), NOW - minutes(1))


def test_as_known_now_the_map_agrees_with_live(city: Connection) -> None:
    live, past = snapshots.map_snapshot(city, LIVE), snapshots.map_snapshot(city, Moment.past(NOW))
    assert replace(past, moment=live.moment) == live


def test_the_map_shows_the_city_as_it_was_known_then(city: Connection) -> None:
    then = snapshots.map_snapshot(city, Moment.past(NOW - minutes(2)))
    assert [value.value for device in then.devices for value in device.values] == [40], "104 had not come yet"
    assert [(u.status, u.lon) for u in then.units] == [(UnitStatus.DISPATCHED, 113.25)]
    assert (len(then.incidents), then.warnings, [o.state for o in then.orders]) == (1, (), [OrderState.ISSUED])
    before = snapshots.map_snapshot(city, Moment.past(NOW - minutes(11)))
    assert (before.incidents, before.orders, before.units[0].status) == ((), (), UnitStatus.AVAILABLE)
    as_known_now = snapshots.map_snapshot(city, Moment.past(NOW - minutes(2), NOW))
    assert [value.value for device in as_known_now.devices for value in device.values] == [104]


def test_with_empty_tables_there_is_nothing_and_no_number(conn: Connection) -> None:
    shown = snapshots.map_snapshot(conn, LIVE)
    assert (shown.devices, shown.units, shown.incidents, shown.warnings, shown.orders) == ((), (), (), (), ())
    assert (shown.newest_phenomenon_time, shown.newest_received_time) == (None, None)
    frame = snapshots.live_frame(conn, LIVE, received_since=NOW - minutes(5))
    assert (frame.values, frame.n_devices, frame.newest_received_time) == ((), 0, None)
    assert snapshots.chart_snapshot(conn, LIVE, 1) is None
    system = snapshots.system_snapshot(conn, LIVE)
    assert (system.processes, system.received_last_hour, system.dead_letters, system.newest_received_time) == ((), 0, (), None)


def test_a_device_that_never_spoke_is_on_the_map_without_a_value(conn: Connection) -> None:
    stored(conn, a_device(place=None))
    (station,) = snapshots.map_snapshot(conn, LIVE).devices
    (value,) = station.values
    assert (station.lon, station.lat, value.value, value.quality, value.phenomenon_time) == (None, None, None, None, None)


def test_a_device_that_measures_nothing_is_not_among_the_sensors(conn: Connection) -> None:
    stored(conn, a_device(type_name="Streetlight", properties=()), an_incident(), a_unit(), a_position(113.5))
    assert snapshots.map_snapshot(conn, LIVE).devices == ()


def test_the_live_frame_carries_what_was_received_since(city: Connection) -> None:
    frame = snapshots.live_frame(city, LIVE, received_since=NOW - minutes(1))
    assert [(v.datastream_id, v.value) for v in frame.values] == [(the_stream(city), 104)]
    assert snapshots.live_frame(city, LIVE, received_since=NOW).values == ()
    shown = snapshots.map_snapshot(city, LIVE)
    assert (frame.units, frame.incidents, frame.warnings, frame.orders) == (
        shown.units, shown.incidents, shown.warnings, shown.orders,
    )  # fmt: skip
    assert (frame.n_devices, frame.newest_received_time) == (3, NOW - minutes(1))


def test_the_chart_shows_slots_and_the_newest_forecast(city: Connection) -> None:
    stream = the_stream(city)
    forecasts.write_forecasts(city, DayPartitions(city), [a_forecast(stream, minutes_ago=5)])
    for moment in (LIVE, Moment.past(NOW)):
        chart = snapshots.chart_snapshot(city, moment, stream, hours_back=1)
        assert chart is not None
        assert (chart.device.device_id, chart.value.value, chart.forecast) == (STATION, 104, a_forecast(stream, minutes_ago=5))
        assert (chart.series.start, chart.series.step_s) == (NOW - minutes(45), 900)
        assert_array_equal(chart.series.values, [[np.nan, np.nan, (40 + 104) / 2, np.nan]])
    before = snapshots.chart_snapshot(city, Moment.past(NOW - minutes(6)), stream, hours_back=1)
    assert before is not None
    assert (before.value.value, before.forecast) == (40, None)


def test_the_chart_of_a_unit_s_series_can_be_asked_for(conn: Connection) -> None:
    stored(conn, a_unit(), a_reading(80, device_id="440106/emergency/station-1/a-1", prop="fuel"))
    chart = snapshots.chart_snapshot(conn, LIVE, the_stream(conn, "440106/emergency/station-1/a-1", "fuel"))
    assert chart is not None
    assert chart.value.value == 80


def test_an_exercise_sees_its_own_world_and_the_real_sensors(city: Connection) -> None:
    ordered(city, an_order("o-ex", exercise_id="ex-1"))
    units.set_status(city, "a-1", UnitStatus.ON_SCENE, order_id="o-ex", now=NOW, exercise_id="ex-1")
    real, drill = snapshots.map_snapshot(city, LIVE), snapshots.map_snapshot(city, LIVE, "ex-1")
    assert [o.order_id for o in real.orders] == ["o-1"]
    assert real.units[0].status is UnitStatus.DISPATCHED
    assert [o.order_id for o in drill.orders] == ["o-ex"]
    assert drill.units[0].status is UnitStatus.ON_SCENE
    assert (drill.incidents, drill.warnings) == ((), ())
    assert drill.devices == real.devices


def test_the_system_page_accounts_for_messages_processes_and_waiting_work(city: Connection) -> None:
    stored(city, a_rejection(), a_rejection(), a_reading(40, minutes_ago=15), a_reading(41, minutes_ago=15, corrects=True))
    heartbeats.beat(city, "ingest", "host:1", started_at=NOW - minutes(9), now=NOW, metrics={"lag_s": 0.5})
    for exercise_id in (None, "ex-1"):
        outbox.put_command(city, "city/v1/x/cmd", {"id": "o-1"}, now=NOW, exercise_id=exercise_id)
    audit.append(city, COMMANDER, "order.issue", "o-1", outcome="done", now=NOW)
    shown = snapshots.system_snapshot(city, LIVE)
    assert (
        shown.received_last_hour
        == 7 + 1 + 4
        == (shown.stored_last_hour + shown.duplicate_last_hour + shown.corrected_last_hour + shown.rejected_last_hour)
    )
    assert (shown.rejected_last_hour, shown.duplicate_last_hour, shown.corrected_last_hour, shown.late_last_hour) == (2, 1, 1, 1)
    assert shown.dead_letters_by_code == (("broken_json", 2),)
    assert len(shown.dead_letters) == 2
    assert [(p.process, p.metrics) for p in shown.processes] == [("ingest", {"lag_s": 0.5})]
    assert (shown.n_devices, shown.n_datastreams, shown.n_unsent_commands, shown.n_unsealed_audit_entries) == (3, 1, 1, 1)
    assert (shown.flavour, shown.schema_version) == (recorded_flavour(city), len(list_migrations()))
    assert shown.database_bytes > 1_000_000
    audit.seal(city, NOW)
    assert snapshots.system_snapshot(city, LIVE).n_unsealed_audit_entries == 0


def test_a_snapshot_changes_nothing_and_leaves_no_transaction(city: Connection) -> None:
    before = snapshots.map_snapshot(city, LIVE)
    assert snapshots.map_snapshot(city, LIVE) == before
    assert city.info.transaction_status.name == "IDLE"
    city.execute("INSERT INTO outbox (topic, payload, created_at) VALUES ('x', '{}', now())")


def test_the_orders_of_the_past_keep_their_steps(city: Connection) -> None:
    orders.set_state(city, "o-1", OrderState.SENT, valid_from=NOW - minutes(4), recorded_at=NOW - minutes(4))
    orders.set_state(city, "o-1", OrderState.ACCEPTED, valid_from=NOW - minutes(2), recorded_at=NOW - minutes(2))
    states = [[o.state for o in snapshots.map_snapshot(city, Moment.past(NOW - minutes(m))).orders] for m in (6, 5, 4, 3, 2, 0)]
    assert states == [[], [OrderState.ISSUED], [OrderState.SENT], [OrderState.SENT], [OrderState.ACCEPTED], [OrderState.ACCEPTED]]
