"""The rainstorm, followed through the city minute by minute: rain, river, road, traffic, incidents, and halls that stay empty.

The storm of the catalogue over the paper city: cells of L = 37.5 min, so that rain at a place grows as P sin²(π t ÷ L) to P = 110
mm/h after 18.75 min and stays there for two hours. Until then the water fallen is nearly P π² t³ ÷ (3 L²): sin x is nearly x.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from domain.sensors import SensorKind
from gis_data.city import City, Place
from iot.payloads import Event
from iot.plane import Floats
from iot.scenarios import Downpour, Scene, stopped
from iot.scenarios.catalogue import get_scenario
from iot.simulated.calls import Call, Callers
from iot.simulated.devices import Device, deploy
from iot.simulated.driving import LiveRoads, Roads
from iot.simulated.halls import LiveHalls
from iot.simulated.instruments import Instruments
from iot.simulated.traffic import nearness
from iot.simulated.water import RIVER
from iot.simulated.weather import Weather
from tests.iot.conftest import place_of
from tests.iot.test_scenes import MONDAY_8_S, SEED

START_S = MONDAY_8_S + 1.5 * 3_600
PEAK_MM_H, CELL_MIN = 110.0, 37.5
CATCHMENT_M2, PUMP_M3_S, AREA_M2 = 20_000.0, 0.35, 1_500.0


@dataclass(frozen=True)
class Storm:
    """The city and the same four hours in it, dry and with the storm."""

    city: City
    weather: Weather
    instruments: Instruments
    scenes: Sequence[Scene]
    callers: Callers

    def minutes(self) -> Floats:
        return START_S + 60.0 * np.arange(0, 240)

    def change(self, kind: SensorKind, name: str) -> Floats:
        """What the storm makes of the readings, (devices × minutes)."""
        read = (self.instruments.true_values(kind, self.minutes(), scenes)[name] for scenes in (self.scenes, ()))
        wet, dry = read
        return np.asarray(wet - dry)

    def device(self, kind: SensorKind, number: int) -> Device:
        return self.instruments.devices(kind)[number]

    def calls(self, scenes: Sequence[Scene]) -> list[Call]:
        return self.callers.between(START_S, START_S + 4 * 3_600, scenes)


@pytest.fixture(scope="module")
def storm(paper_city: City) -> Storm:
    underpass = {"catchment_ha": CATCHMENT_M2 / 1e4, "pump_m3_s": PUMP_M3_S, "area_m2": AREA_M2, "road": 0}
    places = (
        Place("underpass-1", "underpass", "下穿通道", "Underpass", *place_of(4.5, 4), "990101", underpass),
        Place("shelter-1", "shelter", "避难所", "Shelter", *place_of(5, 5), "990101"),
    )
    city = replace(paper_city, places=(*paper_city.places, *places))
    weather = Weather(SEED, ZoneInfo(city.zone))
    scenes = get_scenario("rainstorm").plan(city, weather, SEED, START_S)
    instruments = Instruments(deploy(city, SEED), weather)
    return Storm(city, weather, instruments, scenes, Callers(city, Roads(city), weather))


def first(shows: Floats) -> float:
    """The minute in which something first shows."""
    assert shows.any()
    return float(shows.reshape(-1, shows.shape[-1]).any(axis=0).argmax())


def minute_of_fallen(millimetres: float) -> float:
    """Until so much has fallen: t = ∛(3 h L² ÷ (P π²)), in hours."""
    hours = (3 * millimetres * (CELL_MIN / 60) ** 2 / (PEAK_MM_H * math.pi**2)) ** (1 / 3)
    return 60 * hours


def minute_of_rain(mm_h: float) -> float:
    """Until it rains so hard: t = L ÷ π · arcsin √(i ÷ P)."""
    return CELL_MIN / math.pi * math.asin(math.sqrt(mm_h / PEAK_MM_H))


def worked_out(storm: Storm) -> tuple[float, Floats]:
    """By steps of a second, with pumps that know nothing of the river: the minute in which more comes down to the underpass than
    they lift, and its depth at each minute."""
    seconds = np.arange(0, 240 * 60)
    (underpass,) = storm.city.places_of("underpass")
    rain_m_s = storm.weather.rain_mm_h(underpass.lon, underpass.lat, START_S + seconds, storm.scenes) / 3.6e6
    arriving_m_s, volume_m3, overcome_s, depth_m = 0.0, 0.0, math.inf, []
    for second, falling_m_s in zip(seconds.tolist(), rain_m_s.tolist(), strict=True):
        if second % 60 == 0:
            depth_m.append(volume_m3 / AREA_M2)
        arriving_m_s += (falling_m_s - arriving_m_s) / 600
        volume_m3 = max(0.0, volume_m3 + 0.9 * CATCHMENT_M2 * arriving_m_s - PUMP_M3_S)
        overcome_s = min(overcome_s, second) if volume_m3 > 0 else overcome_s
    return overcome_s / 60, np.array(depth_m)


def moment_min(event: Event) -> float:
    return (event.ts.timestamp() - START_S) / 60


def test_the_day_was_dry_and_the_storm_is_over_the_city(storm: Storm) -> None:
    assert not storm.weather.spell_mm_h(np.arange(START_S - 86_400, START_S + 4 * 3_600, 600)).any()
    cells = [scene for scene in storm.scenes if isinstance(scene, Downpour)]
    assert {(cell.lasts_s, cell.peak_mm_h) for cell in cells} == {(60 * CELL_MIN, PEAK_MM_H)}
    rain = storm.weather.rain_mm_h(*storm.city.centre, START_S + 60 * np.array([18.75, 60, 120]), storm.scenes)
    assert rain == pytest.approx([PEAK_MM_H] * 3, rel=0.15)


def test_one_thing_follows_another(storm: Storm) -> None:
    """Rain, river, road, traffic, incident: each by its own law, with the delay that the law gives."""
    # A gauge tips at 0.2 mm, and shows a tip from half of it on: 0.1 mm have fallen after 2.9 min.
    rain_min = first(storm.change(SensorKind.RAIN, "precipitation") >= 0.2)
    assert minute_of_fallen(0.1) == pytest.approx(2.9, abs=0.05)
    assert rain_min == pytest.approx(minute_of_fallen(0.1), abs=1.5)

    # The river is 2 cm higher, more than its ripple of 8 mm, when 2 cm ÷ (18 mm of rise a millimetre of rain × the share of the
    # basin that lies above the gauge) have fallen and flowed for the mean delay of that part.
    river = storm.change(SensorKind.FLOOD, "waterLevel")
    expected_min = []
    for number in range(len(river)):
        basin = storm.device(SensorKind.FLOOD, number).basin
        assert basin is not None
        assert basin.is_river
        above_mm = 0.02 / (RIVER.rise_m_per_mm * sum(basin.share))
        expected_min.append(minute_of_fallen(above_mm) + float(np.average(basin.delay_s, weights=basin.share)) / 60)
        # What lies near the gauge is there before the mean, what comes down the whole basin long after it.
        assert 0.5 * expected_min[-1] < first(river[number] >= 0.02) < 1.1 * expected_min[-1]
    river_min = first(river >= 0.02)

    # Pumps master 0.35 m³/s ÷ (0.9 × 2 ha) = 70 mm/h, which falls after 11 min and has come down to the road, τ = 10 min later
    # in the mean, after some 20. In the end there are some 36 mm/h too much, 0.9 × 2 ha × 36 mm/h ÷ 1,500 m² = 7 mm a minute;
    # 5 cm stand there some 15 min after the pumps had enough, since the excess only grows to that.
    mastered = PUMP_M3_S / (0.9 * CATCHMENT_M2) * 3.6e6
    assert mastered == pytest.approx(70)
    assert minute_of_rain(mastered) == pytest.approx(11, abs=0.1)
    depth_m = storm.instruments.true_values(SensorKind.UNDERPASS, storm.minutes(), storm.scenes)["waterDepth"]
    overcome_min, by_hand_m = worked_out(storm)
    assert overcome_min == pytest.approx(21, abs=1.5)
    assert first(depth_m >= 0.01) == pytest.approx(overcome_min + 4, abs=2)
    road_min = first(depth_m >= 0.05)
    assert road_min == pytest.approx(first(by_hand_m[None] >= 0.045), abs=1), "gauges tell whole centimetres"
    assert road_min == pytest.approx(overcome_min + 15, abs=2)

    # Traffic through water of w mm: 0.0009 w² − 0.5529 w + 86.9448 km/h, half of which is left in 93 mm: 43 mm or 7 min later.
    loops = storm.instruments.devices(SensorKind.TRAFFIC_FLOW)
    there = place_of(4.5, 4)
    beside = int(np.argmin([math.hypot(loop.lon - there[0], loop.lat - there[1]) for loop in loops]))
    assert float(nearness(100.0)) > 0.9
    wet, dry = (
        storm.instruments.true_values(SensorKind.TRAFFIC_FLOW, storm.minutes(), scenes)["averageVehicleSpeed"][beside]
        for scenes in (storm.scenes, ())
    )
    traffic_min = first(wet <= 0.5 * dry)
    assert first(depth_m >= 0.093) - 3 <= traffic_min <= first(depth_m >= 0.093) + 2
    assert traffic_min == pytest.approx(road_min + 7, abs=2)
    assert (wet[:10] > 0.75 * dry[:10]).all(), "rain alone takes a little"

    # 27 cm of water, the depth in which cars stall, stand there another 177 mm ÷ 7 mm = 25 min later, or a little sooner, since
    # the rising river takes some of their strength from the pumps; within half a minute to four somebody reports it.
    closed_min = first(depth_m > 0.27)
    assert closed_min == pytest.approx(traffic_min + 24, abs=3)
    assert closed_min == pytest.approx(first(by_hand_m[None] > 0.27), abs=3)
    reported = [call.event for call in storm.calls(storm.scenes) if "积水超过27厘米" in (call.event.text or "")]
    (incident,) = reported
    assert (incident.event, incident.class_) == ("incident.reported", "waterlogging")
    assert incident.text is not None
    assert incident.text.startswith("下穿通道")
    assert closed_min - 1 <= moment_min(incident) - 0.5 <= closed_min + 4

    assert rain_min < river_min < road_min < traffic_min < closed_min < moment_min(incident)


def test_people_report_what_stands_on_the_streets_once_drains_are_full(storm: Storm) -> None:
    # Streets are flooded where the rain of the past half hour was more than 20 mm/h, 10 mm in all: after 13.3 min at the earliest.
    assert minute_of_fallen(10) == pytest.approx(13.3, abs=0.1)
    dry, wet = (
        [moment_min(call.event) for call in storm.calls(scenes) if call.event.class_ == "waterlogging"]
        for scenes in ((), storm.scenes)
    )
    assert len(dry) <= 1
    assert len(wet) > 20
    assert min(wet) > 13.3
    assert np.median(wet) > 30


def test_the_flooded_road_is_not_driven_and_is_open_again_when_the_water_is_gone(storm: Storm) -> None:
    roads = Roads(storm.city)
    live = LiveRoads(storm.city, roads, storm.weather)
    depth_m = storm.instruments.true_values(SensorKind.UNDERPASS, storm.minutes(), storm.scenes)["waterDepth"][0]
    closed_min, deepest_m = first(depth_m > 0.27), float(depth_m.max())
    assert not live.at(START_S + 60 * (closed_min - 2), storm.scenes).closed
    assert len(live.at(START_S + 60 * (closed_min + 2), storm.scenes).closed) == 2, "both directions"
    # After the rain the pumps need depth × area ÷ 0.4 m³/s, a metre some 63 min, more while the river is high.
    pumped_s = deepest_m * AREA_M2 / PUMP_M3_S
    assert not live.at(START_S + 9_000 + 1.6 * pumped_s, storm.scenes).closed


def test_fewer_come_to_the_halls_and_nobody_less_before_it_rains(storm: Storm) -> None:
    # In 110 mm/h a third of those who walk in come (0.35 at the least), and two thirds of those with an appointment.
    def arrivals(scenes: Sequence[Scene]) -> list[float]:
        halls = LiveHalls(storm.city, storm.weather, SEED, START_S - 1_800)
        said = halls.advance(START_S + 7_200, scenes, {})
        moments = [payload.ts for _, kind, payload, _ in said if isinstance(payload, Event) and payload.event == "arrive"]
        return [(moment - datetime.fromtimestamp(START_S, moment.tzinfo)).total_seconds() / 60 for moment in moments]

    dry, wet = arrivals(()), arrivals(storm.scenes)
    assert [moment for moment in wet if moment < 0] == [moment for moment in dry if moment < 0] != []

    def n_between(moments: list[float], first_min: float, last_min: float) -> int:
        return sum(first_min <= moment < last_min for moment in moments)

    assert 0.30 < n_between(wet, 20, 120) / n_between(dry, 20, 120) < 0.55


def test_a_storm_that_is_stopped_leaves_its_water_to_run_off(storm: Storm) -> None:
    stop_s = START_S + 3_600
    ended = [left for scene in storm.scenes if (left := stopped(scene, stop_s)) is not None]
    minutes = storm.minutes()
    read = storm.instruments.true_values
    whole, cut = (read(SensorKind.FLOOD, minutes, scenes)["waterLevel"] for scenes in (storm.scenes, ended))
    until = minutes <= stop_s
    assert np.array_equal(whole[:, until], cut[:, until])
    assert (whole[:, -1] > cut[:, -1] + 0.05).all()
    rain = read(SensorKind.RAIN, np.array([stop_s + 300, stop_s + 3_900.0]), ended)["precipitation"][0]
    assert rain[0] > 80
    assert rain[1] < 5, "an hour later nothing has fallen for an hour"
    assert (cut[:, until][:, -1] < cut.max(axis=1)).all(), "what is under way still arrives"
    depth_m = read(SensorKind.UNDERPASS, minutes, ended)["waterDepth"][0]
    assert depth_m[60] > 0.2
    assert depth_m.max() < 0.5 < read(SensorKind.UNDERPASS, minutes, storm.scenes)["waterDepth"].max()
    assert depth_m[-1] < 0.02, "pumped out"
