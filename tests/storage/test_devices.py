"""Who speaks: births, limits, datastreams, online and offline."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from domain.batches import BatchCounts
from domain.datastreams import Datastream
from domain.observations import PropertySpec
from storage.connection import Connection
from storage.devices import Registry, find_name, list_datastreams, retire
from storage.ingestion import Ingestion
from tests.support.scenes import NOW, STATION, a_device, a_reading, a_state, a_unit, minutes, stored, stored_by


def _device(conn: Connection, columns: str) -> Any:
    return conn.execute(f"SELECT {columns} FROM device WHERE device_id = %s", (STATION,)).fetchone()


def test_a_birth_says_who_where_and_what(conn: Connection) -> None:
    stored(conn, a_device(name="北站", attributes=(("maker", "x"),)))
    columns = "district_code, domain_name, site, type_name, name, lon, lat, crs_origin, interval_s, mode, attributes"
    assert _device(conn, columns) == (
        "440106", "environment", "north", "AirQualityObserved", "北站", 113.25, 23.125, "EPSG:4326", 60, "periodic",
        {"maker": "x"},
    )  # fmt: skip
    assert list_datastreams(conn) == [Datastream(1, STATION, "pm25", "", "ug/m3", 0, 1000, 60)]


def test_the_newest_birth_wins_whatever_the_order_of_arrival(conn: Connection) -> None:
    stored(conn, a_device(minutes_ago=10, name="new", interval_s=30))
    stored(conn, a_device(minutes_ago=20, name="old", interval_s=90))
    assert _device(conn, "name, interval_s, birth_time") == ("new", 30, NOW - minutes(10))
    stored(conn, a_device(minutes_ago=5, name="newer"))
    assert _device(conn, "name") == ("newer",)


def test_the_newest_birth_of_a_batch_wins(conn: Connection) -> None:
    stored(conn, a_device(minutes_ago=5, name="new"), a_device(minutes_ago=9, name="old"))
    assert _device(conn, "name") == ("new",)


def test_an_older_birth_changes_neither_limits_nor_unit(conn: Connection) -> None:
    stored(conn, a_device(minutes_ago=5, properties=(PropertySpec("pm25", "ug/m3", 0, 500),)))
    stored(conn, a_device(minutes_ago=9, properties=(PropertySpec("pm25", "mg/m3", 0, 1),)))
    (stream,) = list_datastreams(conn)
    assert (stream.unit, stream.high) == ("ug/m3", 500)


def test_limits_once_given_are_kept_by_a_birth_that_gives_none(conn: Connection) -> None:
    stored(conn, a_device(minutes_ago=9, properties=(PropertySpec("pm25", "ug/m3", 1, 500),)))
    stored(conn, a_device(minutes_ago=5, properties=(PropertySpec("pm25", None),)))
    (stream,) = list_datastreams(conn)
    assert (stream.unit, stream.low, stream.high) == ("ug/m3", 1, 500)


def test_a_property_that_no_birth_announced_gets_the_usual_limits(conn: Connection) -> None:
    stored(conn, a_reading(21, prop="temperature"), a_reading(5, prop="ph"))
    by_property = {s.property: (s.unit, s.low, s.high, s.interval_s) for s in list_datastreams(conn)}
    assert by_property == {"temperature": ("Cel", -50, 60, 60), "ph": (None, None, None, 60)}


def test_a_series_has_the_unit_of_its_property_where_values_can_be_converted(conn: Connection) -> None:
    stored(conn, a_reading(294.15, prop="temperature", unit="K"), a_reading(7, unit="[ppm]"))
    temperature, pm25 = sorted(list_datastreams(conn), key=lambda stream: stream.property, reverse=True)
    assert (temperature.unit, temperature.low, temperature.high) == ("Cel", -50, 60)
    assert (pm25.unit, pm25.low, pm25.high) == ("[ppm]", None, None)
    assert conn.execute("SELECT value FROM latest ORDER BY value").fetchall() == [(7,), (21,)]


def test_limits_and_values_are_converted_from_the_unit_that_was_announced(conn: Connection) -> None:
    ingestion = Ingestion(conn)
    stored_by(ingestion, a_device(properties=(PropertySpec("pm25", "mg/m3", 0, 0.5), PropertySpec("turbidity", "[NTU]", 0, 9))))
    stored_by(ingestion, a_reading(0.041, minutes_ago=3), a_reading(42, minutes_ago=2, unit="ug/m3"))
    (pm25, turbidity) = list_datastreams(conn)
    assert (pm25.unit, pm25.low, pm25.high, pm25.sent_unit) == ("ug/m3", 0, 500, "mg/m3")
    assert (turbidity.unit, turbidity.high, turbidity.sent_unit) == ("[NTU]", 9, None)
    assert conn.execute("SELECT value FROM observation ORDER BY phenomenon_time").fetchall() == [(41,), (42,)]


def test_series_announced_before_units_were_converted_are_settled_at_the_start(conn: Connection) -> None:
    stored(conn, a_device())
    conn.execute("UPDATE datastream SET unit = 'mg/m3', low = 0, high = 1")
    stored(conn, a_reading(0.05))
    (stream,) = list_datastreams(conn)
    assert (stream.unit, stream.high, stream.sent_unit) == ("ug/m3", 1000, "mg/m3")
    assert conn.execute("SELECT value FROM latest").fetchone() == (50,)


def test_a_device_announces_itself_anew_only_when_something_changes(conn: Connection) -> None:
    births = [
        a_device(minutes_ago=50), a_device(minutes_ago=40), a_device(minutes_ago=30, interval_s=30),
        a_device(minutes_ago=60),  # comes last: what it says held earlier
    ]  # fmt: skip
    for birth in births:
        stored(conn, birth)
    said = conn.execute("SELECT phenomenon_time, interval_s FROM device_announcement ORDER BY 1").fetchall()
    assert said == [(NOW - minutes(60), 60), (NOW - minutes(30), 30)]


def test_a_retired_device_is_back_with_its_next_birth(conn: Connection) -> None:
    stored(conn, a_device(minutes_ago=60))
    assert retire(conn, STATION, NOW - minutes(30))
    stored(conn, a_device(minutes_ago=40))
    assert conn.execute("SELECT retired_at FROM device").fetchone() == (NOW - minutes(30),)
    stored(conn, a_device(minutes_ago=20))
    assert conn.execute("SELECT retired_at FROM device").fetchone() == (None,)
    assert not retire(conn, "440106/environment/north/nobody", NOW)


def test_the_ingester_knows_new_limits_in_the_next_batch(conn: Connection) -> None:
    ingestion = Ingestion(conn)
    stored_by(ingestion, a_device(minutes_ago=9))
    stored_by(ingestion, a_device(minutes_ago=5, properties=(PropertySpec("pm25", "ug/m3", 0, 200),), interval_s=30))
    stream = ingestion.registry.find((STATION, "pm25", ""))
    assert stream is not None
    assert (stream.high, stream.interval_s) == (200, 30)


def test_a_registry_loads_what_is_stored_and_can_forget_it(conn: Connection) -> None:
    stored(conn, a_device())
    registry = Registry()
    assert registry.find((STATION, "pm25", "")) is None
    registry.load(conn)
    assert registry.find((STATION, "pm25", "")) is not None
    registry.forget()
    assert registry.find((STATION, "pm25", "")) is None


def test_datastreams_can_be_asked_for_by_property(conn: Connection) -> None:
    stored(conn, a_device(), a_reading(21, prop="temperature"), a_reading(50, prop="noiseLevel"))
    assert [s.property for s in list_datastreams(conn, properties=["noiseLevel", "pm25"])] == ["pm25", "noiseLevel"]
    assert list_datastreams(conn, properties=[]) == []


def test_the_newest_state_counts_and_all_are_kept(conn: Connection) -> None:
    stored(conn, a_device(), a_state("online", minutes_ago=9))
    stored(conn, a_state("offline", minutes_ago=3))
    stored(conn, a_state("online", minutes_ago=5, delay_minutes=5))
    assert _device(conn, "state, state_time") == ("offline", NOW - minutes(3))
    rows = conn.execute("SELECT state FROM device_state ORDER BY phenomenon_time").fetchall()
    assert rows == [("online",), ("online",), ("offline",)]


def test_a_retained_state_that_comes_again_is_a_duplicate(conn: Connection) -> None:
    stored(conn, a_device(), a_state("online", minutes_ago=9))
    assert stored(conn, a_state("online", minutes_ago=9, delay_minutes=5)) == BatchCounts(received=1, duplicate=1)


def test_a_unit_is_registered_by_its_birth(conn: Connection) -> None:
    stored(conn, a_unit())
    assert conn.execute("SELECT unit_id, kind, name_zh, name_en, capabilities, home_lon FROM unit").fetchall() == [
        ("a-1", "ambulance", "急救1车", "A-1", ["ambulance", "rescue"], 113.25)
    ]


def test_an_older_birth_does_not_rename_a_unit(conn: Connection) -> None:
    stored(conn, a_unit(minutes_ago=5, name_zh="新名"))
    stored(conn, a_unit(minutes_ago=9, name_zh="旧名"))
    assert conn.execute("SELECT name_zh FROM unit").fetchall() == [("新名",)]


def test_a_unit_that_moves_to_another_device_keeps_its_name(conn: Connection) -> None:
    stored(conn, a_unit(minutes_ago=9))
    moved = replace(a_unit(minutes_ago=5), device_id="440106/emergency/station-2/a-1")
    stored(conn, moved)
    assert conn.execute("SELECT unit_id, device_id FROM unit").fetchall() == [("a-1", moved.device_id)]


def test_a_device_is_called_what_it_calls_itself(conn: Connection) -> None:
    stored(conn, a_device(name="北站"), a_unit())
    assert find_name(conn, STATION) == "北站"
    assert find_name(conn, "440106/emergency/station-1/a-1") is None
    assert find_name(conn, "440106/environment/north/air-9") is None
