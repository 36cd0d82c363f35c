"""History: what would have been sent, when it would have arrived."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from domain.halls import HallEvent
from domain.incidents import RequestReport
from domain.observations import DeviceBirth, DeviceStateReport, Quality, Reading
from domain.sensors import SensorKind
from gis_data.city import City
from ingest.parse import parse
from iot.simulated.calls import Callers
from iot.simulated.devices import deploy
from iot.simulated.driving import Roads
from iot.simulated.history import Arrival, History
from iot.simulated.live import LiveCity
from iot.simulated.weather import Weather
from tests.iot.test_physics import SEED

END = datetime(2026, 3, 2, 5, 0, 5, tzinfo=UTC)
"""A Monday at one in Shanghai, when halls are open."""
START = END - timedelta(hours=13)
SHANGHAI = ZoneInfo("Asia/Shanghai")


@pytest.fixture(scope="module")
def past(paper_city: City) -> History:
    return History(paper_city, SEED)


@pytest.fixture(scope="module")
def arrivals(past: History) -> list[Arrival]:
    return list(past.messages(START, END))


def test_everything_is_born_once(past: History, paper_city: City) -> None:
    births = [report for at, topic, payload in past.births(START) for report in parse(topic, payload, at)]
    assert all(isinstance(birth, DeviceBirth) for birth in births)
    ids = [birth.device_id for birth in births if isinstance(birth, DeviceBirth)]
    assert len(ids) == len(set(ids))
    assert {device.device_id for device in deploy(paper_city, SEED)} < set(ids)


def test_every_message_is_understood_and_arrives_shortly_after_its_measurement(arrivals: list[Arrival]) -> None:
    reports = [report for at, topic, payload in arrivals for report in parse(topic, payload, at)]
    assert not [report for report in reports if type(report).__name__ == "Rejection"]
    readings = [report for report in reports if isinstance(report, Reading)]
    assert {reading.quality for reading in readings} == {Quality.SIMULATED}
    assert all(timedelta(0) < r.received_time - r.phenomenon_time < timedelta(seconds=2) for r in readings)
    assert all(START <= r.phenomenon_time < END for r in readings)
    assert any(isinstance(report, HallEvent) for report in reports)
    assert any(isinstance(report, RequestReport) for report in reports)


def test_a_loop_speaks_every_five_minutes_less_what_is_lost_on_the_way(arrivals: list[Arrival], paper_city: City) -> None:
    loops = {device.device_id for device in deploy(paper_city, SEED) if device.kind is SensorKind.TRAFFIC_FLOW}
    n = sum(topic.removeprefix("city/v1/").removesuffix("/telemetry") in loops for _, topic, _ in arrivals)
    assert 0.97 * 156 * len(loops) < n <= 157 * len(loops)


def test_the_same_seed_gives_the_same_history_byte_for_byte(past: History, paper_city: City) -> None:
    span = (START, START + timedelta(hours=2))
    assert list(past.messages(*span)) == list(History(paper_city, SEED).messages(*span))
    assert list(past.messages(*span)) != list(History(paper_city, SEED + 1).messages(*span))


def test_a_history_in_two_parts_is_the_same_history(past: History, arrivals: list[Arrival]) -> None:
    middle = datetime(2026, 3, 1, 20, 5, tzinfo=UTC)
    assert sorted([*past.messages(START, middle), *past.messages(middle, END)]) == sorted(arrivals)


def test_the_live_city_goes_on_where_its_history_ends(past: History, paper_city: City) -> None:
    """Beside what its background programme adds: sensors and halls say the same at the same moments."""
    live = LiveCity(paper_city, SEED, END.timestamp())
    said = [saying for k in range(1, 61) for saying in live.advance(END.timestamp() + k)]
    by_live = {(s.topic, s.payload) for s in said if "/hall/" in s.topic and s.topic.endswith("/event")}
    by_history = {
        (topic, payload) for _, topic, payload in past.messages(END, END + timedelta(seconds=60))
        if "/hall/" in topic and topic.endswith("/event")
    }  # fmt: skip
    assert by_live
    assert by_live == by_history


def test_desks_say_on_every_hour_that_they_are_there(arrivals: list[Arrival], paper_city: City) -> None:
    said = [report for at, topic, payload in arrivals for report in _states(topic, payload, at)]
    desks = {device_id for device_id, _ in Callers(paper_city, Roads(paper_city), Weather(SEED, SHANGHAI)).desks(START)}
    hours = [START.replace(minute=0, second=0) + timedelta(hours=k) for k in range(1, 14)]
    assert {(device_id, at) for device_id, at in said if device_id in desks} == {(d, hour) for d in desks for hour in hours}


def _states(topic: str, payload: bytes, at: datetime) -> list[tuple[str, datetime]]:
    if not topic.endswith("/state"):
        return []
    return [(r.device_id, r.phenomenon_time) for r in parse(topic, payload, at) if isinstance(r, DeviceStateReport)]
