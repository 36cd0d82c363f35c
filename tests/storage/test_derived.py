"""Derived series: counts and means that no device reports, as known at a moment."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest

from domain.derived import CITY, Derived, Measure, parse_key
from domain.halls import HallEventKind
from domain.moments import Moment
from storage.connection import Connection
from storage.derived import find_derived, list_derived, load_derived, load_derived_then, register_derived
from tests.support.scenes import NOW, STATION, a_device, a_hall_event, a_reading, a_request, an_incident, minutes, stored

HALL = Derived(Measure.ARRIVALS, "hall-1")
TAX = Derived(Measure.ARRIVALS, "hall-1", "tax")
HOUR = timedelta(hours=1)


def came(*minutes_ago: float, delay_minutes: float = 0) -> list[object]:
    return [a_hall_event(event_id=f"e{m}", minutes_ago=m, delay_minutes=delay_minutes) for m in minutes_ago]


def test_arrivals_are_counted_by_hall_and_service_from_the_first_on(conn: Connection) -> None:
    stored(conn, *came(50, 40, 38, 5))
    values = load_derived(conn, [HALL, TAX], start=NOW - HOUR, end=NOW, moment=Moment.live(NOW))
    assert values.tolist() == [[1, 2, 0, 1]] * 2
    earlier = load_derived(conn, [HALL], start=NOW - 2 * HOUR, end=NOW - HOUR + minutes(15), moment=Moment.live(NOW))
    assert np.isnan(earlier[0, :4]).all(), "before the first event the memory holds nothing"
    assert earlier[0, 4] == 1


def test_what_was_not_known_then_is_not_counted(conn: Connection) -> None:
    stored(conn, *came(50), *came(40, delay_minutes=60))
    (then,) = load_derived(conn, [HALL], start=NOW - HOUR, end=NOW, moment=Moment.past(NOW))
    assert then.tolist() == [1, 0, 0, 0]


def test_requests_incidents_and_customers_served_are_counted_by_the_hour(conn: Connection) -> None:
    end = a_hall_event(HallEventKind.END, event_id="x", minutes_ago=20)
    stored(conn, a_request(minutes_ago=30), an_incident(minutes_ago=70), an_incident("i-2", minutes_ago=90), *came(90, 10), end)
    wanted = [Derived(Measure.REQUESTS), Derived(Measure.INCIDENTS), Derived(Measure.ARRIVALS), Derived(Measure.SERVED)]
    values = load_derived(conn, wanted, start=NOW - 2 * HOUR, end=NOW, moment=Moment.live(NOW))
    np.testing.assert_array_equal(values, [[np.nan, 1], [2, 0], [1, 1], [np.nan, 1]])


@pytest.mark.parametrize("moment", [Moment.live(NOW), Moment.past(NOW)], ids=["live", "past"])
def test_a_mean_is_over_all_devices_and_missing_where_none_spoke(conn: Connection, moment: Moment) -> None:
    other = STATION.replace("air-1", "air-2")
    stored(conn, a_device(), a_device(other), a_reading(40, minutes_ago=30), a_reading(60, minutes_ago=30, device_id=other))
    mean = Derived(Measure.MEAN, quantity="pm25")
    values = load_derived(conn, [mean], start=NOW - 2 * HOUR, end=NOW, moment=moment)
    np.testing.assert_array_equal(values, [[np.nan, 50]])


def test_several_past_moments_are_told_apart_in_one_look(conn: Connection) -> None:
    stored(conn, *came(110, 50), *came(40, delay_minutes=35))
    moments = [NOW - minutes(60), NOW - minutes(30), NOW]
    then = load_derived_then(conn, [HALL, TAX], start=NOW - 2 * HOUR, end=NOW, moments=moments)
    for told, moment in zip(then, moments, strict=True):
        alone = load_derived(conn, [HALL, TAX], start=NOW - 2 * HOUR, end=NOW, moment=Moment.past(moment))
        np.testing.assert_array_equal(told[:, : alone.shape[1]], alone)
        assert np.isnan(told[:, alone.shape[1] :]).all()
    assert [told[0, 4:].tolist()[:2] for told in then[1:]] == [[1, 0], [1, 1]], "the late one was known by the last moment"


def test_a_corrected_reading_was_known_as_it_was_until_then(conn: Connection) -> None:
    stored(conn, a_device(), a_reading(40, minutes_ago=90), a_request(minutes_ago=80), an_incident(minutes_ago=75))
    stored(conn, a_reading(90, minutes_ago=90, corrects=True, delay_minutes=70))
    wanted = [Derived(Measure.MEAN, quantity="pm25"), Derived(Measure.REQUESTS), Derived(Measure.INCIDENTS)]
    moments = [NOW - minutes(55), NOW]
    before, after = load_derived_then(conn, wanted, start=NOW - 2 * HOUR, end=NOW, moments=moments)
    np.testing.assert_array_equal(before, [[40, np.nan], [1, np.nan], [1, np.nan]])
    np.testing.assert_array_equal(after, [[90, np.nan], [1, 0], [1, 0]])


def test_series_of_different_slots_are_not_asked_for_together(conn: Connection) -> None:
    with pytest.raises(ValueError, match=r"slots of \[900, 3600\] s"):
        load_derived(conn, [HALL, CITY[0]], start=NOW - HOUR, end=NOW, moment=Moment.live(NOW))


def test_a_series_gets_its_number_once_and_below_zero(conn: Connection) -> None:
    stored(conn, *came(50))
    assert register_derived(conn, NOW, since=NOW - HOUR) == len(CITY) + 2
    assert register_derived(conn, NOW, since=NOW - HOUR) == 0
    found = list_derived(conn)
    assert {row.derived for row in found} == {*CITY, HALL, TAX}
    assert max(row.series_id for row in found) == -1
    assert find_derived(conn, found[0].series_id) == found[0].derived
    assert find_derived(conn, -99) is None


@pytest.mark.parametrize("derived", [*CITY, HALL, TAX, Derived(Measure.ARRIVALS, "h", "a/b")], ids=lambda derived: derived.key)
def test_a_key_names_its_series(derived: Derived) -> None:
    assert parse_key(derived.key) == derived


@pytest.mark.parametrize("key", ["", "hall", "hall//arrivals", "city/luck", "city/mean/luck", "town/requests"])
def test_a_key_of_another_version_names_none(key: str) -> None:
    assert parse_key(key) is None
