"""The wire: every record becomes JSON, and what is not a number becomes null."""

from __future__ import annotations

import math
from datetime import timedelta
from zoneinfo import ZoneInfo

import orjson

from dashboard import wire
from domain.incidents import Grade, Incident, IncidentState, ResponseLevel
from domain.moments import Moment
from domain.observations import Quality
from domain.units import Unit, UnitStatus
from storage.heartbeats import Heartbeat
from storage.observations import Value
from storage.snapshots import DeviceNow, LiveFrame, ValueNow
from tests.support.scenes import NOW, a_forecast


def test_a_value_that_is_not_finite_travels_as_null() -> None:
    for odd in (math.nan, math.inf, -math.inf):
        assert wire.value(Value(7, NOW, NOW, odd, Quality.GOOD), 0)[1] is None


def test_times_are_milliseconds() -> None:
    assert wire.ms(NOW) == 1_772_413_200_000
    assert wire.ms(None) is None
    assert wire.clock_time(1_772_413_200_000, ZoneInfo("Asia/Shanghai")) == "09:00"


def test_a_forecast_says_why_it_is_a_fallback_in_both_languages() -> None:
    said = wire.forecast(a_forecast(1))
    assert said["fallback"] == {"zh": "", "en": ""}
    assert (said["q10"][0], said["q50"][0], said["q90"][0]) == (40.0, 50.0, 60.0)
    orjson.dumps(said)


def test_ingest_is_known_by_its_heartbeat() -> None:
    beats = [Heartbeat(name, "h:1", NOW, NOW, {"messages_per_s": 3.0, "lag_s_p95": 0.2}) for name in ("alerts", "ingest")]
    assert wire.ingest(beats) == {"beat": wire.ms(NOW), "messages_per_s": 3.0, "readings_per_s": None}
    assert wire.ingest([]) is None


def a_place(unit_id: str, *, lon: float = 113.26, seconds_ago: float = 0.8, status: UnitStatus = UnitStatus.ENROUTE) -> Unit:
    measured = NOW - timedelta(seconds=seconds_ago)
    return Unit(unit_id, f"440106/unit/station-1/{unit_id}", "ambulance", "救护 A01", "Ambulance A01", ("ambulance",), status, NOW, None,
                lon, 23.125, measured, 43.2, 271.3)  # fmt: skip


def a_frame(
    *, seconds: float = 0, values: tuple[Value, ...] = (), units: tuple[Unit, ...] = (), incidents: tuple[Incident, ...] = ()
) -> LiveFrame:
    at = NOW + timedelta(seconds=seconds)
    return LiveFrame(Moment.live(at), values, units, incidents, (), (), 7, at, at)


def a_case(incident_id: str, state: IncidentState = IncidentState.REPORTED) -> Incident:
    return Incident(incident_id, "fire", Grade.III, ResponseLevel.NONE, state, 113.25, 23.125, "119", NOW)


def test_a_value_is_a_row_with_its_times_counted_back_from_the_frame() -> None:
    read = Value(7, NOW - timedelta(seconds=12), NOW - timedelta(seconds=11.7), 41.5, Quality.SIMULATED)
    assert wire.value(read, wire.ms(NOW) or 0) == [7, 41.5, Quality.SIMULATED.code, 12_000, 300]


def test_a_unit_that_only_moved_is_a_short_row() -> None:
    changes = wire.MapChanges()
    first = changes.take(a_frame(units=(a_place("a-1"), a_place("a-2"))), [])
    assert ([u["id"] for u in first["units"]], first["moved"]) == (["a-1", "a-2"], [])
    moved = changes.take(a_frame(seconds=1, units=(a_place("a-1", lon=113.270004, seconds_ago=-0.5), a_place("a-2"))), [])
    assert (moved["units"], moved["moved"]) == ([], [["a-1", 113.27, 23.125, 500, 43, 271]])
    busy = changes.take(a_frame(seconds=2, units=(a_place("a-1", lon=113.28, status=UnitStatus.ON_SCENE), a_place("a-2"))), [])
    assert ([u["id"] for u in busy["units"]], busy["moved"]) == (["a-1"], [])


