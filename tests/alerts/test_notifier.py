"""The notifier at a real database with real far ends: nothing lost when it is killed, nothing sent twice without saying so, what fails
is tried again and at last given up with its sentence.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import pairwise
from threading import Event
from time import monotonic, sleep
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.channels.shape import Channel, Fate, Means, Outcome, withheld
from alerts.drafting import Wish, read_wish
from alerts.notifier import LEASE, WAITS_S, Notifier, next_try, run
from alerts.outward import Hook, Outward, Plan, Recipient
from alerts.publishing import Ground, publish, resend
from alerts.receiving import Inbox
from domain.publications import Audience, Notice, NoticeState
from domain.rights import Action, Actor, Role
from storage import approvals, heartbeats, notices
from storage.connection import Connection
from tests.support.far_ends import web_end
from tests.support.outward import ISSUER, ZONE, opened
from tests.support.scenes import NOW, minutes

OFFICER = Actor("wang", Role.DUTY_OFFICER)
INBOX = Inbox("warning@city.example")
SMS = Recipient("sms", Audience.PUBLIC)


@dataclass
class Spoken:
    """A channel that answers as the test says, and keeps what it was given."""

    outcomes: list[Outcome] = field(default_factory=list)
    given: list[Notice] = field(default_factory=list)

    def send(self, notice: Notice, now: datetime) -> Outcome:
        if (held := withheld(notice)) is not None:
            return held
        self.given.append(notice)
        return self.outcomes.pop(0) if self.outcomes else Outcome(Fate.SENT, "已收下", "taken")

    def close(self) -> None:
        """Nothing is open."""


FAILED = Outcome(Fate.FAILED, "没有应答", "no answer")


def outward(per_hour: int = 60, *recipients: Recipient) -> Outward:
    return Outward(ISSUER, (Plan("webhook", recipients or (SMS,), per_hour),))


@contextmanager
def notifying(channel: Channel | None, said: Outward | None = None) -> Iterator[Notifier]:
    notifier = Notifier({"webhook": channel} if channel else {}, said or outward(), INBOX)
    try:
        yield notifier
    finally:
        notifier.finish()


@pytest.fixture(autouse=True)
def alone(conn: Connection) -> None:
    for action in (Action.PUBLISH_WARNING, Action.RAISE_WARNING):
        rule = approvals.find_rule(conn, action)
        assert rule is not None
        approvals.set_rule(conn, replace(rule, is_required=False))


def say(conn: Connection, said: Outward | None = None, warning_id: str | None = None, later: float = 0, **wishes: str) -> str:
    """Publishes; returns the warning."""
    number = warning_id or opened(conn)
    action = Action.RAISE_WARNING if warning_id else Action.PUBLISH_WARNING
    wish = read_wish(wishes) if wishes else Wish({})
    publish(conn, action, number, wish, OFFICER, NOW + minutes(later), ground=Ground(said or outward(), None, ZONE))
    return number


def rounds(notifier: Notifier, conn: Connection, now: datetime) -> None:
    """Takes and sends, then writes down what became of it."""
    notifier.tick(conn, now)
    notifier.wait()
    notifier.settle(conn, now)


def states(conn: Connection) -> list[tuple[str, int]]:
    return [(n.state.value, n.attempts) for n in notices.list_notices(conn, limit=99)]


def test_what_is_published_leaves_once(conn: Connection) -> None:
    say(conn)
    channel = Spoken()
    with notifying(channel) as notifier:
        for second in range(3):
            rounds(notifier, conn, NOW + timedelta(seconds=second))
    assert len(channel.given) == 1
    (notice,) = notices.list_notices(conn, limit=9)
    assert (notice.state, notice.sent_at, notice.said_zh) == (NoticeState.SENT, NOW, "已收下")
    rows = conn.execute("SELECT attempt, outcome, said_en FROM notice_attempt").fetchall()
    assert rows == [(1, "sent", "taken")]


def test_what_fails_waits_ever_longer_and_is_given_up_with_its_sentence(
    conn: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    say(conn)
    channel = Spoken([FAILED] * 20)
    now, tried = NOW, []
    with notifying(channel) as notifier:
        for _ in range(len(WAITS_S) + 1):
            rounds(notifier, conn, now - timedelta(milliseconds=1))
            before = len(channel.given)
            rounds(notifier, conn, now)
            assert len(channel.given) == before + 1
            tried.append(now)
            now += timedelta(seconds=WAITS_S[min(len(tried), len(WAITS_S)) - 1])
        rounds(notifier, conn, now + timedelta(days=1))
    assert [round((b - a).total_seconds()) for a, b in pairwise(tried)] == [round(s) for s in WAITS_S]
    (notice,) = notices.list_notices(conn, limit=9)
    assert (notice.state, notice.attempts) == (NoticeState.DEAD, 8)
    assert notice.said_zh == "没有应答；尝试 8 次后放弃"
    assert "no answer; given up after 8 attempts" in caplog.text


@given(st.integers(1, 50))
def test_every_failure_has_its_wait_or_its_end(tries: int) -> None:
    due = next_try(tries, NOW)
    assert (due is None) == (tries > len(WAITS_S))
    assert due is None or due > NOW


def test_what_cannot_arrive_is_not_tried_again_until_somebody_gives_it_in(conn: Connection) -> None:
    say(conn)
    channel = Spoken([Outcome(Fate.DEAD, "拒收", "refused")])
    with notifying(channel) as notifier:
        rounds(notifier, conn, NOW)
        rounds(notifier, conn, NOW + timedelta(days=1))
        assert states(conn) == [("dead", 1)]
        resend(conn, notices.list_notices(conn, limit=1)[0].notice_id, OFFICER, NOW + minutes(1))
        rounds(notifier, conn, NOW + minutes(2))
    assert states(conn) == [("sent", 2)]
    assert len({notice.key for notice in channel.given}) == 1


def test_one_that_is_killed_while_it_sends_loses_nothing_and_the_key_stays(conn: Connection) -> None:
    """Killed between attempt and its end: nobody knows whether it arrived, so it is made again, under the same key."""
    say(conn)
    taken = notices.take(
        conn, [notices.Quota("webhook", 9)], now=NOW, hour_ago=NOW - minutes(60), taken_by="dead", busy={}, most=8
    )
    assert [notice.attempts for notice in taken] == [1]
    channel = Spoken()
    with notifying(channel) as notifier:
        rounds(notifier, conn, NOW + LEASE)
        assert states(conn) == [("sending", 1)], "within the lease it may still be under way"
        rounds(notifier, conn, NOW + LEASE + timedelta(seconds=1))
    assert states(conn) == [("sent", 2)]
    assert [notice.key for notice in channel.given] == [taken[0].key]
    assert conn.execute("SELECT attempt, outcome FROM notice_attempt ORDER BY 1").fetchall() == [(1, None), (2, "sent")]


def test_two_notifiers_never_take_the_same(conn: Connection) -> None:
    said = outward(60, *(Recipient(f"hook-{k}", Audience.PUBLIC) for k in range(12)))
    say(conn, said)
    ours, theirs = Spoken(), Spoken()
    with notifying(ours, said) as one, notifying(theirs, said) as other:
        for _ in range(2):
            one.tick(conn, NOW)
            other.tick(conn, NOW)
            one.wait()
            other.wait()
            one.settle(conn, NOW)
            other.settle(conn, NOW)
    given = [notice.recipient for notice in ours.given + theirs.given]
    assert len(given) == len(set(given)) == 12


def test_an_hour_has_its_number_and_the_others_wait_for_the_next(conn: Connection) -> None:
    said = outward(2, *(Recipient(f"hook-{k}", Audience.PUBLIC) for k in range(3)), Recipient("desk", Audience.OPERATORS))
    say(conn, said)
    channel = Spoken()
    with notifying(channel, said) as notifier:
        rounds(notifier, conn, NOW)
        assert sorted(notice.recipient for notice in channel.given) == ["desk", "hook-0", "hook-1"]
        rounds(notifier, conn, NOW + minutes(59))
        assert len(channel.given) == 3
        rounds(notifier, conn, NOW + minutes(61))
    assert channel.given[-1].recipient == "hook-2"


def test_a_version_that_failed_is_not_tried_again_when_a_newer_one_waits(conn: Connection) -> None:
    warning_id = say(conn)
    channel = Spoken([FAILED])
    with notifying(channel) as notifier:
        notifier.tick(conn, NOW)
        notifier.wait()
        say(conn, None, warning_id, 0.01, level="red")
        notifier.settle(conn, NOW)
        rounds(notifier, conn, NOW + minutes(5))
    assert [(notice.version, notice.attempts) for notice in channel.given] == [(1, 1), (2, 1)]
    assert states(conn) == [("sent", 1), ("superseded", 1)]


def test_a_channel_that_the_city_no_longer_has_gives_up_at_once(conn: Connection) -> None:
    say(conn)
    with notifying(None, Outward(ISSUER)) as notifier:
        rounds(notifier, conn, NOW)
    (notice,) = notices.list_notices(conn, limit=9)
    assert (notice.state, notice.said_en) == (NoticeState.DEAD, "not configured: see [channel.webhook] in the policy file")


def test_a_fault_of_ours_is_told_and_tried_again(conn: Connection, caplog: pytest.LogCaptureFixture) -> None:
    class Broken(Spoken):
        def send(self, notice: Notice, now: datetime) -> Outcome:
            raise ZeroDivisionError

    say(conn)
    with notifying(Broken()) as notifier:
        rounds(notifier, conn, NOW)
    (notice,) = notices.list_notices(conn, limit=9)
    assert (notice.state, notice.said_en) == (NoticeState.WAITING, "a fault of the program (ZeroDivisionError), see its log")
    assert any(record.levelno == logging.ERROR for record in caplog.records)


def test_what_is_taken_and_not_begun_waits_again_when_it_stops(conn: Connection) -> None:
    gate = Event()

    class Slow(Spoken):
        def send(self, notice: Notice, now: datetime) -> Outcome:
            gate.wait(10)
            return super().send(notice, now)

    said = outward(60, *(Recipient(f"hook-{k}", Audience.PUBLIC) for k in range(3)))
    say(conn, said)
    notifier = Notifier({"webhook": Slow()}, said, INBOX)
    notifier.tick(conn, NOW)
    for thread in notifier._threads.values():
        thread.shutdown(wait=False, cancel_futures=True)
    gate.set()
    notifier.finish()
    notifier.settle(conn, NOW)
    assert sorted(state for state, _ in states(conn)) == ["sent", "waiting", "waiting"]


def test_it_runs_beats_and_sends_through_a_real_hook(conn: Connection, database_url: str) -> None:
    stop = Event()
    with web_end() as end:

        def answer(path: str, headers: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
            stop.set()
            return 200, {}, b""

        end.answer = answer
        said = replace(outward(), hooks=(Hook("sms", f"{end.url}/sms"),))
        say(conn, said)
        run(database_url, Means(said, webhook_keys="sms:secret"), INBOX, stop=stop, clock=lambda: NOW)
    assert states(conn) == [("sent", 1)]
    (beat,) = heartbeats.list_heartbeats(conn)
    assert beat.process == "notifier"


def test_a_hook_that_hangs_holds_up_no_other_channel(conn: Connection) -> None:
    gate = Event()

    class Hanging(Spoken):
        def send(self, notice: Notice, now: datetime) -> Outcome:
            gate.wait(10)
            return super().send(notice, now)

    said = Outward(
        ISSUER, (Plan("webhook", (SMS,), 60), Plan("email", (Recipient("duty@city.example", Audience.OPERATORS),), 60))
    )
    say(conn, said)
    mail = Spoken()
    notifier = Notifier({"webhook": Hanging(), "email": mail}, said, INBOX)
    try:
        notifier.tick(conn, NOW)
        _until(lambda: bool(mail.given))
        notifier.settle(conn, NOW)
        assert {(n.channel, n.state.value) for n in notices.list_notices(conn, limit=9)} >= {("webhook", "sending")}
    finally:
        gate.set()
        notifier.finish()
    assert len(mail.given) == 1


def _until(condition: Any) -> None:
    deadline = monotonic() + 10
    while not condition():
        assert monotonic() < deadline
        sleep(0.005)
