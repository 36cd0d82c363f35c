"""The live city: what is said from one second to the next."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from itertools import pairwise

import pytest

from domain.observations import DeviceBirth, DeviceStateReport, Reading
from domain.sensors import DeviceState, SensorKind
from domain.units import UnitStatusReport
from gis_data.city import City
from ingest.parse import parse
from iot.payloads import Event
from iot.simulated.devices import INTERVAL_S
from iot.simulated.live import LiveCity, Saying
from iot.topics import parse_topic
from tests.iot.test_physics import MONDAY_8_S, SEED
from tests.iot.test_units import order


@pytest.fixture(scope="module")
def live(paper_city: City) -> LiveCity:
    return LiveCity(paper_city, SEED, MONDAY_8_S)


def understood(said: list[Saying]) -> list[object]:
    received = datetime.fromtimestamp(MONDAY_8_S + 3_600, UTC)
    return [report for saying in said for report in parse(saying.topic, saying.payload, received)]


def test_everything_introduces_itself_and_what_introduces_itself_is_retained(live: LiveCity) -> None:
    said = [s for d in live.districts for s in live.introductions(d.code, MONDAY_8_S, DeviceState.ONLINE)]
    assert all(saying.is_retained for saying in said)
    reports = understood(said)
    births = [r.device_id for r in reports if isinstance(r, DeviceBirth)]
    n_desks = 2 * len(live.districts)
    assert len(births) == len(set(births)) == len(live.devices) + len(live.vehicles) + n_desks
    assert {r.state for r in reports if isinstance(r, DeviceStateReport)} == {"online"}
    for saying in said:
        topic = parse_topic(saying.topic)
        assert topic is not None
        assert topic.device_id.split("/")[0] == saying.district_code


def test_those_switched_off_say_only_that_they_are_offline(live: LiveCity) -> None:
    reports = understood(list(live.introductions("990101", MONDAY_8_S, DeviceState.OFFLINE)))
    assert reports
    assert {type(report) for report in reports} == {DeviceStateReport}
    assert {r.state for r in reports if isinstance(r, DeviceStateReport)} == {"offline"}


def test_a_minute_of_the_city(paper_city: City) -> None:
    live = LiveCity(paper_city, SEED, MONDAY_8_S)
    said = [saying for k in range(1, 61) for saying in live.advance(MONDAY_8_S + k, {})]
    reports = understood(said)
    assert "Rejection" not in {type(report).__name__ for report in reports}
    loops = [d for d in live.devices if d.kind is SensorKind.TRAFFIC_FLOW]
    n_speeds = Counter(r.device_id for r in reports if isinstance(r, Reading) and r.property == "averageVehicleSpeed")
    assert sum(n_speeds.values()) == pytest.approx(len(loops) * 60 / INTERVAL_S[SensorKind.TRAFFIC_FLOW], rel=0.05)
    seqs: dict[str, list[int]] = {}
    for r in reports:
        if isinstance(r, Reading) and r.property == "averageVehicleSpeed":
            seqs.setdefault(r.device_id, []).append(r.seq or 0)
    gaps = [after - before for each in seqs.values() for before, after in pairwise(each)]
    assert gaps.count(1) > 0.9 * len(gaps)


def test_the_same_second_is_the_same_again(paper_city: City) -> None:
    first, second = (LiveCity(paper_city, SEED, MONDAY_8_S) for _ in range(2))
    for k in range(1, 4):
        said = first.advance(MONDAY_8_S + k, {})
        assert said
        assert second.advance(MONDAY_8_S + k, {}) == said


def test_a_city_that_was_held_up_does_not_make_up_for_it(paper_city: City) -> None:
    live = LiveCity(paper_city, SEED, MONDAY_8_S)
    said = live.advance(MONDAY_8_S + 3_600, {})
    oldest = min(r.phenomenon_time.timestamp() for r in understood(said) if isinstance(r, Reading))
    assert oldest > MONDAY_8_S + 3_600 - 6


def test_an_order_reaches_its_unit_and_its_word_is_retained(paper_city: City) -> None:
    live = LiveCity(paper_city, SEED, MONDAY_8_S)
    unit = live.vehicles[0]
    said = live.advance(MONDAY_8_S + 1, {unit.unit_id: [order()]})
    events = [s for s in said if s.topic.endswith(f"/{unit.unit_id}/event")]
    assert [s.is_retained for s in events] == [True]
    assert live.states[unit.unit_id].order_id == "o-1"


def test_only_an_order_of_a_former_life_is_given_up(paper_city: City) -> None:
    live = LiveCity(paper_city, SEED, MONDAY_8_S)
    unit_id = live.vehicles[0].unit_id
    live.advance(MONDAY_8_S + 1, {unit_id: [order()]})
    at = datetime.fromtimestamp(MONDAY_8_S, UTC)
    mine = Event(id="e", ts=at, event="status", status="enroute", order="o-1")
    assert live.recall(unit_id, mine, MONDAY_8_S + 2) == []
    former = Event(id="e", ts=at, event="status", status="enroute", order="o-0")
    words = [r for r in understood(live.recall(unit_id, former, MONDAY_8_S + 2)) if isinstance(r, UnitStatusReport)]
    assert [(r.status, r.order_id) for r in words] == [("returning", "o-0"), ("available", None)]
    assert live.recall(unit_id, former, MONDAY_8_S + 3) == []  # a broker may hand it out more than once