def test_of_a_list_only_what_changed_is_said_and_who_is_on_it_when_that_changed() -> None:
    changes = wire.MapChanges()
    said = [
        changes.take(a_frame(incidents=rows), []).get("incidents")
        for rows in (
            (a_case("i-1"), a_case("i-2")),
            (a_case("i-1"), a_case("i-2")),
            (a_case("i-1", IncidentState.RESPONDING), a_case("i-2")),
            (a_case("i-3"), a_case("i-1", IncidentState.RESPONDING), a_case("i-2")),
            (a_case("i-3"), a_case("i-2")),
            (),
        )
    ]
    ids = [None if change is None else ([row["id"] for row in change.get("changed", [])], change.get("ids")) for change in said]
    assert ids == [
        (["i-1", "i-2"], ["i-1", "i-2"]), None, (["i-1"], None), (["i-3"], ["i-3", "i-1", "i-2"]), ([], ["i-3", "i-2"]), ([], []),
    ]  # fmt: skip


def test_what_stays_the_same_is_said_once() -> None:
    changes = wire.MapChanges()
    beats = [Heartbeat("ingest", "h:1", NOW, NOW, {"messages_per_s": 3.0})]
    first, second = changes.take(a_frame(), beats), changes.take(a_frame(seconds=1), beats)
    assert {"n_devices", "ingest", "incidents", "warnings", "orders"} <= set(first)
    assert {"n_devices", "ingest", "incidents", "warnings", "orders"} & set(second) == set()


def test_a_city_of_2400_datastreams_and_160_units_takes_less_than_6_kilobytes_a_second() -> None:
    """The most that can be expected of them: every datastream once a minute, 80 units under way saying so every second and 80 that
    stand every ten; ten seconds of it, at the hub's two frames a second."""
    changes = wire.MapChanges()
    seconds = 10
    changes.take(a_frame(units=tuple(a_place(f"unit-{n:03d}") for n in range(160))), [])
    total = moves = 0
    for half in range(2 * seconds):
        at = half / 2
        received = NOW + timedelta(seconds=at)
        values = tuple(
            Value(20 * half + n, received - timedelta(milliseconds=300), received, 41.25 + n, Quality.SIMULATED)
            for n in range(20)
        )
        second = half // 2
        units = tuple(
            a_place(f"unit-{n:03d}", lon=113.001 + second / 1000 + n / 160, seconds_ago=-second) if n < 80
            else a_place(f"unit-{n:03d}", lon=113 + n / 160, seconds_ago=-((second + n) // 10))
            for n in range(160)
        )  # fmt: skip
        frame = changes.take(a_frame(seconds=at, values=values, units=units), [])
        total += len(orjson.dumps(frame))
        moves += len(frame["moved"])
    assert moves >= 80 * seconds
    assert total / seconds < 6_000


def test_devices_are_counted_by_the_freshness_of_the_domain() -> None:
    def device(
        name: str, age_s: float | None, *, mode: str = "periodic", state: str = "unknown", heard_s: float | None = None
    ) -> DeviceNow:  # fmt: skip
        measured = None if age_s is None else NOW - timedelta(seconds=age_s)
        value = ValueNow(1, "pm25", "", "ug/m3", 1.0, Quality.GOOD, measured, measured)
        heard = None if heard_s is None else NOW - timedelta(seconds=heard_s)
        return DeviceNow(name, "440106", "AirQualityObserved", None, None, None, 60, mode, state, (value,), heard=heard)

    devices = [
        device("a", 60), device("b", 150), device("c", 300), device("d", 3600), device("e", None),
        device("f", 3600, mode="on_change", state="online", heard_s=60), device("g", 1, mode="on_change", state="offline"),
        device("h", 3600, mode="on_change", state="online"), device("i", 3600, heard_s=60),
    ]  # fmt: skip
    (kind,) = wire.freshness_counts(devices, NOW)
    assert kind["counts"] == {"fresh": 2, "late": 1, "stale": 1, "silent": 4, "never": 1}
    assert kind["measured"] == wire.ms(NOW - timedelta(seconds=1))
    assert wire.freshness_counts([], NOW) == []
