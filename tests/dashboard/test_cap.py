"""CAP by the open interface: publishing of two persons, what left, the feed for who may have it, and messages given in."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from alerts.cap.read import Read, read
from alerts.outward import Outward, Source
from dashboard.app import create_app
from domain.rights import Action, Actor, Role
from storage import heartbeats
from storage.accounts import create_account, create_grant
from storage.connection import Connection
from tests.dashboard.conftest import House, ask, call, post
from tests.support import cap_schema, loops
from tests.support.outward import IDENTIFIER, OUTWARD, opened
from tests.support.scenes import NOW
from tests.support.visitors import OpenDoor

FOREIGN = (Path(__file__).parents[1] / "alerts/cap/foreign.xml").read_bytes()
WANG, LIU = Actor("wang", Role.DUTY_OFFICER), Actor("liu", Role.DUTY_OFFICER)
PUBLIC = replace(OUTWARD, issuer=replace(OUTWARD.issuer, is_feed_public=True))


@pytest.fixture
def app(house: House, database_url: str, conn: Connection) -> Any:
    """`app(actor)`: the server as that actor sees it from then on; to build one takes a while."""
    built: dict[int, Any] = {}
    door = OpenDoor(None)
    for actor in (WANG, LIU):
        create_account(
            conn, actor.name, department=None, password_hash=None, must_change=False, subject=None, created_by="test", now=NOW
        )
        create_grant(conn, actor.name, actor.role, actor.scope, granted_by="test", approval_id=None, now=NOW)

    def build(actor: Actor | None = WANG, outward: Outward | None = OUTWARD) -> Any:
        door.actor = actor
        if id(outward) not in built:
            built[id(outward)] = create_app(house(database_url, outward=outward, door=door))
        return built[id(outward)]

    return build


def publish(app: Any, warning_id: str, **wishes: str) -> None:
    """Asked for by one, agreed to by another."""
    asked = post(app(WANG), "/api/acts/warning.publish", {"warning": warning_id, "because": "降雨", **wishes})
    assert (asked.status, asked.json["outcome"]) == (202, "waiting"), asked.json
    done = post(app(LIU), f"/api/approvals/{asked.json['object_id']}/decision", {"verdict": "approve"})
    assert (done.status, done.json["outcome"]) == (200, "done"), done.json


def test_two_publish_and_everybody_sees_what_left(app: Any, conn: Connection) -> None:
    warning_id = opened(conn)
    heartbeats.beat(conn, "notifier", "n", started_at=NOW, now=NOW, metrics={})
    publish(app, warning_id, advice_zh="关窗。")
    said = ask(app(), f"/api/notices?warning={warning_id}").json
    assert [(one["name"], one["is_on"]) for one in said["channels"]] == [
        ("atom", True),
        ("mqtt", True),
        ("email", True),
        ("webhook", True),
    ]
    assert said["notifier"]["is_alive"]
    assert said["counts"] == {"waiting": 5, "dead": 0, "sent_24h": 0}
    assert {(one["channel"], one["to"], one["zh_state"]) for one in said["notices"]} >= {("email", "duty@city.example", "待发")}
    (standing,) = ask(app(), "/api/publications?open=1").json["publications"]
    assert (standing["identifier"], standing["is_current"], standing["is_over"], standing["by"]) == (
        IDENTIFIER,
        True,
        False,
        "wang",
    )


def test_addresses_are_for_who_may_read_texts(app: Any, conn: Connection) -> None:
    warning_id = opened(conn)
    publish(app, warning_id)
    for role, shown in ((Role.DUTY_OFFICER, "duty@city.example"), (Role.OPERATOR, "…")):
        notices = ask(app(Actor("x", role)), f"/api/notices?warning={warning_id}").json["notices"]
        assert {one["to"] for one in notices if one["audience"] == "operators"} == {shown}


def test_a_channel_that_is_not_configured_says_so(app: Any) -> None:
    said = ask(app(WANG, Outward(OUTWARD.issuer)), "/api/notices").json
    assert {one["zh_why"] for one in said["channels"]} == {
        f"未配置：见策略文件的 [channel.{name}]" for name in ("atom", "mqtt", "email", "webhook")
    }


def test_without_a_policy_nothing_is_said_outside(app: Any, conn: Connection) -> None:
    warning_id = opened(conn)
    conn.execute("UPDATE two_person_rule SET is_required = false")
    refused = post(app(WANG, None), "/api/acts/warning.publish", {"warning": warning_id})
    assert (refused.status, refused.json["code"]) == (409, "not_outward")


def test_the_preview_is_what_will_be_said_in_both_forms(app: Any, conn: Connection) -> None:
    warning_id = opened(conn)
    shown = ask(app(), f"/api/warnings/{warning_id}/cap?level=red").json
    assert cap_schema.faults(shown["xml"].encode()) == []
    assert shown["document"]["infos"][0]["severity"] == "Extreme"
    assert shown["texts"]["public"]["zh"]["subject"].startswith("某市应急指挥中心发布PM2.5 偏高Ⅰ级 红色预警（北站）")
    assert (shown["step"], shown["faults"], shown["published"], shown["external"]) == ("publish", [], [], [])
    wrong = ask(app(), f"/api/warnings/{warning_id}/cap?ending=over").json
    assert wrong["faults"][0]["en"] == "the warning is not published, or that has ended"
    assert ask(app(), "/api/warnings/w-1/cap").status == 404


def test_the_feed_lists_what_is_published_and_leads_to_the_message(app: Any, conn: Connection) -> None:
    publish(app, opened(conn))
    feed = ask(app(), "/api/cap/feed.atom")
    assert (feed.status, feed.headers["content-type"]) == (200, "application/atom+xml")
    (entry,) = ElementTree.fromstring(feed.body).iter("{http://www.w3.org/2005/Atom}entry")
    link = entry.find("{http://www.w3.org/2005/Atom}link")
    assert link is not None
    path = link.attrib["href"].removeprefix("http://127.0.0.1:8050")
    message = ask(app(), path)
    assert (message.status, message.headers["content-type"]) == (200, "application/cap+xml")
    found = read(message.body)
    assert isinstance(found, Read)
    assert found.alert.identifier == IDENTIFIER


def test_the_feed_is_for_everybody_only_where_the_policy_says_so(app: Any, conn: Connection) -> None:
    publish(app, opened(conn))
    for path in ("/api/cap/feed.atom", f"/api/cap/{IDENTIFIER}.xml"):
        assert ask(app(None), path).status == 401
        assert ask(app(Actor("x", Role.AUDITOR)), path).status == 403
        assert ask(app(None, PUBLIC), path).status == 200
        assert ask(app(Actor("x", Role.WALL)), path).status == 200


def test_an_exercise_and_what_is_not_for_the_public_are_in_no_feed(app: Any, conn: Connection) -> None:
    publish(app, opened(conn), audiences="operators")
    conn.execute(
        "INSERT INTO publication (exercise_id, warning_id, version, step, level, mode, identifier, sender, sent_at, onset_at, expires_at, audiences, "
        "saying, cap, actor) SELECT 'ex-1', warning_id, 2, 'publish', level, 'exercise', 'x-1', sender, sent_at, onset_at, expires_at, '{public}', "
        "saying, cap, actor FROM publication"
    )
    assert b"<entry>" not in ask(app(None, PUBLIC), "/api/cap/feed.atom").body
    for identifier in (IDENTIFIER, "x-1", "unknown"):
        assert ask(app(None, PUBLIC), f"/api/cap/{identifier}.xml").status == 404


def give(app: Any, body: bytes, kind: str = "application/cap+xml") -> Any:
    return loops.run(call(app, "POST", "/api/cap", headers={"content-type": kind}, body=body))


def test_a_message_is_given_in_as_xml(app: Any) -> None:
    weather = replace(OUTWARD, sources=(Source("weather", "气象台", "Weather office", 60.0, None, "http://weather.example/cap"),))
    done = give(app(), FOREIGN)
    assert (done.status, done.json["outcome"], done.json["zh"]) == (200, "done", "新预警：据此开立预警")
    assert give(app(), FOREIGN).json["en"].startswith("a duplicate: it came before")
    said = ask(app(WANG, weather), "/api/cap/received").json
    assert [(one["identifier"], one["relation"], one["feed"]) for one in said["alerts"]] == [
        ("44010041600000_20260302085500_1", "opened", "api")
    ]
    assert [(one["id"], one["polled"], one["is_well"]) for one in said["feeds"]] == [("weather", None, None)]


WRONG = (
    (b"<!DOCTYPE a><a/>", "application/xml", 409, "the message has a document type"),
    (b"\xff\xfe\x00", "application/cap+xml", 400, "the message is no XML that can be read"),
    (
        b'<?xml version="1.0" encoding="unicode_escape"?><a/>',
        "application/xml",
        400,
        "the encoding unicode_escape is not read here",
    ),
    (FOREIGN, "text/plain", 415, "expected application/cap+xml or application/xml"),
    (b"{}", "application/json", 415, "expected application/cap+xml or application/xml"),
    (FOREIGN.replace("未来".encode(), b"x" * 140_000), "application/xml", 422, "characters: expected at most 131072"),
)


def test_what_cannot_be_taken_in_is_told(app: Any) -> None:
    server = app()
    for body, kind, status, said in WRONG:
        told = give(server, body, kind)
        assert told.status == status
        assert said in told.json.get("en", told.json.get("message", ""))


def test_who_has_no_right_gives_nothing_in(app: Any) -> None:
    assert give(app(None), FOREIGN).status == 401
    refused = give(app(Actor("x", Role.DISPATCHER)), FOREIGN)
    assert (refused.status, refused.json["code"]) == (409, "no_right")


def test_a_machine_with_the_right_gives_in(app: Any) -> None:
    machine = Actor("key:weather", Role.OPERATOR, only=frozenset({Action.RECEIVE_CAP}))
    assert give(app(machine), FOREIGN).status == 200
    other = Actor("key:other", Role.OPERATOR, only=frozenset({Action.READ_CITY}))
    assert give(app(other), FOREIGN).json["code"] == "no_right"
