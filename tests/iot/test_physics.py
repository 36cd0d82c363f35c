"""The physics: each formula with numbers that one can check by hand."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from gis_data.city import City
from iot.plane import distance_m, metres_from, moved
from iot.scenarios import Downpour, PowerCut
from iot.simulated.air import station_values
from iot.simulated.basins import HINTERLAND_SHARE, Basins
from iot.simulated.chance import key
from iot.simulated.lighting import sun_elevation_deg
from iot.simulated.noise import traffic_noise_db
from iot.simulated.power import current_a, of_temperature
from iot.simulated.rhythm import local_time
from iot.simulated.sites import Sites
from iot.simulated.supply import head_share, pressure_kpa
from iot.simulated.traffic import demand_ratio, loop_values, nearness, wading_ratio
from iot.simulated.waste import bin_values
from iot.simulated.water import (
    RIVER,
    STREAM,
    Levels,
    Reservoir,
    Underpasses,
    after_inlet,
    filled_m,
    pump_m3_s,
    spell_rise_m,
    stored_m,
)
from iot.simulated.weather import SPELL_S, Weather

MONDAY_8_S = 1_772_409_600.0
"""Monday 2 March 2026, 08:00 in Shanghai."""

SEED = 7
HOUR_S = 3_600.0


@pytest.fixture(scope="module")
def weather() -> Weather:
    return Weather(SEED, ZoneInfo("Asia/Shanghai"))


def a_wet_spell(weather: Weather) -> float:
    """The beginning of a spell of rain after two dry days, in seconds."""
    numbers = np.arange(MONDAY_8_S // SPELL_S, MONDAY_8_S // SPELL_S + 4_000)
    heights = weather.spell_height_mm_h(numbers)
    k = next(k for k in range(12, len(numbers)) if heights[k] > 3 and not heights[k - 12 : k].any())
    return float(numbers[k] * SPELL_S)


def test_metres_on_the_plane() -> None:
    assert distance_m(123.4, 30.2, 123.4, 31.2) == pytest.approx(111_195, abs=1)  # one degree of latitude
    east, north = metres_from(123.5, 30.2, 123.4, 30.2)
    assert float(east) == pytest.approx(9_610, abs=5)  # 11,119.5 m × cos 30.2°
    assert float(north) == 0
    assert moved(123.4, 30.2, float(east), 0)[0] == pytest.approx(123.5)


# Rain ----------------------------------------------------------------------------------------------------------------------


def test_a_spell_brings_half_its_height_over_six_hours(weather: Weather) -> None:
    began_s = a_wet_spell(weather)
    height = float(weather.spell_height_mm_h(began_s / SPELL_S))
    assert float(weather.spell_mm_h(began_s + 3 * HOUR_S)) == pytest.approx(height)
    assert float(weather.spell_mm(began_s, began_s + SPELL_S)) == pytest.approx(3 * height)
    # sin² falls from 1 to ½ within 1.5 h of the middle, and ∫ cos² over that hour and a half each side is (3 + 6/π) ÷ 2 hours.
    assert float(weather.spell_mm(began_s + 1.5 * HOUR_S, began_s + 4.5 * HOUR_S)) == pytest.approx(height * (1.5 + 3 / math.pi))


def test_rain_of_an_hour_over_the_end_of_a_spell_is_the_sum_of_its_minutes(weather: Weather) -> None:
    end_s = a_wet_spell(weather) + SPELL_S
    by_minutes = weather.spell_mm_h(end_s - 1_800 + 60 * (np.arange(60) + 0.5)).sum() / 60
    assert float(weather.spell_mm(end_s - 1_800, end_s + 1_800)) == pytest.approx(by_minutes, rel=1e-3)


def test_a_year_has_the_rain_of_the_lower_yangtze_and_more_of_it_in_summer(weather: Weather) -> None:
    numbers = np.arange(0, 40 * 1_461)  # forty years
    heights = weather.spell_height_mm_h(numbers)
    assert 3 * heights.sum() / 40 == pytest.approx(1_500, rel=0.1)
    assert (heights > 0).mean() == pytest.approx(0.09, abs=0.004)
    july = (numbers * SPELL_S % (365.25 * 86_400) // 86_400 // 30.5) == 6
    january = (numbers * SPELL_S % (365.25 * 86_400) // 86_400 // 30.5) == 0
    assert (heights[july] > 0).mean() == pytest.approx(2.6 * (heights[january] > 0).mean(), rel=0.2)  # 1.45 ÷ 0.55


# Streams and the river ------------------------------------------------------------------------------------------------------


def test_rain_raises_a_stream_by_its_millimetres_and_the_rise_dies_away() -> None:
    # 12 mm within five minutes: nearly 0.045 m per mm, since 3.5 % of it runs off meanwhile.
    rain = np.zeros(300)
    rain[:5] = 12 * 12
    rise = stored_m(STREAM, rain, 60.0)
    assert rise[4] == pytest.approx(12 * 0.045 * (1 - 0.034), rel=0.002)
    # One time constant (72 minutes) later a share 1/e is left.
    assert rise[4 + 72] == pytest.approx(rise[4] / math.e)


def test_steady_rain_holds_a_river_at_rain_times_rise_times_constant() -> None:
    # 10 mm/h × 0.025 m/mm × 5 h.
    assert stored_m(RIVER, np.full(60 * 50, 10.0), 60.0)[-1] == pytest.approx(1.25, rel=1e-4)


@pytest.mark.parametrize("reservoir", [RIVER, STREAM])
def test_the_solved_rise_of_spells_is_what_small_steps_give(weather: Weather, reservoir: Reservoir) -> None:
    began_s = a_wet_spell(weather)
    minutes = began_s - 2 * 86_400 + 60 * np.arange(4 * 1_440)
    by_steps = stored_m(reservoir, weather.spell_mm_h(minutes + 30), 60.0)
    solved = spell_rise_m(reservoir, weather, minutes + 60)
    assert solved.max() > 0.05
    assert solved[1_440:] == pytest.approx(by_steps[1_440:], abs=0.002)


def test_a_gauge_hears_the_squares_above_it_as_late_as_the_water_comes(paper_city: City) -> None:
    basins = Basins(paper_city)
    lower, upper = basins.at(123.47, 30.2175), basins.at(123.42, 30.2175)
    assert lower is not None
    assert upper is not None
    assert lower.is_river
    assert len(upper.lon) < len(lower.lon)
    assert sum(lower.share) < 1 - HINTERLAND_SHARE  # a mouth would have all that is not hinterland
    # 4.8 km of river lie between them: at 2 m/s the water is 40 minutes longer under way.
    late, soon = (dict(zip(zip(b.lon, b.lat, strict=True), b.delay_s, strict=True)) for b in (lower, upper))
    assert [late[square] - soon[square] for square in soon] == pytest.approx([4_806 / 2] * len(soon), abs=5)


def test_a_downpour_over_one_square_comes_to_the_gauge_with_its_delay_and_share(weather: Weather, paper_city: City) -> None:
    basin = Basins(paper_city).at(123.47, 30.2175)
    assert basin is not None
    farthest = int(np.argmax(basin.delay_s))
    # 15 mm on that square alone.
    rain = Downpour(MONDAY_8_S, 1_800, 60.0, 100.0, basin.lon[farthest], basin.lat[farthest], 0.0, 0.0)
    levels = Levels([basin, None])
    times = MONDAY_8_S + np.arange(0, 8 * HOUR_S, 60.0)
    rise = levels.rise_m(weather, times, [rain]) - levels.rise_m(weather, times, [])
    assert not rise[1].any()
    assert times[rise[0] > 1e-6][0] - MONDAY_8_S == pytest.approx(basin.delay_s[farthest], abs=240)
    # 15 mm × share × 0.025 m, of which e^(−¼ h ÷ 5 h) or so is still there when the rain is over.
    assert rise[0].max() == pytest.approx(15 * basin.share[farthest] * 0.025 * math.exp(-0.05), rel=0.02)
    assert levels.rise_m(weather, times[200:201], [rain])[0, 0] == levels.rise_m(weather, times, [rain])[0, 200]


# Underpasses ---------------------------------------------------------------------------------------------------------------


def test_an_underpass_fills_by_what_the_pumps_leave() -> None:
    # 0.6 m³/s come and 0.3 are lifted: in half an hour 540 m³ on 1,500 m², 0.36 m. Then the pumps need as long to empty it.
    inflow = np.concatenate([np.full((1, 30), 0.6), np.zeros((1, 40))], axis=1)
    depth = filled_m(inflow, np.full((1, 70), 0.3), np.array([[1_500.0]]), 60.0)[0]
    assert depth[0] == 0
    assert depth[30] == pytest.approx(0.36)
    assert depth[45] == pytest.approx(0.18)
    assert depth[60:] == pytest.approx(0, abs=1e-12)


def test_water_rises_to_the_brim_and_no_farther() -> None:
    assert filled_m(np.full((1, 100), 10.0), np.zeros((1, 100)), np.array([[1_000.0]]), 60.0).max() == 4.0


def test_what_falls_reaches_the_lowest_point_within_some_ten_minutes() -> None:
    reached = after_inlet(np.full(60, 90.0), 60.0)
    assert reached[9] == pytest.approx(90 * (1 - 1 / math.e))
    assert reached[-1] == pytest.approx(90, rel=0.003)


def test_pumps_lift_less_into_high_water() -> None:
    # 0.9 m of 2.5: √0.64 = 0.8; from 2.5 m on nothing.
    assert pump_m3_s(0.3, [0.0, 0.9, 2.5, 4.0]).tolist() == pytest.approx([0.3, 0.24, 0, 0])


def test_without_mains_an_underpass_fills_in_light_rain(weather: Weather, equipped_city: City) -> None:
    found = Underpasses.of(equipped_city)
    assert found.ids == ("underpass-1",)
    began_s = MONDAY_8_S - 10 * HOUR_S
    rain = Downpour(began_s, 20 * HOUR_S, 80.0, 1e7, 123.42, 30.22, 0.0, 0.0)
    cut = PowerCut(began_s, 20 * HOUR_S, 123.42, 30.22, 50_000.0)
    times = began_s + 2 * HOUR_S + np.array([0.0, 600.0])
    wet, dark = (found.depth_m(weather, times, scenes)[0] for scenes in ([rain], [rain, cut]))
    # Two hours after its beginning it rains 80 × sin²(18°) = 7.6 mm/h, 0.038 m³/s for pumps of 0.3.
    assert wet.tolist() == [0, 0]
    # In the ten minutes what fell ten minutes before: 0.9 × 80 × sin²(π ÷ 20 h × 1 h 55 min) = 6.3 mm/h on two hectares, on 1,500 m².
    rate_m_s = 0.9 * 80 * math.sin(math.pi * (2 - 1 / 6 + 1 / 12) / 20) ** 2 / 3.6e6 * 20_000 / 1_500
    assert dark[1] - dark[0] == pytest.approx(600 * rate_m_s, rel=0.03)


def test_an_underpass_floods_when_rain_beats_its_pumps_and_empties_when_it_stops(weather: Weather, equipped_city: City) -> None:
    found = Underpasses.of(equipped_city)
    # Pumps of 0.3 m³/s carry off 60 mm/h from two hectares: 0.9 × 60 ÷ 3.6e6 × 20,000 = 0.3.
    rains = [Downpour(MONDAY_8_S, 2 * HOUR_S, peak, 20_000.0, 123.4225, 30.22, 0.0, 0.0) for peak in (55.0, 110.0)]
    times = MONDAY_8_S + np.arange(0, 8 * HOUR_S, 60.0)
    light, heavy = (found.depth_m(weather, times, [rain])[0] for rain in rains)
    assert light.max() == 0
    assert heavy.max() > 0.3
    assert heavy[-1] == 0
    # It begins when the rain passes 60 mm/h, half an hour and a bit after its beginning: sin²(π t ÷ 2 h) = 60 ÷ 110, t = 0.53 × 2 h.
    wet = times[heavy > 0]
    assert 32 * 60 < wet[0] - MONDAY_8_S < 64 * 60
    again = Underpasses.of(equipped_city).depth_m(weather, times[70:71], rains[1:])
    assert again[0, 0] == heavy[70]


def test_the_depth_at_midnight_utc_is_the_same_from_either_day(weather: Weather, equipped_city: City) -> None:
    found = Underpasses.of(equipped_city)
    midnight = MONDAY_8_S + 86_400.0  # 08:00 in Shanghai is midnight UTC
    rain = Downpour(midnight - 5_400, 2 * HOUR_S, 150.0, 20_000.0, 123.4225, 30.22, 0.0, 0.0)
    before, at, after = found.depth_m(weather, midnight + np.array([-1e-3, 0.0, 60.0]), [rain])[0]
    assert at > 0.1
    assert before == pytest.approx(at, abs=1e-5)
    assert abs(after - at) < 0.05


# Traffic -------------------------------------------------------------------------------------------------------------------


def a_loop(road_class: float = 1.0) -> Sites:
    column = np.array([[1.0]])
    keys = np.array([[key(SEED, "loop")]], dtype=np.uint64)
    return Sites(123.4225 * column, 30.22 * column, keys, {"road_class": road_class * column})


def test_traffic_wades_ever_slower_and_not_beyond_27_centimetres() -> None:
    # 100 mm: (9 − 55.29 + 86.9448) ÷ 86.9448 = 0.468. 270 mm: (65.61 − 149.283 + 86.9448) ÷ 86.9448 = 0.038.
    assert wading_ratio([0.0, 0.1, 0.27, 0.28]).tolist() == pytest.approx([1, 0.4676, 0.0377, 0], abs=1e-4)


def test_water_is_felt_beside_the_underpass_and_not_a_kilometre_off() -> None:
    assert nearness([0.0, 300.0, 1_200.0]).tolist() == pytest.approx([1, math.exp(-0.5), 0])


def test_a_flooded_underpass_stops_the_loop_beside_it(weather: Weather) -> None:
    times = np.array([MONDAY_8_S])
    local = local_time(times, weather.zone)
    dry = loop_values(weather, a_loop(), times, [], local=local)
    wet = loop_values(weather, a_loop(), times, [], local=local, depth_m=np.array([[0.1]]), nearness=1.0)
    shut = loop_values(weather, a_loop(), times, [], local=local, depth_m=np.array([[0.5]]), nearness=1.0)
    assert wet["averageVehicleSpeed"] / dry["averageVehicleSpeed"] == pytest.approx(
        0.4676, rel=0.1
    )  # and another chance of counting
    assert {name: float(values[0, 0]) for name, values in shut.items()} == {
        "averageVehicleSpeed": 0, "intensity": 0, "occupancy": 0,
    }  # fmt: skip


def test_dark_signals_take_capacity_and_an_expressway_has_none(weather: Weather) -> None:
    times = MONDAY_8_S + np.arange(0, HOUR_S, 300.0)
    local = local_time(times, weather.zone)
    cut = PowerCut(MONDAY_8_S - 1, HOUR_S * 2, 123.4225, 30.22, 1_000.0)
    usual, dark = (loop_values(weather, a_loop(), times, scenes, local=local) for scenes in ([], [cut]))
    # Three lanes of 800 vehicles an hour at 55 %: at most 1,320, and a queue in front of the junction.
    x = demand_ratio(a_loop().keys, times, local)
    assert x.max() > 0.55
    assert dark["intensity"].mean() == pytest.approx(2_400 * np.minimum(x, 0.55).mean(), rel=0.05)
    assert dark["averageVehicleSpeed"].mean() < 0.7 * usual["averageVehicleSpeed"].mean()
    free, still_free = (loop_values(weather, a_loop(0.0), times, scenes, local=local) for scenes in ([], [cut]))
    assert (free["averageVehicleSpeed"] == still_free["averageVehicleSpeed"]).all()


def test_nitrogen_dioxide_is_thinnest_and_ozone_thickest_in_the_afternoon(weather: Weather) -> None:
    """Over four weeks, so that winds and spells level out: 60 % of the dioxide of early morning, twice the ozone."""
    times = MONDAY_8_S + np.arange(-8 * HOUR_S, 28 * 24 * HOUR_S - 8 * HOUR_S, HOUR_S)
    read = station_values(weather, a_loop(), times, [], local=local_time(times, weather.zone))
    no2, o3 = (read[name].reshape(28, 24).mean(axis=0) for name in ("no2", "o3"))
    assert 12 <= no2.argmin() <= 16
    assert no2[14] < 0.75 * no2[5]
    assert 13 <= o3.argmax() <= 17
    assert o3[15] > 1.5 * o3[5]


def test_occupancy_is_density_times_the_length_covered(weather: Weather) -> None:
    times = np.array([MONDAY_8_S])
    read = loop_values(weather, a_loop(), times, [], local=local_time(times, weather.zone))
    by_hand = read["intensity"] / 3 / read["averageVehicleSpeed"] * 0.0065  # three lanes; 6.5 m of vehicle and loop
    assert read["occupancy"] == pytest.approx(by_hand)


def test_counts_scatter_like_poissons(weather: Weather) -> None:
    times = MONDAY_8_S - 5 * HOUR_S + np.arange(0, 900, 1.0)  # three in the morning: 900 counts of nearly the same demand
    read = loop_values(weather, a_loop(), times, [], local=local_time(times, weather.zone))
    counted = read["intensity"][0] / 12  # vehicles in five minutes
    assert counted.var() / counted.mean() == pytest.approx(1, abs=0.2)


# Noise, power, water supply, light, waste ------------------------------------------------------------------------------------


def test_road_noise_by_hand() -> None:
    # CRTN: 1,000 vehicles an hour at 75 km/h: 42.2 + 30, and no correction at that speed.
    assert float(traffic_noise_db(1_000, 75.0)) == pytest.approx(72.2, abs=0.02)
    # Twice the traffic is 3 dB more.
    assert float(traffic_noise_db(2_000, 75.0) - traffic_noise_db(1_000, 75.0)) == pytest.approx(3.01, abs=0.01)


def test_power_grows_with_heat_and_cold_and_current_follows() -> None:
    assert of_temperature([20, 30, 3]).tolist() == pytest.approx([1, 1.10, 1.06])
    # 10 MW at 10 kV: 10,000 ÷ (1.732 × 10 × 0.95) = 608 A; without voltage there is no current.
    assert current_a([10_000, 0], [10, 0]).tolist() == pytest.approx([607.7, 0], abs=0.1)


def test_pressure_is_head_less_height_and_friction() -> None:
    # 40 m − 5 m − 6 m at the busiest hour: 29 m × 9.81 kPa. At half the demand friction takes 6 × 0.5^1.852 = 1.66 m.
    assert float(pressure_kpa(40, 5, 6, 1.0)) == pytest.approx(284.5, abs=0.1)
    assert float(pressure_kpa(40, 5, 6, 0.5)) == pytest.approx(9.81 * 33.338, abs=0.1)


def test_a_pumping_station_without_mains_loses_its_head_and_gets_it_back() -> None:
    at = np.array([[123.42]]), np.array([[30.22]])
    cut = PowerCut(0.0, 600.0, 123.42, 30.22, 500.0)
    held = head_share(*at, np.array([-1.0, 600.0, 840.0, 6_000.0]), [cut])[0]
    # After its 10 minutes 1 − 0.7 × (1 − 1/e); 4 minutes later the loss is 1/e of that.
    lost = 0.7 * (1 - 1 / math.e)
    assert held.tolist() == pytest.approx([1, 1 - lost, 1 - lost / math.e, 1], abs=1e-3)
    far = PowerCut(0.0, 600.0, 123.52, 30.22, 500.0)
    assert head_share(*at, np.array([600.0]), [far])[0, 0] == 1


def test_the_sun_stands_where_it_should() -> None:
    # Noon of the longest day at the centre: 90° − 30.2° + 23.44°, when the sun passes 123.4° E at 11:48 Beijing time.
    noon = datetime(2026, 6, 21, 3, 48, tzinfo=UTC).timestamp()
    assert float(sun_elevation_deg(123.4, 30.2, noon)) == pytest.approx(83.2, abs=0.5)
    # At an equinox it rises at six, local solar time: 05:46 there and then, and 7.5 minutes later as the equation of time has it.
    rise = datetime(2026, 3, 20, 21, 53, tzinfo=UTC).timestamp()
    assert float(sun_elevation_deg(123.4, 30.2, rise)) == pytest.approx(0, abs=0.6)


def test_a_bin_fills_over_the_day_and_is_emptied_in_the_morning(weather: Weather) -> None:
    column = np.ones((200, 1))
    keys = np.array([[key(SEED, "bin", k)] for k in range(200)], dtype=np.uint64)
    bins = Sites(column, column, keys, {})
    times = MONDAY_8_S + np.array([-4, -0.5, 6, 14.0]) * HOUR_S  # four in the morning, half past seven, two in the afternoon, ten
    four, seven, two, ten = bin_values(bins, local_time(times, weather.zone), weather.zone)["fillingLevel"].T
    assert (ten >= two).all()
    assert (two >= seven).all()
    assert np.median(seven) < 0.15
    left_out = (seven > four - 0.01) & (four > 0.3)
    assert 0 < left_out.mean() < 0.1
