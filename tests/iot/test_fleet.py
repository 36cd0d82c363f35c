"""The fleet of the demonstration city: how large, and what a second of it costs."""

from __future__ import annotations

import time
from collections import Counter
from zoneinfo import ZoneInfo

import pytest

from domain.units import UnitKind
from gis_data.city import City
from iot.payloads import encode
from iot.simulated.calls import Callers
from iot.simulated.driving import LiveRoads, Roads
from iot.simulated.fleet import muster
from iot.simulated.units import Command, advance, at_home
from iot.simulated.weather import Weather
from tests.iot.test_units import MONDAY_8_S, SEED

SECONDS = 300


@pytest.mark.long
def test_two_hundred_units_take_less_than_a_twentieth_of_a_core(small_city: City) -> None:
    """With an order every fifteen seconds, callers, and the state of the roads."""
    city = small_city
    roads, weather = Roads(city), Weather(SEED, ZoneInfo(city.zone))
    fleet = muster(city, roads, SEED)
    kinds = Counter(vehicle.kind for vehicle in fleet)
    assert len(fleet) >= 150
    assert min(kinds[kind] for kind in UnitKind) >= 10
    assert all(vehicle.beat is not None for vehicle in fleet if vehicle.kind is UnitKind.POLICE_CAR)
    live, callers = LiveRoads(city, roads, weather), Callers(city, roads, weather)
    states = {vehicle.unit_id: at_home(vehicle, MONDAY_8_S, roads) for vehicle in fleet}
    began_s, said_of = time.process_time(), Counter[str]()
    for k in range(1, SECONDS + 1):
        now_s = MONDAY_8_S + k
        callers.between(now_s - 1, now_s)
        for nth, vehicle in enumerate(fleet):
            place = city.places[(7 * k) % len(city.places)]
            is_sent = k % 15 == 0 and nth == (11 * k) % len(fleet)
            orders = [Command(id=f"o-{k}", cmd="dispatch", position=(place.lon, place.lat))] if is_sent else []
            states[vehicle.unit_id], said = advance(vehicle, states[vehicle.unit_id], now_s, orders, live.at(now_s, ()))
            said_of.update(kind for kind, words in said if encode(words))
    took_s = time.process_time() - began_s
    assert took_s / SECONDS < 0.05
    assert 10 < said_of["telemetry"] / SECONDS < 60
    assert said_of["ack"] == SECONDS // 15
