"""Visitors and staff: how many come when and for what, who sits where, and that what happens later changes nothing before it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from numpy.typing import ArrayLike

from domain.halls import ServiceItem
from gis_data.city import City
from iot.plane import Floats
from iot.scenarios import Downpour, HallRush, PowerCut, Scene
from iot.simulated.calendar import is_working_day
from iot.simulated.chance import uniform
from iot.simulated.halls.errands import ERRANDS
from iot.simulated.halls.floor import Ticket
from iot.simulated.halls.staff import ASSUMED_WINDOWS, HOUR_MS, MINUTE_MS, SATURDAY, WORKDAY, Hall, halls_of, rota
from iot.simulated.halls.visitors import Visitors, calendar_factor, poisson, rain_factor
from iot.simulated.weather import Weather

SEED = 7
ZONE = ZoneInfo("Asia/Shanghai")
TUESDAY = date(2026, 3, 3)
MINUTES = (0, 24 * 60)


class DryWeather(Weather):
    """Weather in which it never rains by itself."""

    def rain_mm_h(self, lon: ArrayLike, lat: ArrayLike, time_s: ArrayLike, scenes: Sequence[Scene]) -> Floats:
        return super().rain_mm_h(lon, lat, time_s, scenes) - self.spell_mm_h(time_s)


DRY = DryWeather(SEED, ZONE)


@pytest.fixture(scope="module")
def hall(paper_city: City) -> Hall:
    """A main hall of 36 windows."""
    return one_of(paper_city, {"windows": 36, "is_main": 1})


def one_of(city: City, attributes: dict[str, int], seed: int = SEED) -> Hall:
    """The first hall of a city, with these attributes."""
    place = replace(city.places_of("service_hall")[0], attributes=attributes)
    return halls_of(replace(city, places=(place,)), seed)[0]


def midnight_s(day: date) -> float:
    return datetime(day.year, day.month, day.day, tzinfo=ZONE).timestamp()


def visitors(hall: Hall, day: date = TUESDAY) -> Visitors:
    hours = hall.hours(day)
    assert hours is not None
    return Visitors(hall, day, hours, midnight_s(day), DRY, SEED)


def those_of(hall: Hall, day: date, scenes: Sequence[Scene] = ()) -> list[Ticket]:
    return visitors(hall, day).between(*MINUTES, scenes)


def workdays(n: int) -> list[date]:
    days = (date(2026, 3, 2) + timedelta(days=k) for k in range(3 * n))
    return [day for day in days if is_working_day(day, ZONE)][:n]


def names(tickets: Sequence[Ticket]) -> list[tuple[int, str, str, int, int]]:
    return [(t.arrives_ms, t.item, t.channel, t.service_ms, t.patience_ms) for t in tickets]


def test_quantiles_of_poisson_by_hand_and_in_the_mean() -> None:
    # Mean 2: P(0) = 0.135, P(≤ 1) = 0.406, P(≤ 2) = 0.677.
    assert poisson(np.array([0.1, 0.2, 0.5, 0.7]), np.full(4, 2.0)).tolist() == [0, 1, 2, 3]
    assert poisson(np.array([0.5, 0.999]), np.zeros(2)).tolist() == [0, 0]
    n = poisson(uniform(1, np.arange(40_000)), np.full(40_000, 3.0))
    assert (float(n.mean()), float(n.var())) == (pytest.approx(3, rel=0.02), pytest.approx(3, rel=0.03))


def test_the_same_day_comes_minute_by_minute_as_at_once(hall: Hall) -> None:
    day = visitors(hall)
    whole = day.between(*MINUTES, ())
    parts = [ticket for minute in range(*MINUTES) for ticket in day.between(minute, minute + 1, ())]
    assert names(parts) == names(whole)
    assert [t.arrives_ms for t in whole] == sorted(t.arrives_ms for t in whole)


def test_a_working_day_has_two_peaks_and_a_quiet_noon(hall: Hall) -> None:
    hours = Counter(t.arrives_ms // HOUR_MS for day in workdays(15) for t in those_of(hall, day))
    assert set(hours) == set(range(8, 17))
    assert hours[10] > 1.5 * hours[12] < hours[14]
    assert hours[16] < 0.5 * hours[10]


def test_a_hall_has_some_thirty_tickets_a_window_and_day(hall: Hall) -> None:
    counts = [len(those_of(hall, day)) for day in workdays(20)]
    assert 25 <= np.mean(counts) / hall.n_windows <= 45
    assert np.mean(counts) == pytest.approx(hall.tickets, rel=0.08)


def test_days_scatter_more_than_independent_people_would(hall: Hall) -> None:
    """Counts against what the calendar lets expect: a Poisson stream has a dispersion of 1, spreads of 5 and 7 % of a day make
    about 1 + 900 × 0.0074 for walk-ins."""
    days = workdays(120)
    walk_ins = [sum(t.channel == "walk_in" for t in those_of(hall, day)) for day in days]
    expected = np.array([calendar_factor(day, ZONE) for day in days])
    expected *= sum(walk_ins) / expected.sum()
    dispersion = float(np.mean((np.array(walk_ins) - expected) ** 2 / expected))
    assert 3 < dispersion < 10


def test_within_a_day_people_come_independently(hall: Hall) -> None:
    """The thinned intervals of a minute: with the rate of the hour divided out, counts of two minutes have their mean as variance."""
    counts = np.array([
        [sum(t.channel == "walk_in" and t.arrives_ms // (2 * MINUTE_MS) == m for t in tickets) for m in range(300, 330)]
        for tickets in (those_of(hall, day) for day in workdays(25))
    ])  # fmt: skip
    assert float((counts.var(axis=1, ddof=1) / counts.mean(axis=1)).mean()) == pytest.approx(1, abs=0.15)


def test_the_calendar_makes_mondays_and_days_after_holidays_busy() -> None:
    ordinary = [calendar_factor(date(2026, 3, day), ZONE) for day in (9, 10, 11, 12, 13)]
    assert ordinary[0] == max(ordinary)
    assert np.mean(ordinary) == pytest.approx(1)
    # National Day 2026: 1 to 7 October off; 20 September and 10 October are worked instead.
    after, before = calendar_factor(date(2026, 10, 8), ZONE), calendar_factor(date(2026, 9, 30), ZONE)
    assert after == pytest.approx(0.96 * 1.22)
    assert before == pytest.approx(0.98 * 0.88 * 1.08)  # and the month ends
    assert calendar_factor(date(2026, 3, 31), ZONE) == pytest.approx(1.02 * 1.08)


def test_halls_open_on_made_up_days_and_close_on_sundays_and_holidays(hall: Hall, paper_city: City) -> None:
    branch = one_of(paper_city, {"windows": 12, "is_main": 0})
    days = {
        date(2026, 3, 3): (WORKDAY, WORKDAY),
        date(2026, 3, 7): (SATURDAY, None),
        date(2026, 3, 8): (None, None),
        date(2026, 10, 2): (None, None),
        date(2026, 10, 3): (None, None),  # a Saturday, but of the holiday
        date(2026, 10, 10): (WORKDAY, WORKDAY),  # a Saturday that is worked
    }
    assert {day: (hall.hours(day), branch.hours(day)) for day in days} == days


def test_rain_keeps_people_away() -> None:
    assert rain_factor([0, 1, 4, 16, 100]).tolist() == pytest.approx([1, 0.9, 0.8, 0.6, 0.35])


def test_a_downpour_at_the_hall_keeps_people_away_while_it_lasts_and_moves_nobody(hall: Hall) -> None:
    ten_s = midnight_s(TUESDAY) + 10 * 3600
    rain = Downpour(ten_s, 7_200, 60, 3_000, hall.lon, hall.lat, 0, 0)
    dry, wet = names(those_of(hall, TUESDAY)), names(those_of(hall, TUESDAY, [rain]))
    assert set(wet) < set(dry)

    def came(tickets: list[tuple[int, str, str, int, int]], first: int, last: int) -> int:
        return sum(first * HOUR_MS <= ticket[0] < last * HOUR_MS for ticket in tickets)

    assert came(wet, 8, 10) == came(dry, 8, 10)
    assert came(wet, 12, 17) == came(dry, 12, 17)
    # At the height of 60 mm/h a third of the walk-ins and two thirds of the appointments are left.
    assert 0.4 < came(wet, 10, 12) / came(dry, 10, 12) < 0.75


def test_a_rush_adds_people_after_it_began_and_moves_nobody(hall: Hall) -> None:
    eleven_s = midnight_s(TUESDAY) + 11 * 3600
    rush = HallRush(eleven_s, 3_600, (hall.hall_id,), 3.0)
    usual, rushed = names(those_of(hall, TUESDAY)), names(those_of(hall, TUESDAY, [rush]))
    assert set(usual) < set(rushed)
    added = [ticket for ticket in rushed if ticket not in set(usual)]
    assert min(ticket[0] for ticket in added) >= 11 * HOUR_MS
    assert max(ticket[0] for ticket in added) < 12 * HOUR_MS
    assert {ticket[2] for ticket in added} == {"walk_in"}
    walk_ins = [ticket for ticket in usual if ticket[2] == "walk_in" and 11 * HOUR_MS <= ticket[0] < 12 * HOUR_MS]
    assert len(added) / len(walk_ins) == pytest.approx(2 * 55 / 60, rel=0.25)  # the ramps cost five minutes
    elsewhere = HallRush(eleven_s, 3_600, ("another",), 3.0)
    assert names(those_of(hall, TUESDAY, [elsewhere])) == usual


def test_without_power_nobody_gets_a_ticket(hall: Hall) -> None:
    cut = PowerCut(midnight_s(TUESDAY) + 10 * 3600, 3_600, hall.lon, hall.lat, 1_000)
    assert not [t for t in those_of(hall, TUESDAY, [cut]) if 10 * HOUR_MS <= t.arrives_ms < 11 * HOUR_MS]


def test_errands_come_in_their_shares_and_take_their_time(hall: Hall) -> None:
    tickets = [t for day in workdays(60) for t in those_of(hall, day)]
    seen = Counter(t.item for t in tickets)
    assert set(seen) == {item.value for item in ServiceItem}
    for errand, share in zip(hall.errands, hall.shares, strict=True):
        own = [t for t in tickets if t.item == errand.item]
        assert len(own) / len(tickets) == pytest.approx(share, rel=0.12)
        assert np.mean([t.channel == "appointment" for t in own]) == pytest.approx(errand.booked, abs=0.05)
        seconds = np.array([t.service_ms for t in own]) / 1000
        assert np.mean(seconds) == pytest.approx(errand.mean_s, rel=0.1)
        logs = np.log(seconds)
        assert np.std(logs) == pytest.approx(errand.sigma, rel=0.1)
        assert abs(float(np.mean((logs - logs.mean()) ** 3)) / np.std(logs) ** 3) < 0.4  # lognormal: the logarithm is not skewed
        assert {t.letter for t in own} == {errand.counter}


def test_patience_is_that_of_weibull(hall: Hall) -> None:
    minutes = np.array([t.patience_ms for day in workdays(20) for t in those_of(hall, day)]) / MINUTE_MS
    assert float(np.mean(minutes < 20)) == pytest.approx(1 - np.exp(-((20 / 90) ** 1.6)), abs=0.01)
    assert float(np.mean(minutes < 60)) == pytest.approx(1 - np.exp(-((60 / 90) ** 1.6)), abs=0.015)


def test_another_seed_hall_or_day_is_another_crowd(hall: Hall, paper_city: City) -> None:
    other = one_of(paper_city, {"windows": 36}, SEED + 1)
    crowds = [names(those_of(hall, TUESDAY)), names(those_of(hall, TUESDAY + timedelta(days=1))), names(those_of(other, TUESDAY))]
    assert len({tuple(crowd[:5]) for crowd in crowds}) == 3
    assert crowds[0] == names(those_of(hall, TUESDAY))


# Staff


def test_a_hall_whose_windows_nobody_counted_is_assumed_to_have_twelve(hall: Hall, paper_city: City) -> None:
    assumed = one_of(paper_city, {})
    assert (assumed.n_windows, assumed.windows_are_assumed, assumed.is_main) == (ASSUMED_WINDOWS, True, False)
    assert not hall.windows_are_assumed


def test_every_item_has_windows_all_day_and_every_clerk_what_he_can(hall: Hall, paper_city: City) -> None:
    for some in (hall, one_of(paper_city, {"windows": 12}), one_of(paper_city, {"windows": 3})):
        for day in (TUESDAY, date(2026, 3, 7)):
            hours = some.hours(day)
            if hours is None:
                continue
            duties, reserve = rota(some, day, hours)
            seated = [duty.clerk.pseudonym for duty in duties]
            assert len(set(seated)) == len(seated)
            assert not set(seated) & {clerk.pseudonym for clerk in reserve}
            assert all(duty.clerk.skills.issuperset(duty.items) for duty in duties)
            assert len({duty.window for duty in duties}) == len(duties) <= some.n_windows
            for item in some.items:
                for at_ms in range(hours.opens_ms + 5 * MINUTE_MS, hours.closes_ms, 5 * MINUTE_MS):
                    assert any(
                        item in duty.items
                        and any(since <= at_ms < until for since, until in duty.spans)
                        and not any(since <= at_ms < since + lasts for since, lasts in duty.breaks)
                        for duty in duties
                    ), (some.hall_id, day, item, at_ms)


def test_spare_windows_have_fewer_clerks_in_reserve(hall: Hall) -> None:
    duties, reserve = rota(hall, TUESDAY, WORKDAY)
    spare = hall.n_windows - len(duties)
    assert 0 < len(reserve) < spare + 1
    assert len(hall.clerks) == len(duties) + len(reserve)
    assert {clerk.pseudonym for clerk in hall.clerks} == {f"c{k:02d}" for k in range(1, len(hall.clerks) + 1)}


def test_clerks_change_windows_from_day_to_day(hall: Hall) -> None:
    today, tomorrow = (
        {duty.window: duty.clerk.pseudonym for duty in rota(hall, TUESDAY + timedelta(days=k), WORKDAY)[0]} for k in (0, 1)
    )
    assert today.keys() == tomorrow.keys()
    assert sum(today[window] != tomorrow[window] for window in today) > len(today) / 2


def test_the_staff_is_chosen_for_peaks_of_somewhat_more_than_it_can_do(hall: Hall) -> None:
    """Work that comes in an hour ÷ windows that are manned in it: below 0.95 over the day, 1 to 1.3 in the busiest hour."""
    duties, _ = rota(hall, TUESDAY, WORKDAY)
    manned = np.zeros(9)
    work = np.zeros(9)
    for minute in range(9 * 60, 17 * 60):
        at_ms = minute * MINUTE_MS
        on = sum(
            any(since <= at_ms < until for since, until in duty.spans) and not any(s <= at_ms < s + n for s, n in duty.breaks)
            for duty in duties
        )
        manned[minute // 60 - 9] += on
    days = workdays(40)
    for day in days:
        for ticket in those_of(hall, day):
            work[min(ticket.arrives_ms // HOUR_MS, 16) - 9] += (ticket.service_ms / MINUTE_MS + 0.5) / len(days)
    assert 0.8 < work.sum() / manned.sum() < 0.95
    assert 1.0 < (work[:8] / manned[:8]).max() < 1.3


def test_the_shares_of_the_errands_are_per_cent_and_their_mean_is_eight_and_a_half_minutes() -> None:
    assert {errand.item for errand in ERRANDS} == set(ServiceItem)
    assert sum(errand.share for errand in ERRANDS) == 100
    assert sum(errand.share * errand.mean_s for errand in ERRANDS) / 100 == pytest.approx(505, abs=10)
