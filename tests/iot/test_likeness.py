"""Likeness: the statistics of simulated and real records, with numbers one can check in the head; the sets, where they are."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from benchmarks import _statistics as statistics
from benchmarks import likeness
from benchmarks._real_sets import SETS, read_sets
from benchmarks._records import HOLIDAY, WEEKEND, WORKDAY, Record, counted, held, kinds_of_days, meant, taken
from benchmarks._simulated_city import SimulatedCity
from domain.sensors import SensorKind
from gis_data.city import City
from runtime.settings import SettingsError
from tests.support.source import document

MONDAY = date(2026, 3, 2)
HOUR_S, DAY_S = 3_600, 86_400
GAP = float("nan")


def record(*sensors: Sequence[Sequence[float]], first_day: date = MONDAY) -> Record:
    """Sensors, each a list of days, each a list of slots."""
    values = np.array(sensors, dtype=float)
    return Record(first_day, kinds_of_days(first_day, values.shape[1]), values)


def course(*values: float) -> Record:
    """One sensor on one day."""
    return record([values])


def weeks(*of_days: Sequence[float]) -> Record:
    """One sensor and one slot; a list of seven values for each week."""
    return record([[value] for week in of_days for value in week])


def test_a_day_is_cut_into_slots_of_equal_length() -> None:
    """Two slots: 10 and 20 in the morning of the first day, 30 in the evening of the second; nothing of the third day."""
    moments = [1 * HOUR_S, 11 * HOUR_S, DAY_S + 13 * HOUR_S, 2 * DAY_S, -1]
    found = meant([0] * 5, moments, [10, 20, 30, 99, 99], shape=(1, 2, 2))
    np.testing.assert_equal(found, [[[15, GAP], [GAP, 30]]])
    assert counted([0] * 5, moments, shape=(1, 2, 2)).tolist() == [[[2, 0], [0, 1]]]


def test_a_device_that_speaks_on_change_stays_at_its_last_word() -> None:
    """It says 7 at one in the morning and 5 at one in the afternoon; slots begin at 0, 6, 12 and 18."""
    found = held([0, 0], [13 * HOUR_S, HOUR_S], [5, 7], shape=(1, 1, 4))
    np.testing.assert_equal(found, [[[GAP, 7, 7, 5]]])


def test_the_size_of_a_car_park_is_what_it_usually_offers_at_most() -> None:
    """Two hundred times 100 free places, once 50 and once an impossible 30,000."""
    shares = taken(np.array([[[100.0] * 200 + [50.0, 30_000.0]]]))[0, 0]
    assert (shares[0], shares[-2], shares[-1]) == (0.0, 0.5, 0.0)


def test_holidays_are_neither_working_days_nor_weekends() -> None:
    assert kinds_of_days(MONDAY, 7, {date(2026, 3, 4), date(2026, 3, 7)}).tolist() == [
        WORKDAY, WORKDAY, HOLIDAY, WORKDAY, WORKDAY, HOLIDAY, WEEKEND
    ]  # fmt: skip


def test_curves_correlate_by_shape_and_not_by_height() -> None:
    up, down = np.array([1.0, 2, 3, GAP]), np.array([30.0, 20, 10, 0])
    assert statistics.correlation(up, 5 + 2 * up) == pytest.approx(1)
    assert statistics.correlation(up, down) == pytest.approx(-1)
    assert statistics.correlation(np.array([0.0, 1, 0, 1]), np.array([0.0, 0, 1, 1])) == pytest.approx(0)
    assert np.isnan(statistics.correlation(up, np.full(4, 7.0)))
    assert np.isnan(statistics.correlation(up[:2], up[:2]))


def test_the_swing_is_the_height_of_a_curve_by_its_mean() -> None:
    assert statistics.swing(np.array([1.0, GAP, 2, 3])) == 1.0


def test_the_curve_of_a_day_is_that_of_the_days_of_its_kind() -> None:
    """Five working days at 1 and 3, a weekend at 8 and 9; the second sensor has only the first slot, at 5."""
    days = [[1.0, 3.0]] * 5 + [[8.0, 9.0]] * 2
    two = record(days, [[5.0, GAP]] * 7)
    assert statistics.day_curve(two, WORKDAY).tolist() == [3, 3]
    assert statistics.day_curve(two, WEEKEND).tolist() == [6.5, 9]


def test_two_halves_of_a_record_that_repeats_itself_are_alike() -> None:
    days = [[1.0, 2.0, 5.0, 3.0]] * 28
    assert statistics.split_half(record(days), WORKDAY) == pytest.approx(1)


def test_days_are_comparable_within_four_weeks() -> None:
    """Mondays are days 0, 7, 14, 21 of one group and day 28 of the next; a holiday is of none."""
    five_weeks = weeks(*[[1.0] * 7] * 5)
    by_weekday = statistics.comparable(five_weeks, by_weekday=True)
    assert len(set(by_weekday[[0, 7, 14, 21]])) == 1
    assert by_weekday[28] != by_weekday[0] != by_weekday[1]
    assert statistics.comparable(five_weeks)[0] == statistics.comparable(five_weeks)[1]
    with_holiday = Record(MONDAY, np.where(np.arange(35) == 2, HOLIDAY, five_weeks.kinds), five_weeks.values)
    assert statistics.comparable(with_holiday)[2] == -1


def test_counts_that_never_differ_scatter_less_than_chance() -> None:
    found = statistics.scatter(weeks([9.0] * 7, [9.0] * 7), np.zeros(14, dtype=np.int64))
    assert found == statistics.Scatter(ratio=0.0, slot_sd=0.0, day_sd=0.0, n_days=14)


def test_scatter_beyond_chance_is_told_as_that_of_the_rate() -> None:
    """90 and 110: mean 100, variance 200. Chance explains 100 of it, the rest is 10 % of the mean."""
    found = statistics.scatter(record([[90.0], [110.0]]), np.zeros(2, dtype=np.int64))
    assert found.ratio == 2.0
    assert found.slot_sd == pytest.approx(0.1)
    assert found.day_sd == pytest.approx(0.1)


def test_what_evens_out_within_a_day_does_not_make_days_differ() -> None:
    """90 + 110 on one day, 110 + 90 on the next: the day has 200 each time."""
    found = statistics.scatter(record([[90.0, 110.0], [110.0, 90.0]]), np.zeros(2, dtype=np.int64))
    assert found.slot_sd == pytest.approx(0.1)
    assert found.day_sd == 0.0


def test_a_day_with_a_gap_has_no_sum_and_a_slot_that_no_day_has_is_no_gap() -> None:
    """The third slot is never known. The second day lacks its second: 200 and 220 remain as sums, of mean 210."""
    days = [[90.0, 110.0, GAP], [99.0, GAP, GAP], [110.0, 110.0, GAP]]
    found = statistics.scatter(record(days), np.zeros(3, dtype=np.int64))
    assert found.n_days == 3
    assert found.day_sd == 0.0  # the variance of 200 and 220 is 200, less than chance would make it
    assert found.slot_sd == 0.0


def test_different_days_are_not_compared() -> None:
    """Mondays have 100 and Tuesdays 400, each time."""
    found = statistics.scatter(record([[100.0], [400.0], [100.0], [400.0]]), np.array([0, 1, 0, 1]))
    assert found.ratio == 0.0
    assert statistics.scatter(record([[100.0], [400.0]]), np.array([0, 1])).n_days == 0


def test_a_feed_that_is_down_is_no_quiet_hour() -> None:
    busy, quiet = record([[30.0], [30.0], [0.0]]), record([[3.0], [3.0], [0.0]])
    one_group = np.zeros(3, dtype=np.int64)
    np.testing.assert_equal(statistics.without_outages(busy, one_group).flat, [[30, 30, GAP]])
    assert statistics.without_outages(quiet, one_group).flat.tolist() == [[3, 3, 0]]


def test_residuals_are_what_the_mean_of_comparable_days_leaves() -> None:
    """9 and 11 in the morning, 5 once in the evening: one day alone has no mean to differ from."""
    left = statistics.residuals(record([[9.0, 5.0], [11.0, GAP]]), np.zeros(2, dtype=np.int64))
    np.testing.assert_equal(left, [[[-1, GAP], [1, GAP]]])


def test_residuals_remember_what_they_repeat() -> None:
    to_and_fro = np.array([[[1.0, -1.0, 1.0, -1.0]]])
    assert statistics.memory(to_and_fro) == pytest.approx(-1)
    assert statistics.memory(to_and_fro, lag=2) == pytest.approx(1)
    over_a_gap = np.array([[[1.0, GAP, 1.0, 1.0]]])
    assert statistics.memory(over_a_gap) == pytest.approx(1)  # the last pair is the only one


def test_a_mean_of_ten_that_is_one_off_spreads_by_a_tenth() -> None:
    """Slots of 5 and 15, each one off: 1 of a variance of 26 is not explained by the slot."""
    days = record([[4.0, 16.0], [6.0, 14.0]])
    left = statistics.residuals(days, np.zeros(2, dtype=np.int64))
    assert statistics.relative_spread(days, left) == pytest.approx(0.1)
    assert statistics.explained_share(days, left) == pytest.approx(25 / 26)


def test_what_is_missing_is_counted_from_the_first_word_to_the_last() -> None:
    """One of four; what lies before the first and after the last word is no gap."""
    assert statistics.missing_share(course(GAP, 1, GAP, 2, 3, GAP)) == 0.25


def test_long_gaps_are_told_from_short_ones() -> None:
    """Gaps of one and of three slots: three of the four missing slots lie in the long one."""
    assert statistics.long_gap_share(course(GAP, 1, GAP, 2, GAP, GAP, GAP, 3, GAP), least=3) == 0.75


def test_a_sensor_that_stands_still_while_others_move_is_stuck() -> None:
    still, moving = [7.0] * 4 + [8.0], [1.0, 2, 3, 4, 5]
    assert statistics.stuck_share(record([still], [moving], [moving]), k=3) == 4 / 15
    assert statistics.stuck_share(record([still], [moving], [moving]), k=4) == 0.0


def test_sensors_that_stand_still_together_are_not_stuck() -> None:
    assert statistics.stuck_share(record([[7.0] * 5], [[1.0] * 5]), k=2) == 0.0
    half_a_night = [1.0, 1, 1, 2, 3]  # moves in the last two of four steps
    assert statistics.stuck_share(record([[7.0] * 5], [half_a_night]), k=3) == 0.0
    assert statistics.stuck_share(record([[7.0] * 5], [half_a_night]), k=2) == 0.5


def test_values_on_a_straight_line_have_been_filled_in() -> None:
    """3, 4 and 5 lie between 2 and 6; a level line is no such sign."""
    assert statistics.filled_share(course(9, 2, 3, 4, 5, 6, 1, 1, 1, 1), least=3) == pytest.approx(0.3)
    assert statistics.filled_share(course(9, 2, 3, 4, 5, 6, 1, 1, 1, 1), least=4) == 0.0


def test_a_long_record_is_cut_to_the_weekdays_and_gaps_of_a_short_one() -> None:
    """The short one has a Thursday and half a Friday."""
    long = record([[10.0 * day, 10.0 * day + 1] for day in range(7)])
    short = record([[1.0, 1.0], [1.0, GAP]], first_day=date(2012, 3, 1))
    part = statistics.as_long_as(long, short)
    assert part.first_day == date(2026, 3, 5)
    np.testing.assert_equal(part.values, [[[30, 31], [40, GAP]]])


def test_hours_of_half_hours_are_their_means() -> None:
    assert course(1, 3, GAP, 5).in_slots(2).flat.tolist() == [[2, 5]]
    np.testing.assert_equal(course(1, 2, 3, 4).between_hours(6, 18).flat, [[GAP, 2, 3, GAP]])


@pytest.fixture(scope="module")
def paper_records(equipped_city: City) -> tuple[SimulatedCity, dict[str, Record]]:
    city = SimulatedCity(equipped_city, 8, MONDAY, 7)
    return city, dict(city.records())


def test_the_simulated_city_gives_every_record_that_is_compared(paper_records: tuple[SimulatedCity, dict[str, Record]]) -> None:
    _, records = paper_records
    pairs = [*likeness.CURVES, *likeness.SCATTERS, *likeness.WITHIN_A_WEEK]
    pairs += [each.pair for each in (*likeness.COURSES, *likeness.GAPS, *likeness.WATCHES)]
    assert {pair.simulated for pair in pairs} <= set(records)
    assert {record.n_days for record in records.values()} == {7}


def test_halls_have_arrivals_and_queues_while_they_are_open(paper_records: tuple[SimulatedCity, dict[str, Record]]) -> None:
    _, records = paper_records
    arrivals, queues = records["hall arrivals"], records["hall queues"]
    is_open = np.isfinite(queues.values[0])
    assert is_open[:5, 9 * 12 : 17 * 12].all()
    assert is_open.sum() == 5 * 8 * 12
    assert np.nanmin(queues.values) == 0
    assert 0 < np.nanmax(queues.values) < np.nansum(arrivals.values, axis=2).max()
    assert np.nansum(records["walk-ins"].values) < np.nansum(arrivals.values)


def test_what_is_lost_is_missing(paper_records: tuple[SimulatedCity, dict[str, Record]]) -> None:
    """Three messages in a thousand, half an hour in five hundred, and who is silent for days: one in a hundred at any moment."""
    city, records = paper_records
    assert 0.003 < city.lost_share(SensorKind.TRAFFIC_FLOW) < 0.03
    assert statistics.missing_share(records["speed"]) == pytest.approx(city.lost_share(SensorKind.TRAFFIC_FLOW), abs=0.003)
    assert SensorKind.PARKING not in city.periodic


def test_one_device_in_seventy_or_so_is_broken(paper_records: tuple[SimulatedCity, dict[str, Record]]) -> None:
    city, _ = paper_records
    shares = city.broken_shares()
    assert 0.002 < sum(shares["all"].values()) < 0.06
    assert set(city.not_compared) < set(shares)


def test_what_is_absent_is_named_and_nothing_takes_its_place(tmp_path: Path) -> None:
    found, absent = read_sets(tmp_path)
    assert found == {}
    assert absent == tuple(SETS)
    nothing = likeness.compared({}, found, {})
    assert set(map(tuple, nothing.values())) == {()}
    assert likeness.table({**nothing, "absent": absent}) == f"Absent: {', '.join(SETS)}."


def test_a_folder_that_is_not_there_is_a_wrong_setting(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CITYHELM_DATA", str(tmp_path / "nowhere"))
    with pytest.raises(SettingsError, match="CITYHELM_DATA"):
        likeness.measure()


def test_every_comparison_is_in_the_document() -> None:
    shown = document("docs/city.md")
    pairs = [*likeness.CURVES, *likeness.SCATTERS, *likeness.WITHIN_A_WEEK, *(c.pair for c in likeness.COURSES)]
    missing = [pair.what for pair in pairs if f"| {pair.what} | {pair.real.split(':')[0]} |" not in shown]
    assert missing == []


@pytest.fixture(scope="module")
def real() -> dict[str, Record]:
    found, absent = read_sets(likeness.BESIDE)
    if absent:
        pytest.skip(f"of the public data sets beside the checkout {', '.join(absent)} are not there: nothing real to read")
    return found


def test_real_sets_are_read_as_they_are(real: dict[str, Record]) -> None:
    """Figures that the sets are known for: sensors, days, calls a day, the days of the week."""
    assert real["la_speed"].values.shape == (207, 6, 288)
    assert np.isfinite(real["la_speed"].flat[0]).sum() == 1_612
    assert real["mva"].values.shape[0] == 24
    assert not np.isfinite(real["mva"].values[:, 3]).any()  # a Sunday
    assert np.isfinite(real["bank_calls"].values[0, :, 20]).sum() == 120
    assert np.nansum(real["bank_calls"].values, axis=2)[0, 0] == pytest.approx(41_257, rel=0.01)  # but the last five minutes
    calls_a_day = real["montgomery: all"].values.sum(axis=2)[0]
    assert np.isnan(calls_a_day[0])
    assert np.nanmean(calls_a_day) == pytest.approx(383, abs=2)
    assert np.nanmax(calls_a_day) < 913  # the blizzard is left out
    assert real["sf: all"].values.sum() == 2_795
    assert {record.first_day.weekday() for name, record in real.items() if name.startswith("beijing")} == {0}


def test_real_records_agree_with_themselves(real: dict[str, Record]) -> None:
    for name in ("dresden_parking", "melbourne: station", "montgomery: medical", "nyc: medical", "beijing: no2"):
        assert statistics.split_half(real[name], WORKDAY) > 0.9, name
    by_weekday = statistics.comparable(real["nyc: medical"], by_weekday=True)
    assert 1 < statistics.scatter(real["nyc: medical"], by_weekday).ratio < 3
