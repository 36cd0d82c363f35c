"""What the watch does beside judging, at a real database: reminders, situations, maintenance, readings that come late."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from alerts import acts
from alerts.alarm_rate import PEAK, load
from alerts.practice import Bonds, WarningPractice
from alerts.reminders import Clocks, due
from alerts.service import Watch
from dashboard.wire_warnings import as_alarm
from domain.moments import Moment
from domain.rights import Actor, Role
from domain.warnings import Warning, WarningLevel, WarningState
from storage import attention, situations
from storage.alarms import list_alarms
from storage.connection import Connection, connect
from storage.rules import seed_rules
from storage.warnings import list_open_warnings, list_steps, record_step
from tests.support.scenes import NOW, STATION, a_device, a_reading, a_rule, minutes, stored

AGENCY = "99010000100100"
OFFICER = Actor("wang", Role.DUTY_OFFICER)
RULE = replace(a_rule(), raise_hold_s=0, clear_hold_s=0)  # blue from 100 to 80, yellow from 150 to 120
CLOCKS = Clocks({WarningLevel.YELLOW: 600.0, WarningLevel.RED: 60.0})
PRACTICE = WarningPractice(clocks=CLOCKS, bonds=Bonds(reach_m=2_000, least=3))


@pytest.fixture
def watch() -> Watch:
    return Watch(AGENCY, practice=PRACTICE)


def open_now(conn: Connection, minutes_later: float, *, with_suppressed: bool = False) -> list[Warning]:
    return list_open_warnings(conn, Moment.live(NOW + minutes(minutes_later)), with_suppressed=with_suppressed)


def stations(conn: Connection, n: int) -> list[str]:
    """So many air stations in a row, 500 m apart."""
    ids = [f"440106/environment/site-{k}/air-{k}" for k in range(n)]
    stored(conn, *(a_device(one, place=(113.25 + 0.0049 * k, 23.125)) for k, one in enumerate(ids)))
    return ids


@pytest.mark.parametrize(
    ("elapsed_s", "given", "asked"),
    [
        (59, 0, None), (60, 0, (1, Role.COMMANDER)), (119, 1, None), (120, 1, (2, Role.LEADER)), (180, 2, (3, Role.LEADER)),
        (3_600, 0, (60, Role.LEADER)), (7_200, 60, None),
    ],
)  # fmt: skip
def test_after_each_period_the_next_role_is_told_and_what_was_missed_is_not_made_up_for(
    elapsed_s: float, given: int, asked: tuple[int, Role] | None
) -> None:
    assert due(WarningLevel.RED, NOW, given, CLOCKS, NOW + timedelta(seconds=elapsed_s)) == asked


def test_a_level_without_a_clock_reminds_nobody() -> None:
    assert due(WarningLevel.BLUE, NOW, 0, CLOCKS, NOW + minutes(999)) is None


def test_a_warning_reminds_until_it_is_acknowledged_once_each_time_whoever_watches(conn: Connection, watch: Watch) -> None:
    seed_rules(conn, [RULE], now=NOW)
    stored(conn, a_device(), a_reading(160))
    watch.tick(conn, NOW)
    for minute in (5, 10, 10.2, 15, 20, 20.1):
        Watch(AGENCY, practice=PRACTICE).tick(conn, NOW + minutes(minute))
    (warning,) = open_now(conn, 21)
    given = attention.list_reminders(conn, warning.warning_id, Moment.live(NOW + minutes(21)))
    assert [(one.n, one.role, one.at) for one in given] == [
        (1, "commander", NOW + minutes(10)), (2, "leader", NOW + minutes(20)),
    ]  # fmt: skip
    assert warning.reminder is not None
    assert (warning.reminder.n, warning.reminder.role) == (2, "leader")
    acts.acknowledge(conn, warning.warning_id, OFFICER, NOW + minutes(22))
    watch.tick(conn, NOW + minutes(40))
    assert len(attention.list_reminders(conn, warning.warning_id, Moment.live(NOW + minutes(41)))) == 2


def test_what_gets_graver_is_waited_for_anew(conn: Connection, watch: Watch) -> None:
    seed_rules(conn, [RULE], now=NOW)
    stored(conn, a_device(), a_reading(110))
    watch.tick(conn, NOW)
    (warning,) = open_now(conn, 1)
    acts.acknowledge(conn, warning.warning_id, OFFICER, NOW + minutes(1))
    stored(conn, a_reading(160, minutes_ago=-2))
    watch.tick(conn, NOW + minutes(2))
    watch.tick(conn, NOW + minutes(12))
    (given,) = attention.list_reminders(conn, warning.warning_id, Moment.live(NOW + minutes(13)))
    assert (given.n, given.at) == (1, NOW + minutes(12))
    told = [s.transition for s in list_steps(conn, warning.warning_id, Moment.live(NOW + minutes(13)))]
    assert told[:3] == ["raised", "acknowledged", "escalated"]


def test_warnings_near_one_another_become_a_situation_which_grows_and_ends_with_them(conn: Connection, watch: Watch) -> None:
    seed_rules(conn, [RULE], now=NOW)
    ids = stations(conn, 4)
    stored(conn, *(a_reading(110, device_id=one) for one in ids[:2]))
    watch.tick(conn, NOW)
    assert situations.list_open_situations(conn, Moment.live(NOW)) == []
    stored(conn, a_reading(160, device_id=ids[2], minutes_ago=-1))
    watch.tick(conn, NOW + minutes(1))
    (first,) = situations.list_open_situations(conn, Moment.live(NOW + minutes(1)))
    assert (len(first.members), first.level, first.hazards) == (3, WarningLevel.YELLOW, {"other": 3})
    assert first.root == first.members[0]
    assert first.outline is not None
    assert {w.situation for w in open_now(conn, 1)} == {first.number}
    stored(
        conn, a_reading(110, device_id=ids[3], minutes_ago=-2), *(a_reading(9, device_id=one, minutes_ago=-2) for one in ids[:2])
    )
    watch.tick(conn, NOW + minutes(2))
    (grown,) = situations.list_open_situations(conn, Moment.live(NOW + minutes(2)))
    assert (grown.number, len(grown.members), grown.opened_at) == (first.number, 2, first.opened_at)
    then = situations.find_situation(conn, first.number, Moment.past(NOW + minutes(1.5)))
    assert then is not None
    assert len(then.members) == 3, "as it was then"
    stored(conn, *(a_reading(9, device_id=one, minutes_ago=-3) for one in ids))
    watch.tick(conn, NOW + minutes(3))
    assert situations.list_open_situations(conn, Moment.live(NOW + minutes(3))) == []
    over = situations.find_situation(conn, first.number, Moment.live(NOW + minutes(3)))
    assert over is not None
    assert (over.is_open, over.updated_at) == (False, NOW + minutes(3))


def test_two_situations_that_grow_together_become_one_and_the_other_says_which(conn: Connection, watch: Watch) -> None:
    seed_rules(conn, [RULE], now=NOW)
    ids = stations(conn, 11)
    stored(conn, *(a_reading(110, device_id=ids[k]) for k in (0, 1, 2, 3, 8, 9, 10)))
    Watch(AGENCY, practice=replace(PRACTICE, bonds=Bonds(reach_m=600, least=3))).tick(conn, NOW)
    large, small = situations.list_open_situations(conn, Moment.live(NOW))
    assert (len(large.members), len(small.members)) == (4, 3)
    stored(conn, *(a_reading(110, device_id=ids[k], minutes_ago=-1) for k in (4, 5, 6, 7)))
    Watch(AGENCY, practice=replace(PRACTICE, bonds=Bonds(reach_m=600, least=3))).tick(conn, NOW + minutes(1))
    (one,) = situations.list_open_situations(conn, Moment.live(NOW + minutes(1)))
    assert (one.number, len(one.members)) == (large.number, 11)
    merged = situations.find_situation(conn, small.number, Moment.live(NOW + minutes(1)))
    assert merged is not None
    assert merged.merged_into == large.number
    assert {w.situation for w in open_now(conn, 1)} == {large.number}


def test_three_hundred_alarms_in_five_minutes_are_one_situation_and_few_alarms(conn: Connection, watch: Watch) -> None:
    """Sixty a minute, every one 500 m from the next: the operator is shown the first two, and the situation."""
    seed_rules(conn, [RULE], now=NOW)
    ids = stations(conn, 300)
    bonds = replace(PRACTICE, bonds=Bonds(reach_m=2_000, least=3))
    storm = Watch(AGENCY, practice=bonds)
    for k in range(10):
        part = ids[30 * k : 30 * (k + 1)] if k else ids[:2]
        stored(conn, *(a_reading(110, device_id=one, minutes_ago=-k / 2) for one in part))
        storm.tick(conn, NOW + minutes(k / 2))
    stored(conn, *(a_reading(110, device_id=one, minutes_ago=-4.75) for one in ids[2:30]))
    storm.tick(conn, NOW + minutes(4.75))
    (found,) = situations.list_open_situations(conn, Moment.live(NOW + minutes(5)))
    assert len(found.members) == 300
    rows = list_alarms(conn, Moment.live(NOW + minutes(10)), NOW - minutes(1))
    figures = load([as_alarm(row) for row in rows], NOW, NOW + minutes(10))
    assert (figures.raised, figures.shown, figures.standing) == (300, 3, 1)
    assert figures.peak <= PEAK


def test_a_shelved_situation_takes_those_along_that_join_it(conn: Connection, watch: Watch) -> None:
    seed_rules(conn, [RULE], now=NOW)
    ids = stations(conn, 4)
    stored(conn, *(a_reading(110, device_id=one) for one in ids[:3]))
    watch.tick(conn, NOW)
    (found,) = situations.list_open_situations(conn, Moment.live(NOW))
    acts.shelve(conn, OFFICER, NOW + minutes(1), situation=found.number, hours="1", reason="已知施工")
    stored(conn, a_reading(110, device_id=ids[3], minutes_ago=-2))
    watch.tick(conn, NOW + minutes(2))
    assert all(w.shelving is not None for w in open_now(conn, 3))
    assert len(open_now(conn, 3)) == 4


def test_what_is_raised_in_a_maintenance_is_counted_and_comes_in_when_that_ends(conn: Connection, watch: Watch) -> None:
    seed_rules(conn, [RULE], now=NOW)
    stored(conn, a_device())
    acts.plan_maintenance(
        conn, OFFICER, NOW - minutes(1), begins_at=NOW, until=NOW + minutes(30), reason="校准", devices=(STATION,)
    )
    stored(conn, a_reading(160))
    watch.tick(conn, NOW)
    assert open_now(conn, 1) == []
    (hidden,) = open_now(conn, 1, with_suppressed=True)
    assert hidden.is_suppressed
    watch.tick(conn, NOW + minutes(25))
    assert attention.list_reminders(conn, hidden.warning_id, Moment.live(NOW + minutes(26))) == []
    assert [w.warning_id for w in open_now(conn, 31)] == [hidden.warning_id]
    (row,) = list_alarms(conn, Moment.live(NOW + minutes(31)), NOW - minutes(1))
    assert row.is_suppressed
    watch.tick(conn, NOW + minutes(40))
    (given,) = attention.list_reminders(conn, hidden.warning_id, Moment.live(NOW + minutes(41)))
    assert given.at == NOW + minutes(40), "ten minutes after it came in"


def test_a_reading_that_comes_late_counts_in_its_place(conn: Connection, watch: Watch) -> None:
    """Above 100 at minutes 0 and 2; that it was not at minute 1 is learnt after the hold of two minutes was over."""
    seed_rules(conn, [replace(RULE, raise_hold_s=120)], now=NOW)
    stored(conn, a_device())
    for minute in (0, 2):
        stored(conn, a_reading(110, minutes_ago=-minute))
        watch.tick(conn, NOW + minutes(minute))
    assert len(open_now(conn, 2)) == 1
    stored(conn, a_reading(10, minutes_ago=-1, delay_minutes=1.5))
    watch.tick(conn, NOW + minutes(2.6))
    assert open_now(conn, 2.6) == [], "the condition never held for two minutes"
    stored(conn, a_reading(110, minutes_ago=-4))
    watch.tick(conn, NOW + minutes(4))
    assert [w.raised_at for w in open_now(conn, 4)] == [NOW + minutes(4)]


def test_an_older_reading_that_is_corrected_counts_as_corrected(conn: Connection, watch: Watch) -> None:
    seed_rules(conn, [replace(RULE, raise_hold_s=120)], now=NOW)
    stored(conn, a_device())
    for minute, value in ((0, 110), (1, 10), (2, 110)):
        stored(conn, a_reading(value, minutes_ago=-minute))
        watch.tick(conn, NOW + minutes(minute))
    assert open_now(conn, 2) == []
    stored(conn, a_reading(110, minutes_ago=-1, delay_minutes=1.5, corrects=True))
    watch.tick(conn, NOW + minutes(2.6))
    (warning,) = open_now(conn, 2.6)
    assert warning.evidence["since"] == NOW.isoformat()


def test_what_somebody_dismissed_is_not_raised_by_a_late_reading(conn: Connection, watch: Watch) -> None:
    seed_rules(conn, [RULE], now=NOW)
    stored(conn, a_device())
    for minute in (0, 2):
        stored(conn, a_reading(110, minutes_ago=-minute))
        watch.tick(conn, NOW + minutes(minute))
    (warning,) = open_now(conn, 2)
    record_step(conn, warning.warning_id, WarningState.CANCELLED, WarningLevel.BLUE, now=NOW + minutes(2.1), actor="li")
    stored(conn, a_reading(115, minutes_ago=-1, delay_minutes=1.3))
    watch.tick(conn, NOW + minutes(2.6))
    assert open_now(conn, 2.6) == []


def test_a_reminder_is_given_once_by_two_watches(conn: Connection, database_url: str, watch: Watch) -> None:
    seed_rules(conn, [RULE], now=NOW)
    stored(conn, a_device(), a_reading(160))
    watch.tick(conn, NOW)
    (waiting,) = attention.list_waiting(conn, NOW + minutes(10))
    with connect(database_url) as other:
        assert attention.remind(other, waiting, 1, "commander", NOW + minutes(10))
    assert not attention.remind(conn, waiting, 1, "commander", NOW + minutes(10))
