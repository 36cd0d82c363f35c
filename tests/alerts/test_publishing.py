"""Publishing at a real database: of two persons, in versions, with everything that has to leave written in the same transaction."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from threading import Barrier, Thread

import pytest

from alerts.cap.read import Read, read
from alerts.drafting import Wish, read_wish
from alerts.publishing import Ground, end, notify_many, preview, publish, resend
from domain.moments import Moment
from domain.publications import Audience, NoticeState, Publication, PublicationStep
from domain.refusals import Refused
from domain.rights import Action, Actor, Role
from domain.warnings import WarningLevel, WarningState
from storage import approvals, notices, publications
from storage.audit import list_entries
from storage.connection import Connection, connect
from storage.warnings import find_warning, record_step
from tests.support.outward import GROUND, IDENTIFIER, OUTWARD, ZONE, opened
from tests.support.scenes import COMMANDER, NOW, minutes

NONE = Wish({})
OFFICER = Actor("wang", Role.DUTY_OFFICER)


@pytest.fixture(autouse=True)
def alone(conn: Connection) -> None:
    """One person suffices, but where a test is about the second."""
    for action in (Action.PUBLISH_WARNING, Action.RAISE_WARNING, Action.LOWER_WARNING, Action.CANCEL_WARNING, Action.NOTIFY_MANY):
        rule = approvals.find_rule(conn, action)
        assert rule is not None
        assert rule.is_required, "what goes out to the public takes two"
        approvals.set_rule(conn, replace(rule, is_required=False))


def say(
    conn: Connection, warning_id: str, action: Action = Action.PUBLISH_WARNING, later: float = 1, **wishes: str
) -> Publication:
    return publish(conn, action, warning_id, read_wish(wishes), OFFICER, NOW + minutes(later), ground=GROUND)


def test_what_is_published_is_written_with_everything_that_has_to_leave(conn: Connection) -> None:
    warning_id = opened(conn)
    said = say(conn, warning_id)
    assert (said.version, said.step, said.identifier, said.actor) == (1, PublicationStep.PUBLISH, IDENTIFIER, "wang")
    found = read(said.cap.encode())
    assert isinstance(found, Read)
    assert (found.alert.msg_type, found.alert.identifier, found.alert.references) == ("Alert", IDENTIFIER, ())
    waiting = notices.list_notices(conn, limit=9, warning_id=warning_id)
    assert {(n.channel, n.recipient, n.state) for n in waiting} == {
        ("atom", "feed", NoticeState.WAITING), ("mqtt", "broker", NoticeState.WAITING), ("email", "duty@city.example", NoticeState.WAITING),
        ("email", "mayor@city.example", NoticeState.WAITING), ("webhook", "sms", NoticeState.WAITING),
    }  # fmt: skip
    assert max(len(n.body) for n in waiting if n.channel == "webhook") <= 40
    warning = find_warning(conn, warning_id, Moment.live(NOW + minutes(2)))
    assert warning is not None
    assert warning.state is WarningState.PUBLISHED
    assert [(e.action, e.outcome) for e in list_entries(conn)] == [("warning.publish", "done")]


def test_without_a_second_person_nothing_is_said(conn: Connection) -> None:
    warning_id = opened(conn)
    rule = approvals.find_rule(conn, Action.PUBLISH_WARNING)
    assert rule is not None
    approvals.set_rule(conn, replace(rule, is_required=True))
    with pytest.raises(Refused, match="two persons are needed to publish a warning"):
        say(conn, warning_id)
    assert publications.list_versions(conn, warning_id) == []
    assert notices.list_notices(conn, limit=9) == []


def test_a_life_outside_refers_to_what_was_said_before(conn: Connection) -> None:
    warning_id = opened(conn)
    steps = [
        say(conn, warning_id, level="yellow"),
        say(conn, warning_id, level="yellow", text_zh="风力减弱。", later=2),
        say(conn, warning_id, Action.RAISE_WARNING, level="red", later=3),
        say(conn, warning_id, Action.LOWER_WARNING, level="blue", later=4),
        end(conn, warning_id, "over", NONE, OFFICER, NOW + minutes(5), ground=GROUND),
        say(conn, warning_id, later=6),
    ]
    assert [s.step.value for s in steps] == ["publish", "update", "raise", "lower", "over", "publish"]
    documents = [found.alert for s in steps if isinstance(found := read(s.cap.encode()), Read)]
    assert [d.msg_type for d in documents] == ["Alert", "Update", "Update", "Update", "Update", "Alert"]
    assert [len(d.references) for d in documents] == [0, 1, 2, 3, 4, 0]
    assert documents[4].references == tuple(d.reference for d in documents[:4])
    assert [d.infos[0].severity for d in documents] == ["Moderate", "Moderate", "Extreme", "Minor", "Minor", "Severe"]
    assert len({s.identifier for s in steps}) == 6
    assert all(len(s.identifier) == 31 for s in steps)


def test_withdrawing_is_a_cancel_and_possible_when_the_warning_is_over(conn: Connection) -> None:
    warning_id = opened(conn)
    say(conn, warning_id)
    record_step(conn, warning_id, WarningState.LIFTED, WarningLevel.ORANGE, now=NOW + minutes(2))
    ((standing, is_newest, is_over),) = publications.list_standing(conn, limit=9)
    assert (standing.version, is_newest, is_over) == (1, True, True)
    with pytest.raises(Refused, match="the warning was lifted: it cannot be published"):
        say(conn, warning_id, later=3)
    said = end(conn, warning_id, "withdrawn", NONE, OFFICER, NOW + minutes(4), ground=GROUND)
    assert "<msgType>Cancel</msgType>" in said.cap
    assert publications.list_standing(conn, limit=9) == []


@pytest.mark.parametrize(
    ("action", "level", "code"),
    [
        (Action.PUBLISH_WARNING, "red", "already_published"), (Action.RAISE_WARNING, "orange", "level_not_graver"),
        (Action.RAISE_WARNING, "blue", "level_not_graver"), (Action.LOWER_WARNING, "orange", "level_not_milder"),
        (Action.LOWER_WARNING, "red", "level_not_milder"), (Action.PUBLISH_WARNING, "orange", "nothing_changed"),
    ],
)  # fmt: skip
def test_a_step_that_is_none_is_refused_and_audited(conn: Connection, action: Action, level: str, code: str) -> None:
    warning_id = opened(conn)
    say(conn, warning_id, level="orange")
    with pytest.raises(Refused) as refused:
        say(conn, warning_id, action, level=level, later=2)
    assert refused.value.code == code
    assert refused.value.zh
    assert list_entries(conn)[0].outcome == "refused"
    assert len(publications.list_versions(conn, warning_id)) == 1


def test_what_was_never_published_is_neither_raised_nor_ended(conn: Connection) -> None:
    warning_id = opened(conn)
    for action in (Action.RAISE_WARNING, Action.LOWER_WARNING):
        with pytest.raises(Refused, match="the warning is not published"):
            say(conn, warning_id, action)
    for ending in ("over", "withdrawn"):
        with pytest.raises(Refused, match="the warning is not published"):
            end(conn, warning_id, ending, NONE, OFFICER, NOW, ground=GROUND)
    with pytest.raises(Refused, match="the ending is 'later': expected over or withdrawn"):
        end(conn, warning_id, "later", NONE, OFFICER, NOW, ground=GROUND)


def test_of_two_who_publish_at_once_one_is_told_so(conn: Connection, database_url: str) -> None:
    warning_id = opened(conn)
    start, told = Barrier(2), []

    def go() -> None:
        with connect(database_url) as own:
            start.wait()
            try:
                told.append(publish(own, Action.PUBLISH_WARNING, warning_id, NONE, OFFICER, NOW, ground=GROUND).step.value)
            except Refused as refusal:
                told.append(refusal.code)

    threads = [Thread(target=go) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(told) == ["nothing_changed", "publish"]
    assert len(publications.list_versions(conn, warning_id)) == 1


def test_an_exercise_is_written_down_and_kept_back(conn: Connection) -> None:
    warning_id = opened(conn, exercise_id="ex-1")
    said = publish(conn, Action.PUBLISH_WARNING, warning_id, NONE, OFFICER, NOW, ground=GROUND, exercise_id="ex-1")
    assert "<status>Exercise</status>" in said.cap
    assert "<note>exercise ex-1</note>" in said.cap
    kept = notices.list_notices(conn, limit=9, warning_id=warning_id)
    assert {n.state for n in kept} == {NoticeState.WITHHELD}
    assert all(n.subject.startswith(("【演练】", "[EXERCISE]")) for n in kept)
    assert publications.list_for_feed(conn, NOW - timedelta(days=1), limit=9) == []
    with pytest.raises(Exception, match="what belongs to an exercise or a test is withheld, not waiting"), conn.transaction():
        conn.execute("UPDATE notice SET state = 'waiting'")


def test_what_was_said_is_never_changed(conn: Connection) -> None:
    say(conn, opened(conn))
    with pytest.raises(Exception, match="publication is append-only"), conn.transaction():
        conn.execute("UPDATE publication SET level = 'blue'")


def test_a_newer_version_takes_the_place_of_one_that_still_waits(conn: Connection) -> None:
    warning_id = opened(conn)
    say(conn, warning_id)
    say(conn, warning_id, Action.RAISE_WARNING, level="red", later=2)
    states = {
        (n.recipient, n.version): n.state.value
        for n in notices.list_notices(conn, limit=99, warning_id=warning_id)
        if n.channel == "email"
    }
    assert states == {
        ("duty@city.example", 1): "superseded", ("duty@city.example", 2): "waiting", ("mayor@city.example", 1): "superseded",
        ("mayor@city.example", 2): "waiting",
    }  # fmt: skip


def test_only_the_audience_that_is_meant_is_told(conn: Connection) -> None:
    warning_id = opened(conn)
    said = say(conn, warning_id, audiences="operators,leaders")
    assert {n.audience for n in notices.list_notices(conn, limit=9, warning_id=warning_id)} == {
        Audience.OPERATORS,
        Audience.LEADERS,
    }
    assert "<scope>Restricted</scope>" in said.cap
    assert publications.list_for_feed(conn, NOW - timedelta(days=1), limit=9) == []


def test_words_of_a_person_go_to_everybody_of_an_audience(conn: Connection) -> None:
    mass_id = notify_many(
        conn, OFFICER, NOW, audience="leaders", zh="今晚值班室集合。", en="Meet tonight.", subject_zh="", subject_en="", about=None, ground=GROUND,
    )  # fmt: skip
    (notice,) = notices.list_notices(conn, limit=9)
    assert (notice.mass_id, notice.recipient, notice.subject) == (
        mass_id,
        "mayor@city.example",
        " / ".join(("某市应急指挥中心通知", "Command centre: notice")),
    )
    assert notice.body == "今晚值班室集合。\n\nMeet tonight."
    with pytest.raises(Refused, match=r"no channel reaches the operators: expected one in \[channel\.\*\]"):
        notify_many(
            conn, OFFICER, NOW, audience="operators", zh="x", en="", subject_zh="", subject_en="", about=None,
            ground=Ground(replace(OUTWARD, plans=()), None, ZONE),
        )  # fmt: skip


def test_only_a_dead_letter_is_given_in_again(conn: Connection) -> None:
    warning_id = opened(conn)
    say(conn, warning_id)
    notice = notices.list_notices(conn, limit=1, warning_id=warning_id)[0]
    with pytest.raises(Refused, match=f"notice {notice.notice_id} is waiting: only what could not be sent is sent again"):
        resend(conn, notice.notice_id, OFFICER, NOW)
    conn.execute("UPDATE notice SET state = 'dead', tries = 8 WHERE notice_id = %s", (notice.notice_id,))
    resend(conn, notice.notice_id, Actor("he", Role.OPERATOR), NOW + minutes(9))
    (again,) = [n for n in notices.list_notices(conn, limit=9) if n.notice_id == notice.notice_id]
    assert (again.state, again.tries) == (NoticeState.WAITING, 0)
    with pytest.raises(Refused, match="there is no notice 999"):
        resend(conn, 999, OFFICER, NOW)


@pytest.mark.parametrize("role", [Role.LEADER, Role.DISPATCHER, Role.OPERATOR, Role.WALL])
def test_who_may_not_speak_outside_does_not(conn: Connection, role: Role) -> None:
    with pytest.raises(Refused, match="has no right to publish a warning"):
        publish(conn, Action.PUBLISH_WARNING, opened(conn), NONE, Actor("x", role), NOW, ground=GROUND)


def test_the_preview_says_what_would_be_said_and_writes_nothing(conn: Connection) -> None:
    warning_id = opened(conn)
    warning = find_warning(conn, warning_id, Moment.live(NOW + minutes(1)))
    assert warning is not None
    shown = preview(warning, [], read_wish({"advice_zh": "关窗。"}), NOW + minutes(1), ground=GROUND)
    assert (shown.alert.identifier, shown.alert.infos[0].instruction) == (IDENTIFIER, "关窗。")
    assert "应对：关窗。" in shown.texts[Audience.PUBLIC]["zh"].body
    assert publications.list_versions(conn, warning_id) == []
    said = publish(
        conn, Action.PUBLISH_WARNING, warning_id, read_wish({"advice_zh": "关窗。"}), COMMANDER, NOW + minutes(1), ground=GROUND
    )
    assert read(said.cap.encode()) == Read(shown.alert)
