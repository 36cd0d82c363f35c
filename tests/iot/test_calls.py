"""Calls: how often, when, where, about what, how weather changes it; and nothing about persons."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest

from domain.incidents import HAZARD_CLASSES, Grade, IncidentReport, RequestReport
from gis_data.city import City
from ingest.parse import parse
from iot.payloads import encode
from iot.scenarios import Downpour, Scene
from iot.simulated.calendar import DayType, day_type
from iot.simulated.call_classes import CLASSES, DRIVING, EMERGENCIES, Desk, Hours
from iot.simulated.calls import Callers
from iot.simulated.driving import Roads
from iot.simulated.rhythm import local_time
from iot.simulated.telling import Call, working_days_later
from iot.simulated.weather import Weather
from iot.topics import topic_of
from tests.iot.conftest import place_of
from tests.iot.test_units import MONDAY_8_S, SEED

DAY_S = 86_400.0
SHANGHAI = ZoneInfo("Asia/Shanghai")
DATA = Path(__file__).parents[3] / "shared" / "data"


@pytest.fixture(scope="module")
def metropolis(paper_city: City) -> City:
    """The city with ten times its people: 4 million, three quarters of them in the west."""
    districts = tuple(replace(d, population=10 * (d.population or 0)) for d in paper_city.districts)
    return replace(paper_city, districts=districts)


@pytest.fixture(scope="module")
def callers(metropolis: City) -> Callers:
    return Callers(metropolis, Roads(metropolis), Weather(SEED, SHANGHAI))


@pytest.fixture(scope="module")
def month(callers: Callers) -> list[Call]:
    """Four weeks without holidays."""
    return callers.between(MONDAY_8_S, MONDAY_8_S + 28 * DAY_S)


def of(calls: Sequence[Call], desk: Desk, *names: str) -> list[Call]:
    return [c for c in calls if c.device_id == desk.device_id(c.district_code) and (not names or c.event.class_ in names)]


def local_hour(call: Call) -> int:
    return call.event.ts.astimezone(SHANGHAI).hour


def test_there_are_as_many_of_each_class_as_its_rate_says(month: list[Call]) -> None:
    """Four million people, 28 days: 1,120 hundred thousands of resident days; 6.26 incidents for each are 7,011."""
    for each in CLASSES:
        if each.name == "waterlogging":
            continue  # comes with the rain
        expected = 1_120 * each.per_100k_day
        found = len(of(month, each.desk, each.name))
        more = 1.2 if each.influence.value > 1 else 1.0  # rain and darkness make accidents more frequent
        assert found / expected / more == pytest.approx(1, abs=0.1 + 3 / np.sqrt(expected)), (each.desk, each.name)
    assert len(of(month, Desk.INCIDENTS)) == pytest.approx(7_011, rel=0.08)


def test_nearly_all_incidents_are_minor(month: list[Call]) -> None:
    grades = Counter(c.event.severity for c in of(month, Desk.INCIDENTS))
    assert grades[4] / sum(grades.values()) > 0.65
    assert (grades[1] + grades[2]) / sum(grades.values()) < 0.04
    assert grades[2] > 0


def test_hours_of_a_table_give_a_day_of_one_hundred_percent() -> None:
    """A day that goes at its maximum for twelve hours and rests for twelve lasts twelve hours at the maximum."""
    assert Hours((100,) * 12 + (0,) * 12, (100,) * 12 + (0,) * 12).a_day_at_most_s == 12 * 3_600
    assert Hours((100,) * 24, (30,) * 24).a_day_at_most_s == pytest.approx(24 * 3_600 * 5.6 / 7)


def test_inspectors_work_by_day_and_noise_is_complained_of_in_the_evening(month: list[Call]) -> None:
    grid = Counter(local_hour(c) for c in of(month, Desk.GRID))
    assert sum(grid[h] for h in range(8, 18)) > 0.85 * sum(grid.values())
    noise = Counter(local_hour(c) for c in of(month, Desk.HOTLINE, "noise"))
    assert max(noise, key=lambda h: noise[h]) in (19, 20, 21, 22)


def test_a_day_off_that_is_worked_has_the_hours_of_a_working_day(callers: Callers) -> None:
    """14 February 2026 is a Saturday that is worked to make up for the Spring Festival; the 21st is within the holiday."""
    worked, free = date(2026, 2, 14), date(2026, 2, 21)
    assert day_type(worked, SHANGHAI) is DayType.WORKDAY
    assert day_type(free, SHANGHAI) is DayType.HOLIDAY
    n_worked, n_free = (
        len(of(callers.between(start, start + DAY_S), Desk.GRID))
        for start in (datetime(day.year, day.month, day.day, tzinfo=SHANGHAI).timestamp() for day in (worked, free))
    )
    assert n_worked > 1.5 * n_free


def test_counts_scatter_a_little_more_than_chance_alone(month: list[Call]) -> None:
    """Of a Poisson stream the counts have their mean as variance; days and hours of unrest add some ten percent of the mean: with
    14 an hour at noon about 1 + 14 × 0.015."""
    per_hour = Counter(int(c.event.ts.timestamp() // 3600) for c in of(month, Desk.INCIDENTS))
    by_hour: dict[int, list[int]] = {}
    for hour in range(int(MONDAY_8_S // 3600), int((MONDAY_8_S + 28 * DAY_S) // 3600)):
        weekday = (hour + 8) // 24 % 7  # 1 January 1970 was a Thursday: 0 is a Thursday here
        if weekday not in (2, 3) and 9 <= (hour + 8) % 24 < 21:
            by_hour.setdefault((hour + 8) % 24, []).append(per_hour[hour])
    spread = np.mean([np.var(counts, ddof=1) / np.mean(counts) for counts in by_hour.values()])
    assert 1.0 < spread < 1.6


def test_asked_second_by_second_there_are_the_same_calls(callers: Callers) -> None:
    rain = [Downpour(MONDAY_8_S - 600, 3_600, 90, 3_000, *place_of(8, 4), 0, 0)]
    for scenes in ((), rain):
        whole = callers.between(MONDAY_8_S, MONDAY_8_S + 1_800, scenes)
        assert len(whole) > 5
        assert [c for k in range(1_800) for c in callers.between(MONDAY_8_S + k, MONDAY_8_S + k + 1, scenes)] == whole
        halves = [callers.between(MONDAY_8_S + a, MONDAY_8_S + b, scenes) for a, b in pairwise((0, 777.7, 1_800))]
        assert [*halves[0], *halves[1]] == whole


def test_a_long_stretch_is_the_same_as_its_hours(callers: Callers) -> None:
    whole = callers.between(MONDAY_8_S, MONDAY_8_S + 30 * 3_600)
    assert [c for k in range(30) for c in callers.between(MONDAY_8_S + 3_600 * k, MONDAY_8_S + 3_600 * (k + 1))] == whole


def test_of_requests_alone_there_are_the_same(callers: Callers) -> None:
    span = (MONDAY_8_S, MONDAY_8_S + 3_600)
    requests = [c for c in callers.between(*span) if c.event.event == "request.opened"]
    assert callers.between(*span, requests_only=True) == requests


def test_every_call_is_understood_lies_in_its_district_and_names_nobody(callers: Callers, metropolis: City) -> None:
    incidents, requests = set(), set()
    calls = callers.between(MONDAY_8_S, MONDAY_8_S + 2 * DAY_S)
    for call in calls:
        received = datetime.fromtimestamp(MONDAY_8_S + 3 * DAY_S, UTC)
        (report,) = parse(topic_of(call.device_id, "event"), encode(call.event), received)
        assert isinstance(report, IncidentReport | RequestReport)
        district = metropolis.district_of(report.lon or 0, report.lat or 0)
        assert district is not None
        assert call.district_code in ("990101", "990102")
        if isinstance(report, IncidentReport):
            assert report.hazard_class in HAZARD_CLASSES
            assert isinstance(report.grade, Grade)
            assert "附近" in report.text
            assert not re.search(r"\d{5,}|先生|女士|姓", report.text)
            incidents.add(report.incident_id)
        else:
            assert report.source in ("12345", "grid")
            assert report.due is not None
            requests.add(report.request_id)
    assert len(incidents) + len(requests) == len(calls)
    assert len(incidents) > 400


def test_every_desk_that_calls_has_announced_itself(callers: Callers) -> None:
    desks = {device_id for device_id, _ in callers.desks(datetime.fromtimestamp(MONDAY_8_S, UTC))}
    assert len(desks) == 3 * 2
    assert {c.device_id for c in callers.between(MONDAY_8_S, MONDAY_8_S + DAY_S)} == desks


def test_more_people_call_where_more_people_live(month: list[Call]) -> None:
    """Three quarters live in the west. Four fifths of these calls go by homes, the rest by shops and works, of which either half of
    the city has as many: 0.8 × 0.75 + 0.2 × 0.5 = 0.7."""
    by_district = Counter(c.district_code for c in of(month, Desk.HOTLINE, "property"))
    assert by_district["990101"] / by_district.total() == pytest.approx(0.7, abs=0.03)


def test_accidents_happen_where_traffic_is(month: list[Call]) -> None:
    """By length × vehicles an hour: the arterial (row 4) 7.7 km × 1,968, eight secondary roads 61.6 × 910, local streets 75.6 × 125:
    0.188 of all are on the arterial."""
    rows = [(c.event.position[1] - 30.20) / 0.005 for c in of(month, Desk.INCIDENTS, "traffic_accident") if c.event.position]
    assert sum(abs(row - 4) < 0.001 for row in rows) / len(rows) == pytest.approx(0.188, abs=0.03)


def test_rain_and_darkness_bring_accidents(callers: Callers) -> None:
    """Two days of 8 mm/h all over the city: by day 1 + 0.71 × 0.98 = 1.70 times as many, by night 1.70 × 1.49 ÷ 1.17 = 2.16."""
    rain: list[Scene] = [Downpour(MONDAY_8_S - 2 * DAY_S, 4 * DAY_S, 8, 500_000, *place_of(8, 4), 0, 0)]
    dry, wet = (of(callers.between(MONDAY_8_S - DAY_S, MONDAY_8_S + DAY_S, s), Desk.INCIDENTS) for s in ((), rain))

    def n(calls: list[Call], *names: str) -> int:
        return len(of(calls, Desk.INCIDENTS, *names))

    assert 1.5 < n(wet, "traffic_accident", "traffic_hazard") / n(dry, "traffic_accident", "traffic_hazard") < 2.1
    assert n(wet, "medical") == n(dry, "medical")
    assert n(wet, "waterlogging") == 0  # drains take 8 mm/h


def test_darkness_alone_brings_some_more_accidents(callers: Callers) -> None:
    noon, night = (
        float(callers._accidents(np.array([123.4]), np.array([30.2]), np.array([MONDAY_8_S + 3_600 * h]), ())[0]) for h in (4, 13)
    )
    assert (noon, night) == (1.0, pytest.approx(1.17))


def test_a_cloudburst_floods_streets_under_it_after_it_has_rained_for_a_while(callers: Callers) -> None:
    """At the core of a cell of 150 mm/h the mean of half an hour exceeds what drains take by up to 110, of which 80 count: 2.4
    incidents an hour for every 100,000 people there."""
    cells = [Downpour(MONDAY_8_S + k * 7_200, 3_600, 150, 2_000, *place_of(4, 4), 0, 0) for k in range(24)]
    rain = cells[0]
    storm = callers.between(MONDAY_8_S, MONDAY_8_S + 24 * 7_200, cells)
    n_incidents, n_requests = (len(of(storm, desk, "waterlogging")) for desk in (Desk.INCIDENTS, Desk.HOTLINE))
    assert 24 * 15 < n_incidents < 24 * 30
    assert 3 < n_requests / n_incidents < 6  # there are four times as many, more of them where people live
    calls = callers.between(MONDAY_8_S, MONDAY_8_S + 2 * 3_600, [rain])
    flooded, requests = of(calls, Desk.INCIDENTS, "waterlogging"), of(calls, Desk.HOTLINE, "waterlogging")
    first_s = min(c.event.ts.timestamp() for c in [*flooded, *requests]) - MONDAY_8_S
    assert first_s > 900
    west, south = place_of(4, 4)
    for call in [*flooded, *requests]:
        assert call.event.position is not None
        lon, lat = call.event.position
        assert np.hypot((lon - west) * 96_100, (lat - south) * 111_200) < 4_500
        assert call.event.ts.timestamp() < MONDAY_8_S + 3_600 + 2_400


def test_a_request_is_due_in_seven_working_days() -> None:
    friday = datetime(2026, 3, 6, 6, tzinfo=UTC)
    assert working_days_later(friday, 7, SHANGHAI) == datetime(2026, 3, 17, 6, tzinfo=UTC)  # Tuesday of the week after next
    # Spring Festival 2026: 15 to 23 February off, Saturday 28 February worked.
    eve = datetime(2026, 2, 13, 2, tzinfo=UTC)
    assert working_days_later(eve, 1, SHANGHAI) == datetime(2026, 2, 14, 2, tzinfo=UTC)
    assert working_days_later(eve, 7, SHANGHAI) == datetime(2026, 3, 1 + 1, 2, tzinfo=UTC)


def profile(times: pd.Series) -> np.ndarray:
    """Counts by hour on working days."""
    weekdays = times[times.dt.day_of_week < 5]
    return weekdays.groupby(weekdays.dt.hour).size().reindex(range(24), fill_value=0).to_numpy(float)


@pytest.mark.parametrize(
    ("folder", "hours", "starts"), [("ems", EMERGENCIES, "EMS"), ("accidents", DRIVING, "Traffic: VEHICLE ACCIDENT")]
)
def test_the_hours_are_like_those_of_a_real_dispatch_centre(folder: str, hours: Hours, starts: str) -> None:
    file = DATA / "montgomery" / "911.parquet"
    if not file.exists():
        pytest.skip(f"{file} is not there: the hours of {folder} are compared with real calls only where it is")
    real = pd.read_parquet(file)
    found = profile(pd.to_datetime(real[real.title.str.startswith(starts)].timeStamp))
    ours = hours.profile.at(local_time(MONDAY_8_S + 3_600 * np.arange(-8, 16), SHANGHAI))
    assert np.corrcoef(found, ours)[0, 1] > 0.9
