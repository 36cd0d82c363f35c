"""The live city: what is said from one second to the next."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import msgspec
import numpy as np
import pytest

from domain.halls import HallEvent
from domain.observations import DeviceBirth, DeviceStateReport, Reading
from domain.sensors import DeviceMode, DeviceState, SensorKind
from domain.units import UnitStatusReport
from gis_data.city import City
from ingest.parse import parse
from iot.control import ScenarioCommand
from iot.payloads import Event, encode
from iot.simulated.live import LiveCity, Saying
from iot.topics import Topic, parse_topic, topic_of
from tests.iot.test_scenes import MONDAY_8_S, SEED
from tests.iot.test_units import order


@pytest.fixture(scope="module")
def live(paper_city: City) -> LiveCity:
    return LiveCity(paper_city, SEED, MONDAY_8_S)


def understood(said: list[Saying]) -> list[object]:
    received = datetime.fromtimestamp(MONDAY_8_S + 3 * 3_600, UTC)
    return [report for saying in said for report in parse(saying.topic, saying.payload, received)]


def command_topic(device_id: str) -> Topic:
    topic = parse_topic(topic_of(device_id, "cmd"))
    assert topic is not None
    return topic


def test_everything_introduces_itself_and_what_introduces_itself_is_retained(live: LiveCity) -> None:
    said = [s for d in live.districts for s in live.introductions(d.code, MONDAY_8_S, DeviceState.ONLINE)]
    assert all(saying.is_retained for saying in said)
    reports = understood(said)
    births = [r.device_id for r in reports if isinstance(r, DeviceBirth)]
    assert len(births) == len(set(births))
    known = {d.device_id for d in live.devices} | {v.device_id for v in live.vehicles} | {h.device_id for h in live.halls.halls}
    assert known < set(births)
    assert {b.split("/")[1] for b in set(births) - known} == {"hall", "incident", "request"}, "kiosks and desks"
    assert {r.state for r in reports if isinstance(r, DeviceStateReport)} == {"online"}
    for saying in said:
        topic = parse_topic(saying.topic)
        assert topic is not None
        assert topic.device_id.split("/")[0] == saying.district_code


def test_every_desk_says_once_an_hour_that_it_is_there(paper_city: City) -> None:
    """Ten minutes around nine, in steps that do not meet the hour; and a word on the hour itself is not said twice."""
    city = LiveCity(paper_city, SEED, MONDAY_8_S + 3_000.3)
    desks = {device_id for device_id, _ in city._callers.desks(datetime.fromtimestamp(MONDAY_8_S, UTC))}
    said = [saying for k in range(300) for saying in city.advance(MONDAY_8_S + 3_302.3 + 2 * k)]
    beats = [s for s in said if s.topic.endswith("/state") and s.topic.removeprefix("city/v1/").removesuffix("/state") in desks]
    assert sorted(saying.topic for saying in beats) == sorted(topic_of(device_id, "state") for device_id in desks)
    assert all(saying.is_retained for saying in beats)
    reports = [report for report in understood(beats) if isinstance(report, DeviceStateReport)]
    assert {(r.state, r.phenomenon_time.timestamp()) for r in reports} == {("online", MONDAY_8_S + 3_600)}


def test_those_switched_off_say_only_that_they_are_offline(live: LiveCity) -> None:
    reports = understood(list(live.introductions("990101", MONDAY_8_S, DeviceState.OFFLINE)))
    assert reports
    assert {type(report) for report in reports} == {DeviceStateReport}
    assert {r.state for r in reports if isinstance(r, DeviceStateReport)} == {"offline"}


def test_ten_minutes_of_the_city(paper_city: City) -> None:
    live = LiveCity(paper_city, SEED, MONDAY_8_S)
    reports = understood([saying for k in range(1, 601) for saying in live.advance(MONDAY_8_S + k)])
    assert "Rejection" not in {type(report).__name__ for report in reports}
    kinds = {device.device_id: device for device in live.devices}
    moments: dict[str, list[Reading]] = {}
    for r in reports:
        if isinstance(r, Reading) and r.device_id in kinds and r.property == kinds[r.device_id].kind.properties[0]:
            moments.setdefault(r.device_id, []).append(r)
    n = sum(len(moments.get(device.device_id, ())) for device in live.devices if device.kind is SensorKind.TRAFFIC_FLOW)
    loops = [device for device in live.devices if device.kind is SensorKind.TRAFFIC_FLOW]
    assert n == pytest.approx(len(loops) * 600 / loops[0].interval_s, rel=0.05)
    gaps = []
    for device_id, readings in moments.items():
        if kinds[device_id].mode is DeviceMode.PERIODIC:
            gaps += [(after.seq or 0) - (before.seq or 0) for before, after in pairwise(readings)]
            steps_s = [(after.phenomenon_time - before.phenomenon_time).total_seconds() for before, after in pairwise(readings)]
            assert not np.fmod(steps_s, kinds[device_id].interval_s).any()
    assert gaps.count(1) > 0.9 * len(gaps) > 0
    halls = {r.hall_id for r in reports if isinstance(r, HallEvent)}
    assert halls <= {hall.device_id for hall in live.halls.halls}


def test_the_same_second_is_the_same_again_however_it_was_reached(paper_city: City) -> None:
    first, second = (LiveCity(paper_city, SEED, MONDAY_8_S) for _ in range(2))
    for k in range(1, 30):
        said = first.advance(MONDAY_8_S + k)
        assert second.advance(MONDAY_8_S + k) == said
    readings = [first.advance(MONDAY_8_S + k) for k in range(30, 33)]
    at_once = second.advance(MONDAY_8_S + 32)
    telemetry = [s for said in readings for s in said if s.topic.endswith("/telemetry") and "/unit/" not in s.topic]
    assert [s for s in at_once if s.topic.endswith("/telemetry") and "/unit/" not in s.topic] == telemetry


def test_a_city_that_was_held_up_does_not_make_up_for_it(paper_city: City) -> None:
    live = LiveCity(paper_city, SEED, MONDAY_8_S)
    sensors = {device.device_id for device in live.devices}
    said = [saying for k in range(3_600, 3_660) for saying in live.advance(MONDAY_8_S + k)]
    read = [r for r in understood(said) if isinstance(r, Reading) and r.device_id in sensors]
    assert min(r.phenomenon_time.timestamp() for r in read) > MONDAY_8_S + 3_600 - 6


def test_an_order_reaches_its_unit_and_its_word_is_retained(paper_city: City) -> None:
    live = LiveCity(paper_city, SEED, MONDAY_8_S)
    unit = live.vehicles[0]
    assert live.hear(command_topic(unit.device_id), encode(order()), MONDAY_8_S, is_retained=False) == []
    said = live.advance(MONDAY_8_S + 1)
    events = [s for s in said if s.topic.endswith(f"/{unit.unit_id}/event")]
    assert [s.is_retained for s in events] == [True]
    assert live.states[unit.unit_id].order_id == "o-1"
    with pytest.raises(msgspec.DecodeError):
        live.hear(command_topic(unit.device_id), b"nonsense", MONDAY_8_S, is_retained=False)


def test_a_window_obeys_and_says_so(paper_city: City) -> None:
    nine_s = MONDAY_8_S + 3_600 + 600
    live = LiveCity(paper_city, SEED, nine_s)
    hall = live.halls.halls[0]
    topic = command_topic(hall.device_id)
    assert topic_of(hall.device_id, "cmd") in live.subscriptions(hall.district_code)
    command = {"id": "w-1", "cmd": "window", "window": hall.n_windows, "state": "open", "items": list(hall.items)[:1]}
    live.hear(topic, msgspec.json.encode(command), nine_s, is_retained=False)
    said = [s for s in live.advance(nine_s + 1) if s.topic.startswith(topic_of(hall.device_id, ""))]
    acks = [msgspec.json.decode(s.payload) for s in said if s.topic.endswith("/ack")]
    assert [(ack["ack"], ack["result"]) for ack in acks] == [("w-1", "accepted")]


def test_a_unit_takes_its_order_of_a_former_life_up_again(paper_city: City) -> None:
    live = LiveCity(paper_city, SEED, MONDAY_8_S)
    unit = live.vehicles[0]
    topic = parse_topic(topic_of(unit.device_id, "event"))
    assert topic is not None
    at = datetime.fromtimestamp(MONDAY_8_S - 10, UTC)
    former = Event(id="e", ts=at, event="status", status="enroute", order="o-0", position=(123.43, 30.22))
    assert live.hear(topic, encode(former), MONDAY_8_S + 1, is_retained=True) == []
    assert live.states[unit.unit_id].order_id == "o-0"
    state = live.states[unit.unit_id]
    assert live.hear(topic, encode(former), MONDAY_8_S + 2, is_retained=True) == []  # a broker may hand it out more than once
    assert live.states[unit.unit_id] is state


def test_an_order_that_cannot_be_taken_up_is_given_up_once(paper_city: City) -> None:
    live = LiveCity(paper_city, SEED, MONDAY_8_S)
    unit = live.vehicles[0]
    topic = parse_topic(topic_of(unit.device_id, "event"))
    assert topic is not None
    former = Event(id="e", ts=datetime.fromtimestamp(MONDAY_8_S, UTC), event="status", status="enroute", order="o-0")
    said = live.hear(topic, encode(former), MONDAY_8_S + 2, is_retained=True)
    words = [r for r in understood(said) if isinstance(r, UnitStatusReport)]
    assert [(r.status, r.order_id) for r in words] == [("returning", "o-0"), ("available", None)]
    assert live.hear(topic, encode(former), MONDAY_8_S + 3, is_retained=True) == []
    live.hear(topic, encode(former), MONDAY_8_S + 4, is_retained=False)  # its own word, coming back
    assert live.states[unit.unit_id].order_id is None


def test_a_scenario_is_felt_from_the_next_second_on(paper_city: City) -> None:
    calm, stormy = (LiveCity(paper_city, SEED, MONDAY_8_S) for _ in range(2))
    for live in (calm, stormy):
        live.advance(MONDAY_8_S + 1)
    start = datetime.fromtimestamp(MONDAY_8_S, UTC) - timedelta(minutes=40)
    command = ScenarioCommand(id="r", ts=start, start=start)
    assert stormy.programme.hear("rainstorm", command, MONDAY_8_S + 1) == command
    assert not stormy.is_cut("990101", MONDAY_8_S + 2)

    def speeds(live: LiveCity) -> dict[tuple[str, datetime], float]:
        reports = understood([saying for k in range(2, 302) for saying in live.advance(MONDAY_8_S + k)])
        return {
            (r.device_id, r.phenomenon_time): r.value
            for r in reports if isinstance(r, Reading) and r.property == "averageVehicleSpeed"
        }  # fmt: skip

    dry, wet = speeds(calm), speeds(stormy)
    assert len(dry.keys() & wet.keys()) > 0.9 * len(dry)
    assert np.mean([wet[key] / dry[key] for key in dry.keys() & wet.keys()]) < 0.9
