"""Calls: how often, where, about what; and nothing about persons."""

from __future__ import annotations

import re
from collections import Counter
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from domain.incidents import HAZARD_CLASSES, IncidentReport, RequestReport
from gis_data.city import City
from ingest.parse import parse
from iot.payloads import encode
from iot.scenarios import Downpour, Plume
from iot.simulated.calls import Callers, working_days_later
from iot.simulated.driving import Roads
from iot.simulated.weather import Weather
from iot.topics import topic_of
from tests.iot.test_physics import MONDAY_8_S, SEED

DAY_S = 86_400.0


@pytest.fixture(scope="module")
def callers(paper_city: City) -> Callers:
    return Callers(paper_city, Roads(paper_city), Weather(SEED, ZoneInfo(paper_city.zone)))


def test_a_day_has_an_incident_every_few_minutes_most_by_day(callers: Callers) -> None:
    days = [c for c in callers.between(MONDAY_8_S, MONDAY_8_S + 4 * DAY_S) if c.event.event == "incident.reported"]
    assert 4 * DAY_S / len(days) == pytest.approx(165, rel=0.15)
    by_hour = Counter(call.event.ts.astimezone(ZoneInfo("Asia/Shanghai")).hour for call in days)
    assert sum(by_hour[hour] for hour in range(9, 18)) > 2 * sum(by_hour[hour] for hour in range(6))


def test_calls_are_spread_like_independent_events(callers: Callers) -> None:
    """Counts of a Poisson stream have their mean as variance: the hour from ten to eleven of sixty working days."""
    tens = [MONDAY_8_S + 2 * 3600 + day * DAY_S for day in range(84) if day % 7 < 5]
    counts = [sum(c.event.event == "incident.reported" for c in callers.between(t, t + 3600)) for t in tens]
    mean = sum(counts) / len(counts)
    dispersion = sum((n - mean) ** 2 for n in counts) / (len(counts) - 1) / mean
    assert mean == pytest.approx(29.7, rel=0.1)  # 3600 ÷ 120 s, at 98–100 % of the busiest hour
    assert 0.6 < dispersion < 1.5


def test_asked_second_by_second_there_are_the_same_calls(callers: Callers) -> None:
    whole = callers.between(MONDAY_8_S, MONDAY_8_S + 600)
    assert whole
    assert [call for k in range(600) for call in callers.between(MONDAY_8_S + k, MONDAY_8_S + k + 1)] == whole


def test_every_call_is_understood_lies_in_its_district_and_names_nobody(callers: Callers, paper_city: City) -> None:
    numbers = set()
    for call in callers.between(MONDAY_8_S, MONDAY_8_S + 2 * DAY_S):
        received = datetime.fromtimestamp(MONDAY_8_S + 3 * DAY_S, UTC)
        (report,) = parse(topic_of(call.device_id, "event"), encode(call.event), received)
        assert isinstance(report, IncidentReport | RequestReport)
        district = paper_city.district_of(report.lon or 0, report.lat or 0)
        assert district is not None
        assert call.district_code in ("990101", "990102")
        if isinstance(report, IncidentReport):
            assert report.hazard_class in HAZARD_CLASSES
            assert "附近" in report.text
            assert not re.search(r"\d{5,}|先生|女士", report.text)
            numbers.add(report.incident_id)
        else:
            assert report.source == "12345"
            assert report.due is not None
    assert len(numbers) > 500


def test_more_people_call_where_more_people_live(callers: Callers) -> None:
    by_district = Counter(call.district_code for call in callers.between(MONDAY_8_S, MONDAY_8_S + DAY_S))
    assert by_district["990101"] / by_district["990102"] == pytest.approx(3, rel=0.25)  # 300,000 against 100,000


def test_a_fire_is_called_in_once_from_where_it_burns(callers: Callers) -> None:
    fire = Plume(MONDAY_8_S, 480, 12, 123.42, 30.22, 3, 0)
    calls = [call for k in range(300) for call in callers.between(MONDAY_8_S + k, MONDAY_8_S + k + 1, [fire])]
    (report,) = (call.event for call in calls if call.event.position == (123.42, 30.22))
    assert (report.class_, report.severity, report.channel) == ("fire", 2, "119")
    assert 60 <= report.ts.timestamp() - MONDAY_8_S <= 120


def test_a_downpour_floods_roads_under_its_path_after_it_has_rained_for_a_while(callers: Callers) -> None:
    rain = Downpour(MONDAY_8_S, 2_100, 70, 2_500, 123.44, 30.22, 0, 0)
    flooded = [
        c.event
        for c in callers.between(MONDAY_8_S, MONDAY_8_S + 2_100, [rain])
        if c.event.class_ == "waterlogging" and c.event.channel
    ]
    assert len(flooded) == 3
    assert all(event.ts.timestamp() - MONDAY_8_S > 0.4 * 2_100 for event in flooded)


def test_a_request_is_due_in_seven_working_days() -> None:
    weather = Weather(SEED, ZoneInfo("Asia/Shanghai"))
    friday = datetime(2026, 3, 6, 6, tzinfo=UTC)
    assert working_days_later(friday, 7, weather) == datetime(2026, 3, 17, 6, tzinfo=UTC)  # Tuesday of the week after next
