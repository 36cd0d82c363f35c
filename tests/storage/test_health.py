"""Health of the data: what every source owed, what of it was good, and why the rest was not."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

import pytest

from domain.batches import Batch
from domain.moments import Moment
from domain.observations import PropertySpec, Quality, Reading
from domain.quality import Cause, Suspicion
from ingest.quality import judge
from storage import health, rollups
from storage.connection import Connection
from storage.devices import retire
from storage.health import Score, ScoreBy
from storage.ingestion import Ingestion
from tests.support.scenes import NOW, STATION, a_device, a_reading, a_rejection, a_state, a_unit, minutes, stored

LIVE = Moment.live(NOW)
HOUR = timedelta(hours=1)
OTHER = "440105/environment/south/air-2"


def numbered(readings: Iterable[Reading], first: int = 1) -> list[Reading]:
    return [reading._replace(seq=first + k) for k, reading in enumerate(readings)]


def every(step_minutes: float, *, since: float, until: float = 0, device_id: str = STATION, delay: float = 0) -> list[Reading]:
    """A reading each `step_minutes` from `since` minutes ago on, before `until`; values that never repeat."""
    n = int((since - until) / step_minutes)
    return [
        a_reading(40 + k % 7, minutes_ago=since - k * step_minutes, device_id=device_id, delay_minutes=delay) for k in range(n)
    ]


def judged(conn: Connection, *readings: Reading) -> None:
    batch = Batch()
    batch.extend(readings)
    ingestion = Ingestion(conn)
    ingestion.register(batch, NOW)
    ingestion.write(batch, judge)


def score(conn: Connection, moment: Moment = LIVE, *, hours: int = 3) -> Score:
    return health.health_snapshot(conn, moment, hours=hours).city


def losses(found: Score) -> dict[str, int]:
    return {cause.value: n for cause, n in found.causes.items() if n}


def test_a_source_that_says_all_it_owes_is_wholly_good(conn: Connection) -> None:
    stored(conn, a_device(minutes_ago=120, interval_s=300), *every(5, since=120))
    found = score(conn)
    assert (found.expected, found.due, found.good, losses(found)) == (23, 24, 24, {})  # the 24th is not due before 01:00
    assert (found.share, found.meets_target()) == (1.0, True)


def test_what_did_not_come_is_missing_where_and_when_it_was_due(conn: Connection) -> None:
    for device_id in (STATION, OTHER):
        stored(conn, a_device(device_id, minutes_ago=180, interval_s=300))
    stored(conn, *every(5, since=180, device_id=OTHER), *every(5, since=180, until=120), *every(5, since=60))
    found = health.health_snapshot(conn, LIVE, hours=3)
    assert (found.city.due, found.city.good, losses(found.city)) == (72, 60, {"missing": 12})
    assert [(s.key, losses(s)) for s in found.districts] == [("440106", {"missing": 12}), ("440105", {})]
    assert [(s.key, losses(s)) for s in found.worst] == [(STATION, {"missing": 12}), (OTHER, {})]
    assert [(s.key, losses(s)) for s in found.types] == [("AirQualityObserved", {"missing": 12})]
    by_hour = {s.key: losses(s) for s in found.hours}
    assert by_hour[(NOW - 2 * HOUR).isoformat()] == {"missing": 12}
    assert sum(losses(s).get("missing", 0) for s in found.hours) == 12


def test_a_source_owes_each_series_and_only_since_its_birth_until_it_retires(conn: Connection) -> None:
    both = (PropertySpec("pm25", "ug/m3", 0, 1000), PropertySpec("pm10", "ug/m3", 0, 1000))
    stored(conn, a_device(minutes_ago=90, interval_s=300, properties=both))
    assert [s.expected for s in health.health_snapshot(conn, LIVE, hours=2).hours] == [12, 22]  # 00:55 is still under way
    retire(conn, STATION, NOW - minutes(30))
    assert [s.expected for s in health.health_snapshot(conn, LIVE, hours=2).hours] == [12, 12]


def test_what_is_owed_in_a_span_does_not_depend_on_how_it_is_cut(conn: Connection) -> None:
    """A reading every 7 minutes from a birth at 21:13: 8 or 9 an hour, 32 in 227 minutes less what is under way."""
    stored(conn, a_device(minutes_ago=227, interval_s=420))
    found = health.health_snapshot(conn, LIVE, hours=5)
    assert found.city.expected == (227 - 7) // 7
    assert {s.expected for s in found.hours} <= {6, 7, 8, 9}


def test_a_changed_interval_counts_from_the_birth_that_announced_it(conn: Connection) -> None:
    stored(conn, a_device(minutes_ago=120, interval_s=60))
    stored(conn, a_device(minutes_ago=60, interval_s=600))
    assert [s.expected for s in health.health_snapshot(conn, LIVE, hours=2).hours] == [60, 5]


def test_who_speaks_on_change_owes_heartbeats(conn: Connection) -> None:
    stored(
        conn,
        a_device(mode="on_change", interval_s=600, minutes_ago=60),
        *(a_state("online", minutes_ago=m) for m in (50, 40, 30)),
    )
    found = score(conn)
    assert (found.expected, losses(found)) == (5, {"missing": 1})  # births are words as well: 4 of 5


def test_who_reports_no_readings_owes_messages_and_who_never_announced_himself_nothing(conn: Connection) -> None:
    hall = a_device("440106/service/hall-1/queue", minutes_ago=10, type_name="ServiceHall", properties=())
    stored(conn, hall, a_unit(minutes_ago=10), a_reading(1, minutes_ago=9, device_id=OTHER))
    by_device = {s.key: (s.expected, s.due) for s in health.list_scores(conn, LIVE, ScoreBy.DEVICE, since=NOW - HOUR, until=NOW)}
    assert by_device[OTHER] == (0, 1)
    assert by_device[hall.device_id] == (9, 9)
    assert by_device[a_unit().device_id] == (0, 0)


def test_a_reading_stamped_just_behind_the_hour_is_not_missing(conn: Connection) -> None:
    stored(conn, a_device(minutes_ago=180, interval_s=300))
    exact = every(5, since=180)
    stored(
        conn,
        *(
            r._replace(phenomenon_time=r.phenomenon_time - timedelta(milliseconds=1)) if k % 24 == 12 else r
            for k, r in enumerate(exact)
        ),
    )
    assert losses(score(conn)) == {}


def test_every_cause_is_counted_apart_and_all_add_up(conn: Connection) -> None:
    """An hour of 60 with one missing; and one in which the device was silent, of which the last minute is still under way."""
    stored(conn, a_device(minutes_ago=120, interval_s=60, properties=(PropertySpec("temperature", "Cel", -50, 60),)))
    said = {k: 20 + k % 5 / 10 for k in range(60)}
    said[10] = 99.0  # out of range
    said[20] = 35.0  # and back: a spike
    said.update(dict.fromkeys(range(30, 45), 28.0))  # a step up, one back
    readings = [a_reading(v, minutes_ago=120 - k, prop="temperature") for k, v in said.items() if k != 5]
    readings[50] = readings[50]._replace(quality=Quality.UNCERTAIN)
    readings[52] = readings[52]._replace(unit="[ppm]")
    readings[54] = readings[54]._replace(received_time=NOW + minutes(60))
    judged(conn, *readings)
    found = score(conn)
    assert losses(found) == {"range": 1, "spike": 1, "rate": 2, "doubted": 1, "unit": 1, "late": 1, "missing": 60}
    assert found.due == found.good + sum(found.causes.values()) == 119
    for by in ScoreBy:
        parts = health.list_scores(conn, LIVE, by, since=NOW - 3 * HOUR, until=NOW + HOUR)
        assert (sum(p.due for p in parts), sum(p.good for p in parts)) == (found.due, found.good), by
    assert found.received == found.stored + found.corrected + found.duplicate + found.rejected == 60


def test_a_stuck_sensor_is_flagged_but_kept(conn: Connection) -> None:
    stored(conn, a_device(minutes_ago=60, interval_s=60))
    judged(conn, *(a_reading(40, minutes_ago=60 - k) for k in range(60)))
    assert losses(score(conn)) == {"stuck": 25}
    assert conn.execute("SELECT count(*), count(DISTINCT quality) FROM observation").fetchone() == (60, 2)


def test_kept_hours_and_marked_ones_give_the_same_answers(conn: Connection) -> None:
    stored(conn, a_device(minutes_ago=180, interval_s=300))
    judged(
        conn, *numbered(every(5, since=180, until=70)), a_reading(5000, minutes_ago=65), *numbered(every(5, since=60), first=30)
    )
    before = health.health_snapshot(conn, LIVE, hours=3)
    assert before.city.causes[Cause.RANGE] == 1
    assert rollups.refresh(conn, NOW + HOUR) == 3
    assert health.health_snapshot(conn, LIVE, hours=3) == before
    past = health.health_snapshot(conn, Moment.past(NOW), hours=3)
    assert (past.city, past.hours, past.suspects) == (before.city, before.hours, before.suspects)


def test_the_past_is_judged_by_what_was_known_then(conn: Connection) -> None:
    stored(conn, a_device(minutes_ago=60, interval_s=600))
    judged(conn, *every(10, since=60))
    stored(conn, a_reading(7, minutes_ago=35, delay_minutes=30))
    then = health.health_snapshot(conn, Moment.past(NOW - minutes(15), NOW - minutes(15)), hours=1).city
    assert (then.expected, then.due, then.good) == (3, 5, 5)
    assert score(conn).due == 7


def gaps(conn: Connection, readings: Iterable[Reading]) -> tuple[int, int]:
    stored(conn, *readings)
    found = score(conn, hours=4)
    return found.gaps, found.restarts


def test_numbers_that_are_missing_are_counted_and_a_late_message_takes_its_gap_back(conn: Connection) -> None:
    readings = numbered(every(1, since=30))
    assert gaps(conn, [r for k, r in enumerate(readings) if k not in (7, 8, 20)]) == (3, 0)
    assert gaps(conn, [readings[8]._replace(received_time=NOW)]) == (2, 0)
    assert gaps(conn, [readings[7]._replace(received_time=NOW), readings[20]]) == (0, 0)


def test_numbers_are_followed_from_hour_to_hour(conn: Connection) -> None:
    readings = numbered(every(10, since=120))
    assert gaps(conn, readings[:5] + readings[8:]) == (3, 0)
    rollups.refresh(conn, NOW + HOUR)
    assert score(conn, hours=4).gaps == 3


@pytest.mark.parametrize("begins", [0, 1])
def test_a_device_that_begins_to_count_anew_has_lost_nothing(conn: Connection, begins: int) -> None:
    readings = every(1, since=50)
    assert gaps(conn, numbered(readings[:20], first=5000) + numbered(readings[20:], first=begins)) == (0, 1)


def test_numbers_that_wrap_have_no_gap(conn: Connection) -> None:
    readings = [r._replace(seq=(65_520 + k) % 65_536) for k, r in enumerate(every(1, since=40))]
    assert gaps(conn, readings) == (0, 1)


def test_a_restart_between_two_hours_is_one_too(conn: Connection) -> None:
    readings = every(10, since=120)
    assert gaps(conn, numbered(readings[:6], first=5000) + numbered(readings[6:])) == (0, 1)


def test_readings_kept_back_and_sent_later_leave_no_gap(conn: Connection) -> None:
    live, kept_back = every(1, since=50, until=20)[25:], every(1, since=50, until=20)[:25]
    said = numbered(live) + numbered([r._replace(received_time=NOW) for r in kept_back], first=6)
    assert gaps(conn, said) == (0, 0)


def test_a_corrected_message_keeps_its_number(conn: Connection) -> None:
    readings = numbered(every(1, since=10))
    stored(conn, *readings)
    assert gaps(conn, [readings[4]._replace(value=1, seq=11, is_correction=True, received_time=NOW)]) == (0, 0)


def test_two_sequences_that_run_beside_one_another_are_two_devices(conn: Connection) -> None:
    one, two = numbered(every(2, since=40), first=1000), numbered(every(2, since=39), first=10)
    stored(conn, a_device(minutes_ago=40), *one, *two)
    found = health.health_snapshot(conn, LIVE, hours=1)
    assert [(s.suspicion, s.n) for s in found.suspects] == [(Suspicion.TWO_SEQUENCES, 1)]
    assert (found.city.good, found.city.causes[Cause.TWIN], found.city.gaps) == (0, 39, 0)


def test_a_device_that_moves_once_is_moved_and_one_that_moves_back_is_two(conn: Connection) -> None:
    here, there = (113.25, 23.125), (113.30, 23.125)
    for ago, place in ((55, here), (45, there)):
        stored(conn, a_device(minutes_ago=ago, place=place))
    assert health.list_suspects(conn, LIVE, since=NOW - HOUR, until=NOW) == []
    stored(conn, a_device(minutes_ago=35, place=here), a_reading(1, minutes_ago=30))
    (suspect,) = health.list_suspects(conn, LIVE, since=NOW - HOUR, until=NOW)
    assert (suspect.device_id, suspect.suspicion, suspect.n) == (STATION, Suspicion.TWO_PLACES, 1)


def test_contradicting_values_are_two_devices(conn: Connection) -> None:
    stored(conn, a_device(minutes_ago=40), *every(2, since=40))
    stored(conn, *(r._replace(value=500) for r in every(2, since=40)[:3]))
    assert [(s.suspicion, s.n) for s in health.health_snapshot(conn, LIVE, hours=1).suspects] == [(Suspicion.CONTRADICTIONS, 3)]


@pytest.mark.parametrize(
    ("delay_minutes", "expected"),
    [(0.01, None), (-0.03, None), (-1.5, (Suspicion.CLOCK_AHEAD, 90)), (1.5, (Suspicion.CLOCK_BEHIND, 90)), (0.9, None)],
)
def test_a_clock_that_is_off_is_flagged_and_shown(
    conn: Connection, delay_minutes: float, expected: tuple[Suspicion, float] | None
) -> None:
    stored(conn, a_device(minutes_ago=40), *every(1, since=40, delay=delay_minutes))
    found = health.health_snapshot(conn, LIVE, hours=1)
    assert [(s.suspicion, s.offset_s) for s in found.suspects] == ([pytest.approx(expected)] if expected else [])
    assert conn.execute("SELECT max(phenomenon_time) FROM observation").fetchone() == (NOW - minutes(1),), "and not shifted"
    if expected:
        assert found.city.causes[Cause.SKEW] + found.city.causes[Cause.LATE] == 40


def test_a_queue_that_empties_after_an_outage_is_no_clock(conn: Connection) -> None:
    held_back = [r._replace(received_time=NOW) for r in every(1, since=40)]
    stored(conn, a_device(minutes_ago=40), *held_back)
    assert health.list_suspects(conn, LIVE, since=NOW - HOUR, until=NOW) == []


def test_one_device_is_shown_with_its_hours_and_units(conn: Connection) -> None:
    assert health.device_health(conn, LIVE, STATION) is None
    stored(
        conn,
        a_device(minutes_ago=60, interval_s=600, properties=(PropertySpec("pm25", "mg/m3"),)),
        *every(10, since=60, until=20),
    )
    found = health.device_health(conn, LIVE, STATION, hours=2)
    assert found is not None
    assert (found.score.key, found.score.district_code, found.score.type_name) == (STATION, "440106", "AirQualityObserved")
    assert losses(found.score) == {"missing": 1, "range": 0} or losses(found.score) == {"missing": 1}
    assert [(s.property, s.unit, s.sent_unit) for s in found.streams] == [("pm25", "ug/m3", "mg/m3")]
    assert [h.due for h in found.hours] == [5]


def test_what_named_no_device_is_counted_in_the_city(conn: Connection) -> None:
    stored(conn, a_rejection(device_id=None), a_rejection(minutes_ago=5))
    found = score(conn)
    assert (found.received, found.rejected, found.due, found.share, found.meets_target()) == (2, 2, 0, None, None)


def test_scores_can_be_asked_for_a_district_and_a_kind(conn: Connection) -> None:
    for device_id in (STATION, OTHER):
        stored(conn, a_device(device_id, minutes_ago=30, interval_s=600))
    asked = health.list_scores(conn, LIVE, ScoreBy.DEVICE, since=NOW - HOUR, until=NOW, district_code="440105")
    assert [s.key for s in asked] == [OTHER]
    assert health.list_scores(conn, LIVE, ScoreBy.DEVICE, since=NOW - HOUR, until=NOW, type_name="Streetlight") == []
