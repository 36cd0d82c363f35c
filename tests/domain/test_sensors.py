"""Sensors: kinds and properties that the physics and the rules rely on."""

from __future__ import annotations

import pytest

from domain.sensors import PROPERTIES, SensorKind, find_kind


@pytest.mark.parametrize(
    ("type_name", "properties"),
    [
        ("ACMeasurement", {"totalActivePower": "kW", "voltage": "kV", "current": "A"}),
        ("StreetlightControlCabinet", {"totalActivePower": "kW", "powerState": "1"}),
        ("WaterNetworkObserved", {"waterPressure": "kPa", "waterFlow": "m3/h"}),
        ("UnderpassObserved", {"waterDepth": "m"}),
        ("GasDetector", {"nh3": "mg/m3"}),
        ("RainGauge", {"precipitation": "mm"}),
        ("ServiceKiosk", {"paperLevel": "1", "isWorking": "1"}),
    ],
)
def test_a_kind_has_its_properties_in_their_units(type_name: str, properties: dict[str, str]) -> None:
    kind = find_kind(type_name)
    assert kind is not None
    assert {name: PROPERTIES[name].unit for name in kind.properties} == properties


def test_readings_come_every_one_to_five_minutes_and_heartbeats_every_hour() -> None:
    sensors = [kind for kind in SensorKind if kind.properties and kind is not SensorKind.KIOSK]
    periodic = {kind.interval_s for kind in sensors if kind.interval_s != 3_600}
    assert periodic == {120, 300}


def test_air_pressure_and_that_of_water_mains_are_not_one_property() -> None:
    assert PROPERTIES["pressure"].unit == "hPa"
    assert PROPERTIES["waterPressure"].low == 0
    assert not PROPERTIES["waterLevel"].non_negative
    assert PROPERTIES["waterDepth"].non_negative
