"""Reminders on their way out: to whom, how often, and never of an exercise."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from alerts.acts import acknowledge
from alerts.channels.shape import Fate, Outcome
from alerts.notifier import Notifier
from alerts.outward import Outward, Plan, Recipient
from alerts.practice import WarningPractice
from alerts.receiving import Inbox
from alerts.reminders import MOST_NAMED, Clocks, words_for
from alerts.service import Watch
from domain.publications import Audience, NoticeState
from domain.rights import Actor, Role
from domain.warnings import WarningLevel
from storage import notices
from storage.connection import Connection
from tests.alerts.test_notifier import Spoken
from tests.support.outward import AGENCY, ISSUER, ZONE, a_warning, opened
from tests.support.scenes import NOW, minutes

DUTY, MAYOR = Recipient("duty", Audience.OPERATORS), Recipient("mayor", Audience.LEADERS, "both", 60)
SAID = Outward(ISSUER, (
    Plan("atom", (Recipient("feed", Audience.OPERATORS),), 1000), Plan("webhook", (DUTY, MAYOR, Recipient("sms", Audience.PUBLIC)), 60),
))  # fmt: skip
CLOCKS = Clocks({WarningLevel.ORANGE: 60.0}, (Role.DUTY_OFFICER, Role.LEADER), 10)
OFFICER = Actor("wang", Role.DUTY_OFFICER)


@pytest.fixture
def end() -> Spoken:
    return Spoken()


@pytest.fixture
def notifier(end: Spoken) -> Iterator[Notifier]:
    made = Notifier({"webhook": end}, SAID, Inbox("warning@city.example"))
    yield made
    made.finish()


def pass_time(conn: Connection, notifier: Notifier, *at_min: float) -> None:
    """The watch looks and reminds, then the notifier writes and sends."""
    for minute in at_min:
        now = NOW + minutes(minute)
        Watch(AGENCY, practice=WarningPractice(clocks=CLOCKS)).tick(conn, now)
        notifier.tick(conn, now)
        notifier.wait()
        notifier.tick(conn, now)


def test_who_has_not_acknowledged_is_told_by_the_channels_that_reach_the_role(
    conn: Connection, notifier: Notifier, end: Spoken
) -> None:
    opened(conn)
    pass_time(conn, notifier, 0, 0.9)
    assert end.given == [], "the period of its level is not over"
    pass_time(conn, notifier, 1.1)
    (one,) = end.given
    assert (one.recipient, one.lang, one.facts["role"], one.facts["step"]) == ("mayor", "both", "leader", "reminder")
    assert one.subject.startswith("【签收提醒】1 条预警待签收，最高Ⅱ级 橙色")
    assert len(one.body) <= 60
    assert one.state is NoticeState.SENDING


def test_the_first_of_the_ladder_is_told_too_when_it_stands_alone(conn: Connection, end: Spoken) -> None:
    notifier = Notifier({"webhook": end}, SAID, Inbox("warning@city.example"))
    opened(conn)
    now = NOW + minutes(1.1)
    practice = WarningPractice(clocks=Clocks({WarningLevel.ORANGE: 60.0}, (Role.DUTY_OFFICER,), 10))
    Watch(AGENCY, practice=practice).tick(conn, now)
    notifier.tick(conn, now)
    notifier.finish()
    (one,) = end.given
    assert (one.recipient, one.facts["role"]) == ("duty", "duty_officer")
    assert "PM2.5 偏高（北站），03-02 09:00 起" in one.body


def test_many_that_wait_are_one_notice_a_minute_for_a_role(conn: Connection, notifier: Notifier, end: Spoken) -> None:
    """Forty warnings, each reminded of every minute: what they come to is one notice each minute, not forty."""
    for k in range(40):
        opened(conn, number=k)
    pass_time(conn, notifier, 1.1, 1.2, 1.5, 2.0, 2.2, 2.5)
    assert [notice.facts["n"] for notice in end.given] == [40, 40]
    assert end.given[0].facts["level"] == "orange"
    rows = conn.execute("SELECT count(*) FROM warning_reminder").fetchone()
    assert rows == (80,), "what was reminded of is written down for each"


def test_what_was_acknowledged_meanwhile_is_not_told(conn: Connection, notifier: Notifier, end: Spoken) -> None:
    opened_id = opened(conn)
    Watch(AGENCY, practice=WarningPractice(clocks=CLOCKS)).tick(conn, NOW + minutes(1.1))
    acknowledge(conn, opened_id, OFFICER, NOW + minutes(1.15), zone=ZONE)
    notifier.tick(conn, NOW + minutes(1.2))
    notifier.wait()
    assert end.given == []


def test_nothing_of_an_exercise_leaves(conn: Connection, notifier: Notifier, end: Spoken) -> None:
    opened(conn, exercise_id="drill-1")
    conn.execute(
        "INSERT INTO warning_reminder (warning_id, waiting_since, n, role, reminded_at) SELECT warning_id, %s, 1, 'leader', %s "
        "FROM warning", (NOW, NOW + minutes(1)),
    )  # fmt: skip
    pass_time(conn, notifier, 1.1, 2.1)
    assert end.given == []
    assert notices.list_notices(conn, limit=9) == []


def test_a_reminder_that_could_not_leave_gives_way_to_the_next(conn: Connection, notifier: Notifier, end: Spoken) -> None:
    end.outcomes = [Outcome(Fate.FAILED, "没有应答", "no answer")] * 2
    opened(conn)
    pass_time(conn, notifier, 1.1, 2.2)
    states = [notice.state for notice in notices.list_notices(conn, limit=9)]
    assert states[-1] is NoticeState.SUPERSEDED
    assert len(states) == 2


def test_two_notifiers_write_a_reminder_once(conn: Connection, notifier: Notifier, end: Spoken) -> None:
    opened(conn)
    pass_time(conn, notifier, 1.1)
    other = Notifier({}, SAID, Inbox("warning@city.example"))
    other.tick(conn, NOW + minutes(1.2))
    other.finish()
    assert len(notices.list_notices(conn, limit=9)) == 1


def test_a_reminder_dated_before_the_last_notice_and_seen_after_it_is_told(
    conn: Connection, notifier: Notifier, end: Spoken
) -> None:
    """The watch dates a reminder when its look begins, and others see it when it has ended."""
    first = opened(conn)
    pass_time(conn, notifier, 1.1)
    second = opened(conn, number=1)
    conn.execute(
        "INSERT INTO warning_reminder (warning_id, waiting_since, n, role, reminded_at) VALUES (%s, %s, 1, 'leader', %s)",
        (second, NOW, NOW + minutes(1.1) - timedelta(seconds=1)),
    )
    notifier.tick(conn, NOW + minutes(2.15))
    notifier.wait()
    assert [set(notice.facts["warnings"]) for notice in end.given] == [{first}, {second}]


def test_a_long_list_is_named_in_part_gravest_first() -> None:
    many = [(a_warning(level=level), NOW) for level in (WarningLevel.BLUE, WarningLevel.RED) for _ in range(MOST_NAMED)]
    said = words_for(Role.COMMANDER, many, "zh", zone=ZONE)
    assert said.subject == "【签收提醒】10 条预警待签收，最高Ⅰ级 红色"
    assert said.body.count("Ⅰ级 红色 细颗粒物") == MOST_NAMED
    assert "Ⅳ级" not in said.body
    assert "另有 5 条" in said.body
    assert words_for(Role.COMMANDER, many[:1], "en", zone=ZONE).body.splitlines()[1].startswith("IV blue: Fine particulate")
